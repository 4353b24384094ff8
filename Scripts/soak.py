#!/usr/bin/env python3
"""Feeds damaged TIFF files and Zarr stores to `harvest probe` and `harvest read` until the time is over.

    soak.py HARVEST [--seconds 600] [--seed 1] [--corpus .build/corpus/corpus]

Right is: an exit status of the contract, never a signal, an answer within two seconds, one JSON line on stdout. What is
wrong is kept in .build/soak. Status 1 if anything was.
"""
import argparse
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

STATUS = {0, 1, 64, 65, 66, 69}


def mutate(data, dice):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        # Headers are at the front more often than not.
        at = dice.randrange(len(data)) if dice.random() < 0.4 else dice.randrange(min(len(data), 600))
        kind = dice.random()
        if kind < 0.5:
            data[at] = dice.choice([0, 255, 127, 128, dice.randrange(256)])
        elif kind < 0.7:
            data[at:at + 8] = bytes(dice.choice([0, 255, 127]) for _ in range(min(8, len(data) - at)))
        elif kind < 0.85:
            del data[at:at + dice.randrange(1, 16)]
        elif kind < 0.95:
            data = data[:at]
        else:
            data[at:at] = bytes(dice.randrange(256) for _ in range(8))
    return bytes(data)


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("harvest")
    p.add_argument("--seconds", type=float, default=600)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--corpus", default=".build/corpus/corpus")
    o = p.parse_args()
    dice, end, runs, wrong = random.Random(o.seed), time.time() + o.seconds, 0, 0
    files = glob.glob("Tests/HarvestFormatsTests/Fixtures/tiff/*.tif*")
    files += glob.glob(f"{o.corpus}/**/*.tif*", recursive=True) + glob.glob(f"{o.corpus}/tiff_bad/**/*", recursive=True)
    files = sorted(f for f in files if os.path.isfile(f) and os.path.getsize(f) < 200_000)
    stores = sorted(os.path.dirname(f) for f in glob.glob(f"{o.corpus}/**/.zarray", recursive=True))
    stores = [s for s in stores if sum(len(names) for _, _, names in os.walk(s)) < 40]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        while time.time() < end:
            remove(path)
            if not stores or dice.random() < 0.6:
                source = dice.choice(files)
                open(path, "wb").write(mutate(open(source, "rb").read(), dice))
            else:
                source = dice.choice(stores)
                shutil.copytree(source, path)
                inside = sorted(os.path.join(a, name) for a, _, names in os.walk(path) for name in names)
                headers = [f for f in inside if os.path.basename(f).startswith(".")]
                victim = dice.choice(headers if dice.random() < 0.7 else inside)
                data = mutate(open(victim, "rb").read(), dice)
                open(victim, "wb").write(data)
            each = dice.choice(["image", "array", "page"])
            for command in (["probe", "--json", "--all-levels", path], ["read", "--digest", "--json", "--each", each, path]):
                runs += 1
                start = time.time()
                try:
                    done = subprocess.run([o.harvest, *command], capture_output=True, timeout=20)
                    lines = done.stdout.decode(errors="replace").splitlines()
                    fine = done.returncode in STATUS and time.time() - start < 2 and len(lines) == 1 and json.loads(lines[0])
                    why = f"status {done.returncode}, {time.time() - start:.1f} s, {len(lines)} lines"
                except (subprocess.TimeoutExpired, ValueError) as error:
                    fine, why = False, str(error)[:200]
                if not fine:
                    wrong += 1
                    kept = f".build/soak/{o.seed}-{runs}"
                    os.makedirs(".build/soak", exist_ok=True)
                    remove(kept)
                    shutil.copytree(path, kept) if os.path.isdir(path) else shutil.copy(path, kept)
                    print(f"{source} {command[0]}: {why}; kept as {kept}")
    print(f"seed {o.seed}: {runs} runs, {wrong} wrong")
    sys.exit(1 if wrong or not runs else 0)


if __name__ == "__main__":
    main()
