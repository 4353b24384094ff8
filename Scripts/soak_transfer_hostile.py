"""The parts of soak_transfer.py in which the system, a redirect or a listing is the enemy."""
import base64
import concurrent.futures
import os
import random
import re
import shutil
import ssl
import subprocess
import tempfile
import threading

import transfer_runs as soak
from transfer_server import Served, Server, index_page

# ---------------------------------------------------------------------------------------------- failing system calls

CALLS = {
    "pwrite64": ["ENOSPC", "EIO"], "write": ["ENOSPC", "EIO"], "fsync,fdatasync": ["EIO"],
    "rename,renameat,renameat2": ["EIO", "EACCES"], "openat": ["ENOSPC", "EACCES", "EMFILE"], "mmap": ["ENOMEM"],
    "ftruncate,fallocate": ["EIO", "ENOSPC"], "flock": ["EINTR", "ENOLCK"], "msync": ["EIO"], "mkdir": ["ENOSPC"],
    "pread64,read": ["EIO"], "unlink": ["EACCES"],
}
LOADERS = ("openat", "mmap", "pread64,read")  # calls that are mostly the loader's: all of the last 40, a few of the others


def whole(lines):
    """A log of strace in which no call is cut in two by another thread's."""
    begun, out = {}, []
    for line in lines:
        thread, said = line.rstrip("\n").split(None, 1) if " " in line.strip() else ("", line.rstrip("\n"))
        if said.endswith("<unfinished ...>"):
            begun[thread] = said[:-len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", said)
        out.append(thread + " " + (begun.pop(thread, "") + said[resumed.end():] if resumed else said))
    return "\n".join(out + ["%s %s" % cut for cut in begun.items()])


def torture(o, server, top):
    """Lets each call of one kind fail in turn, until a run passes untouched; then runs the command again without."""
    if not shutil.which("strace"):
        raise soak.Wrong("strace is missing: bash Scripts/packages.sh test")
    dice = random.Random(o.seed)
    files = {"a.bin": soak.data(dice, 300_000), "b.bin": soak.data(dice, 5_000), "c.bin": soak.data(dice, 4_500_000)}
    for name, body in files.items():
        server.paths["/t/" + name] = Served(body)
    server.paths["/t/"] = Served(index_page([(n, n, len(b)) for n, b in files.items()]), kind="text/html", ranges=False)
    base = "http://127.0.0.1:%d/t/" % server.port
    jobs = [(base + "a.bin", "", {"a.bin": files["a.bin"]}), (base, "t/", files)]
    faults = passed = failed = 0

    def most(job, call):
        """How many calls of a kind one thread makes in a run that nothing happens to."""
        into = tempfile.mkdtemp(prefix="count", dir=top)
        log, url = into + ".strace", job[0]
        soak.fetch(o, url, into, top, prefix=["strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", "trace=" + call])
        threads = [line.split(None, 1)[0] for line in open(log, errors="replace")]
        shutil.rmtree(into, ignore_errors=True)
        return max(map(threads.count, set(threads)), default=0)

    def one(url, below, expected, call, error, when, number):
        into = "%s/t%d" % (top, number)
        log = into + ".strace"
        what = "--only %d: %s:error=%s:when=%s on %s" % (number, call, error, when, url[len(base):] or "the folder")
        prefix = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", "trace=" + call,
                  "-e", "inject=%s:error=%s:when=%s" % (call, error, when)]
        status, said = soak.fetch(o, url, into, top, prefix=prefix)
        calls = whole(open(log, errors="replace"))
        hit = "INJECTED" in calls
        # Where its last word could not be written, the status alone says it.
        mute = re.search(r"write\([12], .*INJECTED", calls)
        # The loader, before there is a second thread, and whoever gets no memory, end by a signal; as after kill -9, nothing
        # may be wrong and the next run goes on.
        # libdispatch traps where it may not open its own threads' /proc/N/stat.
        kernel = re.search(r"openat\([^,]*, \"/proc/[0-9].*INJECTED", calls)
        starting = kernel or call in LOADERS and not os.path.exists(into) and len({c.split(None, 1)[0] for c in calls.splitlines()}) < 2
        died = not 0 <= status < 128
        soak.require(not died or call == "mmap" or starting, "%s: ended by a signal or a trap (%d): %s" % (what, status, said[-500:]))
        for name, body in expected.items():
            found = soak.content(into + "/" + below + name)
            soak.require(found is None or found == body, "%s: %s is wrong, status %d" % (what, name, status))
            soak.require(status != 0 or found == body, "%s: status 0 and no %s" % (what, name))
        soak.require(status == 0 or said.strip() or mute or died, "%s: status %d and not a word" % (what, status))
        again, said = soak.fetch(o, url, into, top)
        soak.require(again == 0, "%s: the same command again has status %d: %s" % (what, again, said))
        for name, body in expected.items():
            soak.require(soak.content(into + "/" + below + name) == body, "%s: %s is wrong afterwards" % (what, name))
        shutil.rmtree(into, ignore_errors=True)
        os.unlink(log)
        return hit, status

    # Each kind of failure is a series of its own: every call alone, or (a disk that stays full) all from one on.
    pool = concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 1))
    kinds = [(job, call) for job in jobs for call in CALLS]
    lasts = pool.map(lambda kind: most(*kind), kinds)
    series = [(job, call, last, error, form) for (job, call), last in zip(kinds, lasts) for error in CALLS[call]
              for form in (["%d", "%d+"] if error in ("ENOSPC", "EIO") else ["%d"])]
    lock = threading.Lock()

    def run(index):
        nonlocal faults, passed, failed
        (url, below, expected), call, last, error, form = series[index]
        when, end = 1, last + 2
        if o.only is not None:
            when = end = o.only % 10_000
        while when <= end and not (o.count and faults >= o.count):
            hit, status = one(url, below, expected, call, error, form % when, index * 10_000 + when)
            if not hit:
                break
            with lock:
                faults, passed, failed = faults + 1, passed + (status == 0), failed + (status != 0)
            when += 9 if call in LOADERS and when < last - 40 else 1

    chosen = range(len(series)) if o.only is None else [o.only // 10_000]
    with pool:
        for done in concurrent.futures.as_completed([pool.submit(run, index) for index in chosen]):
            done.result()
    return "%d calls failed in turn, %d runs right all the same, %d ended with an error and went on afterwards, 0 silent" % (
        faults, passed, failed)


# ---------------------------------------------------------------------------------------------------------- redirects

USER, PASSWORD, TOKEN, COOKIE = "keeper", "s3cret-pw", "t0ken-in-query", "s3cret-cookie"
SECRETS = [PASSWORD, TOKEN, COOKIE, base64.b64encode(b"%s:%s" % (USER.encode(), PASSWORD.encode())).decode()]


def certificate(top, names):
    """A certificate of its own for these names, made with openssl."""
    paths = top + "/key.pem", top + "/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=soak", "-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names),
                    "-keyout", paths[0], "-out", paths[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths[1], paths[0])
    return context, paths[1]


def moved(location, status=302, extra=b""):
    def answer(target, asked):
        place = location(target) if callable(location) else location
        line = b"" if place is None else b"Location: " + place.encode("latin-1") + b"\r\n"
        return (b"HTTP/1.1 %d Moved\r\nSet-Cookie: session=%s; Path=/\r\n%s%sContent-Length: 0\r\n\r\n"
                % (status, COOKIE.encode(), line, extra))
    return Served(b"", answer=answer)


def shapes(port):
    """(name, Location, status, whether it may arrive): what a server may say, PORT being the other host's on loopback."""
    other = "http://other.example/ok.bin"
    good = [
        ("absolute", other), ("without a scheme", "//other.example/ok.bin"), ("path", "/ok.bin"), ("relative", "ok.bin"),
        ("dot", "./ok.bin"), ("up", "../ok.bin"), ("up over the root", "../../../ok.bin"), ("query", "/ok.bin?x=1"),
        ("another port", "http://first.example:8081/ok.bin"), ("capitals", "HTTP://OTHER.EXAMPLE/ok.bin"),
        ("fragment", other + "#part"), ("its own user", "http://them:theirs@other.example/ok.bin"),
        ("to https", "https://other.example/ok.bin"), ("explicit port", "http://other.example:80/ok.bin"),
    ]
    bad = [
        ("file", "file:///etc/passwd"), ("ftp", "ftp://other.example/ok.bin"), ("gopher", "gopher://other.example/1"),
        ("dict", "dict://127.0.0.1:%d/x" % port), ("data", "data:text/plain,x"), ("javascript", "javascript:alert(1)"),
        ("scp", "scp://other.example/ok.bin"), ("loopback", "http://127.0.0.1:%d/ok.bin" % port),
        ("localhost", "http://localhost:%d/ok.bin" % port), ("localhost.", "http://localhost.:%d/ok.bin" % port),
        ("cloud metadata", "http://169.254.169.254/latest/meta-data/"), ("::1", "http://[::1]:%d/ok.bin" % port),
        ("mapped v6", "http://[::ffff:127.0.0.1]:%d/ok.bin" % port),
        ("mapped v6, hex", "http://[::ffff:7f00:1]:%d/ok.bin" % port), ("::", "http://[::]:%d/ok.bin" % port),
        ("decimal", "http://2130706433:%d/ok.bin" % port), ("octal", "http://0177.0.0.1:%d/ok.bin" % port),
        ("hex", "http://0x7f.1:%d/ok.bin" % port), ("short", "http://127.1:%d/ok.bin" % port),
        ("zero", "http://0:%d/ok.bin" % port), ("0.0.0.0", "http://0.0.0.0:%d/ok.bin" % port),
        ("127/8", "http://127.9.9.9:%d/ok.bin" % port), ("private", "http://10.0.0.1:%d/ok.bin" % port),
        ("user as a host", "http://other.example@127.0.0.1:%d/ok.bin" % port),
        ("circled digits", "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/".encode().decode("latin-1")),
        ("NUL in the host", "http://other.example%00.first.example/ok.bin"), ("no host", "http:///ok.bin"),
        ("empty", ""), ("none", None),
        ("loop", "/r.bin"), ("two-step loop", "/l2.bin"), ("12 hops", "/h12"), ("to a name inside", "http://inside.localhost:%d/ok.bin" % port),
    ]
    rows = [(n, l, 302, True) for n, l in good] + [(n, l, 302, False) for n, l in bad]
    rows += [("status %d" % s, other, s, True) for s in (301, 303, 307, 308)]
    rows += [("100 KB", "http://other.example/" + "a" * 100_000, 302, None)]
    # To curl's parser, which also connects, what stands before the @ is a user.
    rows += [("backslash", "http://127.0.0.1:%d\\@other.example/ok.bin" % port, 302, None)]
    rows += [("9 hops over both hosts", "/h9", 302, True), ("status 300", other, 300, None), ("status 305", other, 305, None)]
    return rows


def redirects(o, first, top):
    """Redirects of every shape from one host to another: none carries a secret along, none leads inside."""
    context, ca = certificate(top, ["first.example", "other.example"])
    body = soak.data(random.Random(o.seed), 50_000)
    other, secure, secure_other = Server(), Server(tls=context), Server(tls=context)
    for server in (first, other, secure_other):
        server.paths["/ok.bin"] = server.paths["/x/ok.bin"] = Served(body)
    other_all = [other, secure_other]
    maps = ["first.example:80:127.0.0.1:%d" % first.port, "other.example:80:127.0.0.1:%d" % other.port,
            "first.example:8081:127.0.0.1:%d" % other.port, "first.example:443:127.0.0.1:%d" % secure.port,
            "other.example:443:127.0.0.1:%d" % secure_other.port]
    more = [word for line in maps for word in ("--connect-to", line)] + ["--ca", ca]
    first.paths["/l2.bin"] = moved("/x/r.bin")
    for n in range(1, 13):
        first.paths["/h%d" % n] = moved("/h%d" % (n - 1) if n % 3 else "http://other.example/h%d" % (n - 1))
        other.paths["/h%d" % n] = moved("http://first.example/h%d" % (n - 1))
    first.paths["/h0"] = other.paths["/h0"] = Served(body)
    rows = [("http", *row) for row in shapes(other.port)]
    rows += [("https", "down to http", "http://other.example/ok.bin", 302, False),
             ("https", "down to http on the same host", "http://first.example/ok.bin", 302, False),
             ("https", "to https", "https://other.example/ok.bin", 302, True),
             ("https", "down without credentials", "http://first.example:8081/ok.bin", 302, False)]
    followed = refused = 0
    for number, (scheme, name, location, status, may) in enumerate(rows):
        if o.only not in (None, number):
            continue
        source = secure if scheme == "https" else first
        source.paths["/x/r.bin"] = source.paths["/r.bin"] = moved(location, status)
        for server in (first, *other_all, secure):
            server.log.clear()
        into = "%s/r%d" % (top, number)
        url = "%s://%s:%s@first.example/x/r.bin?sig=%s" % (scheme, USER, PASSWORD, TOKEN)
        code, said = soak.fetch(o, url, into, top, *more)
        what = "number %d, %s: %s" % (number, scheme, name)
        seen = [text for server in other_all for text in server.log]
        if scheme == "https":  # in the open, even to the same name
            seen += first.log
        for text in seen:
            for secret in SECRETS:
                soak.require(secret not in text, "%s: the other host saw a secret:\n%s" % (what, text))
            for header in ("authorization:", "cookie:", "referer:"):
                own = name in ("its own user", "backslash") and header == "authorization:"
                soak.require(own or header not in text.lower(), "%s: the other host saw %s\n%s" % (what, header, text))
        soak.require(not any(s in said for s in SECRETS[:1]), "%s: a secret was printed: %s" % (what, said))
        found = soak.content(into + "/r.bin")
        soak.require(code in soak.STATUS | {64}, "%s: status %d: %s" % (what, code, said))
        soak.require(found in (None, body), "%s: a wrong file, status %d" % (what, code))
        soak.require((code == 0) == (found == body), "%s: status %d, file %s" % (what, code, found and len(found)))
        soak.require(may is None or (code == 0) == may, "%s: status %d, which is not right: %s" % (what, code, said))
        soak.require(may is not False or not seen or "hop" in name or scheme == "https" and not any(s.log for s in other_all),
                     "%s: refused, and asked for all the same:\n%s" % (what, "".join(seen)[:2000]))
        followed, refused = followed + (code == 0), refused + (code != 0)
    return "%d shapes: %d followed, %d refused, 0 secrets seen by another host" % (len(rows), followed, refused)


# ----------------------------------------------------------------------------------------------------------- listings

# As they stand in an address; the first field says whether the name is of this folder and must be reported.
HOSTILE = [
    (False, "../../../../tmp/evil1"), (True, "%2e%2e%2f%2e%2e%2fevil2"), (True, "..%5c..%5cevil3"), (False, "/etc/passwd"),
    (False, "http://127.0.0.1:1/evil4"), (False, "http://169.254.169.254/latest/meta-data/"),
    (False, "file:///etc/passwd"), (False, "ok/../../evil5"), (True, "a" * 300 + ".tif"), (True, "new%0aline.tif"),
    (True, "nul%00byte.tif"), (False, "javascript:alert(1)"), (False, "?C=N;O=D"), (True, "sl%2Fash.tif"),
    (True, "%2e%2e"), (True, "%2fetc%2fevil6"), (True, "%1b%5b31mred.tif"), (False, "//evil.example/evil7"), (True, "manifest.jsonl"),
    (True, "x.part"), (False, "./../evil8"), (True, "ev%e2%80%aefit.exe"), (True, "%c2%85next.tif"),
]
ODD = ["CON.tif", "-rf.tif", ".netrc", "sp%20ace.tif", "%e2%82%ac.tif", "100%25.tif"]  # odd, and files all the same


def tree(path):
    return sorted((os.path.join(d, f), os.lstat(os.path.join(d, f)).st_size) for d, _, fs in os.walk(path) for f in fs)


def listings(o, server, top):
    """Listings of three kinds with hostile names: good files arrive, nothing is written outside, names are reported."""
    from urllib.parse import unquote, unquote_to_bytes
    from xml.sax.saxutils import escape
    dice = random.Random(o.seed)
    good = {"x%02d.bin" % n: soak.data(dice, 2_000) for n in range(20)}
    odd = {name: b"odd\n" for name in ODD}
    names = [*good, *odd, *(name for _, name in HOSTILE)]
    dice.shuffle(names)
    apache = ("<html><head><title>Index of /apache</title></head><body><h1>Index of /apache</h1><table>"
              "<tr><th><a href='?C=N;O=D'>Name</a></th></tr><tr><td><a href='/'>Parent Directory</a></td></tr>%s</table>"
              % "".join("<tr><td><a href='%s'>%s</a></td><td>2026-11-26 10:00</td><td align='right'>2.0K</td></tr>"
                        % (n, n[:20]) for n in names)).encode()
    host = "soak-bucket.s3.amazonaws.com"
    context, ca = certificate(top, [host, "s3.amazonaws.com", "*.s3.amazonaws.com"])
    bucket = Server(tls=context, answer_all=Served(b"evil\n"))
    keys = "".join("<Contents><Key>d/%s</Key><Size>%d</Size></Contents>" % (
        escape(n), len(good[n]) if n in good else 4 if n in odd else 5) for n in names if n != "?C=N;O=D")
    xml = ('<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>soak-bucket</Name>'
           "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>%s</ListBucketResult>" % keys).encode()
    bucket.paths["/"] = bucket.paths["/soak-bucket"] = Served(xml, kind="application/xml", ranges=False)
    server.answer_all = Served(b"evil\n")
    for kind, page in (("nginx", index_page([(n, n[:20], 2000) for n in names])), ("apache", apache)):
        server.paths["/%s/" % kind] = Served(page, kind="text/html", ranges=False)
    for prefix, where in (("/nginx/", server), ("/apache/", server), ("/d/", bucket), ("/soak-bucket/d/", bucket)):
        for name, body in {**good, **odd}.items():
            where.paths[prefix + name] = where.paths[prefix + unquote(name)] = Served(body)
    lines = []
    for kind, url, more in (
        ("nginx", "http://127.0.0.1:%d/nginx/" % server.port, []), ("apache", "http://127.0.0.1:%d/apache/" % server.port, []),
        ("s3", "s3://soak-bucket/d/", ["--ca", ca, "--connect-to", "%s:443:127.0.0.1:%d" % (host, bucket.port),
                                       "--connect-to", "s3.amazonaws.com:443:127.0.0.1:%d" % bucket.port])):
        deep = "%s/deep-%s/1/2/3/4/5/6" % (top, kind)
        os.makedirs(deep)
        before = tree("%s/deep-%s" % (top, kind)), tree("/etc"), os.listdir("/tmp")
        code, said = soak.fetch(o, url, deep, top, *more)
        after = tree("%s/deep-%s" % (top, kind))
        outside = [p for p, _ in after if not p.startswith(deep + "/")]
        soak.require(not outside and tree("/etc") == before[1] and not [n for n in os.listdir("/tmp") if n.startswith("evil")],
                     "%s: written outside: %s" % (kind, outside))
        inside = deep + ("/d" if kind == "s3" else "/" + kind)
        for name, body in {**good, **odd}.items():
            soak.require(soak.content(inside + "/" + unquote(name)) == body,
                         "%s: %s did not arrive; status %d: %s" % (kind, unquote(name), code, said[-2000:]))
        kept = {os.path.relpath(p, inside) for p, _ in after} - {unquote(n) for n in (*good, *odd)} - {"manifest.jsonl"}
        if kind == "s3":  # where these are keys as any other
            kept -= {"javascript:alert(1)", "sl/ash.tif"}
        soak.require(not kept, "%s: files of hostile names were kept: %s" % (kind, sorted(kept)))
        reported = len(said.strip().splitlines())
        must = [n for here, n in HOSTILE if here and (kind != "s3" or n != "sl%2Fash.tif")]
        soak.require(code == 1 and reported >= len(must), "%s: status %d, %d of %d refused names reported:\n%s" % (
            kind, code, reported, len(must), said[-4000:]))
        soak.require(not any(ord(c) < 32 and c != "\n" for c in said), "%s: control characters were printed" % kind)
        lines.append("%s %d" % (kind, reported))
    return "%d hostile names in 3 kinds of listing: nothing outside, %d good files each, refused and reported: %s" % (
        len(HOSTILE), len(good) + len(odd), ", ".join(lines))
