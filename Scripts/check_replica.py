#!/usr/bin/env python3
"""Starts harvest-replica and compares what other people's readers make of its bytes with replica_truth.

    pip install -r Scripts/requirements.txt
    python3 Scripts/check_replica.py [--binary .build/release/harvest-replica] [--boxes 200] [--seed 1]

tifffile reads EPFL's files through range requests over TLS; zarr-python and tensorstore read the pyramid's chunks as
they came over TLS. tifffile reads IDR's TIFF, rosettasciio two of EMPIAR's DM3 files, tensorstore and cloud-volume the
hemibrain's sharded JPEG chunks by range requests; these three are held against what `voxels` prints. ftplib lists and
reads what FTP serves. Everything is compared exactly. Prints the number of comparisons; status 1 at the first
difference.
"""
import argparse
import ftplib
import http.client
import http.server
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
import threading
import time
import urllib.parse

import numpy as np
import tensorstore
import tifffile
import zarr
from cloudvolume import CloudVolume
from rsciio import digitalmicrograph

import replica_truth as truth

EPFL = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
BUCKET = "https://janelia-cosem-datasets.s3.amazonaws.com/"
IMAGE = "jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16/"
ARCHIVE = "https://ftp.ebi.ac.uk"
IDR = (ARCHIVE + "/pub/databases/IDR/idr0086-miron-micrographs/20200610-ftp/experimentD/Miron_FIB-SEM/"
       "Miron_FIB-SEM_processed/Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif")
SLICES = "/empiar/world_availability/11759/data"
HEMIBRAIN = "storage.googleapis.com/neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg"
SHAPES = {"idr": (184, 775, 1121), "empiar": (16, 5500, 5496), "hemibrain": (41394, 39725, 34427)}


def slice_url(z):
    return f"{ARCHIVE}{SLICES}/F57-8_test1_3VBSED_slice_{z:04}.dm3"


def voxels(binary, name, box, level=0, dtype="u1"):
    """What harvest-replica says is in a box."""
    command = [binary, "voxels", name, "--level", str(level), "--box", ",".join(f"{a}:{b}" for a, b in box)]
    return np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, dtype).reshape(
        [b - a for a, b in box])


def true_bytes(binary, url, *part):
    return subprocess.run([binary, "bytes", url, *part], stdout=subprocess.PIPE, check=True).stdout


def random_box(dice, shape, largest):
    box = []
    for length, most in zip(shape, largest):
        size = dice.randint(1, min(length, most))
        start = dice.randint(0, length - size)
        box.append((start, start + size))
    return box


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


