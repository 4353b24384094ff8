#!/usr/bin/env bash
# The real addresses over the real network; reports per portal. Needs a network, and is not part of the tests.
set -u
cd "$(dirname "$0")/.."
. Scripts/phase.sh
phase "build"
bash Scripts/packages.sh build && swift build $flags --product harvest 2>&1 | tail -n 1
bin=$(swift build $flags --show-bin-path)
failed=0
for address in \
    "https://idr.openmicroscopy.org/webclient/img_detail/9846137/?dataset=10740" \
    https://www.ebi.ac.uk/empiar/EMPIAR-11759/ \
    https://www.epfl.ch/labs/cvlab/data/data-em/ \
    https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2 \
    https://tinyurl.com/hemibrain-ng; do
    phase "$address"
    "$bin/harvest" describe "$address" | head -n 4
    "$bin/harvest" probe "$address" || { echo "    failed with status $?"; failed=$((failed + 1)); }
done
echo "$failed of 5 portals failed"
total
[ "$failed" = 0 ]
