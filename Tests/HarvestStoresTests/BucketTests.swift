import FaultServing
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

@Suite struct S3Tests {
    private let objects = [
        "a.zarr/.zarray": Array("{}".utf8), "a.zarr/s0/0/0": sample(900), "a.zarr/s0/0/1": sample(1200),
        "top + µ&<.txt": sample(40),
        "b": [], "c": [1],
    ]

    /// A bucket that pages its listings by two names, in ListObjectsV2's shape.
    private func bucket(
        _ objects: [String: [UInt8]], page size: Int = 2, beginsBehind: Bool = true, late: Int32? = nil
    ) -> FaultServer {
        FaultServer { request, _ in
            if request.query("list-type") != "2" {
                let key = request.path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(decoded)
                guard let body = objects[key.joined(separator: "/")] else {
                    return .init(status: 404, body: Array("<Error><Code>NoSuchKey</Code></Error>".utf8))
                }
                return FaultServer.ranged(body, request)
            }
            let prefix = decoded(request.query("prefix") ?? "")
            var names: Set<String> = []
            for key in objects.keys where key.hasPrefix(prefix) {
                let rest = key.dropFirst(prefix.count)
                if let slash = rest.firstIndex(of: "/"), request.query("delimiter") == "%2F" {
                    names.insert(prefix + rest[...slash])
                } else {
                    names.insert(key)
                }
            }
            let behind = beginsBehind ? request.query("start-after") : nil
            let after = decoded(request.query("continuation-token") ?? behind ?? "")
            // Amazon's order is that of UTF-8 bytes.
            let page = names.filter { after.utf8.lexicographicallyPrecedes($0.utf8) }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            var xml = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            xml +=
                "<Prefix>\(coded(prefix))</Prefix><EncodingType>url</EncodingType><IsTruncated>\(page.count > size)</IsTruncated>"
            if page.count > size {
                xml += "<NextContinuationToken>\(coded(page[size - 1]))</NextContinuationToken>"
            }
            for name in page.prefix(size) {
                xml +=
                    name.hasSuffix("/")
                    ? "<CommonPrefixes><Prefix>\(coded(name))</Prefix></CommonPrefixes>"
                    : "<Contents><Key>\(coded(name))</Key><ETag>&quot;abc-2&quot;</ETag><Size>\(objects[name]!.count)</Size></Contents>"
            }
            return .init(
                headers: ["Content-Type": "application/xml"], body: Array((xml + "</ListBucketResult>").utf8),
                fault: late.map { .late($0) })
        }
    }

    private func store(_ address: String, _ hosts: [String: FaultServer]) throws -> S3Store {
        try S3Store(
            Address(address), client: quickClient(connectTo: hosts.map { $1.mapped($0) }), meter: Meter(),
            transport: "http")
    }

    @Test func `keeps the promises of a store, listings paged`() async throws {
        let server = bucket(objects)
        try await checkStore(store("s3://em-data", ["em-data.s3.amazonaws.com": server]), holding: objects)
        #expect(server.requests.contains { $0.query("continuation-token") != nil })
    }

    @Test func `a server that speaks like S3 is asked where an endpoint names it`() async throws {
        let server = bucket(Dictionary(uniqueKeysWithValues: objects.map { ("em-data/" + $0.key, $0.value) }))
        let options = try TransportOptions(environment: ["AWS_ENDPOINT_URL": server.url, "HARVEST_CACHE": "none"])
        #expect(options.s3Endpoint == server.url)
        let store = try S3Store(
            Address("s3://em-data/a.zarr"), client: HTTPClient(options: options), meter: Meter(), transport: "https")
        #expect(try await store.read(".zarray", .whole).bytes.text == "{}")
        #expect(server.requests.last?.path == "/em-data/a.zarr/.zarray")
        #expect(throws: HarvestError.self) { try TransportOptions(environment: ["AWS_ENDPOINT_URL": "nonsense://"]) }
    }

    @Test func `a prefix is a root of its own`() async throws {
        let store = try store("s3://em-data/a.zarr/", ["em-data.s3.amazonaws.com": bucket(objects)])
        try await checkStore(
            store,
            holding: [
                ".zarray": objects["a.zarr/.zarray"]!, "s0/0/0": objects["a.zarr/s0/0/0"]!,
                "s0/0/1": objects["a.zarr/s0/0/1"]!,
            ])
        let entry = try await store.list("s0/0").objects[0]
        #expect(entry.bytes == 900 && entry.checksum == "etag:abc-2")
        await expectError(.invalid) { try await self.store("s3://em-data", [:]).read("", .whole) }
    }

