#!/usr/bin/env python3
"""Holds the program's signatures, tokens and logins against what others make of them.

    pip install -r Scripts/requirements.txt
    python3 Scripts/check_access.py [--bin .build/release] [--seed 1]

A server that speaks like S3 computes every request's signature anew with botocore (of key and query as they were meant,
encoded by Python) and refuses any other one. A server that speaks like Google verifies what asks for a token with
openssl. pyftpdlib serves files over implicit TLS to the user of a .netrc, and tells dates late, never or another one
each time. Prints the number of requests held against them; status 1 at the first difference.
"""
import argparse
import base64
import collections
import hashlib
import html
import http.server
import io
import json
import logging
import os
import pathlib
import random
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import ThreadedFTPServer

KEY, SECRET, TOKEN, REGION = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3J+/=", "eu-west-1"
HARVEST = None
counts = collections.Counter()


class Server(http.server.ThreadingHTTPServer):
    """On a free port of this machine, until the `with` ends."""

    def __init__(self, handler, certificate=None):
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_object(self, data):
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, data, ETag='"%s"' % hashlib.md5(data).hexdigest())
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = (int(first), min(int(last or len(data)) + 1, len(data))) if first else (-int(last), len(data))
        start = max(0, start + len(data)) if start < 0 else start
        if start >= len(data):
            return self.answer(416, Content_Range=f"bytes */{len(data)}")
        self.answer(206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(data)}",
                    ETag='"%s"' % hashlib.md5(data).hexdigest())


def s3(objects, token):
    """A handler for these objects of the bucket `em-data`."""

    def signature(handler, parts, names):
        """What botocore makes of the request that was meant."""
        path = urllib.parse.quote(urllib.parse.unquote(parts.path), safe="/-._~")
        query = "&".join(
            f"{urllib.parse.quote(name, safe='-._~')}={urllib.parse.quote(value, safe='-._~')}"
            for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        host = handler.headers["Host"]
        request = botocore.awsrequest.AWSRequest(
            "GET", f"http://{host}{path}" + (f"?{query}" if query else ""),
            headers={name: handler.headers[name] for name in names})
        request.context["timestamp"] = handler.headers["x-amz-date"]
        signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(KEY, SECRET, token), "s3", REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return signer.signature(text, request)

    class S3(Handler):
        def do_GET(self):
            header = self.headers.get("Authorization")
            if not header:
                counts["unsigned"] += 1
                return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            fields = dict(field.split("=", 1) for field in header.removeprefix("AWS4-HMAC-SHA256 ").split(","))
            parts = urllib.parse.urlsplit(self.path)
            names = fields["SignedHeaders"].split(";")
            assert {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names)
            assert fields["Credential"] == f"{KEY}/{self.headers['x-amz-date'][:8]}/{REGION}/s3/aws4_request"
            if (fields["Signature"] != signature(self, parts, names)
                    or self.headers.get("x-amz-security-token") != token):
                counts["refused"] += 1
                return self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            counts["signed"] += 1
            asked = dict(urllib.parse.parse_qsl(parts.query))
            if "list-type" in asked:
                return self.answer(200, self.listing(asked))
            data = objects.get(urllib.parse.unquote(parts.path).removeprefix("/em-data/"))
            if data is None:
                return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            self.answer_object(data)

        def listing(self, asked):
            after = asked.get("continuation-token", "")
            names = sorted(n for n in objects if n.startswith(asked["prefix"]) and n > after)
            page, more = names[:23], names[23:]
            entries = "".join(
                f"<Contents><Key>{html.escape(urllib.parse.quote(name))}</Key><Size>{len(objects[name])}</Size>"
                f'<ETag>"{hashlib.md5(objects[name]).hexdigest()}"</ETag></Contents>' for name in page)
            # The token is the last name itself: characters of every kind come back in a query.
            token = f"<NextContinuationToken>{html.escape(page[-1])}</NextContinuationToken>" if more else ""
            return (f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{'true' if more else 'false'}"
                    f"</IsTruncated>{token}{entries}</ListBucketResult>").encode()

    return S3


def run(*words, **variables):
    """Runs the program with these variables and no others but PATH."""
    environment = {"PATH": os.environ["PATH"], "HARVEST_CACHE": "none", **variables}
    return subprocess.run([HARVEST, *words], env=environment, capture_output=True, text=True, timeout=120)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != "manifest.jsonl"}


