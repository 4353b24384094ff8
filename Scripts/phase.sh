# Sourced by the other scripts: phases with their seconds.
started=$(date +%s)
phase_name=
phase_end() {
    if [ -n "$phase_name" ]; then printf '    %s: %s s\n' "$phase_name" "$(($(date +%s) - phase_started))"; fi
    phase_name=
}
phase() {
    phase_end
    phase_name=$1
    phase_started=$(date +%s)
    printf '==> %s\n' "$1"
}
total() { phase_end; printf '    all phases: %s s\n' "$(($(date +%s) - started))"; }
flags="-c release -Xswiftc -enable-testing"
