#!/usr/bin/env bash
# Our figures beside the peers', measured in one run on this machine.
set -eu
cd "$(dirname "$0")/.."
. Scripts/phase.sh
phase "packages, reference readers, build"
bash Scripts/packages.sh build
bash Scripts/peers.sh
swift build $flags --product harvest-replica 2>&1 | tail -n 1
swift build $flags --product harvest 2>&1 | tail -n 1
bin=$(swift build $flags --show-bin-path)
phase "benchmarks"
.build/venv/bin/python Benchmarks/bench.py "$bin" --markdown Benchmarks/RESULTS.md "$@"
total
