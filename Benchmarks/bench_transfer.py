#!/usr/bin/env python3
"""Our transfers beside aria2, lftp, curl, rclone and others, over a delayed link, several times in turn.

    bench_transfer.py HARVEST BENCH-FOLDER [--rounds 3] [--markdown RESULTS.md] [--only SCENARIO,…]

BENCH-FOLDER holds the servers, the link and the peers' commands (setup.sh, run.sh); it needs root for network namespaces.
Prints our figure, the best peer's, the floor's and the ratios, and puts them under "Transfer" into the Markdown file.
"""
import argparse, datetime, json, os, pathlib, platform, resource, statistics, subprocess, sys

LIMITS = "env HARVEST_HOST_LIMITS=198.18.7.1=connections:{},retrieves:4,burst:4 "
SCENARIOS = [  # name of the row, scenario, what stands before the command, where it writes and how
    ("1 GiB over HTTP, loopback, with sha256", "http1g", "", "{out}"),
    ("1 GiB over HTTP, loopback, without", "http1g", "", "{out} --no-sha256"),
    ("150 MB over FTP, 4 RETR/s, limits in the profile", "ftp150", LIMITS.format(32), "{out}"),
    ("150 MB over FTP, 4 RETR/s, limits unknown", "ftp150", "", "{out}"),
    ("the same, refusing with 450 and 421", "ftp150_reject", LIMITS.format(10), "{out}"),
    ("the same, limits unknown", "ftp150_reject", "", "{out}"),
    ("2,000 files of 1 MB from a listing", "dir2000", "", "{out}"),
    ("2,000 files of 1 MB, without sha256", "dir2000", "", "{out} --no-sha256"),
    ("5,003 Zarr objects, host unknown", "zarr5k", "", "{out}/zarr"),
    ("5,003 Zarr objects, 128 at a time, without sha256", "zarr5k", LIMITS.format(128), "{out}/zarr --no-sha256"),
    ("one connection at a tenth of the speed", "speeds_oneslow", "", "{out}"),
    ("speeds lognormal", "speeds_lognormal", "", "{out}"),
    ("speeds that jump", "speeds_jumpy", "", "{out}"),
    ("one connection falls silent", "speeds_silent", "", "{out}"),
]


def run(folder, work, *arguments):
    command = ["bash", str(folder / "run.sh"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"BENCH_DIR": str(work)})
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"{' '.join(command)}: no result (status {done.returncode})")
    return json.loads(lines[-1])


def hashing(file):
    """CPU seconds that sha256 takes for a cached file of 1 GiB: the least that a checksum adds to its transfer."""
    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    times = []
    for _ in range(4):  # the first one reads it in
        start = spent()
        subprocess.run(["openssl", "dgst", "-sha256", file], stdout=subprocess.DEVNULL, check=True)
        times.append(spent() - start)
    return statistics.median(times[1:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("harvest", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path(".build/bench-transfer"))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default="")
    p.add_argument("--markdown", type=pathlib.Path)
    o = p.parse_args()
    harvest, work = o.harvest.resolve(), o.work.resolve()
    if not harvest.is_file():
        p.error(f"{harvest} is no program")
    os.environ["HARVEST_CACHE"] = "none"  # nothing that an earlier run learnt
    if not (work / "bin" / "tundelay").exists():
        subprocess.run(["bash", str(o.folder / "setup.sh")], check=True, env=os.environ | {"BENCH_DIR": str(work)})
    rows = []
    for title, scenario, before, out in SCENARIOS:
        if o.only and scenario not in o.only.split(","):
            continue
        tool = f"{before}{harvest} fetch {{url}} --into {out} -q"
        r = run(o.folder, work, scenario, "--rounds", str(o.rounds), "--tool", tool, "--name", "harvest")
        right = "yes" if r["right"] else "**no**"
        peer = f"{r['best_peer']} {r['best_peer_s']:.2f} s" if r["best_peer"] else "none was right"
        ratios = [f"{r[k]:.2f}" if r.get(k) else "–" for k in ("x_best_peer", "x_floor")]
        rows.append([title, f"{r['wall_s']:.2f} s", f"{r['cpu_s']:.2f}", f"{r['rss_mb']:.0f}", f"{r['requests']:.0f}",
                     peer, ratios[0], f"{r['floor_s']:.2f} s" if r["floor_s"] else "–", ratios[1], right])
        print(" | ".join(rows[-1]), flush=True)
    if not o.only or "resume" in o.only:
        r = run(o.folder, work, "resume", "--tool", f"{harvest} fetch {{url}} --into {{out}} -q", "--peers", "none")
        rows.append([f"kill -9 at 50 %, again: {r['refetched_pct']} % re-fetched", *["–"] * 8, "yes" if r["right"] else "**no**"])
        r = run(o.folder, work, "faults", "--tool", f"{harvest} fetch {{url}} --into {{out}} -q", "--peers", "none")
        rows.append([f"30 faults: {r['good']} of {r['runs']} as they should be", *["–"] * 8, "yes" if not r["bad"] else "**no**"])
        print("\n".join(row[0] for row in rows[-2:]))
    probes = []
    if not o.only or "probe" in o.only.split(","):
        r = run(o.folder, work, "probe", "--rounds", str(o.rounds), "--tool", f"{harvest} probe {{url}} --json", "--name", "harvest",
                "--peers", "none")
        for f in r["files"]:
            goal = max(0.7 * f["floor_s"], 0.08)
            probes.append([f["file"], f"{f['requests']:.0f}", f"{f['floor_requests']:.0f}", f"{f['bytes']:,.0f}", f"{f['floor_bytes']:,.0f}",
                           f"{f['process_s']:.2f} s", f"{f['floor_s']:.2f} s", f"{f['process_s'] / f['floor_s']:.2f}", f"{goal:.2f} s",
                           "yes" if f["right"] else "**no**"])
            print(" | ".join(probes[-1]), flush=True)
    if o.markdown:
        head = ["what", "harvest", "CPU s", "RSS MB", "requests", "best peer", "ours / peer", "floor", "ours / floor", "right"]
        table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(r) + " |" for r in rows]
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        sha = "with" if " sha_ni" in open("/proc/cpuinfo").read() else "without"
        text = (f"## Transfer\n\n{datetime.date.today()}, {cpu}, {os.cpu_count()} cores {sha} SHA instructions, {platform.freedesktop_os_release()['PRETTY_NAME']}; "
                f"{o.rounds} runs in turn, medians.\n`make bench-transfer`; the floor is a bare client or arithmetic, as the bench prints it.\n\n"
                + "\n".join(table) + "\n")
        if not o.only or "http1g" in o.only.split(","):
            text += f"\nsha256 of 1 GiB alone: {hashing(work / 'data' / 'big1g.bin'):.2f} CPU s (`openssl dgst -sha256` of a cached file).\n"
        if probes:
            head = ["probe of", "requests", "floor's", "bytes", "floor's", "whole process", "floor script, within", "ours / floor", "goal", "right"]
            text += ("\nProbing at 20 ms round trip; the floor's seconds are without Python's start.\n\n| " + " | ".join(head) + " |\n|"
                     + "---|" * len(head) + "\n" + "\n".join("| " + " | ".join(r) + " |" for r in probes) + "\n")
        old = o.markdown.read_text() if o.markdown.exists() else "# Results\n"
        o.markdown.write_text(old.split("\n## Transfer")[0].rstrip() + "\n\n" + text)


if __name__ == "__main__":
    main()
