"""The tissue that harvest-replica shows, in numpy: the same integers as Sources/HarvestReplica/Formula.

Every voxel is a function of its place. Four fields of smooth noise (quadratic B-splines over hashed lattice
points, 128, 64, 32 and 16 voxels apart) become membranes, mitochondria, cristae and vesicles; a hash of the place
adds grain. Integers only, so that two programs can agree exactly.

    epfl(slice(0, 4), slice(0, 100), slice(0, 100))        uint8, the microscope's volume
    groundtruth("testing", z, y, x)                        uint8, 0 or 255
    openorganelle(0, ((0, 70), (0, 64), (60, 130)))        int16, any level of the pyramid

Ranges are slices, `range`s or pairs (first, end).
"""
import numpy as np

EPFL_SHAPE = (1065, 1536, 2048)
CROP_SHAPE = (165, 768, 1024)
CROPS = {"training": (0, 0, 0), "testing": (900, 768, 1024)}
LEVELS = [(564, 2520, 2596), (282, 1260, 1298), (141, 630, 649), (70, 315, 324), (35, 157, 162), (17, 78, 81),
          (8, 39, 40), (4, 19, 20), (2, 9, 10)]
CHUNK = 64
PROTOTYPES = 64
BUCKET_SHAPE = (32, 48, 40)

_FIELDS = {"large": (7, 0x1B873593), "medium": (6, 0xCC9E2D51), "small": (5, 0x38B34AE5), "fine": (4, 0xA1E38B93)}
_GRAIN = (0x5BD1E995, 0x27D4EB2F)
_CHOICE = 0x165667B1
_MASK = np.uint64(0xFFFFFFFF)


def _scatter(z, y, x, seed):
    """A 32-bit hash of a lattice point; the arguments broadcast."""
    z, y, x = (np.asarray(v, np.uint64) for v in (z, y, x))
    h = (np.uint64(seed) + x * np.uint64(0x9E3779B1) + y * np.uint64(0x85EBCA77) + z * np.uint64(0xC2B2AE3D)) & _MASK
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & _MASK
    h ^= h >> np.uint64(12)
    h = (h * np.uint64(0x297A2D39)) & _MASK
    return h ^ (h >> np.uint64(15))


def _spline(values, axis, first, places, shift):
    """Along one axis: lattice values from node `first` on become values at `places`."""
    spacing = 1 << shift
    node, t = (places >> shift) - first, places & (spacing - 1)
    form = [1] * values.ndim
    form[axis] = -1
    weights = (spacing - t) ** 2, spacing ** 2 + 2 * spacing * t - 2 * t * t, t * t
    total = sum(w.reshape(form) * np.take(values, node + i, axis) for i, w in enumerate(weights))
    return total >> (2 * shift + 1)


def _field(name, z, y, x):
    """One field over the box of the places z, y, x: about -2048 to 2047."""
    shift, seed = _FIELDS[name]
    steps = np.arange(x[0] >> 3, (x[-1] >> 3) + 2)
    nodes = [np.arange(p[0] >> shift, (p[-1] >> shift) + 3) for p in (z, y, steps * 8)]
    values = _scatter(nodes[0][:, None, None], nodes[1][None, :, None], nodes[2][None, None, :], seed)
    values = ((values >> np.uint64(23)).astype(np.int64) - 256) << 4
    for axis, places in enumerate((z, y, steps * 8)):
        values = _spline(values, axis, nodes[axis][0], places, shift)
    at, t = (x >> 3) - steps[0], x & 7
    return (values[..., at] * 8 + (values[..., at + 1] - values[..., at]) * t) >> 4


def _grain(z, y, x):
    """Sixteen hashed bits of every voxel."""
    a, b = (_scatter(z[:, None, None], y[None, :, None], 0, seed) & np.uint64(0xFFFF) for seed in _GRAIN)
    sixteen = np.uint64(0xFFFF)
    h = (x.astype(np.uint64)[None, None, :] * np.uint64(0x9E37) + a) & sixteen
    h ^= h >> np.uint64(7)
    h = (h * np.uint64(0xA2F5)) & sixteen
    h ^= b
    h ^= h >> np.uint64(8)
    h = (h * np.uint64(0x6D2B)) & sixteen
    return (h ^ (h >> np.uint64(9))).astype(np.int64)


def _ridge(width, field):
    return np.maximum(0, width - np.abs(field))


def _mitochondrion(medium, small):
    """Positive inside a mitochondrion."""
    return medium + (small >> 3) - 520


