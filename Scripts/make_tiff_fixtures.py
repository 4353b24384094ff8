#!/usr/bin/env python3
"""Writes the TIFF fixtures and expected.json into Tests/HarvestFormatsTests/Fixtures/tiff.

    python -m venv V && V/bin/pip install tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
    V/bin/python Scripts/make_tiff_fixtures.py

What expected.json says comes from what is written here: the arrays given to tifffile, and arithmetic for the files
that are put together byte by byte. Nothing of it was read back by this project. Files that tifffile wrote are also
read back with tifffile, as a check on the writer.
"""
import hashlib, io, itertools, json, pathlib, struct, sys, zlib

import numpy as np
import tifffile

OUT = pathlib.Path(__file__).parent.parent / "Tests/HarvestFormatsTests/Fixtures/tiff"
expected = {}


def ramp(shape, dtype, step=7):
    """Values that differ between neighbours along every axis and fill the type's range where it is an integer."""
    n = int(np.prod(shape))
    base = np.arange(n, dtype=np.uint64) * np.uint64(step) + np.arange(n, dtype=np.uint64) // np.uint64(5)
    kind = np.dtype(dtype)
    if kind == bool:
        return (base % 3 == 0).reshape(shape)
    if kind.kind in "ui":
        bits = kind.itemsize * 8
        spread = base * np.uint64(0x9E3779B97F4A7C15)
        return (spread >> np.uint64(64 - bits)).astype(f"u{kind.itemsize}").view(kind).reshape(shape)
    if kind.kind == "c":
        return ((base % 1000) * 0.25 - 1j * (base % 77)).astype(kind).reshape(shape)
    return ((base % 1000) * 0.25 - 100).astype(kind).reshape(shape)


def note(name, array, axes, voxel_size=None, pages=None, images=1, levels=None, **more):
    native = np.ascontiguousarray(array)
    if native.dtype.byteorder == ">":
        native = native.astype(native.dtype.newbyteorder("<"))
    expected[name] = {
        "shape": list(native.shape), "dtype": native.dtype.name, "axes": list(axes),
        "voxel_size": voxel_size, "pages": pages, "images": images, "levels": levels or [list(native.shape)],
        "sha256": hashlib.sha256(native.tobytes()).hexdigest(), **more,
    }


def write(name, array, axes, voxel_size=None, pages=1, note_array=None, check=True, **options):
    order = options.pop("byteorder", "<")
    bigtiff = options.pop("bigtiff", False)
    extra = {k: options.pop(k) for k in ("imagej", "ome") if k in options}
    with tifffile.TiffWriter(OUT / name, byteorder=order, bigtiff=bigtiff, **extra) as writer:
        writer.write(array, software=False, metadata=options.pop("metadata", None), **options)
    shown = array if note_array is None else note_array
    if check:
        assert np.array_equal(np.asarray(tifffile.imread(OUT / name)).reshape(shown.shape), shown), name
    note(name, shown, axes, voxel_size, pages)


# --- what tifffile writes ---------------------------------------------------------------------------------------

LAYOUTS = {"strips": dict(rowsperstrip=5), "tiles": dict(tile=(16, 16))}
COMPRESSIONS = {"none": {}, "deflate": dict(compression="zlib"), "packbits": dict(compression="packbits"),
                "zstd": dict(compression="zstd")}


