#!/usr/bin/env python3
"""Writes Tests/HarvestFormatsTests/Fixtures/precomputed/volumes.json: small volumes that TensorStore wrote, with the
voxels it reads back, c,z,y,x in C order. Run with the virtual environment of Scripts/peers.sh."""
import json
import os
import pathlib
import tempfile

import numpy as np
import tensorstore as ts

OUT = pathlib.Path(__file__).resolve().parent.parent / "Tests/HarvestFormatsTests/Fixtures/precomputed/volumes.json"
SIZE, CHUNK = [21, 18, 13], [8, 8, 4]  # x, y, z


def sharding(hash_name, preshift, minishard, shard, index, data):
    return {"@type": "neuroglancer_uint64_sharded_v1", "hash": hash_name, "preshift_bits": preshift,
            "minishard_bits": minishard, "shard_bits": shard, "minishard_index_encoding": index, "data_encoding": data}


def volume(name, dtype, encoding="raw", offset=(0, 0, 0), channels=1, shards=None, levels=1, drop=None):
    rng = np.random.default_rng(len(name))
    with tempfile.TemporaryDirectory() as folder:
        arrays = {}
        for level in range(levels):
            size = [max(1, s >> level) for s in SIZE]
            scale = {"size": size, "resolution": [4.0 * 2**level, 4.0 * 2**level, 40.0 * 2**level], "encoding": encoding,
                     "chunk_size": CHUNK, "voxel_offset": [o >> level for o in offset]}
            if encoding == "jpeg":
                scale["jpeg_quality"] = 90
            if shards:
                scale["sharding"] = shards
            store = ts.open({"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": folder},
                             "multiscale_metadata": {"type": "image", "data_type": dtype, "num_channels": channels},
                             "scale_metadata": scale, "create": True}).result()
            if encoding == "jpeg":
                x, y, z, c = np.meshgrid(*[np.arange(n) for n in store.shape], indexing="ij")
                values = ((x * 7 + y * 5 + z * 3 + c * 40) % 256).astype(dtype)
            else:
                values = rng.integers(1, np.iinfo(dtype).max, store.shape, dtype)
            with ts.Transaction() as batch:
                store.with_transaction(batch).write(values).result()
            key = json.load(open(f"{folder}/info"))["scales"][level]["key"]
            if drop:
                os.remove(f"{folder}/{key}/{drop}")
            back = ts.open({"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": folder},
                            "scale_index": level}).result().read().result()
            czyx = np.ascontiguousarray(np.transpose(back, (3, 2, 1, 0)))
            arrays[key] = {"shape": list(czyx.shape), "dtype": dtype, "voxels": czyx.astype(czyx.dtype.newbyteorder("<")).tobytes().hex()}
        objects = {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file():
                objects[str(path.relative_to(folder))] = path.read_bytes().hex()
        return {"name": name, "objects": objects, "arrays": arrays, "offset": list(offset)[::-1]}


def main():
    volumes = [
        volume("raw", "uint8"), volume("raw_offset", "uint16", offset=(100, 200, 30)),
        volume("raw_negative", "uint8", offset=(-10, -20, -3)), volume("raw_channels", "uint8", channels=3),
        volume("raw_levels", "uint32", levels=3), volume("raw_missing", "uint8", drop="8-16_0-8_4-8"),
        volume("jpeg", "uint8", "jpeg"), volume("jpeg_channels", "uint8", "jpeg", channels=3),
        volume("sharded_raw", "uint8", shards=sharding("identity", 1, 1, 2, "raw", "raw")),
        volume("sharded_gzip", "uint16", shards=sharding("murmurhash3_x86_128", 0, 2, 3, "gzip", "gzip"), offset=(5, 6, 7)),
        volume("sharded_one", "uint8", shards=sharding("identity", 0, 0, 0, "gzip", "raw")),
        volume("sharded_jpeg", "uint8", "jpeg", shards=sharding("identity", 2, 1, 1, "gzip", "raw")),
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(volumes, separators=(",", ":")) + "\n")
    print(f"{len(volumes)} volumes, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
