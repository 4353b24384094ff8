#!/usr/bin/env python3
"""Holds what `harvest` reads and fetches over the replica against formulas, `voxels` and other people's readers.

    check_voxels.py BIN-FOLDER [--boxes 12] [--seed 1]

Random boxes of all five datasets, read by range requests: EPFL's and OpenOrganelle's must equal the formula in numpy,
those of IDR, EMPIAR and the hemibrain what `harvest-replica voxels` prints. Whole files that `harvest fetch` brings
must equal `harvest-replica bytes`, and tifffile and rosettasciio must see in them what `harvest read` sees. Fetched
levels and crops must open in zarr-python and tensorstore, or in tensorstore and cloud-volume, with the same voxels at
the right place. Voxels are compared exactly. At last the main job, `collect` on all five, must stay below 512 MiB.
Status 1 at the first difference.
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
import warnings

import numpy as np
import tensorstore
import tifffile
import zarr
from cloudvolume import CloudVolume
from rsciio import digitalmicrograph

import replica_truth as truth
from check_replica import BUCKET, HEMIBRAIN, IDR, IMAGE, SHAPES, random_box, slice_url, true_bytes, voxels

FILES = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
ZARR = "s3://janelia-cosem-datasets/" + IMAGE.rstrip("/")
PAGES = {
    "epfl": "https://www.epfl.ch/labs/cvlab/data/data-em/",
    "idr": "https://idr.openmicroscopy.org/webclient/img_detail/9846137/?dataset=10740",
    "empiar": "https://www.ebi.ac.uk/empiar/EMPIAR-11759/",
    "hemibrain": "https://tinyurl.com/hemibrain-ng",
}
LEVEL = 3
# zarr-python says of every file beside a group's arrays that it is none of them.
warnings.filterwarnings("ignore", "Object at manifest.jsonl", zarr.errors.ZarrUserWarning)


class Checks:
    def __init__(self, options, folder):
        self.harvest, self.replica = options.bin / "harvest", options.bin / "harvest-replica"
        self.boxes, self.dice, self.folder, self.count = options.boxes, random.Random(options.seed), folder, 0

    def run(self, *arguments):
        return subprocess.run([self.harvest, *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout

    def fetch(self, *arguments):
        return json.loads(self.run("fetch", *arguments, "--into", self.folder, "-q", "--json"))

    def digest(self, address):
        return json.loads(self.run("read", address, "--digest", "--json"))["digests"][0]["sha256"]

    def read(self, address, box, dtype="u1", level=0):
        out = self.run("read", address, "--level", level, "--box", text(box), "--out", "-")
        return np.frombuffer(out, dtype).reshape([b - a for a, b in box])

    def box(self, shape, *largest):
        return random_box(self.dice, shape, largest)

    def same(self, what, found, expected):
        if not np.array_equal(found, expected):
            sys.exit(f"{what}: {found} is not {expected}")
        self.count += 1


def text(box):
    return ",".join(f"{a}:{b}" for a, b in box)


def index(box):
    return tuple(slice(*b) for b in box)


def opened(path):
    """A Zarr array's folder, as tensorstore sees it."""
    return tensorstore.open({"driver": "zarr", "kvstore": {"driver": "file", "path": str(path)}}).result()


def check_epfl(c):
    c.fetch(FILES + "testing.tif")
    tiff = tifffile.imread(c.folder / "testing.tif")
    c.same("testing.tif, digest", c.digest(FILES + "testing.tif"), hashlib.sha256(tiff).hexdigest())
    for _ in range(c.boxes):
        b = c.box(tiff.shape, 6, 200, 300)
        c.same(f"testing.tif {b} tifffile", c.read(FILES + "testing.tif", b), tiff[index(b)])
        b = c.box(truth.EPFL_SHAPE, 4, 120, 300)
        c.same(f"volumedata.tif {b} formula", c.read(PAGES["epfl"], b), truth.epfl(*b))


def check_openorganelle(c):
    """A level and all coarser ones are a group that keeps the source's description of them."""
    group = zarr.open_group(pathlib.Path(c.fetch(ZARR, "--level", LEVEL)["folder"]), mode="r", zarr_format=2)
    images, = json.loads(true_bytes(c.replica, f"{BUCKET}{IMAGE}.zattrs"))["multiscales"]
    images["datasets"] = images["datasets"][LEVEL:]
    c.same("the group's multiscales", group.attrs["multiscales"], [images])
    c.same("the group's arrays", sorted(group.array_keys()), [f"s{n}" for n in range(LEVEL, 9)])
    for level in range(LEVEL, 9):
        whole = [(0, length) for length in truth.LEVELS[level]]
        c.same(f"s{level} zarr-python", group[f"s{level}"][:], truth.openorganelle(level, whole))
    copy, store = group[f"s{LEVEL}"], opened(c.folder / "fibsem-int16" / f"s{LEVEL}")
    for _ in range(c.boxes):
        b = c.box(copy.shape, 70, 70, 70)
        found = c.read(ZARR, b, "<i2", LEVEL)
        c.same(f"level {LEVEL} {b} zarr-python", found, copy[index(b)])
        c.same(f"level {LEVEL} {b} tensorstore", found, store[index(b)].read().result())
        c.same(f"level {LEVEL} {b} formula", found, truth.openorganelle(LEVEL, b))
        b = c.box(truth.LEVELS[0], 90, 90, 90)
        c.same(f"level 0 {b} formula", c.read(ZARR, b, "<i2"), truth.openorganelle(0, b))
    array = zarr.open_array(pathlib.Path(c.fetch("gs://replica-bucket/volume.zarr")["folder"]), mode="r", zarr_format=2)
    c.same("gs://replica-bucket/volume.zarr", array[:], truth.bucket(*((0, n) for n in truth.BUCKET_SHAPE)))


