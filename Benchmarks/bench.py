#!/usr/bin/env python3
"""Our figures beside the peers', in one run: median wall seconds of runs taken in turn, and what cannot be noisy.

    bench.py BIN-FOLDER [--runs 5] [--markdown FILE]

* read a 130 MB TIFF and a Zarr level from disk (`harvest read --out /dev/null`) beside tifffile, zarr-python and
  tensorstore in a process of their own, reading into memory;
* probe EPFL's 3.35 GB TIFF over the replica beside tifffile walking the same file through range requests of 16 KiB;
* `harvest verify` of 1,000 files of 1 MB beside `sha256sum` and `openssl dgst`, these two on all cores;
* start-up.
"""
import argparse
import hashlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

FILES = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
ZARR = "s3://janelia-cosem-datasets/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16"
PYTHON = {
    "tifffile": "import tifffile,sys; tifffile.imread(sys.argv[1])",
    "zarr-python": "import zarr,sys; zarr.open_array(sys.argv[1], mode='r')[:]",
    "tensorstore": "import tensorstore as t,sys; t.open({'driver':'zarr','kvstore':{'driver':'file','path':sys.argv[1]}}).result().read().result()",
    "import only": "import numpy",
}
RANGES = """
import http.client, io, json, socket, ssl, sys, tifffile
ready = json.load(open(sys.argv[1])); url = sys.argv[2]
host, path = url[8:].split("/", 1)
address = ready["https"].split(":")
context = ssl.create_default_context(cafile=ready["ca"])
connection = http.client.HTTPSConnection(host, context=context)
connection.sock = context.wrap_socket(socket.create_connection((address[0], int(address[1]))), server_hostname=host)
class Remote(io.RawIOBase):
    def __init__(self): self.at, self.requests, self.got, self.cache = 0, 0, 0, {}; self.block(0)
    def block(self, number):
        if number not in self.cache:
            first = number << 14
            connection.request("GET", "/" + path, headers={"Range": f"bytes={first}-{first + (1 << 14) - 1}"})
            answer = connection.getresponse(); body = answer.read()
            self.total = int(answer.getheader("Content-Range").split("/")[1]); self.requests += 1; self.got += len(body)
            self.cache[number] = body
        return self.cache[number]
    def readable(self): return True
    def seekable(self): return True
    def seek(self, offset, whence=0): self.at = offset + (0, self.at, self.total)[whence]; return self.at
    def tell(self): return self.at
    def readinto(self, buffer):
        data = bytearray()
        while len(data) < len(buffer) and self.at + len(data) < self.total:
            place = self.at + len(data); part = self.block(place >> 14)[place & 16383:]
            if not part: break
            data += part[:len(buffer) - len(data)]
        buffer[:len(data)] = data; self.at += len(data); return len(data)
remote = Remote()
with tifffile.TiffFile(remote, name="volumedata.tif") as file: shape = file.series[0].shape
print(json.dumps({"requests": remote.requests, "bytes": remote.got, "shape": shape}))
"""


def fetched(folder, count=1000, length=1_000_000):
    """A folder as `harvest fetch` leaves it."""
    folder.mkdir()
    with open(folder / "manifest.jsonl", "w") as manifest:
        for index in range(count):
            name, data = f"{index:04}.raw", os.urandom(length)
            (folder / name).write_bytes(data)
            entry = {"path": name, "url": f"https://example.org/{name}", "bytes": length, "sha256": hashlib.sha256(data).hexdigest(), "state": "fetched"}
            print(json.dumps(entry), file=manifest)
    return folder


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bin", type=pathlib.Path)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--markdown", type=pathlib.Path)
    o = p.parse_args()
    harvest = o.bin / "harvest"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ready = folder / "replica" / "ready.json"
        server = subprocess.Popen([o.bin / "harvest-replica", "--state", folder / "replica"], stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                time.sleep(0.05)
            known = json.loads(ready.read_text())
            os.environ["HARVEST_CACHE"] = "none"  # what an earlier run brought
            os.environ["HARVEST_CONNECT_TO"], os.environ["HARVEST_CA"] = ",".join(known["connect_to"]), known["ca"]
            quiet = {"stdout": subprocess.DEVNULL, "check": True}
            subprocess.run([harvest, "fetch", FILES + "testing.tif", "--into", folder, "-q"], **quiet)
            subprocess.run([harvest, "fetch", ZARR, "--level", "2", "--into", folder, "-q"], **quiet)
            tiff, level = folder / "testing.tif", folder / "fibsem-int16" / "s2"
            walk = folder / "walk.py"
            walk.write_text(RANGES)

            def compare(title, ours, peers):
                commands = {"harvest": ours} | peers
                times = {name: [] for name in commands}
                for _ in range(o.runs):
                    for name, command in commands.items():
                        start = time.perf_counter()
                        subprocess.run(command, **quiet)
                        times[name].append(time.perf_counter() - start)
                median = {name: statistics.median(t) for name, t in times.items()}
                for name in peers:
                    rows.append((title, f"{median['harvest']:.3f} s", name, f"{median[name]:.3f} s", f"{median['harvest'] / median[name]:.2f}"))

            python = lambda name, path: [sys.executable, "-c", PYTHON[name], str(path)]
            compare("read a 130 MB TIFF from disk", [harvest, "read", tiff, "--out", "/dev/null"], {"tifffile": python("tifffile", tiff)})
            compare(
                "read a 115 MB Zarr level (zstd) from disk", [harvest, "read", level, "--out", "/dev/null"],
                {name: python(name, level) for name in ("zarr-python", "tensorstore")})
            compare(
                "probe a 3.35 GB TIFF over TLS", [harvest, "probe", FILES + "volumedata.tif"],
                {"tifffile over 16 KiB ranges": [sys.executable, walk, ready, FILES + "volumedata.tif"]})
            files = fetched(folder / "files")
            every = lambda command: ["sh", "-c", f"ls {files}/*.raw | xargs -n 50 -P {os.cpu_count()} {command}"]
            compare(
                "verify 1,000 files of 1 MB", [harvest, "verify", files, "-q"],
                {"sha256sum, all cores": every("sha256sum"), "openssl dgst, all cores": every("openssl dgst -sha256")})
            compare("start", [harvest, "--help"], {"python, import numpy": python("import only", "")})
            ours = json.loads(subprocess.run([harvest, "probe", FILES + "volumedata.tif", "--json"], stdout=subprocess.PIPE).stdout)["cost"]
            theirs = json.loads(subprocess.run([sys.executable, walk, ready, FILES + "volumedata.tif"], stdout=subprocess.PIPE).stdout)
            for what in ("requests", "bytes"):
                rows.append((f"{what} of that probe", ours[what], "tifffile over 16 KiB ranges", theirs[what], f"{ours[what] / theirs[what]:.4f}"))
        finally:
            server.terminate()
            server.wait()
    lines = ["| what | harvest | peer | peer's | ratio |", "|---|---|---|---|---|"] + ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    print("\n".join(lines))
    if o.markdown:
        cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
        old = o.markdown.read_text() if o.markdown.exists() else ""
        rest = "\n## Transfer" + old.split("\n## Transfer", 1)[1] if "\n## Transfer" in old else ""
        o.markdown.write_text(
            f"# Results\n\n{time.strftime('%Y-%m-%d')}, {cpu}, {os.cpu_count()} cores, Debian 12; {o.runs} runs in turn, medians; a peer's "
            "time holds its interpreter's start.\n`make bench`\n\n" + "\n".join(lines) + "\n" + rest)


if __name__ == "__main__":
    main()
