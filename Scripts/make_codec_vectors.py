#!/usr/bin/env python3
"""Writes Tests/HarvestCodecsTests/Vectors.swift: one array, encoded by the reference tools.

Needs numcodecs 0.15.1 (python zlib and gzip come with it):
    pip install numcodecs==0.15.1 && python3 Scripts/make_codec_vectors.py
"""
import gzip
import io
import pathlib
import struct
import zlib

import numpy as np
from numcodecs import Blosc, GZip, Zlib, Zstd

values = (np.arange(512) // 8 * 7 % 97).astype("<u2")
data = values.tobytes()
vectors = []


def add(codec, name, encoded):
    vectors.append((codec, name, bytes(encoded)))


raw = zlib.compressobj(9, zlib.DEFLATED, -15)
raw = raw.compress(data) + raw.flush()
add("deflate", "python zlib, raw", raw)
add("zlib", "python zlib", zlib.compress(data, 9))
add("zlib", "python zlib, stored", zlib.compress(data, 0))
add("zlib", "numcodecs", Zlib(level=1).encode(values))
add("zlib", "bytes after the stream", zlib.compress(data, 6) + b"\xff\xff")
add("gzip", "numcodecs", GZip(level=5).encode(values))
first = io.BytesIO()
with gzip.GzipFile("name.bin", "wb", fileobj=first, mtime=0) as file:
    file.write(data[:100])
add("gzip", "two members and padding", first.getvalue() + gzip.compress(data[100:], mtime=0) + b"\0" * 5)
header = bytes([0x1F, 0x8B, 8, 0x1E, 0, 0, 0, 0, 0, 3]) + struct.pack("<H", 4) + b"abcd" + b"name\0" + b"comment\0"
header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
full = header + raw + struct.pack("<II", zlib.crc32(data), len(data))
assert gzip.decompress(full) == data
add("gzip", "all optional fields", full)
add("zstd", "numcodecs", Zstd(level=3).encode(values))
add("zstd", "numcodecs, checksum", Zstd(level=3, checksum=True).encode(values))
skippable = struct.pack("<II", 0x184D2A53, 3) + b"xyz"
add("zstd", "skippable and two frames", skippable + bytes(Zstd(level=1).encode(data[:100])) + skippable
    + bytes(Zstd(level=19).encode(data[100:])))
for inner in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]:
    for shuffle, word in enumerate(["none", "byte", "bit"]):
        encoded = Blosc(cname=inner, clevel=9, shuffle=shuffle).encode(values)
        assert len(encoded) < len(data)
        add("blosc", f"numcodecs {inner}, shuffle {word}", encoded)
add("blosc", "numcodecs, stored", Blosc(cname="lz4", clevel=0).encode(values))
add("blosc", "numcodecs, blocks of 256", Blosc(cname="zstd", clevel=9, shuffle=1, blocksize=256).encode(values))

lines = [
    "// Made by Scripts/make_codec_vectors.py; do not edit.",
    "",
    "/// One array, encoded by the reference tools.",
    "struct Vector: Sendable, CustomTestStringConvertible {",
    "    let codec: String, name: String, hex: String",
    '    var testDescription: String { "\\(codec): \\(name)" }',
    "",
    "    static let all: [Vector] = [",
]
for codec, name, encoded in vectors:
    text = encoded.hex()
    lines += ["        Vector(", f'            codec: "{codec}", name: "{name}",', '            hex: """']
    lines += [f"                {text[i:i + 100]}\\" for i in range(0, len(text), 100)]
    lines[-1] = lines[-1][:-1]
    lines += ['                """),']
lines += ["    ]", "}", ""]
lines.insert(1, "")
lines.insert(2, "import Testing")
target = pathlib.Path(__file__).parent.parent / "Tests/HarvestCodecsTests/Vectors.swift"
target.write_text("\n".join(lines))
