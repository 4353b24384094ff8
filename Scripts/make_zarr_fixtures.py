#!/usr/bin/env python3
"""Writes Tests/HarvestFormatsTests/Fixtures/zarr/v2.json: small Zarr v2 stores and what NumPy says they hold.

    pip install zarr==2.18.7 numcodecs==0.15.1 numpy==2.4.6 && python3 Scripts/make_zarr_fixtures.py

Per store: its objects (hexadecimal), and per array the shape, dtype and the SHA-256 of the C-order little-endian bytes,
of the whole array and of one box.
"""
import hashlib
import json
import pathlib

import numpy as np
import zarr
from numcodecs import Blosc, GZip, Zlib, Zstd

stores = []


def digest(array):
    array = np.ascontiguousarray(array)
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def facts(array):
    values = array[...] if array.shape else np.asarray(array[()])
    box = [[n // 4, n - n // 5] for n in array.shape]
    part = values[tuple(slice(a, b) for a, b in box)]
    return {
        "shape": list(array.shape), "dtype": array.dtype.newbyteorder("=").name, "sha256": digest(values),
        "box": box, "box_sha256": digest(part) if part.size else None,
    }


def record(name, objects, arrays):
    stores.append({
        "name": name, "objects": {k: bytes(v).hex() for k, v in sorted(objects.items())},
        "arrays": {p: facts(a) for p, a in arrays.items()},
    })


def values(dtype, shape=(3, 4, 5)):
    dtype = np.dtype(dtype)
    numbers = (np.arange(np.prod(shape, dtype=int)) * 37 % 1000).reshape(shape)
    if dtype.kind == "b":
        return numbers % 3 == 0
    if dtype.kind == "u":
        return (numbers * (np.iinfo(dtype).max // 1000 or 1)).astype(dtype)
    if dtype.kind == "i":
        return ((numbers - 500) * (np.iinfo(dtype).max // 1000 or 1)).astype(dtype)
    if dtype.kind == "c":
        return (numbers / 8 - 1j * numbers / 16).astype(dtype)
    return (numbers / 8 - 40).astype(dtype)


def single(name, dtype="<u2", shape=(3, 4, 5), chunks=(2, 3, 3), drop=(), write=True, **options):
    objects = {}
    options.setdefault("compressor", None)
    array = zarr.open_array(objects, mode="w", shape=shape, chunks=chunks, dtype=dtype, zarr_version=2, **options)
    if write:
        array[...] = values(dtype, shape)
    for key in drop:
        del objects[key]
    record(name, objects, {"": array})


compressors = {
    "plain": None, "zlib": Zlib(9), "gzip": GZip(5), "zstd": Zstd(3), "zstd checksum": Zstd(3, checksum=True),
    "blosc lz4 byte": Blosc("lz4", 9, 1), "blosc zstd bit": Blosc("zstd", 9, 2), "blosc blosclz": Blosc("blosclz", 9, 0),
    "blosc lz4hc": Blosc("lz4hc", 9, 1), "blosc zlib": Blosc("zlib", 9, 1),
}
combinations = [(order, separator, end) for order in "CF" for separator in "./" for end in "<>"]
for name, compressor in compressors.items():
    for order, separator, end in combinations if name in ("plain", "zlib") else combinations[::7]:
        # Chunks of 180 bytes: blosc stores what is below 128 without its inner codec.
        single(f"{name}, {order}, {separator}, {end}", end + "u2", shape=(4, 5, 7), chunks=(3, 5, 6),
               compressor=compressor, order=order, dimension_separator=separator)
for dtype in ["|b1", "|i1", "|u1", "<i2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16",
              ">i4", ">u8", ">f2", ">f4", ">f8", ">c8", ">c16"]:
    single(f"type {dtype}", dtype, compressor=Zlib(9))
single("chunks missing, fill 7", drop=["0.0.0", "1.1.1"], fill_value=7)
single("fill null", fill_value=None)
for dtype, fill in [("<f4", np.nan), ("<f8", -np.inf), ("<f2", 1.5), ("<c8", 1 - 2j), ("|b1", True), ("<i8", -2**63),
                    ("<u8", 2**64 - 1), (">f4", np.inf), (">i2", -5)]:
    single(f"nothing stored, {dtype} {fill}", dtype, write=False, fill_value=fill)
single("no axes", "<f8", shape=(), chunks=())
single("no voxels", shape=(0, 3), chunks=(1, 2))
single("chunk larger than shape", shape=(3, 2), chunks=(8, 8), order="F", compressor=Zstd(1))
single("one axis", shape=(17,), chunks=(5,))
single("four axes", shape=(2, 3, 4, 5), chunks=(1, 2, 3, 2), order="F")


def put(group, path, data, chunks):
    array = group.create_dataset(path, data=data, chunks=chunks, compressor=Zstd(1), dimension_separator="/")
    return array


def pyramid():
    objects = {}
    root = zarr.open_group(objects, mode="w", zarr_version=2)
    axes = [{"name": "C", "type": "channel"}] + [
        {"name": n, "type": "space", "unit": u} for n, u in zip("zyx", ["micrometer", "nanometer", "nanometer"])]
    levels = [("s0", [1, 0.02, 4.0, 4.0], [0, 0.1, 10.0, 0.0]), ("s1", [1, 0.04, 8.0, 8.0], [0, 0.11, 12.0, 2.0])]
    root.attrs["multiscales"] = [{
        "version": "0.4", "name": "em", "axes": axes,
        "datasets": [{"path": p, "coordinateTransformations": [
            {"type": "scale", "scale": s}, {"type": "translation", "translation": t}]} for p, s, t in levels],
        "coordinateTransformations": [{"type": "scale", "scale": [1, 2, 1, 1]}]}]
    arrays = {"s0": put(root, "s0", values("u1", (2, 4, 6, 8)), (1, 2, 4, 4)),
              "s1": put(root, "s1", values("u1", (2, 2, 3, 4)), (1, 2, 4, 4))}
    labels = root.create_group("labels")
    labels.attrs["labels"] = ["cells"]
    cells = labels.create_group("cells")
    cells.attrs["image-label"] = {"source": {"image": "../../"}}
    cells.attrs["multiscales"] = [{"version": "0.3", "axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}]
    arrays["labels/cells/0"] = put(cells, "0", values("u4", (4, 6, 8)), (4, 4, 4))
    record("pyramid with labels", objects, arrays)


def hierarchy():
    objects = {}
    root = zarr.open_group(objects, mode="w", zarr_version=2)
    raw = put(root, "volumes/raw", values("u1"), (2, 3, 3))
    raw.attrs["_ARRAY_DIMENSIONS"] = ["Z", "Y", "X"]
    arrays = {"volumes/raw": raw, "volumes/mask": put(root, "volumes/mask", values("b1"), (3, 4, 5))}
    zarr.consolidate_metadata(objects)
    record("hierarchy, consolidated", objects, arrays)


pyramid()
hierarchy()
target = pathlib.Path(__file__).parent.parent / "Tests/HarvestFormatsTests/Fixtures/zarr/v2.json"
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text("[\n" + ",\n".join(json.dumps(s, separators=(",", ":")) for s in stores) + "\n]\n")
print(f"{len(stores)} stores, {target.stat().st_size} bytes")