def matrix():
    small = (19, 21)
    for big, order, layout, compression in itertools.product((False, True), "<>", LAYOUTS, COMPRESSIONS):
        name = f"{'big' if big else 'classic'}-{'le' if order == '<' else 'be'}-{layout}-{compression}.tif"
        write(name, ramp(small, "u2"), "yx", bigtiff=big, byteorder=order,
              **LAYOUTS[layout], **COMPRESSIONS[compression])
    for dtype, order in itertools.product(
            ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "bool"], "<>"):
        side = "le" if order == "<" else "be"
        write(f"dtype-{dtype}-{side}.tif", ramp((9, 11), dtype), "yx", byteorder=order, rowsperstrip=4,
              photometric="minisblack")
    for (dtype, predictor), order in itertools.product(
            [("u1", 2), ("u2", 2), ("i2", 2), ("u4", 2), ("u8", 2), ("f2", 3), ("f4", 3), ("f8", 3)], "<>"):
        side = "le" if order == "<" else "be"
        write(f"predictor{predictor}-{dtype}-{side}.tif", ramp((9, 11), dtype), "yx", byteorder=order, rowsperstrip=4,
              compression="zlib", predictor=predictor)
    write("predictor2-rgb-tiles.tif", ramp((20, 18, 3), "u2"), "yxs", photometric="rgb", tile=(16, 16),
          compression="zstd", predictor=2)
    write("predictor3-rgb.tif", ramp((9, 8, 3), "f4"), "yxs", photometric="rgb", compression="zlib", predictor=3)
    write("rgb-contig.tif", ramp((9, 11, 3), "u1"), "yxs", photometric="rgb", rowsperstrip=4)
    write("rgb-planar.tif", ramp((3, 9, 11), "u2"), "syx", photometric="rgb", planarconfig="separate", rowsperstrip=4,
          compression="zlib")
    write("rgb-planar-tiles-be.tif", ramp((3, 20, 18), "u2"), "syx", photometric="rgb", planarconfig="separate",
          tile=(16, 16), byteorder=">")
    write("pages.tif", ramp((5, 9, 11), "u2"), "zyx", pages=5, photometric="minisblack", rowsperstrip=9, contiguous=False)
    write("volumetric.tif", ramp((5, 20, 18), "u1"), "zyx", volumetric=True, tile=(2, 16, 16), compression="zlib",
          photometric="minisblack")


def imagej():
    array = ramp((2, 3, 2, 9, 11), "u2")  # TZCYX
    write("imagej-hyperstack.tif", array, "tzcyx", [None, 1500, None, 250, 125], pages=12, imagej=True, byteorder=">",
          resolution=(8, 4), metadata={"axes": "TZCYX", "unit": "\\u00B5m", "spacing": 1.5})
    # Read back by hand: ImageJ writes the unit as six ASCII characters.
    raw = (OUT / "imagej-hyperstack.tif").read_bytes()
    if b"\\u00B5m" not in raw and b"\\u00b5m" not in raw:
        sys.exit("tifffile no longer escapes the unit")
    stack = ramp((6, 9, 11), "u2")
    description = b"ImageJ=1.53t\nimages=6\nslices=6\nunit=nm\nspacing=40.0\n\0"
    pixels = stack.astype(">u2").tobytes()
    data = page(">", 11, 9, 16, pixels[:198], description=description, resolution=(1, 10), trailing=pixels[198:])
    (OUT / "imagej-one-directory.tif").write_bytes(data)
    note("imagej-one-directory.tif", stack, "zyx", [40, 10, 10], pages=6)


