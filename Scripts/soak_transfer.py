#!/usr/bin/env python3
"""Proves `harvest fetch` against servers that cut, change and lie, kills, and calls of the system that fail.

    soak_transfer.py WHAT... [--harvest BINARY] [--count N] [--seed N] [--only N]

WHAT is cuts, changes, kills, torture, redirects, listings, or all. Right is: status 0 and the right file under the final
name, or another status and no wrong file there. Each prints one line of counts; the first wrong result ends the run with
status 1 and the seed and number that make it again (`--only` is that number). Standard library only; torture needs strace.
"""
import argparse
import concurrent.futures
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from transfer_runs import Wrong, content, data, environment, fetch, length, require, STATUS  # noqa: E402
from transfer_server import Served, Server, index_page  # noqa: E402
import soak_transfer_hostile as hostile  # noqa: E402

COUNTS = dict(cuts=10_000, changes=1_000, kills=500, torture=0, redirects=0, listings=0)
def cut(dice, size):
    """One cut: in the head sometimes, at any byte of the body else, the first and the last among them."""
    how = dice.choice(["rst", "close"])
    if dice.random() < 0.08:
        return ("head", dice.randrange(0, 120)), how
    return ("body", dice.choice([0, 1, max(0, size - 1)]) if dice.random() < 0.1 else dice.randrange(0, size + 1)), how


def many(o, count, one, workers=4):
    """Runs one(number) for all numbers, some at a time; the first wrong one ends all."""
    numbers = [o.only] if o.only is not None else range(count)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = {pool.submit(one, n): n for n in numbers}
        for future in concurrent.futures.as_completed(waiting):
            try:
                future.result()
            except Exception as error:
                for other in waiting:
                    other.cancel()
                raise Wrong("number %d: %s" % (waiting[future], error))