def check_pages(c):
    for _ in range(c.boxes):
        for name, largest in (("idr", (6, 200, 300)), ("empiar", (4, 300, 400))):
            b = c.box(SHAPES[name], *largest)
            c.same(f"{name} {b} voxels", c.read(PAGES[name], b), voxels(c.replica, name, b))
        level = c.dice.randrange(9)
        b = c.box([-(-length >> level) for length in SHAPES["hemibrain"]], 90, 90, 90)
        c.same(f"hemibrain, level {level}, {b} voxels", c.read(PAGES["hemibrain"], b, level=level),
               voxels(c.replica, "hemibrain", b, level))


def check_files(c):
    """Whole files, and what their readers see in them."""
    for url in (IDR, slice_url(0), slice_url(c.dice.randrange(1, 16))):
        file, = c.fetch(url)["files"]
        path, expected = c.folder / file["path"], true_bytes(c.replica, url)
        c.same(f"{url}, bytes", path.read_bytes() == expected, True)
        c.same(f"{url}, sha256", file["sha256"], hashlib.sha256(expected).hexdigest())
        peer = tifffile.imread(path) if url == IDR else digitalmicrograph.file_reader(path)[0]["data"]
        c.same(f"{path} digest", c.digest(path), hashlib.sha256(peer).hexdigest())
        for _ in range(3):
            b = c.box(peer.shape, *(20, 300, 400)[-peer.ndim:])
            c.same(f"{path} {b}", c.read(path, b), peer[index(b)])


def grown(box, shape):
    return [(a // 64 * 64, min(length, -(-b // 64) * 64)) for (a, b), length in zip(box, shape)]


def corners(c, shape):
    """A random box, and one at the far corner."""
    return c.box(shape, 70, 150, 150), [(length - c.dice.randint(1, 100), length) for length in shape]


def check_zarr_crops(c, level=2):
    shape = truth.LEVELS[level]
    source = json.loads(true_bytes(c.replica, f"{BUCKET}{IMAGE}.zattrs"))["multiscales"][0]["datasets"][level]
    scale, base = (np.array(t[t["type"]]) for t in source["coordinateTransformations"])
    for asked in corners(c, shape):
        report = c.fetch(ZARR, "--level", level, "--box", text(asked))
        folder, box = pathlib.Path(report["folder"]), grown(asked, shape)
        c.same(f"crop {asked}", report["crop"]["box"], text(box))
        group = zarr.open_group(folder, mode="r", zarr_format=2)
        dataset, = group.attrs["multiscales"][0]["datasets"]
        c.same(f"crop {box}, path", [dataset["path"], *group.array_keys()], [f"s{level}"] * 2)
        places = {t["type"]: t[t["type"]] for t in dataset["coordinateTransformations"]}
        c.same(f"crop {box}, scale", places["scale"], scale)
        origin = np.array([first for first, _ in box])
        if not np.allclose(places["translation"], base + origin * scale, rtol=1e-14, atol=0):
            sys.exit(f"crop {box}: translation {places['translation']}, not {base + origin * scale}")
        expected = voxels(c.replica, "openorganelle", box, level, "<i2")
        c.same(f"crop {box}, formula", truth.openorganelle(level, box), expected)
        c.same(f"crop {box}, zarr-python", group[f"s{level}"][:], expected)
        c.same(f"crop {box}, tensorstore", opened(folder / f"s{level}").read().result(), expected)


def check_precomputed_crops(c):
    scales = json.loads(true_bytes(c.replica, f"https://{HEMIBRAIN}/info"))["scales"]
    for level in (0, 3):
        shape = scales[level]["size"][::-1]
        for asked in corners(c, shape):
            report = c.fetch(PAGES["hemibrain"], "--level", level, "--box", text(asked))
            folder, box = pathlib.Path(report["folder"]), grown(asked, shape)
            c.same(f"crop {asked}", report["crop"]["box"], text(box))
            scale, = json.loads((folder / "info").read_text())["scales"]
            c.same(f"crop {box}, resolution", scale["resolution"], scales[level]["resolution"])
            c.same(f"crop {box}, voxel_offset", scale["voxel_offset"], [first for first, _ in box[::-1]])
            expected = voxels(c.replica, "hemibrain", box, level)
            c.same(f"crop {box}, size", scale["size"], expected.shape[::-1])
            store = tensorstore.open(
                {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{folder}/"}}).result()
            cut = index(box[::-1])
            c.same(f"crop {box}, tensorstore", store[cut][..., 0].read().result().T, expected)
            volume = CloudVolume(f"file://{folder}", progress=False)
            c.same(f"crop {box}, cloud-volume", np.asarray(volume[cut])[..., 0].T, expected)


def check_memory(c):
    """A process of its own measures it, since a child's figure begins with the size of the process that forked it."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    job = [c.harvest, "collect", "--from", pathlib.Path(__file__).with_name("demo.json"), "--into", c.folder / "job", "-q"]
    peak = float(subprocess.run(
        [sys.executable, "-c", script, *job], env=os.environ | {"HARVEST_OPENORGANELLE_KEY": "replica-anon-key"},
        stdout=subprocess.PIPE, check=True).stdout)
    print(f"peak memory of collect on all five: {peak:.0f} MiB")
    if peak >= 512:
        sys.exit("collect takes 512 MiB or more")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bin", type=pathlib.Path)
    p.add_argument("--boxes", type=int, default=12)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
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
            c = Checks(o, folder)
            checks = [check_epfl, check_openorganelle, check_pages, check_files, check_zarr_crops, check_precomputed_crops]
            for check in checks:
                check(c)
            print(f"{c.count} comparisons, all equal")
            check_memory(c)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
