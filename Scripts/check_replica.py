#!/usr/bin/env python3
"""Starts harvest-replica and compares what other people's readers make of its bytes with replica_truth.

    pip install numpy tifffile zarr==3.1.6 tensorstore
    python3 Scripts/check_replica.py [--binary .build/release/harvest-replica] [--boxes 200] [--seed 1]

tifffile reads EPFL's files through range requests over TLS; zarr-python and tensorstore read the pyramid's chunks as
they came over TLS. Everything is compared exactly. Prints the number of comparisons; status 1 at the first
difference.
"""
import argparse
import http.client
import io
import json
import pathlib
import random
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

import numpy as np
import tensorstore
import tifffile
import zarr

import replica_truth as truth

EPFL = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
BUCKET = "https://janelia-cosem-datasets.s3.amazonaws.com/"
IMAGE = "jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16/"


class Tally:
    """Comparisons so far, by kind."""

    def __init__(self):
        self.kinds = {}

    def same(self, kind, found, expected):
        found, expected = np.asarray(found), np.asarray(expected)
        if found.dtype != expected.dtype or found.shape != expected.shape or not np.array_equal(found, expected):
            sys.exit(f"{kind}: {found.dtype} {found.shape} differs from {expected.dtype} {expected.shape}")
        count, values = self.kinds.get(kind, (0, 0))
        self.kinds[kind] = count + 1, values + expected.size


class Client:
    """HTTPS to the replica under any host name, one connection per host."""

    def __init__(self, ready):
        self.address = ready["https"].split(":")
        self.context = ssl.create_default_context(cafile=ready["ca"])
        self.connections = {}

    def get(self, url, first=None, last=None):
        parts = urllib.parse.urlsplit(url)
        if parts.hostname not in self.connections:
            plain = socket.create_connection((self.address[0], int(self.address[1])))
            connection = http.client.HTTPSConnection(parts.hostname)
            connection.sock = self.context.wrap_socket(plain, server_hostname=parts.hostname)
            self.connections[parts.hostname] = connection
        connection = self.connections[parts.hostname]
        headers = {} if first is None else {"Range": f"bytes={first}-{last}"}
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 206):
            raise FileNotFoundError(f"{url}: {answer.status}")
        return body, answer


class RemoteFile(io.RawIOBase):
    """A file that is read by ranges."""

    def __init__(self, client, url):
        self.client, self.url, self.place = client, url, 0
        self.size = int(client.get(url, 0, 0)[1].headers["Content-Range"].split("/")[1])

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.place

    def seek(self, offset, whence=0):
        self.place = offset + (0, self.place, self.size)[whence]
        return self.place

    def readinto(self, buffer):
        count = min(len(buffer), self.size - self.place)
        if count <= 0:
            return 0
        buffer[:count] = self.client.get(self.url, self.place, self.place + count - 1)[0]
        self.place += count
        return count


