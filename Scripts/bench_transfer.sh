#!/usr/bin/env bash
# Transfers beside the known downloaders, over a delayed link. Root, ten minutes and 5 GB of disk.
set -eu
cd "$(dirname "$0")/.."
. Scripts/phase.sh
bench=${HARVEST_SHARED:-../shared}/bench/download
[ -f "$bench/run.sh" ] || { echo "skipped: the servers and the link of the bench are not at $bench"; exit 0; }
phase "packages, build"
bash Scripts/packages.sh build
swift build $flags --product harvest 2>&1 | tail -n 1
phase "transfers"
python3 Benchmarks/bench_transfer.py "$(swift build $flags --show-bin-path)/harvest" "$bench" --markdown Benchmarks/RESULTS.md "$@"
total