class Bridge(http.server.BaseHTTPRequestHandler):
    """/HOST/PATH over plain HTTP, for readers that cannot be told where the replica listens."""

    def do_GET(self):
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        try:
            body, answer = Client(self.server.ready).get("https:/" + self.path, *(part.groups() if part else ()))
        except FileNotFoundError:
            self.send_error(404)
            return
        self.send_response(answer.status)
        for name in ("Content-Range", "ETag"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


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


def check_idr(binary, client, tally, dice, folder):
    path = folder / "idr.tif"
    path.write_bytes(client.get(IDR)[0])
    tally.same("bytes of IDR's TIFF", np.memmap(path), np.frombuffer(true_bytes(binary, IDR), np.uint8))
    with tifffile.TiffFile(path) as tiff:
        series, = tiff.series
        assert len(tiff.pages) == 184 and series.kind == "imagej" and series.axes == "ZYX"
        assert series.shape == SHAPES["idr"] and series.dtype == np.uint8
        facts = tiff.imagej_metadata
        assert (facts["slices"], facts["spacing"], facts["unit"]) == (184, 0.02, r"\u00B5m"), facts
        for name in ("XResolution", "YResolution"):
            assert tiff.pages[0].tags[name].value == (50_000_000, 1_000_000)
        whole = series.asarray()
        for number in (0, 183, dice.randrange(184)):
            tally.same("tifffile page of IDR's TIFF", tiff.pages[number].asarray(), whole[number])
    for box in [[(0, 184), (700, 775), (1100, 1121)]] + [random_box(dice, whole.shape, (20, 300, 400)) for _ in range(6)]:
        tally.same("tifffile box of IDR's TIFF", whole[tuple(slice(*b) for b in box)], voxels(binary, "idr", box))


def check_empiar(binary, client, tally, dice, folder):
    for z in (0, dice.randrange(1, 16)):
        path = folder / f"{z}.dm3"
        path.write_bytes(client.get(slice_url(z))[0])
        assert path.stat().st_size == 30_396_032
        image, = digitalmicrograph.file_reader(path)
        for axis in image["axes"]:
            assert axis["scale"] == np.float32(0.00799825) and axis["units"] == "µm", axis
        box = (z, z + 1), (0, 5500), (0, 5496)
        tally.same("rosettasciio image", image["data"], voxels(binary, "empiar", box)[0])


def check_hemibrain(binary, ready, tally, dice, boxes):
    """tensorstore, cloud-volume and the replica all decode JPEG with libjpeg-turbo, so that they agree exactly."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bridge)
    server.ready = ready
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{HEMIBRAIN}/"
    for turn in range(boxes):
        level = turn % 9
        shape = tuple(-(-length >> level) for length in SHAPES["hemibrain"])
        store = tensorstore.open({"driver": "neuroglancer_precomputed", "kvstore": url, "scale_index": level}).result()
        assert store.shape == (*shape[::-1], 1), store.shape
        codec = store.schema.codec.to_json()
        assert (codec["encoding"], codec["shard_data_encoding"]) == ("jpeg", "raw"), codec
        if turn < 9:
            box = [(max(0, length - 70), length) for length in shape]
        else:
            box = random_box(dice, shape, (90, 90, 90))
        if turn >= 18:
            box = [(first // 64 * 64, min(length, first // 64 * 64 + 64)) for (first, _), length in zip(box, shape)]
        cut, expected = tuple(slice(*b) for b in box[::-1]), voxels(binary, "hemibrain", box, level)
        tally.same("tensorstore box of sharded JPEG", store[cut][..., 0].read().result().T, expected)
        volume = CloudVolume("precomputed://" + url, mip=level, progress=False)
        tally.same("cloud-volume box of sharded JPEG", np.asarray(volume[cut])[..., 0].T, expected)
    server.shutdown()
    server.server_close()


def check_ftp(binary, ready, tally, dice):
    host, port = ready["ftp"].split(":")

    def session():
        ftp = ftplib.FTP()
        ftp.connect(host, int(port))
        ftp.login()
        return ftp

    with session() as ftp:
        facts, lines = dict(ftp.mlsd(SLICES)), []
        names = {f"F57-8_test1_3VBSED_slice_{z:04}.dm3" for z in range(16)} | {"trakem2.features", "trakem2_project.xml"}
        assert set(facts) == names, facts
        ftp.cwd(SLICES)
        ftp.retrlines("LIST", lines.append)
        listed = {name: (mode[0] == "d", size) for mode, _, _, _, size, _, _, _, name in (line.split() for line in lines)}
        assert set(listed) == names, lines
        ftp.voidcmd("TYPE I")
        for name, fact in facts.items():
            assert listed[name][0] == (fact["type"] == "dir")
            if fact["type"] == "file":
                assert ftp.size(name) == int(fact["size"]) == int(listed[name][1]), name
    for url, size in ((slice_url(3), 30_396_032), (IDR, 159_884_524)):
        path = url.removeprefix(ARCHIVE)
        with session() as ftp:
            assert ftp.voidcmd("TYPE I") and ftp.size(path) == size
            tail = []
            start = size - dice.randrange(1, 2_000_000)
            ftp.retrbinary("RETR " + path, tail.append, rest=start)
            tally.same("FTP from REST to the end", np.frombuffer(b"".join(tail), np.uint8),
                       np.frombuffer(true_bytes(binary, url, f"{start}-"), np.uint8))
        ftp = session()
        ftp.voidcmd("TYPE I")
        start, count = dice.randrange(size - 300_000), dice.randrange(1, 300_000)
        with ftp.transfercmd("RETR " + path, rest=start) as data, data.makefile("rb") as file:
            part = file.read(count)
        ftp.close()
        tally.same("FTP from REST, broken off", np.frombuffer(part, np.uint8),
                   np.frombuffer(true_bytes(binary, url, f"{start}-{start + count - 1}"), np.uint8))


def check_commands(binary, tally, dice):
    for _ in range(6):
        z, y, x = (dice.randrange(n - 40) for n in truth.EPFL_SHAPE)
        box = (z, z + 3), (y, y + 30), (x, x + 40)
        tally.same("voxels epfl", voxels(binary, "epfl", box), truth.epfl(*box))
    for level in (0, 2, 8):
        box = [(n // 3, min(n, n // 3 + 70)) for n in truth.LEVELS[level]]
        tally.same("voxels openorganelle", voxels(binary, "openorganelle", box, level, "<i2"),
                   truth.openorganelle(level, box))


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
            check_idr(options.binary, client, tally, dice, folder)
            check_empiar(options.binary, client, tally, dice, folder)
            check_hemibrain(options.binary, ready, tally, dice, options.boxes // 8)
            check_ftp(options.binary, ready, tally, dice)
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
