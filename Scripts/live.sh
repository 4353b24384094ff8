#!/usr/bin/env bash
# The real addresses over the real network; reports per portal. Needs a network, and is not part of the tests.
set -u
cd "$(dirname "$0")/.."
. Scripts/phase.sh
phase "build"
bash Scripts/packages.sh build && swift build $flags --product harvest 2>&1 | tail -n 1
bin=$(swift build $flags --show-bin-path)
for address in https://www.epfl.ch/labs/cvlab/data/data-em/ https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2; do
    phase "$address"
    "$bin/harvest" probe "$address" || echo "    failed with status $?"
done
total
