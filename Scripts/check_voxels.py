#!/usr/bin/env python3
"""Holds the boxes that `harvest read` gives over the replica against the formula and against other people's readers.

    check_voxels.py BIN-FOLDER [--boxes 12] [--seed 1]

Fetches EPFL's testing.tif and the coarse levels of OpenOrganelle's pyramid with `harvest fetch`; tifffile, zarr-python
and tensorstore then read the same bytes. Random boxes, read by range requests, must equal all of them exactly; so must
boxes of the 3.35 GB volumedata.tif and of the finest level, which only the formula can hold. Status 1 at the first
difference.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorstore
import tifffile
import zarr

import replica_truth as truth

PAGE = "https://www.epfl.ch/labs/cvlab/data/data-em/"
FILES = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
ZARR = "s3://janelia-cosem-datasets/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16"
LEVEL = 3


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bin", type=pathlib.Path)
    p.add_argument("--boxes", type=int, default=12)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    dice = random.Random(o.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server = subprocess.Popen([o.bin / "harvest-replica", "--state", folder / "replica"], stdout=subprocess.DEVNULL)
        try:
            ready = folder / "replica" / "ready.json"
            for _ in range(200):
                if ready.exists():
                    break
                time.sleep(0.05)
            known = json.loads(ready.read_text())
            os.environ["HARVEST_CONNECT_TO"] = ",".join(known["connect_to"])
            os.environ["HARVEST_CA"] = known["ca"]
            compare(o, dice, folder)
        finally:
            server.terminate()
            server.wait()


def compare(o, dice, folder):
    harvest = o.bin / "harvest"

    def read(address, box, dtype, level=0):
        text = ",".join(f"{a}:{b}" for a, b in box)
        out = subprocess.run(
            [harvest, "read", address, "--level", str(level), "--box", text, "--out", "-"], stdout=subprocess.PIPE, check=True
        ).stdout
        return np.frombuffer(out, dtype).reshape([b - a for a, b in box])

    def box(shape, largest):
        ranges = []
        for length, most in zip(shape, largest):
            size = dice.randint(1, min(length, most))
            start = dice.randint(0, length - size)
            ranges.append((start, start + size))
        return ranges

    count = 0

    def same(what, found, expected):
        nonlocal count
        if found.shape != expected.shape or not np.array_equal(found, expected):
            sys.exit(f"{what}: voxels differ")
        count += 1

    subprocess.run([harvest, "fetch", FILES + "testing.tif", "--into", folder, "-q"], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([harvest, "fetch", ZARR, "--level", str(LEVEL), "--into", folder, "-q"], stdout=subprocess.DEVNULL, check=True)
    tiff = tifffile.imread(folder / "testing.tif")
    copy = zarr.open_group(str(folder / "fibsem-int16"), mode="r")[f"s{LEVEL}"]
    store = tensorstore.open(
        {"driver": "zarr", "kvstore": {"driver": "file", "path": str(folder / "fibsem-int16" / f"s{LEVEL}")}}).result()
    whole = subprocess.run(
        [harvest, "read", FILES + "testing.tif", "--digest", "--json"], stdout=subprocess.PIPE, check=True).stdout
    if json.loads(whole)["digests"][0]["sha256"] != hashlib.sha256(tiff.tobytes()).hexdigest():
        sys.exit("testing.tif: the digest over the network is not tifffile's of the fetched file")
    count += 1

    for _ in range(o.boxes):
        b = box(tiff.shape, (6, 200, 300))
        found = read(FILES + "testing.tif", b, "u1")
        same(f"testing.tif {b} tifffile", found, tiff[tuple(slice(*r) for r in b)])
        b = box((1065, 1536, 2048), (4, 120, 300))
        same(f"volumedata.tif {b} formula", read(PAGE, b, "u1"), truth.epfl(*b))
        b = box(copy.shape, (70, 70, 70))
        found = read(ZARR, b, "<i2", LEVEL)
        index = tuple(slice(*r) for r in b)
        same(f"level {LEVEL} {b} zarr-python", found, copy[index])
        same(f"level {LEVEL} {b} tensorstore", found, store[index].read().result())
        same(f"level {LEVEL} {b} formula", found, truth.openorganelle(LEVEL, b))
        b = box((564, 2520, 2596), (90, 90, 90))
        same(f"level 0 {b} formula", read(ZARR, b, "<i2"), truth.openorganelle(0, b))
    print(f"{count} comparisons, all equal")
    # Peak memory of the whole job on both addresses, with the default budget: about 1 GB is fetched. A process of its
    # own measures it, since a child's figure begins with the size of the process that forked it.
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    job = [harvest, "collect", PAGE, "https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2", "--into", folder / "job", "-q"]
    peak = float(subprocess.run(
        [sys.executable, "-c", script, *job], env=os.environ | {"HARVEST_OPENORGANELLE_KEY": "replica-anon-key"},
        stdout=subprocess.PIPE, check=True).stdout)
    print(f"peak memory of collect: {peak:.0f} MiB")
    if peak > 256:
        sys.exit("collect takes more than 256 MiB")


if __name__ == "__main__":
    main()