def check_s3(folder, dice):
    letters = "".join(map(chr, range(0x21, 0x7F))).replace("/", "").replace("\\", "") + " µé漢🔬"
    names = {"/".join("k" + "".join(dice.choices(letters, k=dice.randint(0, 12))) + "x"
                      for _ in range(dice.randint(1, 3))) for _ in range(200)}
    # No name may be another one's folder.
    names = {name for name in names if not any(other.startswith(name + "/") for other in names)}
    objects = {"p q+/" + name: dice.randbytes(dice.randint(1, 3000)) for name in names}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
    for token in (None, TOKEN):
        with Server(s3(objects, token)) as server:
            own = dict(keys, AWS_ENDPOINT_URL=server.url, **({"AWS_SESSION_TOKEN": token} if token else {}))
            into = folder / f"token {token is not None}"
            done = run("fetch", "s3://em-data/p q+/", "--into", str(into), "--json", **own)
            assert done.returncode == 0, done
            found = tree(into)
            wanted = {name.removeprefix("p q+/"): data for name, data in objects.items()}
            assert sorted(found.values()) == sorted(wanted.values()), (len(found), len(wanted))
            assert counts["unsigned"] == counts["refused"] == 0, counts
            manifests = [path.read_text() for path in into.rglob("manifest.jsonl")]
            assert manifests
            said = "".join([done.stdout, done.stderr, *manifests])
            assert SECRET not in said and TOKEN not in said and KEY not in said
            # A profile says the same, the server's address too.
            home = folder / "home"
            (home / ".aws").mkdir(parents=True, exist_ok=True)
            (home / ".aws/credentials").write_text(
                f"[em]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
                + (f"aws_session_token = {token}\n" if token else ""))
            (home / ".aws/config").write_text(
                f"[profile em]\nregion = {REGION}\nendpoint_url = {server.url}\n"
                "[profile sso]\nsso_session = mine\n")
            listed = run("list", "s3://em-data/p q+/", "--json", HOME=str(home), AWS_PROFILE="em")
            assert listed.returncode == 0 and counts["refused"] == 0, listed
            asked = run("list", "s3://em-data/", HOME=str(home), AWS_PROFILE="sso", AWS_ENDPOINT_URL=server.url)
            assert asked.returncode == 69 and "aws configure export-credentials" in asked.stderr, asked
            for change, way in (({"AWS_SECRET_ACCESS_KEY": "wrong"}, "refused"), ({"HARVEST_ANONYMOUS": "1"}, "unsigned")):
                before = counts[way]
                failed = run("list", "s3://em-data/", **{**own, **change})
                assert failed.returncode == 77 and counts[way] > before, failed
            counts["unsigned"] = counts["refused"] = 0


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def certificate(folder):
    """Key and certificate of all servers here, in one file."""
    path = folder / "server.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=check_access", "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:storage.googleapis.com", "-keyout", path, "-out", f"{path}.crt")
    path.write_text(path.read_text() + pathlib.Path(f"{path}.crt").read_text())
    return path


def google(folder, objects, person):
    """A handler for these objects of the bucket `em-data`, and for the tokens that open it."""

    def decoded(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    class Google(Handler):
        def do_POST(self):
            form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            if form["grant_type"] == "refresh_token":
                assert form == {"grant_type": "refresh_token", **person}, form
            else:
                assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer", form
                text, _, signature = form["assertion"].rpartition(".")
                (folder / "text").write_text(text)
                (folder / "signature").write_bytes(decoded(signature))
                openssl("dgst", "-sha256", "-verify", folder / "public.pem", "-signature", folder / "signature",
                        folder / "text")
                header, claims = (json.loads(decoded(part)) for part in text.split("."))
                assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}, header
                assert abs(claims.pop("iat") - time.time()) < 60 and 0 < claims.pop("exp") - time.time() <= 3600, claims
                assert claims == {"iss": "em@project.iam", "aud": f"https://{self.headers['Host']}/token",
                                  "scope": "https://www.googleapis.com/auth/devstorage.read_only"}, claims
            counts["tokens"] += 1
            self.answer(200, json.dumps({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}).encode())

        def do_GET(self):
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self.answer(401)
            counts["opened"] += 1
            parts = urllib.parse.urlsplit(self.path)
            if parts.path == "/storage/v1/b/em-data/o":
                return self.answer(200, json.dumps(
                    {"items": [{"name": name, "size": str(len(data))} for name, data in objects.items()]}).encode())
            self.answer_object(objects[urllib.parse.unquote(parts.path).removeprefix("/em-data/")])

    return Google