def ome():
    array = ramp((2, 3, 2, 9, 11), "u2")  # TCZYX
    write("ome-tczyx.tif", array, "tczyx", [None, None, 5.0, 0.4, 0.3], pages=12, ome=True,
          metadata={"axes": "TCZYX", "PhysicalSizeX": 3, "PhysicalSizeXUnit": "Å", "PhysicalSizeY": 4,
                    "PhysicalSizeYUnit": "Å", "PhysicalSizeZ": 0.005, "PhysicalSizeZUnit": "µm"},
          photometric="minisblack")
    write("ome-no-sizes.tif", ramp((4, 9, 11), "u1"), "zyx", None, pages=4, ome=True, metadata={"axes": "ZYX"},
          photometric="minisblack")
    write("ome-default-unit.tif", ramp((4, 9, 11), "u1"), "zyx", [None, 20, 20], pages=4, ome=True,
          metadata={"axes": "ZYX", "PhysicalSizeX": 0.02, "PhysicalSizeY": 0.02}, photometric="minisblack")
    first, second = ramp((3, 9, 11), "u2"), ramp((2, 7, 5), "u1")
    with tifffile.TiffWriter(OUT / "ome-two-images.tif", ome=True) as writer:
        writer.write(first, metadata={"axes": "ZYX", "PhysicalSizeX": 7, "PhysicalSizeXUnit": "nm"}, photometric="minisblack")
        writer.write(second, metadata={"axes": "TYX", "PhysicalSizeX": 9, "PhysicalSizeXUnit": "nm"}, photometric="minisblack")
    note("ome-two-images.tif", first, "zyx", [None, None, 7], pages=5, images=2, second={
        "shape": [2, 7, 5], "axes": list("tyx"), "voxel_size": [None, None, 9],
        "sha256": hashlib.sha256(second.tobytes()).hexdigest()})
    base = ramp((2, 64, 48), "u1")
    levels = [base, base[:, ::2, ::2], base[:, ::4, ::4]]
    with tifffile.TiffWriter(OUT / "ome-pyramid.tif", ome=True) as writer:
        writer.write(levels[0], subifds=2, tile=(16, 16), compression="zlib", photometric="minisblack",
                     metadata={"axes": "ZYX", "PhysicalSizeX": 4, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 4,
                               "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 30, "PhysicalSizeZUnit": "nm"})
        for level in levels[1:]:
            writer.write(level, subfiletype=1, tile=(16, 16), compression="zlib", photometric="minisblack")
    note("ome-pyramid.tif", base, "zyx", [30, 4, 4], pages=2, levels=[list(x.shape) for x in levels],
         level_sha256=[hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest() for x in levels])


# --- what is put together by hand (TIFF 6.0 §2) ------------------------------------------------------------------

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8}
CODES = {1: "B", 3: "H", 4: "I", 12: "d"}


def directory(order, at, entries, following=0):
    """One directory at `at`, its longer values behind it. Values: bytes, or a list of numbers."""
    entries = sorted(entries)
    head = struct.pack(order + "H", len(entries))
    extra = b""
    for tag, kind, value in entries:
        if not isinstance(value, bytes):
            if kind == 5:
                value = b"".join(struct.pack(order + "II", *pair) for pair in value)
            else:
                value = struct.pack(order + CODES[kind] * len(value), *value)
        count = len(value) // SIZES[kind]
        if len(value) > 4:
            offset = at + 2 + 12 * len(entries) + 4 + len(extra)
            extra += value + (b"\0" if len(value) % 2 else b"")
            value = struct.pack(order + "I", offset)
        head += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return head + struct.pack(order + "I", following) + extra


def header(order, first):
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, first)


def page(order, width, height, bits, pixels, compression=1, description=None, resolution=None, trailing=b"", tags=()):
    """A file of one page whose pixels begin at byte 8, in one strip."""
    body = pixels + trailing
    body += b"\0" * (len(body) % 2)
    entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits]), (259, 3, [compression]), (262, 3, [1]),
               (273, 4, [8]), (277, 3, [1]), (278, 3, [height]), (279, 4, [len(pixels)]), *tags]
    if description:
        entries.append((270, 2, description))
    if resolution:
        entries += [(282, 5, [resolution]),
                    (283, 5, [resolution]), (296, 3, [1])]
    return header(order, 8 + len(body)) + body + directory(order, 8 + len(body), entries)


