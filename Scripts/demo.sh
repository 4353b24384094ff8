#!/usr/bin/env bash
# The main job, from nothing: packages, build, the replica of the portals, collect.
set -eu
cd "$(dirname "$0")/.."
. Scripts/phase.sh
. Scripts/replica.sh

phase "Debian packages"
bash Scripts/packages.sh build
phase "optimised build"
swift build $flags --product harvest-replica 2>&1 | tail -n 1
swift build $flags --product harvest 2>&1 | tail -n 1
bin=$(swift build $flags --show-bin-path)
phase "replica of the portals"
replica_start "$PWD/.build/demo/replica"
echo "listening on 127.0.0.1${HARVEST_CONNECT_TO##*127.0.0.1}"
phase "collect"
rm -rf .build/demo/data
HARVEST_OPENORGANELLE_KEY=replica-anon-key "$bin/harvest" collect --from Scripts/demo.json --into .build/demo/data
total
echo "The addresses were answered by the project's own replica on this machine, not by the portals."
echo "Report: $PWD/.build/demo/data/report.html"