def check_google(folder, pem, dice):
    key = folder / "key.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", folder / "public.pem")
    objects = {f"p/{name}": dice.randbytes(dice.randint(1, 3000)) for name in ("a", "b c", "d+e", "f/µ")}
    person = {"client_id": "me", "client_secret": "s +&=%", "refresh_token": "1//0g-é"}
    with Server(google(folder, objects, person), pem) as server:
        for kind, members in {
            "authorized_user": person,
            "service_account": {"client_email": "em@project.iam", "private_key_id": "key-1", "private_key": key.read_text()},
        }.items():
            into, file = folder / f"into {kind}", folder / f"{kind}.json"
            file.write_text(json.dumps({"type": kind, "token_uri": f"{server.url}/token", **members}))
            before = counts["tokens"]
            done = run("fetch", "gs://em-data/p/", "--into", str(into), HARVEST_CA=str(pem),
                       HARVEST_CONNECT_TO=f"storage.googleapis.com:443:127.0.0.1:{server.server_port}",
                       GOOGLE_APPLICATION_CREDENTIALS=str(file))
            assert done.returncode == 0 and counts["tokens"] == before + 1, done
            assert sorted(tree(into).values()) == sorted(objects.values())


def check_ftps(folder, pem, dice):
    root = folder / "root"
    files = root / "data"
    (files / "below").mkdir(parents=True)
    for name in ("a.bin", "b c.bin", "below/d.bin"):
        (files / name).write_bytes(dice.randbytes(dice.randint(1, 300_000)))
    logging.basicConfig(level=logging.CRITICAL)  # else pyftpdlib tells all it does
    authorizer = DummyAuthorizer()
    authorizer.add_user("em:user", "pass word#", str(root), perm="elr")

    class Explicit(TLS_FTPHandler):
        """TLS once it is asked for; nobody logs in without."""
        certfile, tls_control_required, tls_data_required = str(pem), True, True

        def on_file_sent(self, file):
            counts["ftps"] += 1

    class Implicit(Explicit):
        def handle(self):
            self.secure_connection(self.ssl_context)
            self._do_ssl_handshake()

        def handle_ssl_established(self):
            super().handle()  # greets

    class ClearData(Implicit):
        """Encrypts commands and no files."""
        tls_data_required = False

        def ftp_PROT(self, line):
            self.respond("534 no")

    class Clear(FTPHandler):
        """Knows no TLS, and must not hear the password."""

        def ftp_USER(self, line):
            counts["clear logins"] += 1
            super().ftp_USER(line)

    netrc = folder / "netrc"
    netrc.write_text('machine other.org login x password y\nmachine localhost\n login em:user password "pass word#"\n')
    # Both to the end: pyftpdlib's threaded servers share the event that stops them.
    servers = {}

    def serve(handler, authorizer):
        handler.authorizer = authorizer
        servers[handler] = ThreadedFTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
        threading.Thread(target=servers[handler].serve_forever, daemon=True).start()

    for handler in (Implicit, ClearData, Explicit, Clear):
        serve(handler, authorizer)
    trusted, known = {"HARVEST_CA": str(pem)}, {"NETRC": str(netrc)}
    for number, (handler, scheme, secrets, status) in enumerate((
        (Implicit, "ftps", {**known, **trusted}, 0), (Implicit, "ftps", known, 77), (Implicit, "ftps", trusted, 77),
        (ClearData, "ftps", {**known, **trusted}, 69),
        (Explicit, "ftpes", {**known, **trusted}, 0), (Explicit, "ftpes", known, 77), (Explicit, "ftpes", trusted, 77),
        (Clear, "ftpes", {**known, **trusted}, 69),
    )):
        into = folder / f"into {number}"
        done = run("fetch", f"{scheme}://localhost:{servers[handler].address[1]}/data/", "--into", str(into), **secrets)
        assert done.returncode == status, (status, scheme, secrets, done)
        assert "pass word" not in done.stdout + done.stderr
        if status == 0:
            assert sorted(tree(into).values()) == sorted(tree(files).values())
    assert counts["clear logins"] == 0

    class Half(AbstractedFS):
        """Ends in the middle of every file, and says that all is well."""

        def open(self, filename, mode):
            whole = pathlib.Path(filename).read_bytes()
            file = io.BytesIO(whole[: len(whole) // 2])
            file.name = filename
            return file

    class Short(FTPHandler):
        abstracted_fs, use_sendfile = Half, False

    anyone = DummyAuthorizer()
    anyone.add_anonymous(str(root))
    serve(Short, anyone)
    done = run("fetch", f"ftp://localhost:{servers[Short].address[1]}/data/", "--into", str(folder / "short"))
    assert done.returncode == 1 and "bytes came where the listing says" in done.stderr, done
    assert not [name for name in tree(folder / "short") if name.endswith(".bin")]

    (root / "long.bin").write_bytes(dice.randbytes(8_000_000))
    for number, (answers, status) in enumerate(((["20260101000000"], 0), ([0.5, "20260101000000"], 0), ([None], 0),
                                                (["20260101000000", "20260101000001"] * 9, 74))):
        class Slow(ThrottledDTPHandler):
            write_limit = 2_000_000

        class Dated(FTPHandler):
            """Is slow to tell a size; tells dates, in turn, or waits so many seconds before it does, or tells none."""
            left, retrieved, dtp_handler = list(answers), [], Slow

            def pre_process_command(self, line, cmd, arg):
                self.said = getattr(self, "said", []) + [cmd]
                super().pre_process_command(line, cmd, arg)

            def ftp_SIZE(self, path):
                time.sleep(0.1)
                return super().ftp_SIZE(path)

            def ftp_MDTM(self, path):
                answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = self.left[0]
                self.respond(f"213 {answer}" if answer else "502 no dates")

            def ftp_RETR(self, file):
                self.retrieved.append("MDTM" in self.said)
                return super().ftp_RETR(file)

        serve(Dated, anyone)
        into, port = folder / f"dated {number}", servers[Dated].address[1]
        done = run("fetch", f"ftp://localhost:{port}/long.bin", "--into", str(into),
                   HARVEST_HOST_LIMITS="localhost=connections:4,retrieves:20,burst:3")
        assert done.returncode == status, (answers, done)
        if status == 0:
            assert (into / "long.bin").read_bytes() == (root / "long.bin").read_bytes()
            # The file's first request leaves the date to a connection that only logs in, where it comes in time.
            assert Dated.retrieved[0] == (number > 0) and all(Dated.retrieved[1:]), Dated.retrieved
            counts["dated"] += 1
        else:
            assert not (into / "long.bin").exists() and "changed" in done.stderr, done
    for server in servers.values():
        server.close_all()


def main():
    global HARVEST
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--bin", default=str(root / ".build/release"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    HARVEST = f"{options.bin}/harvest"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part in ("s3", "google", "ftps"):
            (folder / part).mkdir()
        dice, pem = random.Random(options.seed), certificate(folder)
        check_s3(folder / "s3", dice)
        check_google(folder / "google", pem, dice)
        check_ftps(folder / "ftps", pem, dice)
    print(f"{counts['signed']} requests signed as botocore signs them; {counts['tokens']} tokens, asked for as openssl "
          f"verifies, for {counts['opened']} requests; {counts['ftps']} files by TLS and .netrc, "
          f"{counts['dated']} with a date that comes in time, late or never")


if __name__ == "__main__":
    main()