def pack(array, bits):
    """Samples of `bits` bits, most significant bit first, each row from a byte boundary on (TIFF 6.0 §7)."""
    rows = []
    for row in array:
        text = "".join(format(int(value), f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        rows.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
    return b"".join(rows)


def packed():
    for bits, order in itertools.product((1, 2, 4, 6, 10, 12, 14), "<>"):
        values = (np.arange(9 * 11).reshape(9, 11) * 37 + 5) % (1 << bits)
        array = values.astype(bool if bits == 1 else np.uint8 if bits <= 8 else np.uint16)
        name = f"bits{bits}-{'le' if order == '<' else 'be'}.tif"
        (OUT / name).write_bytes(page(order, 11, 9, bits, pack(values, bits)))
        note(name, array, "yx", pages=1)
    values = (np.arange(9 * 11).reshape(9, 11) * 37 + 5) % (1 << 12)
    (OUT / "bits12-deflate.tif").write_bytes(page("<", 11, 9, 12, zlib.compress(pack(values, 12)), compression=8))
    note("bits12-deflate.tif", values.astype(np.uint16), "yx", pages=1)


def reversed_bits():
    flip = bytes(int(format(i, "08b")[::-1], 2) for i in range(256))
    values = (np.arange(9 * 11).reshape(9, 11) * 3 + 1) % 2
    (OUT / "fillorder2-bits1.tif").write_bytes(
        page("<", 11, 9, 1, pack(values, 1).translate(flip), tags=[(266, 3, [2])]))
    note("fillorder2-bits1.tif", values.astype(bool), "yx", pages=1)
    array = ramp((9, 11), "u1")
    (OUT / "fillorder2-u8.tif").write_bytes(
        page("<", 11, 9, 8, array.tobytes().translate(flip), tags=[(266, 3, [2])]))
    note("fillorder2-u8.tif", array, "yx", pages=1)


def instruments():
    array = ramp((9, 16), "u1")
    fei = ("[User]\r\nDate=05/21/2015\r\n\r\n[System]\r\nSystemType=Helios NanoLab 660\r\n\r\n[Beam]\r\nHV=2000\r\nSpot=\r\n"
           "[EBeam]\r\nWD=0.00401\r\nBeamCurrent=5e-011\r\n[Scan]\r\nDwelltime=3e-006\r\nPixelWidth=5.2e-009\r\n"
           "PixelHeight=4.8e-009\r\n[Detectors]\r\nNumber=1\r\nName=TLD\r\n\0").encode()
    (OUT / "fei.tif").write_bytes(page("<", 16, 9, 8, array.tobytes(), tags=[(34682, 2, fei)]))
    note("fei.tif", array, "yx", [4.8, 5.2], pages=1, instrument={
        "beam_energy": 2, "dwell_time": 3e-6, "working_distance": 4.01, "beam_current": 0.05, "detector": "TLD",
        "microscope": "Helios NanoLab 660", "date": "05/21/2015"})
    broken = "[Scan]\r\nPixelWidth=\r\nPixelHeight=not a number\r\n[Beam]\r\nHV=-\r\n[Detectors]\r\nName=\r\n\0".encode()
    (OUT / "fei-empty.tif").write_bytes(page("<", 16, 9, 8, array.tobytes(), tags=[(34682, 2, broken)]))
    note("fei-empty.tif", array, "yx", None, pages=1, instrument={})
    # The fourth number is metres per pixel of an image 1024 pixels wide: 16 pixels are 64 times as large.
    zeiss = b"\r\n0\r\n0\r\n0\r\n2.5e-010\r\nAP_WD\r\nWD =  5.3 mm\r\nAP_PIXEL_SIZE\r\nPixel Size = 99.0 nm \xb5\r\n\0"
    (OUT / "zeiss.tif").write_bytes(page("<", 16, 9, 8, array.tobytes(), tags=[(34118, 2, zeiss)]))
    note("zeiss.tif", array, "yx", [16, 16], pages=1)
    dm = [(65009, 12, [0.0052]), (65010, 12, [0.0048]), (65003, 2, b"\xb5m\0"), (65004, 2, b"\xb5m\0")]
    (OUT / "digitalmicrograph.tif").write_bytes(page("<", 16, 9, 8, array.tobytes(), tags=dm))
    note("digitalmicrograph.tif", array, "yx", [4.8, 5.2], pages=1)


def chains():
    array = ramp((9, 16), "u1")
    whole = page("<", 16, 9, 8, array.tobytes())
    first = 8 + 144
    back = whole[:first + 2 + 12 * 9] + struct.pack("<I", first) + whole[first + 2 + 12 * 9 + 4:]
    (OUT / "loop.tif").write_bytes(back)
    note("loop.tif", array, "yx", pages=1)
    empty = [(256, 3, [0]), (257, 3, [0]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (273, 4, [8]), (277, 3, [1]),
             (278, 3, [1]), (279, 4, [0])]
    second = len(whole) + len(whole) % 2
    linked = whole[:first + 2 + 12 * 9] + struct.pack("<I", second) + whole[first + 2 + 12 * 9 + 4:]
    (OUT / "page-of-no-size.tif").write_bytes(linked.ljust(second, b"\0") + directory("<", second, empty))
    note("page-of-no-size.tif", array, "yx", pages=2, images=2)
    # Two of six tiles are not stored: offset and count 0 (GDAL's sparse files).
    tiles = np.zeros((32, 48), np.uint8)
    data, offsets, counts = b"", [], []
    for index, (y, x) in enumerate(itertools.product((0, 16), (0, 16, 32))):
        if index in (1, 5):
            offsets.append(0), counts.append(0)
            continue
        tile = (np.arange(256, dtype=np.uint16).reshape(16, 16) * (index + 3) % 251).astype(np.uint8)
        tiles[y:y + 16, x:x + 16] = tile
        offsets.append(8 + len(data)), counts.append(256)
        data += tile.tobytes()
    entries = [(256, 3, [45]), (257, 3, [30]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (277, 3, [1]),
               (322, 3, [16]), (323, 3, [16]), (324, 4, offsets), (325, 4, counts)]
    (OUT / "sparse-tiles.tif").write_bytes(header("<", 8 + len(data)) + data + directory("<", 8 + len(data), entries))
    note("sparse-tiles.tif", tiles[:30, :45], "yx", pages=1)


def stride():
    """Forty pages as ITK and libtiff lay them out: pixels, directory, strip arrays, software string, pad; the pad
    after the last page is not written."""
    pages, height, width, rows = 40, 64, 48, 20
    strips = -(-height // rows)
    array = ramp((pages, height, width), "u1", step=3)
    software = b"InsightToolkit\0"
    span = 2 + 14 * 12 + 4 + 8 * strips + len(software)
    step = height * width + span + 1 & ~1
    assert (height * width + span) % 2 == 1
    data = header("<", 8 + height * width)
    for index in range(pages):
        start = 8 + index * step
        at = start + height * width
        offsets = at + 2 + 14 * 12 + 4
        def entry(tag, kind, count, value):
            return struct.pack("<HHII", tag, kind, count, value)
        data += array[index].tobytes() + struct.pack("<H", 14)
        data += entry(254, 4, 1, 2) + entry(256, 3, 1, width) + entry(257, 3, 1, height) + entry(258, 3, 1, 8)
        data += entry(259, 3, 1, 1) + entry(262, 3, 1, 1) + entry(273, 4, strips, offsets) + entry(274, 3, 1, 1)
        data += entry(277, 3, 1, 1) + entry(278, 3, 1, rows) + entry(279, 4, strips, offsets + 4 * strips)
        data += entry(284, 3, 1, 1) + entry(297, 3, 2, index | pages << 16)
        data += entry(305, 2, len(software), offsets + 8 * strips)
        data += struct.pack("<I", 0 if index == pages - 1 else at + step)
        data += struct.pack(f"<{strips}I", *(start + i * rows * width for i in range(strips)))
        data += struct.pack(f"<{strips}I", *(min(rows, height - i * rows) * width for i in range(strips)))
        data += software
        if index < pages - 1:
            data += b"\0"
    # Kept small in the repository: the test inflates it.
    (OUT / "stride.tif.zz").write_bytes(zlib.compress(data, 9))
    check = tifffile.imread(io.BytesIO(data))
    assert np.array_equal(check, array)
    note("stride.tif.zz", array, "zyx", pages=pages, bytes=len(data), step=step, first=8 + height * width, span=span)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    for make in (matrix, imagej, ome, packed, reversed_bits, instruments, chains, stride):
        make()
    (OUT / "expected.json").write_text(json.dumps(expected, indent=0, sort_keys=True) + "\n")
    sizes = [path.stat().st_size for path in OUT.iterdir()]
    print(f"{len(sizes)} files, {sum(sizes)} bytes")


if __name__ == "__main__":
    main()