def _tissue(z, y, x):
    """Brightness before it is cut to a data type, and the grain's bits."""
    large, medium, small, fine = (_field(name, z, y, x) for name in ("large", "medium", "small", "fine"))
    bits = _grain(z, y, x)
    mitochondrion = _mitochondrion(medium, small)
    inside = mitochondrion > 0
    vesicle = fine - 820
    grey = 158 + (large >> 6) + (small >> 6) + (fine >> 5)
    grey = grey - _ridge(56, large + (small >> 2)) - _ridge(52, medium - (large >> 1) + (small >> 2) + 330)
    grey = grey - (_ridge(64, mitochondrion) + (_ridge(64, mitochondrion) >> 1))
    grey = grey - np.where(inside, 34 + (_ridge(120, small - (fine >> 2)) >> 1), 0)
    grey = grey - np.where(inside, 0, _ridge(160, vesicle) >> 1)
    grey = grey + np.where(inside, 0, np.clip(vesicle - 100, 0, 300) >> 3)
    return grey + (((bits & 31) + ((bits >> 5) & 31) + ((bits >> 10) & 31) - 46) >> 1), bits


def _places(*ranges):
    for r in ranges:
        if isinstance(r, slice):
            r = (r.start or 0, r.stop)
        yield np.arange(r[0], r[-1] + 1 if isinstance(r, range) else r[1], dtype=np.int64)


def epfl(z, y, x):
    """The voxels of volumedata.tif (and beyond its borders, if asked)."""
    return np.clip(_tissue(*_places(z, y, x))[0], 0, 255).astype(np.uint8)


def crop(name, z, y, x):
    """The voxels of training.tif or testing.tif: a part of the volume."""
    z, y, x = (p + origin for p, origin in zip(_places(z, y, x), CROPS[name]))
    return np.clip(_tissue(z, y, x)[0], 0, 255).astype(np.uint8)


def groundtruth(name, z, y, x):
    """The voxels of training_groundtruth.tif or testing_groundtruth.tif: 255 in mitochondria."""
    z, y, x = (p + origin for p, origin in zip(_places(z, y, x), CROPS[name]))
    inside = _mitochondrion(_field("medium", z, y, x), _field("small", z, y, x)) > 0
    return np.where(inside, 255, 0).astype(np.uint8)


def results(z, y, x):
    """The voxels of results_test.tif: a segmentation of testing.tif that errs at the borders."""
    z, y, x = (p + origin for p, origin in zip(_places(z, y, x), CROPS["testing"]))
    found = _mitochondrion(_field("medium", z, y, x), _field("small", z, y, x)) + (_field("fine", z, y, x) >> 3) - 24 > 0
    return np.where(found, 255, 0).astype(np.uint8)


_blocks = {}


def prototype(number):
    """One of the blocks of 64 cubed int16 voxels that all chunks of the pyramid are drawn from."""
    if number not in _blocks:
        origin = (2000 + 97 * number, 1000 + 131 * number, 3000 + 211 * number)
        grey, bits = _tissue(*(np.arange(o, o + CHUNK, dtype=np.int64) for o in origin))
        _blocks[number] = (np.clip(grey, 0, 255) * 14 + (bits & 15) - 1792).astype(np.int16)
    return _blocks[number]


def chosen(level, cz, cy, cx):
    """Which prototype a chunk holds."""
    return int(_scatter(cz, cy, cx, (_CHOICE + level) & 0xFFFFFFFF)) % PROTOTYPES


def openorganelle(level, box):
    """The voxels of level `level` in `box`, three ranges z, y, x."""
    places = list(_places(*box))
    out = np.zeros([len(p) for p in places], np.int16)
    chunks = [range(p[0] // CHUNK, p[-1] // CHUNK + 1) for p in places]
    for cz in chunks[0]:
        for cy in chunks[1]:
            for cx in chunks[2]:
                inner, outer = [], []
                for p, c in zip(places, (cz, cy, cx)):
                    first, end = max(p[0], c * CHUNK), min(p[-1] + 1, (c + 1) * CHUNK)
                    inner.append(slice(first - c * CHUNK, end - c * CHUNK))
                    outer.append(slice(first - p[0], end - p[0]))
                out[tuple(outer)] = prototype(chosen(level, cz, cy, cx))[tuple(inner)]
    return out


def bucket(z, y, x):
    """The voxels of gs://replica-bucket/volume.zarr."""
    return epfl(*(p[[0, -1]] + [o, o + 1] for p, o in zip(_places(z, y, x), (500, 700, 900))))