def check_tiffs(client, tally, dice, boxes):
    crop = {
        "training": lambda *r: truth.crop("training", *r), "testing": lambda *r: truth.crop("testing", *r),
        "training_groundtruth": lambda *r: truth.groundtruth("training", *r),
        "testing_groundtruth": lambda *r: truth.groundtruth("testing", *r), "results_test": truth.results,
    }
    sizes = {"volumedata": 3353674357}
    for name, formula in {"volumedata": truth.epfl, **crop}.items():
        file = RemoteFile(client, EPFL + name + ".tif")
        shape = truth.EPFL_SHAPE if name == "volumedata" else truth.CROP_SHAPE
        assert file.size == sizes.get(name, 129919357), (name, file.size)
        with tifffile.TiffFile(io.BufferedReader(file, 512)) as tiff:
            pages = len(tiff.pages)
            assert pages == shape[0], (name, pages)
            chosen = [0, 1, pages // 2, pages - 1] + [dice.randrange(pages) for _ in range(2)]
            for number in chosen:
                page = tiff.pages[number]
                tags = page.tags
                assert len(tags) == 14 and tags["Software"].value == "InsightToolkit"
                assert tags["PageNumber"].value == (number, pages) and tags["NewSubfileType"].value == 2
                stride = 3148990 if name == "volumedata" else 787390
                assert page.offset == 8 + number * stride + shape[1] * shape[2]
                tally.same(f"tifffile page of {name}", page.asarray(),
                           formula((number, number + 1), (0, shape[1]), (0, shape[2]))[0])
        for _ in range(boxes // 6):
            z, y = dice.randrange(shape[0]), dice.randrange(shape[1])
            x0 = dice.randrange(shape[2])
            x1 = dice.randrange(x0, shape[2]) + 1
            first = 8 + z * stride + y * shape[2] + x0
            row = np.frombuffer(client.get(EPFL + name + ".tif", first, first + x1 - x0 - 1)[0], np.uint8)
            tally.same(f"range of {name}", row, formula((z, z + 1), (y, y + 1), (x0, x1))[0, 0])


def listing(client, url, prefix):
    """All keys below a prefix, with size and MD5, page by page."""
    found, token = {}, ""
    while True:
        query = {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}
        text = client.get(url + "?" + urllib.parse.urlencode(query))[0].decode()
        for key, md5, size in re.findall(
                r"<Key>(.*?)</Key>.*?<ETag>&quot;(.*?)&quot;</ETag><Size>(\d+)</Size>", text):
            assert key not in found
            found[key] = int(size), md5
        token = "".join(re.findall("<NextContinuationToken>(.*?)<", text))
        if not token:
            return found


def check_pyramid(client, tally, dice, boxes, folder):
    keys = listing(client, BUCKET, IMAGE)
    chunks = [k for k in keys if re.search(r"/s\d/\d+/\d+/\d+$", k)]
    assert len(chunks) == 17266, len(chunks)

    def mirror(key):
        path = folder / key
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get(BUCKET + key)[0])
            assert path.stat().st_size == keys[key][0]

    for key in keys:
        if key not in chunks:
            mirror(key)
    root = folder / IMAGE
    group = zarr.open_group(root, mode="r", zarr_format=2)
    assert [d["path"] for d in group.attrs["multiscales"][0]["datasets"]] == [f"s{n}" for n in range(9)]
    for turn in range(boxes):
        level = turn % 9 if turn < 18 else dice.choice([0, 0, 0, 1, 1, 2])
        array = zarr.open_array(root / f"s{level}", mode="r", zarr_format=2)
        assert array.shape == truth.LEVELS[level] and array.dtype == np.int16
        box = []
        for extent in array.shape:
            first = dice.randrange(extent)
            box.append((first, min(extent, first + dice.randrange(1, 90))))
        for cz in range(box[0][0] // 64, (box[0][1] - 1) // 64 + 1):
            for cy in range(box[1][0] // 64, (box[1][1] - 1) // 64 + 1):
                for cx in range(box[2][0] // 64, (box[2][1] - 1) // 64 + 1):
                    mirror(f"{IMAGE}s{level}/{cz}/{cy}/{cx}")
        expected = truth.openorganelle(level, box)
        cut = tuple(slice(*b) for b in box)
        tally.same("zarr-python box", array[cut], expected)
        store = tensorstore.open({"driver": "zarr", "kvstore": {"driver": "file", "path": f"{root}/s{level}/"}}).result()
        tally.same("tensorstore box", store[cut].read().result(), expected)


def check_google(client, tally, folder):
    url = "https://storage.googleapis.com/storage/v1/b/replica-bucket/o?"
    names, token = [], ""
    while True:
        page = json.loads(client.get(url + urllib.parse.urlencode({"pageToken": token} if token else {}))[0])
        names += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(names) == len(set(names)) == 1521 and names == sorted(names), len(names)
    for name in names:
        if name.startswith("volume.zarr/"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get("https://storage.googleapis.com/replica-bucket/" + name)[0])
    array = zarr.open_array(folder / "volume.zarr", mode="r", zarr_format=2)
    tally.same("zarr-python, Google's bucket", array[:], truth.bucket(*((0, n) for n in truth.BUCKET_SHAPE)))


def check_commands(binary, tally, dice):
    for _ in range(6):
        z, y, x = (dice.randrange(n - 40) for n in truth.EPFL_SHAPE)
        box = (z, z + 3), (y, y + 30), (x, x + 40)
        raw = subprocess.run([binary, "voxels", "epfl", "--box", ",".join(f"{a}:{b}" for a, b in box)],
                             capture_output=True, check=True).stdout
        tally.same("voxels epfl", np.frombuffer(raw, np.uint8).reshape(3, 30, 40), truth.epfl(*box))
    for level in (0, 2, 8):
        box = [(n // 3, min(n, n // 3 + 70)) for n in truth.LEVELS[level]]
        raw = subprocess.run([binary, "voxels", "openorganelle", "--level", str(level), "--box",
                              ",".join(f"{a}:{b}" for a, b in box)], capture_output=True, check=True).stdout
        expected = truth.openorganelle(level, box)
        tally.same("voxels openorganelle", np.frombuffer(raw, "<i2").reshape(expected.shape), expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--binary", default=str(root / ".build/release/harvest-replica"))
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally, dice = Tally(), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start = time.monotonic()
        server = subprocess.Popen([options.binary, "--state", str(folder / "state")], stdout=subprocess.PIPE, text=True)
        try:
            ready = json.loads(server.stdout.readline())
            print(f"started in {time.monotonic() - start:.2f} s")
            client = Client(ready)
            check_tiffs(client, tally, dice, options.boxes)
            check_pyramid(client, tally, dice, options.boxes, folder / "mirror")
            check_google(client, tally, folder / "google")
            check_commands(options.binary, tally, dice)
        finally:
            server.terminate()
            status = server.wait(10)
        assert status == 0, status
        assert json.loads((folder / "state/requests.jsonl").read_text().splitlines()[0])["status"] == 206
    for kind, (count, values) in tally.kinds.items():
        print(f"{kind}: {count} equal, {values} values")
    print(f"{sum(c for c, _ in tally.kinds.values())} comparisons, {sum(v for _, v in tally.kinds.values())} values, "
          "all equal")


if __name__ == "__main__":
    main()
