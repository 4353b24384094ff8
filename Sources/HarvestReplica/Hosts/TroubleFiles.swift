/// files.replica.test: a file server without a portal, with one path for each way in which such servers misbehave.
struct TroubleFiles: Host {
    let names = ["files.replica.test"]
    let routes = [
        "/testing.tif  as EPFL's", "/1k.bin  /empty.bin  /big.bin  bytes by formula: 1024, 0, 1 GiB",
        "/index.html  a page with links", "/echo  the request's headers as JSON", "/slow  64 KiB at 8 KiB/s",
        "/loop  302 to itself", "/to-http  302 to plain http", "/to-private  302 to https://10.0.0.1/",
        "/to-other  302 to https://other.replica.test/echo", "/login.tif  200 and a login page",
        "/gzip-range  ranges come gzipped", "/wrong-range  206 for bytes nobody asked for",
        "/no-range.tif  Range is ignored", "/short  fewer bytes than Content-Length says",
    ]

    /// 1 June 2024.
    private static let lastModified: Int64 = 1_717_200_000

    func respond(to request: Request) -> Response {
        switch request.path {
        case "/testing.tif": EPFLDocuments.response(EPFLDocuments.testing)
        case "/1k.bin": file(PatternObject(size: 1024))
        case "/empty.bin": file(PatternObject(size: 0))
        case "/big.bin": file(PatternObject(size: 1 << 30))
        case "/index.html", "/": .text(200, "text/html; charset=utf-8", Self.page)
        case "/echo": Self.echo(request)
        case "/slow": slow()
        case "/loop": .redirect(to: "https://files.replica.test/loop")
        case "/to-http": .redirect(to: "http://files.replica.test/1k.bin")
        case "/to-private": .redirect(to: "https://10.0.0.1/")
        case "/to-other": .redirect(to: "https://other.replica.test/echo")
        case "/login.tif": .text(200, "text/html; charset=utf-8", Self.login)
        case "/gzip-range": gzipRange(request)
        case "/wrong-range": wrongRange(request)
        case "/no-range.tif": withoutRanges()
        case "/short": short()
        default: failure(404, request: request)
        }
    }

    /// The headers that came, as JSON, in their order.
    static func echo(_ request: Request) -> Response {
        let pairs = request.headers.map { "[\(JSONText.quoted($0.name)), \(JSONText.quoted($0.value))]" }
        return .text(
            200, "application/json",
            "{\"host\": \(JSONText.quoted(request.host)), \"method\": \(JSONText.quoted(request.method)), "
                + "\"target\": \(JSONText.quoted(request.target)), \"headers\": [\(pairs.joined(separator: ", "))]}\n")
    }

    private func file(_ body: any VirtualObject) -> Response {
        .object(
            body, type: "application/octet-stream", entityTag: "\"r\(String(body.size, radix: 16))-1\"",
            lastModified: Self.lastModified)
    }

    private func slow() -> Response {
        var response = file(PatternObject(size: 64 << 10))
        response.pace = 8 << 10
        return response
    }

    private func withoutRanges() -> Response {
        var response = file(PrefixObject(whole: EPFLDocuments.testing, size: 2 << 20))
        response.servesRanges = false
        return response
    }

    private func short() -> Response {
        var response = file(PatternObject(size: 1000))
        response.claimedLength = 1500
        response.servesRanges = false
        return response
    }

    /// Content-Range speaks of the bytes asked for, the body is a gzip file of them.
    private func gzipRange(_ request: Request) -> Response {
        let whole = PatternObject(size: 4096)
        var response = file(whole)
        guard let part = request.header("Range").flatMap({ ByteRange(header: $0) })?.resolve(size: whole.size) else {
            return response
        }
        response.status = 206
        response.body = StoredObject(Gzip.stored(whole.bytes(part)))
        response.headers += [
            ("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(whole.size)"),
            ("Content-Encoding", "gzip"),
        ]
        return response
    }

    /// Sixteen bytes later than asked.
    private func wrongRange(_ request: Request) -> Response {
        var response = file(PatternObject(size: 4096))
        guard let part = request.header("Range").flatMap({ ByteRange(header: $0) })?.resolve(size: 4096) else {
            return response
        }
        let first = min(part.lowerBound + 16, 4095), end = min(part.upperBound + 16, 4096)
        response.status = 206
        response.part = first..<end
        response.headers.append(("Content-Range", "bytes \(first)-\(end - 1)/4096"))
        return response
    }

    private static let page = """
        <!DOCTYPE html>
        <html><head><title>Files</title></head>
        <body><h1>Files</h1>
        <ul>
        <li><a href="testing.tif">A volume</a></li>
        <li><a href="/1k.bin">A kilobyte</a></li>
        <li><a href="https://files.replica.test/big.bin">A gigabyte</a></li>
        </ul>
        </body></html>

        """

    private static let login = """
        <!DOCTYPE html>
        <html><head><title>Sign in</title></head>
        <body><form method="post" action="/login"><input name="user"><input name="password" type="password">
        <button>Sign in</button></form></body></html>

        """
}

/// other.replica.test: where redirects to another host end.
struct OtherFiles: Host {
    let names = ["other.replica.test"]
    let routes = ["/echo  the request's headers as JSON"]

    func respond(to request: Request) -> Response {
        request.path == "/echo" ? TroubleFiles.echo(request) : failure(404, request: request)
    }
}

/// gzip without compression (RFC 1952, RFC 1951 §3.2.4).
enum Gzip {
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        let little: (UInt32, Int) -> [UInt8] = { value, count in
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
        }
        var out: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        let starts = stride(from: 0, to: max(bytes.count, 1), by: 0xFFFF)
        for start in starts {
            let block = bytes[start..<min(start + 0xFFFF, bytes.count)]
            out.append(start + 0xFFFF >= bytes.count ? 1 : 0)
            out += little(UInt32(block.count), 2) + little(~UInt32(block.count), 2) + block
        }
        return out + little(Digest.crc32(bytes), 4) + little(UInt32(truncatingIfNeeded: bytes.count), 4)
    }
}
