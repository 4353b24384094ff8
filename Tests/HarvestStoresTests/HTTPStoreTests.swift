import FaultServing
import HarvestCore
import HarvestStores
import Testing

@Suite struct HTTPStoreTests {
    private let bytes = sample(10_000)

    private func store(_ server: FaultServer, _ path: String = "/v.tif") throws -> HTTPStore {
        try HTTPStore(server.url + path, client: quickClient())
    }

    @Test func `keeps the promises of a store`() async throws {
        let objects = ["a": sample(1000), "b/c d+e%.bin": sample(70_000), "b/µ": sample(3)]
        let coded = [
            "root/a": objects["a"]!, "root/b/c%20d%2Be%25.bin": objects["b/c d+e%.bin"]!,
            "root/b/%C2%B5": objects["b/µ"]!,
        ]
        let server = FaultServer.serving(coded)
        try await checkStore(store(server, "/root"), holding: objects, lists: false)
    }

    @Test func `an empty object has no bytes at either end`() async throws {
        let store = try store(.serving(["v.tif": []]))
        #expect(try await store.read("", .whole).bytes.isEmpty)
        #expect(try await store.read("", .bytes(0..<10)).total == 0)
        #expect(try await store.read("", .tail(10)).bytes.isEmpty)
    }

    @Test func `a typed address is encoded once`() async throws {
        let server = FaultServer.serving(["a%20b/%C3%A9%2F.tif": bytes])
        let reply = try await store(server, "/a b/é%2F.tif").read("", .bytes(0..<10))
        #expect(reply.bytes.array == Array(bytes[..<10]))
    }

    @Test(arguments: [
        ("bytes 1-10/10000", 10), ("bytes 0-8/10000", 9), ("bytes 0-10/10000", 11), ("bytes 0-9/9", 10),
        ("0-9/10000", 10),
        ("bytes */10000", 10), ("bytes 0-99999999999999999999/*", 10), ("", 10),
    ])
    func `a 206 for other bytes than asked is an error`(range: String, count: Int) async throws {
        let server = FaultServer { _, _ in
            .init(status: 206, headers: ["Content-Range": range], body: [UInt8](repeating: 7, count: count))
        }
        await expectError(.malformed) { try await store(server).read("", .bytes(0..<10)) }
        #expect(server.requests.count == 1)
    }

    @Test func `a multipart answer and an encoded range are errors`() async throws {
        for headers in [["Content-Type": "multipart/byteranges; boundary=x"], ["Content-Encoding": "gzip"]] {
            let server = FaultServer { [bytes] request, _ in
                var answer = FaultServer.ranged(bytes, request)
                answer.headers.merge(headers) { $1 }
                return answer
            }
            await expectError(.malformed) { try await store(server).read("", .bytes(0..<10)) }
        }
    }

    @Test func `a small object from a server that ignores ranges is taken whole, once`() async throws {
        let server = FaultServer { [bytes] _, _ in .init(body: bytes) }
        let store = try store(server)
        #expect(try await store.read("", .bytes(5000..<5010)).bytes.array == Array(bytes[5000..<5010]))
        #expect(try await store.read("", .tail(3)).bytes.array == Array(bytes.suffix(3)))
        #expect(server.requests.count == 1)
    }

    @Test func `of a large object from such a server the start is read, the rest refused`() async throws {
        let bytes = sample(1 << 20)
        let server = FaultServer { _, _ in .init(headers: ["X": "y"], body: bytes) }
        var options = quickOptions()
        options.limits.unrangedBytes = 1 << 16
        let meter = Meter()
        let store = try HTTPStore(server.url + "/v.tif", client: HTTPClient(options: options), meter: meter)
        let reply = try await store.read("", .bytes(100..<200))
        #expect(reply.bytes.array == Array(bytes[100..<200]) && reply.offset == 100 && reply.total == bytes.count)
        await expectError(.unsupported, saying: "fetch it whole first") {
            try await store.read("", .bytes((8 << 20)..<(8 << 20) + 1))
        }
    }

