"""What the parts of soak_transfer.py share: a run of `harvest fetch`, and what is wrong with one."""
import os
import random
import subprocess

STATUS = {0, 1, 65, 66, 73, 74, 75, 77}  # what the manual names for a fetch that was asked well
BLOB = random.Random(7).randbytes(24 << 20)  # data is a window of this


class Wrong(Exception):
    """A result that is not right, and how to see it again."""


def require(condition, why):
    if not condition:
        raise Wrong(why)


def data(dice, length):
    """Bytes no two callers share, as good as surely."""
    start = dice.randrange(len(BLOB) - length)
    return dice.randbytes(min(length, 16)) + BLOB[start:start + length - min(length, 16)]


def environment(home):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HARVEST_") and "proxy" not in k.lower()}
    return dict(kept, HOME=home, XDG_CACHE_HOME=home + "/cache")


def fetch(o, urls, into, home, *more, limit=90, prefix=()):
    """One run of `harvest fetch`: its status, and what it said."""
    command = [*prefix, o.harvest, "fetch", *([urls] if isinstance(urls, str) else urls), "--into", into, "-q", *more]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, env=environment(home), stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Wrong("no end after %d s: %s" % (limit, " ".join(command)))
    return done.returncode, done.stderr.decode(errors="replace")


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def length(dice):
    kind = dice.random()
    if kind < 0.06:
        return dice.choice([0, 1, 2, 1023, 16384])
    return dice.randrange(1, 40_000) if kind < 0.5 else dice.randrange(40_000, 3_000_000)