    @Test func `all that is below a prefix is named, page by page`() async throws {
        var (names, pages): ([String], Int) = ([], 0)
        try await store("s3://em-data/a.zarr", ["em-data.s3.amazonaws.com": bucket(objects)]).listAll("s0") { page in
            names += page.map(\.name)
            pages += 1
        }
        #expect(names == ["s0/0/0", "s0/0/1"] && pages == 1)
        try await store("s3://em-data", ["em-data.s3.amazonaws.com": bucket(objects)]).listAll("") { _ in pages += 1 }
        #expect(pages == 4)
    }

    /// A pyramid, with names in which one order of letters is not the other's.
    private static let pyramid: [String: [UInt8]] = {
        var found: [String: [UInt8]] = [
            ".zattrs": [1], "s0/.zarray": [2], "s1/.zarray": [2], "s0.txt": [3], "é/\u{1F600}": [4], "é/\u{FFFD}": [5],
        ]
        for (level, size) in [("s0", 11), ("s1", 5)] {
            for z in 0..<size { for y in 0..<size { for x in 0..<size { found["\(level)/\(z)/\(y)/\(x)"] = [6] } } }
        }
        return found
    }()

    @Test(arguments: [true, false]) func `a long listing comes in parallel, whole and in order`(beginsBehind: Bool)
        async throws
    {
        let server = bucket(Self.pyramid, page: 25, beginsBehind: beginsBehind, late: 10)
        defer { server.stop() }
        let names = Mutex<[String]>([])
        try await store("s3://em-data", ["em-data.s3.amazonaws.com": server]).listAll("") { page in
            names.withLock { $0 += page.map(\.name) }
        }
        let expected = Self.pyramid.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(names.withLock { $0 } == expected)
        let pages = (expected.count + 24) / 25
        // One for each part, at the most 16 at a time, and one for each level of the first names.
        #expect(server.requests.count <= (beginsBehind ? pages + 40 : 2 * pages + 40))
        if beginsBehind { #expect(server.mostConcurrent > 4) }
    }

    @Test(arguments: ["header", "endpoint"]) func `a bucket in another region is found, once`(how: String) async throws
    {
        let there = bucket(objects)
        let here = FaultServer { _, _ in
            let body =
                "<Error><Code>PermanentRedirect</Code><Endpoint>em-data.s3.us-west-2.amazonaws.com</Endpoint></Error>"
            return .init(
                status: 301, headers: how == "header" ? ["x-amz-bucket-region": "us-west-2"] : [:],
                body: how == "header" ? [] : Array(body.utf8))
        }
        let store = try store(
            "s3://em-data", ["em-data.s3.amazonaws.com": here, "em-data.s3.us-west-2.amazonaws.com": there])
        try await checkStore(store, holding: objects)
        #expect(here.requests.count == 1)
    }

    @Test func `a region that would be another host is not believed`() async throws {
        for region in ["evil.org/", "x.evil", "US", ""] {
            let server = FaultServer { _, _ in .init(status: 301, headers: ["x-amz-bucket-region": region]) }
            let store = try store("s3://em-data", ["em-data.s3.amazonaws.com": server])
            await expectError(.malformed, saying: "301") { try await store.read("x", .whole) }
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        (404, "NoSuchKey", HarvestError.Kind.notFound), (404, "NoSuchBucket", .notFound),
        (403, "AccessDenied", .denied),
        (400, "InvalidRequest", .invalid),
    ])
    func `S3's own codes are told`(status: Int, code: String, kind: HarvestError.Kind) async throws {
        let server = FaultServer { _, _ in
            .init(status: status, body: Array("<Error><Code>\(code)</Code></Error>".utf8))
        }
        let store = try store("s3://em-data", ["em-data.s3.amazonaws.com": server])
        await expectError(kind, saying: code == "NoSuchBucket" ? "no bucket" : code) {
            try await store.read("x", .whole)
        }
        await expectError(kind) { try await store.list("") }
    }

    @Test func `a bucket that is slowed down is asked again`() async throws {
        let server = bucket(objects)
        let slow = FaultServer { [objects] request, index in
            index == 0 ? .init(status: 503) : FaultServer.ranged(objects["a.zarr/s0/0/0"]!, request)
        }
        #expect(
            try await store("s3://em-data/a.zarr/s0/0", ["em-data.s3.amazonaws.com": slow]).read("0", .whole).bytes
                .count == 900)
        server.stop()
    }