    @Test func `another entity tag between ranges is a changed object`() async throws {
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(bytes, request, tag: index == 0 ? "\"one\"" : "\"two\"")
        }
        let store = try store(server)
        _ = try await store.read("", .bytes(0..<10))
        await expectError(.changed, saying: "\"two\"") { try await store.read("", .bytes(10..<20)) }
        #expect(server.requests[1].headers["if-range"] == "\"one\"")
    }

    @Test func `a changed object that answers If-Range with all of itself is seen`() async throws {
        let server = FaultServer { [bytes] request, index in
            index == 0 ? FaultServer.ranged(bytes, request) : .init(headers: ["ETag": "\"v2\""], body: bytes)
        }
        let store = try store(server)
        _ = try await store.read("", .bytes(0..<10))
        await expectError(.changed) { try await store.read("", .bytes(10..<20)) }
    }

    @Test func `a weak tag says nothing, the date and the length do`() async throws {
        for (date, length, isChanged) in [("Mon", 10_000, false), ("Tue", 10_000, true), ("Mon", 10_001, true)] {
            let server = FaultServer { request, index in
                var answer = FaultServer.ranged(sample(index == 0 ? 10_000 : length), request, tag: "W/\"\(index)\"")
                answer.headers["Last-Modified"] = index == 0 ? "Mon" : date
                return answer
            }
            let store = try store(server)
            _ = try await store.read("", .bytes(0..<10))
            if isChanged {
                await expectError(.changed) { try await store.read("", .bytes(10..<20)) }
            } else {
                #expect(try await store.read("", .bytes(10..<20)).bytes.count == 10)
            }
            #expect(server.requests[1].headers["if-range"] == nil)
        }
    }

    @Test func `a cut body is asked for again`() async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index < 2 { answer.fault = .cut(after: index * 40) }
            return answer
        }
        let reply = try await store(server).read("", .bytes(100..<200))
        #expect(reply.bytes.array == Array(bytes[100..<200]))
        #expect(server.requests.count == 3)
    }

    @Test(arguments: [-1, 0, 50]) func `a stalled answer is late, then tried again`(after: Int) async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index == 0 { answer.fault = .stall(after: after) }
            return answer
        }
        let reply = try await store(server).read("", .bytes(100..<200))
        #expect(reply.bytes.array == Array(bytes[100..<200]))
        #expect(server.requests.count == 2)
    }

    @Test func `a server that never answers is unavailable`() async throws {
        let server = FaultServer { _, _ in .init(fault: .stall(after: -1)) }
        var options = quickOptions()
        options.retry.attempts = 2
        let store = try HTTPStore(server.url, client: HTTPClient(options: options))
        await expectError(.unavailable, saying: "no answer within \(options.deadlines.firstByte) s") {
            try await store.read("", .bytes(0..<9))
        }
    }

    @Test func `a page instead of data is an error unless a page was asked for`() async throws {
        let page = Array("  <!DOCTYPE html><html><body>log in".utf8)
        let server = FaultServer { request, _ in FaultServer.ranged(page, request) }
        await expectError(.malformed, saying: "HTML page") { try await store(server).read("", .bytes(0..<30)) }
        await expectError(.malformed, saying: "HTML page") { try await store(server).read("", .whole) }
        #expect(try await store(server, "/x.html").read("", .whole).bytes.array == page)
        let typed = FaultServer { _, _ in .init(headers: ["Content-Type": "Text/HTML; charset=utf-8"], body: [1, 2, 3])
        }
        await expectError(.malformed, saying: "HTML page") { try await store(typed).read("", .whole) }
    }

    @Test(arguments: [
        (404, HarvestError.Kind.notFound), (410, .notFound), (401, .denied), (403, .denied), (400, .invalid),
        (501, .unsupported), (204, .malformed), (304, .malformed),
    ])
    func `a status becomes the error it means, untried again`(status: Int, kind: HarvestError.Kind) async throws {
        let server = FaultServer { _, _ in .init(status: status, isUnsized: status == 204 || status == 304) }
        await expectError(kind, saying: "HTTP \(status)") { try await store(server).read("", .whole) }
        #expect(server.requests.count == 1)
    }

    @Test func `a storm of 429 ends unavailable after a bounded number of requests`() async throws {
        let server = FaultServer { _, _ in .init(status: 429) }
        let store = try store(server)
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    await expectError(.unavailable, saying: "HTTP 429") { try await store.read("", .bytes(0..<1)) }
                }
            }
        }
        // The budget starts with 20 retries and regains 0.4 a second.
        let seconds = Int(start.duration(to: .now).components.seconds)
        #expect(server.requests.count <= 40 + 20 + 2 + seconds * 2 / 5)
    }

    @Test func `a 503 that says when is asked again`() async throws {
        let server = FaultServer { [bytes] request, index in
            index == 0 ? .init(status: 503, headers: ["Retry-After": "0"]) : FaultServer.ranged(bytes, request)
        }
        #expect(try await store(server).read("", .bytes(0..<10)).bytes.count == 10)
        #expect(server.requests.count == 2)
    }

    @Test func `an error carries how long the server asks to wait`() async throws {
        let server = FaultServer { _, _ in .init(status: 503, headers: ["Retry-After": "7"]) }
        var options = quickOptions()
        options.retry.attempts = 1
        let store = try HTTPStore(server.url, client: HTTPClient(options: options))
        await #expect { try await store.read("", .whole) } throws: { ($0 as? HarvestError)?.retryAfter == 7 }
    }

    @Test func `headers without end and bodies over the limit are refused`() async throws {
        let long = FaultServer { _, _ in
            .init(headers: [
                "X": String(repeating: "x", count: 90_000), "Y": String(repeating: "y", count: 90_000),
                "Z": String(repeating: "z", count: 90_000),
            ])
        }
        await expectError(.malformed, saying: "headers") { try await store(long).read("", .whole) }
        var options = quickOptions()
        options.limits.objectBytes = 100
        for isUnsized in [false, true] {
            let server = FaultServer { [bytes] _, _ in .init(body: bytes, isUnsized: isUnsized) }
            let store = try HTTPStore(server.url, client: HTTPClient(options: options))
            await expectError(.unsupported, saying: "longer than 100 bytes") { try await store.read("", .whole) }
        }
    }

    @Test func `the meter counts requests and bytes of bodies`() async throws {
        let server = FaultServer { [bytes] request, index in
            index == 1 ? .init(status: 500) : FaultServer.ranged(bytes, request)
        }
        let meter = Meter()
        let store = try HTTPStore(server.url + "/x", client: quickClient(), meter: meter)
        _ = try await store.read("", .bytes(0..<100))
        _ = try await store.read("", .bytes(100..<300))
        #expect(meter.cost.requests == 3 && meter.cost.bytes == 300 && meter.cost.roundTrips == 3)
    }

    @Test func `a page that is no index lists nothing`() async throws {
        await expectError(.notFound) { try await store(.serving([:])).list("") }
        let page = FaultServer { _, _ in .init(body: Array("<title>Our data</title><a href=\"a.tif\">a</a>".utf8)) }
        await expectError(.unsupported, saying: "does not list") { try await store(page).list("") }
    }
}