def cuts(o, server, top):
    """Answers that end at random bytes, several a run; half of the runs split the file among slow connections."""
    total, ended, failed, made = o.count, threading.Lock(), [0], [0]
    each = 4

    def one(number):
        dice = random.Random(f"{o.seed}-cuts-{number}")
        body = data(dice, length(dice))
        slow = dice.random() < 0.02
        if slow:
            body = data(dice, dice.randrange(3_000_000, 9_000_000))
        tags = dice.choice(["strong"] * 4 + ["weak", "date", "none"])
        planned = [cut(dice, len(body)) for _ in range(each)]
        served = Served(body, tags=tags, cuts=planned, ranges=dice.random() > 0.1, rate=2_000_000 if slow else None,
                        if_range=dice.random() > 0.2)
        path, into = "/c%d/f.bin" % number, "%s/c%d" % (top, number)
        server.paths[path] = served
        # A run gives up where tries without progress are spent; the same command again goes on.
        for run in range(12):
            status, said = fetch(o, "http://127.0.0.1:%d%s" % (server.port, path), into, top)
            found = content(into + "/f.bin")
            require(status in STATUS, "status %d: %s" % (status, said))
            require(found is None or found == body, "a wrong file under the final name, status %d" % status)
            if status == 0:
                require(found == body, "status 0 and no file")
                break
            require(said.strip(), "status %d and not a word" % status)
            with ended:
                failed[0] += 1
        else:
            raise Wrong("12 runs did not bring it: " + said)
        require(not os.path.exists(into + "/f.bin.part"), "f.bin.part is left")
        with ended:
            made[0] += each - len(served.cuts)
        del server.paths[path]
        subprocess.run(["rm", "-rf", into])

    runs = 0
    while made[0] < total:
        batch = max(1, (total - made[0] + 2) // 3)
        first = runs

        def numbered(n, first=first):
            return one(n if o.only is not None else first + n)

        many(o, batch, numbered)
        runs += batch
        if o.only is not None:
            break
    return "%d cuts in %d files, %d runs gave up and were run again, all byte-identical" % (made[0], runs, failed[0])


def changes(o, server, top):
    """Objects that another takes the place of, at a random request of one run or between two runs."""
    lock, mixed, seen = threading.Lock(), [0], dict(restarted=0, refused=0, unmoved=0)

    def one(number):
        dice = random.Random(f"{o.seed}-changes-{number}")
        size = max(2, length(dice))
        first = data(dice, size)
        versions = [first] + [data(dice, size if dice.random() < 0.7 else max(1, length(dice))) for _ in range(2)]
        slow = dice.random() < 0.05
        if slow:
            versions = [data(dice, 6_000_000) for _ in range(3)]
        planned = [cut(dice, size) for _ in range(dice.randrange(1, 5))]
        moments = sorted(dice.sample(range(2, 7), dice.choice([1, 1, 1, 2])))
        served = Served(*versions, tags=dice.choice(["strong", "strong", "weak", "date", "none"]), cuts=planned,
                        changes=moments, if_range=dice.random() > 0.4, rate=2_000_000 if slow else None)
        path, into = "/v%d/f.bin" % number, "%s/v%d" % (top, number)
        server.paths[path] = served
        url = "http://127.0.0.1:%d%s" % (server.port, path)
        refused = 0
        if dice.random() < 0.3:  # killed, and changed before the next run
            served.rate = max(20_000, size)
            killed(o, [url], into, top, dice.random() * 0.6)
            served.rate = None
            with served.lock:
                served.changes = [served.requests + 1] if dice.random() < 0.7 else [served.requests + 1, served.requests + 3]
        for _ in range(12):
            status, said = fetch(o, url, into, top)
            found = content(into + "/f.bin")
            require(status in STATUS, "status %d: %s" % (status, said))
            require(found is None or found in versions, "a mixed file under the final name, status %d" % status)
            if status == 0:
                require(found is not None, "status 0 and no file")
                break
            refused += 1
        else:
            raise Wrong("12 runs did not bring it: " + said)
        with lock:
            seen["refused" if refused else "restarted" if found != first else "unmoved"] += 1
        del server.paths[path]
        subprocess.run(["rm", "-rf", into])

    many(o, o.count, one)
    return "%d changed objects, 0 mixed: %d brought anew, %d after a refusal, %d done before the change" % (
        o.count, seen["restarted"], seen["refused"], seen["unmoved"])


def killed(o, urls, into, home, seconds):
    """Starts a fetch and kills it after so many seconds; whether it was still running."""
    process = subprocess.Popen([o.harvest, "fetch", *urls, "--into", into, "-q"], env=environment(home),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def compare_folder(into, files, whole):
    """Every file under its final name is right; with `whole`, all are there and nothing else is."""
    for name, body in files.items():
        found = content("%s/%s" % (into, name))
        require(found is None and not whole or found == body, "%s is %s" % (name, "missing" if found is None else "wrong"))
    if whole:
        left = {os.path.relpath(os.path.join(d, f), into) for d, _, fs in os.walk(into) for f in fs}
        odd = left - set(files) - {"manifest.jsonl"}
        require(not odd, "left behind: %s" % ", ".join(sorted(odd)))


def kills(o, server, top):
    """kill -9 at random moments of a folder's fetch, ten a folder, then one run to the end."""
    done, sent, whole, number, early = 0, 0, 0, 0, 0
    while done < o.count:
        if o.only is not None:
            number = o.only
        dice = random.Random(f"{o.seed}-kills-{number}")
        files = {"s%03d.bin" % n: data(dice, length(dice) % 200_000) for n in range(40)}
        files.update({"long%d.bin" % n: data(dice, dice.randrange(4_500_000, 7_000_000)) for n in range(2)})
        base = "/k%d/" % number
        served = {name: Served(body, rate=6_000_000) for name, body in files.items()}
        for name, item in served.items():
            server.paths[base + name] = item
        server.paths[base] = Served(index_page([(n, n, len(b)) for n, b in files.items()]), tags="none",
                                    kind="text/html", ranges=False)
        url, into, folder = "http://127.0.0.1:%d%s" % (server.port, base), top, "%s/k%d" % (top, number)
        for _ in range(min(10, o.count - done)):
            if killed(o, [url], into, top, dice.random() * 0.5):
                done += 1
            else:
                early += 1
                if early > 200 + o.count:
                    raise Wrong("runs end before they are killed")
                subprocess.run(["rm", "-rf", folder])  # whole already: from the start again
                for item in served.values():
                    item.sent = 0
                continue
            compare_folder(folder, files, whole=False)
        status, said = fetch(o, url, into, top)
        require(status == 0, "number %d: the run to the end has status %d: %s" % (number, status, said))
        try:
            compare_folder(folder, files, whole=True)
        except Wrong as error:
            raise Wrong("number %d: %s" % (number, error))
        sent += sum(item.sent for item in served.values())
        whole += sum(map(len, files.values()))
        number += 1
        subprocess.run(["rm", "-rf", folder])
        if o.only is not None:
            break
    again = 100 * (sent - whole) / whole
    return "%d kills in %d folders, all byte-identical, %.1f %% re-fetched a folder, %.2f %% a kill (sent by the server)" % (
        done, number, again, again * number / max(1, done))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="+", choices=[*COUNTS, "all"])
    p.add_argument("--harvest", default=".build/release/harvest")
    p.add_argument("--count", type=int)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", type=int, help="the one number to run again")
    o = p.parse_args()
    o.harvest = os.path.abspath(o.harvest)
    steps = dict(cuts=cuts, changes=changes, kills=kills, torture=hostile.torture, redirects=hostile.redirects,
                 listings=hostile.listings)
    asked, given = COUNTS if "all" in o.what else o.what, o.count
    for what in asked:
        o.count = given if given is not None else COUNTS[what]
        start = time.time()
        with tempfile.TemporaryDirectory(prefix="soak-") as top:
            try:
                line = steps[what](o, Server(), top)
            except Wrong as error:
                print("%s: WRONG (--seed %d): %s" % (what, o.seed, error), flush=True)
                sys.exit(1)
        print("%s: %s; seed %d, %.0f s" % (what, line, o.seed, time.time() - start), flush=True)


if __name__ == "__main__":
    main()
