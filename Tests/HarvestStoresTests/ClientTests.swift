import FaultServing
import HarvestCore
import HarvestStores
import Testing

@Suite struct ClientTests {
    private func web(_ servers: [String: FaultServer]) throws -> HTTPWeb {
        HTTPWeb(client: try quickClient(connectTo: servers.map { $1.mapped($0) }))
    }

    @Test func `a connection is used again`() async throws {
        let server = FaultServer.serving(["x": sample(100_000)])
        let store = try HTTPStore(server.url + "/x", client: quickClient())
        for index in 0..<20 { _ = try await store.read("", .bytes(index * 100..<index * 100 + 100)) }
        #expect(server.connections == 1 && server.requests.count == 20)
    }

    @Test func `no more requests run at a time than the limit says, first come first served`() async throws {
        let server = FaultServer { _, _ in .init(body: [1], fault: .late(10)) }
        var options = quickOptions()
        options.limits.concurrentRequests = 3
        let client = try HTTPClient(options: options)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask { _ = try await HTTPStore("\(server.url)/\(index)", client: client).read("", .whole) }
            }
            try await group.waitForAll()
        }
        #expect(server.mostConcurrent <= 3 && server.requests.count == 20)
    }

    @Test func `requests per second are held to`() async throws {
        let server = FaultServer { _, _ in .init(body: [1]) }
        var options = quickOptions()
        options.limits.requestsPerSecond = 50
        let store = try HTTPStore(server.url, client: HTTPClient(options: options))
        let clock = ContinuousClock()
        let taken = try await clock.measure { for _ in 0..<6 { _ = try await store.read("", .whole) } }
        #expect(taken > .milliseconds(95))
    }

    @Test func `a cancelled request ends at once, wherever it waits`() async throws {
        let server = FaultServer { _, _ in .init(fault: .stall(after: -1)) }
        var options = quickOptions()
        options.deadlines.firstByte = 30
        options.limits.concurrentRequests = 2
        let store = try HTTPStore(server.url, client: HTTPClient(options: options))
        let tasks = (0..<6).map { _ in Task { try await store.read("", .whole) } }
        while server.requests.count < 2 { try await Task.sleep(for: .milliseconds(1)) }
        let clock = ContinuousClock()
        let taken = await clock.measure {
            for task in tasks { task.cancel() }
            for task in tasks {
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
        #expect(taken < .seconds(15))  // well before the deadline of 30 s, however busy the machine is
        #expect(server.requests.count == 2)
    }

    @Test func `requests cancelled at any moment end exactly once`() async throws {
        let server = FaultServer.serving(["x": sample(300_000)])
        let store = try HTTPStore(server.url + "/x", client: quickClient())
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask {
                    let task = Task { try await store.read("", .bytes(0..<300_000)).bytes.count }
                    if index % 3 > 0 { try? await Task.sleep(for: .microseconds(index * 17 % 3000)) }
                    if index % 5 > 0 { task.cancel() }
                    let result = await task.result
                    if case .success(let count) = result { #expect(count == 300_000) }
                }
            }
        }
        #expect(try await store.read("", .bytes(0..<10)).bytes.count == 10)
    }

    @Test func `redirects are followed and the last address is told`() async throws {
        let server = FaultServer { request, _ in
            switch request.path {
            case "/a": .init(status: 302, headers: ["Location": "b?x=1 2"])
            case "/b": .init(status: 301, headers: ["Location": "//two.test/c/../d"])
            default: .init(headers: ["Content-Type": "Text/Plain; charset=x"], body: Array("here".utf8))
            }
        }
        let page = try await web(["one.test": server, "two.test": server]).page(at: "http://one.test/a#part")
        #expect(page.finalURL == "http://two.test/d#part" && page.status == 200 && page.contentType == "text/plain")
        #expect(page.body.text == "here" && server.requests.map(\.target) == ["/a", "/b?x=1%202", "/d"])
    }

    @Test func `a loop of redirects ends after ten`() async throws {
        let server = FaultServer { request, index in .init(status: 307, headers: ["Location": "/\(index)"]) }
        await expectError(.denied, saying: "more than 10 redirects") {
            try await web(["a.test": server]).page(at: "http://a.test/")
        }
        #expect(server.requests.count == 11)
    }

    @Test func `another origin gets none of the caller's headers, and none come back later`() async throws {
        let other = FaultServer { _, _ in .init(status: 302, headers: ["Location": "http://one.test/back"]) }
        let server = FaultServer { request, _ in
            switch request.path {
            case "/a": .init(status: 302, headers: ["Location": "/b"])
            case "/b": .init(status: 302, headers: ["Location": "http://two.test/"])
            default: .init(body: [1])
            }
        }
        let secrets = ["Authorization": "Bearer s", "Cookie": "s", "apikey": "s", "X-Own": "s"]
        let web = try web(["one.test": server, "two.test": other])
        #expect(try await web.page(at: "http://user:s@one.test/a", headers: secrets).status == 200)
        let names: Set = ["authorization", "cookie", "apikey", "x-own"]
        #expect(server.requests.prefix(2).allSatisfy { names.isSubset(of: $0.headers.keys) })
        for request in other.requests + server.requests.suffix(1) {
            #expect(names.isDisjoint(with: request.headers.keys))
        }
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://a.test/x", "gopher://a.test/", "javascript://a", "http://[::1", "http://",
    ])
    func `a redirect to what is no web address is refused`(location: String) async throws {
        let server = FaultServer { _, _ in .init(status: 302, headers: ["Location": location]) }
        await expectError(.denied) { try await web(["a.test": server]).page(at: "http://a.test/") }
    }

    @Test(arguments: [
        "http://127.0.0.1:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/", "http://[::ffff:127.0.0.1]:PORT/",
        "http://localhost:PORT/", "http://169.254.169.254/latest", "http://10.0.0.1/", "http://[fd00::1]/",
    ])
    func `a redirect from the internet into this network is refused`(location: String) async throws {
        let inside = FaultServer { _, _ in .init(body: [1]) }
        let there = location.replacing("PORT", with: "\(inside.port)")
        let server = FaultServer { _, _ in .init(status: 302, headers: ["Location": there]) }
        await expectError(.denied, saying: "inside this network") {
            try await web(["a.test": server]).page(at: "http://a.test/")
        }
        #expect(inside.requests.isEmpty)
    }

    @Test func `within this network redirects are followed`() async throws {
        let inside = FaultServer { _, _ in .init(body: [1]) }
        let server = FaultServer { _, _ in .init(status: 302, headers: ["Location": inside.url]) }
        #expect(try await web([:]).page(at: server.url).status == 200)
    }

    @Test func `a redirect to a Neuroglancer state is told, not followed`() async throws {
        let server = FaultServer { _, _ in .init(status: 302, headers: ["Location": "https://ng.test/#!{\"a\":\"#b\"}"])
        }
        let page = try await web(["tiny.test": server]).page(at: "http://tiny.test/x")
        #expect(page.finalURL == "https://ng.test/#!{\"a\":\"#b\"}" && page.status == 302)
    }

    @Test func `a page of any status comes back, one that fails for good does not`() async throws {
        let server = FaultServer { request, _ in
            .init(status: Int(request.path.dropFirst()) ?? 0, body: Array("gone".utf8))
        }
        let web = try web(["a.test": server])
        for status in [404, 403, 400, 501] {
            let page = try await web.page(at: "http://a.test/\(status)")
            #expect(page.status == status && page.body.text == "gone")
        }
        await expectError(.unavailable) { try await web.page(at: "http://a.test/500") }
    }

    @Test func `a compressed page is read though none was asked for`() async throws {
        // gzip of "hello", by Python's gzip.compress(b"hello", mtime=0)
        let packed: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 0xFF, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 7, 0, 0x86, 0xA6, 0x10, 0x36, 5, 0, 0,
            0,
        ]
        let server = FaultServer { _, _ in .init(headers: ["Content-Encoding": "gzip"], body: packed) }
        #expect(try await web(["a.test": server]).page(at: "http://a.test/").body.text == "hello")
        #expect(server.requests[0].headers["accept-encoding"] == "identity")
    }

    @Test func `a host that does not exist and a port that is closed are unavailable`() async throws {
        var options = quickOptions(connectTo: ["gone.test:80:127.0.0.1:1"])
        options.retry.attempts = 2
        let web = HTTPWeb(client: try HTTPClient(options: options))
        await expectError(.unavailable) { try await web.page(at: "http://gone.test/") }
        await expectError(.unavailable, saying: "does not resolve") {
            try await web.page(at: "http://nothing.invalid/")
        }
    }

    @Test func `a header that smuggles another is refused`() async throws {
        let web = try web([:])
        await expectError(.invalid) { try await web.page(at: "http://a.test/", headers: ["X": "a\r\nHost: b"]) }
        await expectError(.invalid) { try await web.page(at: "http://a.test/", headers: ["X: y\r\nZ": "a"]) }
    }

    @Test func `settings are what the user gave`() throws {
        let web = HTTPWeb(client: try quickClient(), settings: ["key": "value"])
        #expect(web.setting("key") == "value" && web.setting("other") == nil)
    }
}
