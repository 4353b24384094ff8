#!/usr/bin/env python3
"""Runs the corpus judge on the rows this version promises, and on every malformed row of the same formats.

    corpus_scope.py --harvest .build/release/harvest --corpus .build/corpus --judge PATH/check_corpus.py [--show N]

Promised: all `ok` rows of DM3 and DM4 and of OME-NGFF attributes; those of precomputed volumes that are raw or JPEG,
sharded or not; of TIFF whose pages are all uncompressed or Deflate with samples of 8 to 64 bits (complex: 128); of Zarr
v2 whose arrays use no filter and no codec but zlib, gzip, zstd and blosc. At least 98 % of them must pass.
All rows `error` and `mixed` of these formats must end in a typed error or one reader's voxels: every one of them.
Exit status 1 where either does not hold.
"""
import argparse, importlib.util, json, os, sys
from concurrent.futures import ThreadPoolExecutor

# Rows whose reference we do not follow, each with the reason.
EXCEPTIONS = {
    "tiff_bad/go-fuzz-corpus/a3edca77a1e4e21ad32567a68f99b4095e8de6bb":
        "only Pillow reads it, and shows WhiteIsZero pixels inverted; ours are the raw samples (TIFF 6.0 section 8, "
        "PhotometricInterpretation: 'For bilevel and grayscale images: 0 is imaged as white'), its exact complement",
}
COLOUR = ("voxels agree; the reference's axes have one item less than its shape, while the outside contract wants one item per axis and "
          "names the samples of a pixel s")
for row in ("hyperspy-history/dm4_2D_data/test-8.dm4", "hyperspy-history/dm4_3D_data/test-23.dm4",
            *(f"rosettasciio/digitalmicrograph/{d}D/test-{n}.{e}" for d in (1, 2, 3) for n in (8, 23) for e in ("dm3", "dm4"))):
    EXCEPTIONS["dm/" + row] = COLOUR
CHANNELS = "voxels agree; the reference leaves the channels out of the shape, while the outside contract keeps c: c,z,y,x"
EXCEPTIONS["generated/precomputed/raw_3channels"] = CHANNELS
EXCEPTIONS["generated/precomputed/jpeg_3channels"] = CHANNELS
# Promised rows that fail, each with the reason; they count as failures all the same.
KNOWN = {
    "dm/rosettasciio/digitalmicrograph/1D/test-EDS_spectrum.dm3":
        "its one axis is calibrated in keV: an energy, which the reference calls x; voxels agree",
    "dm/rosettasciio/digitalmicrograph/2D/test_fft_packed_complex8.dm4":
        "half of a Fourier transform, refused as unsupported; the one reader that unfolds it mirrors columns and not rows and drops "
        "one of five columns, which is no transform of any real image",
    "tiff/generic/libtiff/images/test_ifd_loop_subifd.tif":
        "five directories (12, 170, 868, 1026, 1184) stand before the chain turns back to 868, and all five are pages "
        "(TIFF 6.0 section 2: 'Offset of next IFD'); tifffile drops the one at which it notices the loop",
    "tiff/em/rosettasciio/JEOL-SightX-TEM-mag-dummy.tif":
        "the pixel size stands only in JEOL's XML in ImageDescription, which TIFF 6.0 section 8 calls 'a string that describes "
        "the subject of the image'; voxels agree",
    "tiff/em/rosettasciio/TVIPS_bin4/TVIPS_bin4.tif":
        "the pixel size stands only in the binary private tag 37706 (TIFF 6.0 section 8, 'Private fields'); voxels agree",
    "tiff/em/rosettasciio/tiff_FEI_Helios/FEI-Helios-navcam.tif":
        "a navigation camera's picture without [Scan]; rosettasciio computes from [Image] of private tag 34682; voxels agree",
    "tiff/em/rosettasciio/tiff_hamamatsu/test_hamamatsu_streak_SCAN.tif":
        "one axis is time, the other a wavelength in nm (a spectrum), not a length in the specimen; voxels agree",
}
CODECS = {None, "zlib", "gzip", "zstd", "blosc"}


def promised(entry):
    if entry["expected"] != "ok":
        return False
    if entry["format"] == "tiff":
        pages = entry["readers"].get("tifffile", {}).get("pages") or []
        return bool(pages) and all(
            p.get("compression_code") in (1, 8, 32946) and p.get("bits_per_sample") in (8, 16, 32, 64, 128) for p in pages)
    if entry["format"] in ("dm", "ngff_json"):
        return True
    if entry["format"] == "precomputed":
        features = set(filter(None, (entry.get("features") or "").split(",")))
        return bool(features & {"raw", "jpeg"}) and features <= {"raw", "jpeg", "sharded", "suffix.gz"}
    if entry["format"] == "zarr":
        arrays = [n for n in entry.get("nodes") or [] if n.get("kind") == "array"]
        def plain(node):
            meta = node.get("metadata") or {}
            codec = (meta.get("compressor") or {}).get("id")
            return node.get("zarr_format") == 2 and codec in CODECS and not meta.get("filters")
        return bool(arrays) and all(plain(n) for n in arrays) and "v3" not in entry.get("features", "")
    return False


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--harvest", required=True)
    p.add_argument("--corpus", required=True)
    p.add_argument("--judge", required=True)
    p.add_argument("--show", type=int, default=40)
    p.add_argument("--formats", default="tiff,zarr,dm,precomputed,ngff_json")
    o = p.parse_args()
    spec = importlib.util.spec_from_file_location("judge", o.judge)
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    opts = argparse.Namespace(harvest=os.path.abspath(o.harvest), corpus=o.corpus, seconds=10, mib=512)
    entries = []
    for folder, _, names in os.walk(os.path.join(o.corpus, "expected")):
        for name in names:
            entry = json.load(open(os.path.join(folder, name)))
            if entry["format"] in o.formats.split(","):
                entries.append(entry)
    entries.sort(key=lambda e: e["path"])
    good = [e for e in entries if promised(e)]
    bad = [e for e in entries if e["expected"] in ("error", "mixed")]
    status = 0
    for title, rows, share in (("promised", good, 0.98), ("malformed", bad, 1.0)):
        with ThreadPoolExecutor(2) as pool:
            verdicts = list(pool.map(
                lambda e: judge.judge(e, os.path.join(o.corpus, "corpus", e["path"]), opts), rows))
        failed = [(e, why) for e, (verdict, why) in zip(rows, verdicts) if verdict == "fail"]
        for e, why in [f for f in failed if f[0]["path"] in EXCEPTIONS]:
            print(f"EXCEPTION {e['path']}: {EXCEPTIONS[e['path']]}")
        failed = [f for f in failed if f[0]["path"] not in EXCEPTIONS]
        for e, why in failed[:o.show]:
            print(f"FAIL {e['path']} [{e['expected']}]: {why}")
            if e["path"] in KNOWN:
                print(f"     because {KNOWN[e['path']]}")
        passed = len(rows) - len(failed)
        print(f"{title}: {passed} of {len(rows)} pass ({100 * passed / max(1, len(rows)):.1f} %)")
        if not rows or passed < share * len(rows):
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
