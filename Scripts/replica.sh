# Sourced: starts the replica of the portals and points harvest at it.
#   replica_start STATE-FOLDER [flags of harvest-replica]
replica_start() {
    local state=$1
    shift
    rm -rf "$state"
    mkdir -p "$state"
    "${bin:?}/harvest-replica" --state "$state" "$@" >"$state/log.txt" 2>&1 &
    replica_pid=$!
    trap 'kill $replica_pid 2>/dev/null || true' EXIT
    for _ in $(seq 200); do
        [ -s "$state/ready.json" ] && break
        kill -0 $replica_pid 2>/dev/null || { cat "$state/log.txt" >&2; exit 70; }
        sleep 0.05
    done
    HARVEST_CONNECT_TO=$(sed 's/.*"connect_to":\[\([^]]*\)\].*/\1/; s/"//g' "$state/ready.json")
    HARVEST_CA=$state/ca.pem
    export HARVEST_CONNECT_TO HARVEST_CA
}