    @Test func `a name with dots goes into the path`() async throws {
        let server = FaultServer { _, _ in .init(body: [1]) }
        _ = try await store("s3://em.data/k", ["s3.amazonaws.com": server]).read("", .whole)
        #expect(server.requests.map(\.target) == ["/em.data/k"])
    }

    @Test(arguments: [
        "<a/>", "", "{}",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><ListBucketResult>&e;</ListBucketResult>",
    ])
    func `a listing that is none is malformed`(body: String) async throws {
        let server = FaultServer { _, _ in .init(body: Array(body.utf8)) }
        await expectError(.malformed) { try await store("s3://em-data", ["em-data.s3.amazonaws.com": server]).list("") }
    }

    @Test func `a listing that repeats itself ends, and names that lead away are left out`() async throws {
        let names = ["p/../x", "/etc/passwd", "p//x", "other/x", "p/", "p/good", "p/a%0Ab"]
        let body = names.map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
        let looping = FaultServer { _, _ in
            .init(
                body: Array(
                    "<ListBucketResult><EncodingType>url</EncodingType>\(body)<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
                        .utf8))
        }
        let store = try store("s3://em-data/p", ["em-data.s3.amazonaws.com": looping])
        var found: Set<String> = []
        do { try await store.listAll("") { found.formUnion($0.map(\.name)) } } catch let error as HarvestError {
            #expect(error.kind == .malformed)
        }
        #expect(found == ["good"] && looping.requests.count <= 3)
    }
}

@Suite struct GCSTests {
    private let objects = [
        "info": Array("{}".utf8), "8_8_8/0-64_0-64_0-64": sample(500), "8_8_8/64-128_0-64_0-64": sample(600),
        "é b": sample(4),
    ]

    private func store(_ address: String) throws -> (GCSStore, FaultServer) {
        let server = FaultServer { [objects] request, _ in
            guard request.path == "/storage/v1/b/flyem/o" else {
                let key = request.path.split(separator: "/").dropFirst().map { decoded($0) }.joined(separator: "/")
                guard let body = objects[String(key.dropFirst("v1/".count))] else { return .init(status: 404) }
                return FaultServer.ranged(body, request)
            }
            let prefix = decoded(request.query("prefix") ?? "")
            var (items, prefixes): ([String], Set<String>) = ([], [])
            for key in objects.keys.map({ "v1/\($0)" }).sorted() where key.hasPrefix(prefix) {
                let rest = key.dropFirst(prefix.count)
                if let slash = rest.firstIndex(of: "/"), request.query("delimiter") != nil {
                    prefixes.insert(prefix + rest[...slash])
                } else {
                    items.append(
                        "{\"name\":\"\(key)\",\"size\":\"\(objects[String(key.dropFirst(3))]!.count)\",\"md5Hash\":\"XUFAKrxLKna5cZ2REBfFkg==\"}"
                    )
                }
            }
            let first = request.query("pageToken") == nil
            let more = items.count > 1 && first
            let page = more ? items.prefix(1) : first ? items[...] : items.dropFirst()
            let folders = first ? prefixes.map { "\"\($0)\"" }.joined(separator: ",") : ""
            return .init(
                body: Array(
                    "{\"items\":[\(page.joined(separator: ","))],\"prefixes\":[\(folders)]\(more ? ",\"nextPageToken\":\"a=/+\"" : "")}"
                        .utf8))
        }
        let client = try quickClient(connectTo: [server.mapped("storage.googleapis.com")])
        return (try GCSStore(Address(address), client: client, meter: Meter(), transport: "http"), server)
    }

    @Test func `keeps the promises of a store, listings paged`() async throws {
        let (store, server) = try store("gs://flyem/v1")
        try await checkStore(store, holding: objects)
        #expect(server.requests.contains { $0.query("pageToken") == "a%3D%2F%2B" })
        // md5 of "hello"
        #expect(try await store.list("").objects[0].checksum == "md5:5d41402abc4b2a76b9719d911017c592")
    }

    @Test func `all that is below a prefix is named`() async throws {
        var names: [String] = []
        try await store("gs://flyem/v1").0.listAll("8_8_8") { names += $0.map(\.name) }
        #expect(names == ["8_8_8/0-64_0-64_0-64", "8_8_8/64-128_0-64_0-64"])
    }
}

private func decoded(_ text: some StringProtocol) -> String {
    var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
            bytes.append(value)
            rest = rest.dropFirst(2)
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// As S3 encodes names in a listing.
private func coded(_ text: String) -> String {
    text.utf8.map { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x2F: String(Unicode.Scalar(byte))
        case 0x20: "+"
        default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
    }.joined()
}
