#!/usr/bin/env bash
# Every test there is. The last line counts them.
set -u
cd "$(dirname "$0")/.."
. Scripts/phase.sh
export HARVEST_CACHE=none  # nothing of an earlier run counts
mkdir -p .build/results
rm -f .build/results/*
check() { # check NAME COMMAND…: one line of result for what is no Swift test
    local name=$1
    shift
    if "$@"; then echo "passed $name" >>.build/results/checks; else echo "failed $name" >>.build/results/checks; fi
}
skip() { echo "skipped $1: $2" | tee -a .build/results/checks; }

phase "Debian packages"
bash Scripts/packages.sh test || exit 1
phase "reference readers"
bash Scripts/peers.sh || exit 1
phase "format"
check "swift format lint" swift format lint -s -p -r Package.swift Sources Tests Examples
phase "optimised build with tests"
swift build $flags --build-tests 2>&1 | grep -E 'error|warning|Compiling|Build' | tail -n 20
[ "${PIPESTATUS[0]}" = 0 ] || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
bin=$(swift build $flags --show-bin-path)
shared=${HARVEST_SHARED:-../shared}
if [ -f "$shared/corpus.tar.xz" ]; then
    phase "corpus unpacked"
    mkdir -p .build/corpus
    [ -d .build/corpus/expected ] || tar xf "$shared/corpus.tar.xz" -C .build/corpus
    export HARVEST_CORPUS=$PWD/.build/corpus
fi
phase "Swift tests"
swift test $flags --skip-build >.build/results/swift.txt 2>&1
swift_status=$?
grep -E '✘|error:|recorded an issue' .build/results/swift.txt | head -n 60
phase "replica against tifffile, zarr-python and tensorstore"
check "replica against the reference readers" .build/venv/bin/python Scripts/check_replica.py --binary "$bin/harvest-replica"
phase "voxels over the replica against tifffile, zarr-python and tensorstore"
check "voxels against the reference readers" .build/venv/bin/python Scripts/check_voxels.py "$bin"
phase "keys, tokens and logins against botocore, openssl and pyftpdlib"
check "keys, tokens and logins against botocore, openssl and pyftpdlib" .build/venv/bin/python Scripts/check_access.py --bin "$bin"
phase "transfer soak, bounded"
soak() { python3 Scripts/soak_transfer.py "$1" --harvest "$bin/harvest" --count "$2"; }
check "transfer soak: cuts" soak cuts 500
check "transfer soak: changed objects" soak changes 60
check "transfer soak: kills" soak kills 20
check "transfer soak: redirects" soak redirects 0
check "transfer soak: hostile listings" soak listings 0
if strace -o /dev/null true 2>/dev/null; then
    check "transfer soak: failing system calls" soak torture 60
else
    skip "transfer soak: failing system calls" "strace may not trace here"
fi
phase "corpus"
if [ -n "${HARVEST_CORPUS:-}" ]; then
    check "corpus" python3 Scripts/corpus_scope.py --harvest "$bin/harvest" --corpus .build/corpus --judge "$shared/check_corpus.py"
else
    skip "corpus" "no $shared/corpus.tar.xz here"
fi
total
python3 Scripts/count_tests.py .build/results "$swift_status"
