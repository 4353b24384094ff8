"""An HTTP server of one's own for Scripts/soak_transfer.py: it cuts, lies and changes to order, and counts what it sent."""
import hashlib
import socket
import struct
import threading
import time
import urllib.parse


class Served:
    """What stands at one path.

    cuts: for each request in turn, None or (where, how): the answer ends after `where` bytes of its head ("head", n) or
    body ("body", n), by a reset ("rst") or a clean close ("close").
    changes: numbers of requests (from 1) at which the next version takes its place.
    tags: "strong", "weak", "date" or "none": how the server tells versions.
    """

    def __init__(self, *versions, tags="strong", cuts=(), changes=(), rate=None, ranges=True, if_range=True,
                 answer=None, kind="application/octet-stream"):
        self.versions, self.tags, self.cuts, self.changes = versions, tags, list(cuts), sorted(changes)
        self.rate, self.ranges, self.if_range, self.answer, self.kind = rate, ranges, if_range, answer, kind
        self.requests, self.sent, self.lock = 0, 0, threading.Lock()

    def begin(self):
        """The number of a request that just came, its cut and the version that answers it."""
        with self.lock:
            self.requests += 1
            number = self.requests
            version = min(sum(1 for c in self.changes if number >= c), len(self.versions) - 1)
            cut = self.cuts.pop(0) if self.cuts else None
        return cut, version

    def head(self, version, asked):
        """Status line, headers and body of the answer to a request with the headers `asked`."""
        data = self.versions[version]
        tag = '"%s"' % hashlib.md5(data).hexdigest()
        date = "Tue, %02d Nov 2022 10:00:00 GMT" % (1 + version)
        lines = {"Content-Type": self.kind}
        if self.ranges:
            lines["Accept-Ranges"] = "bytes"
        if self.tags in ("strong", "weak"):
            lines["ETag"] = tag if self.tags == "strong" else "W/" + tag
        if self.tags != "none":
            lines["Last-Modified"] = date
        status, body = "200 OK", data
        wanted = asked.get("range", "")
        if self.ranges and wanted.startswith("bytes=") and "," not in wanted:
            condition = asked.get("if-range")
            if not (condition and self.if_range and condition not in (tag if self.tags == "strong" else "", date)):
                first, _, last = wanted[6:].partition("-")
                if first:
                    start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
                else:
                    start, end = max(0, len(data) - int(last)), len(data)
                if start >= len(data):
                    status, body = "416 Range Not Satisfiable", b""
                    lines["Content-Range"] = "bytes */%d" % len(data)
                else:
                    status, body = "206 Partial Content", data[start:end]
                    lines["Content-Range"] = "bytes %d-%d/%d" % (start, end - 1, len(data))
        lines["Content-Length"] = str(len(body))
        return status, lines, body


class Server:
    """Answers on one loopback port, a thread per connection; `paths` says what stands where."""

    def __init__(self, answer_all=None, tls=None):
        self.paths, self.answer_all, self.tls, self.log = {}, answer_all, tls, []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self.socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
        except OSError:
            return
        reader = connection.makefile("rb")
        try:
            while True:
                raw = []
                while (line := reader.readline(65536)) not in (b"\r\n", b"\n", b""):
                    raw.append(line)
                if not raw or not line:
                    return
                text = b"".join(raw).decode("latin-1")
                self.log.append(text)
                method, target = raw[0].decode("latin-1").split(" ")[:2]
                asked = {}
                for line in raw[1:]:
                    name, _, value = line.decode("latin-1").partition(":")
                    asked[name.lower()] = value.strip()
                if not self._answer(connection, method, target, asked):
                    return
        except OSError:
            pass
        finally:
            reader.close()
            connection.close()

    def _answer(self, connection, method, target, asked):
        path = target.split("?")[0].split("#")[0]
        served = self.paths.get(path) or self.paths.get(urllib.parse.unquote(path)) or self.answer_all
        if served is None:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        if served.answer:
            connection.sendall(served.answer(target, asked))
            return True
        cut, version = served.begin()
        status, lines, body = served.head(version, asked)
        head = ("HTTP/1.1 %s\r\n" % status + "".join("%s: %s\r\n" % l for l in lines.items()) + "\r\n").encode()
        if method == "HEAD":
            body = b""
        (where, count), how = cut if cut else (("body", len(body)), None)
        if where == "head":
            head, body = head[:count], b""
        else:
            body = body[:count]
        connection.sendall(head)
        self._send(connection, body, served)
        if how == "rst":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return how is None

    def _send(self, connection, body, served):
        step = 16 << 10 if served.rate else max(1, len(body))
        for at in range(0, len(body), step):
            piece = body[at:at + step]
            connection.sendall(piece)
            with served.lock:
                served.sent += len(piece)
            if served.rate:
                time.sleep(len(piece) / served.rate)


def index_page(names, title="/"):
    """A folder's page as nginx makes it; names are (href, text, size)."""
    rows = "".join('<a href="%s">%s</a>   26-Nov-2026 10:00   %s\r\n' % n for n in names)
    return ('<html><head><title>Index of %s</title></head><body><h1>Index of %s</h1><hr><pre><a href="../">../</a>\r\n'
            '%s</pre><hr></body></html>' % (title, title, rows)).encode()
