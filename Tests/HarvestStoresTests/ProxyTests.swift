import FaultServing
import HarvestCore
@testable import HarvestStores
import Testing

/// Rules as curl documents them (everything.curl.dev, "Proxy environment variables").
@Suite struct ProxyTests {
    private func proxy(_ environment: [String: String], _ url: String) throws -> String? {
        ProxySettings(environment).proxy(for: try WebAddress(url).origin)
    }

    @Test func `each scheme has its variable, and all_proxy is for the others`() throws {
        let some = ["http_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2", "all_proxy": "socks5://r:3"]
        #expect(try proxy(some, "http://h.org") == "http://p:1")
        #expect(try proxy(some, "https://h.org") == "http://q:2")
        #expect(try proxy(some, "ftp://h.org") == "socks5://r:3")
        // In capitals a client of a CGI program could set it (httpoxy).
        #expect(try proxy(["HTTP_PROXY": "http://p:1"], "http://h.org") == nil)
        #expect(try proxy(["http_proxy": ""], "http://h.org") == nil)
    }

    @Test(arguments: [
        ("h.org", "http://h.org", true), ("h.org", "http://sub.h.org", true), (".h.org", "http://h.org", true),
        ("h.org", "http://xh.org", false), ("a.org, h.org", "http://h.org:8080", true), ("*", "http://any", true),
        ("10.0.0.0/8", "http://10.1.2.3", true), ("10.0.0.0/8", "http://11.1.2.3", false),
        ("192.168.1.1", "http://192.168.1.1", true), ("[::1]", "http://[::1]:80", true),
        ("2001:db8::/32", "http://[2001:db8::5]", true), ("10.0.0.0/99", "http://10.1.2.3", false),
        ("", "http://h.org", false),
    ])
    func `no_proxy`(list: String, url: String, isDirect: Bool) throws {
        #expect(try proxy(["http_proxy": "http://p:1", "no_proxy": list], url) == (isDirect ? nil : "http://p:1"))
    }

    @Test func `a request goes through its proxy, or directly where no_proxy says so`() async throws {
        let proxy = FaultServer { request, _ in
            FaultServer.ranged(Array("through \(request.target)".utf8), request)
        }
        let server = FaultServer.serving(["v": Array("direct".utf8)])
        defer { for server in [proxy, server] { server.stop() } }
        var options = quickOptions()
        options.proxies = ProxySettings(["http_proxy": proxy.url, "no_proxy": "127.0.0.1"])
        let client = try HTTPClient(options: options)
        let far = try await HTTPStore("http://nowhere.test/v", client: client).read("", .bytes(0..<100))
        #expect(far.bytes.text == "through http://nowhere.test/v")
        let near = try await HTTPStore(server.url + "/v", client: client).read("", .bytes(0..<100))
        #expect(near.bytes.text == "direct")
    }

    @Test(arguments: [[:], ["http_proxy": "http://127.0.0.1:1", "no_proxy": "inner.test,outer.test"]])
    func `a name that resolves inside is refused after a redirect, with a proxy for others too`(
        environment: [String: String]
    ) async throws {
        let inner = FaultServer.serving(["secret": Array("secret".utf8)])
        let port = inner.port
        let outer = FaultServer { _, _ in
            FaultServer.Answer(status: 302, headers: ["Location": "http://inner.test:\(port)/secret"])
        }
        defer { for server in [inner, outer] { server.stop() } }
        var options = quickOptions(connectTo: [outer.mapped("outer.test")])
        options.resolved = ["inner.test:\(port):127.0.0.1"]
        options.proxies = ProxySettings(environment)
        let store = try HTTPStore("http://outer.test/v", client: HTTPClient(options: options))
        await expectError(.denied, saying: "127.0.0.1") { try await store.read("", .bytes(0..<100)) }
        #expect(inner.requests.isEmpty)
        // The same name, asked for by the user.
        let own = try HTTPStore("http://inner.test:\(port)/secret", client: HTTPClient(options: options))
        #expect(try await own.read("", .bytes(0..<100)).bytes.text == "secret")
    }
}

@Suite struct PaceTests {
    @Test func `bytes pass at their pace, and little is saved up`() {
        var pace = Pace(rate: 1000)
        #expect(pace.wait(0) == 0)
        pace.take(500)
        #expect(abs(pace.wait(0) - 0.5) < 1e-9 && abs(pace.wait(0.2) - 0.3) < 1e-9 && pace.wait(0.5) == 0)
        // After a long rest a tenth of a second is saved up, no more.
        #expect(pace.wait(100) == 0)
        pace.take(100)
        #expect(pace.wait(100) == 0)
        pace.take(1)
        #expect(pace.wait(100) > 0)
    }

    @Test func `a download keeps to its pace, and to no less than its bytes`() async throws {
        let bytes = sample(600_000)
        let server = FaultServer.serving(["v": bytes])
        defer { server.stop() }
        for isHost in [false, true] {
            var options = TransportOptions()
            if isHost {
                options.limits.hosts["127.0.0.1"] = .init(connections: 4)
                options.limits.hosts["127.0.0.1"]?.bytesPerSecond = 600_000
            } else {
                options.limits.bytesPerSecond = 600_000
            }
            let folder = Folder()
            let store = try HTTPStore(server.url + "/v", client: HTTPClient(options: options))
            let start = Monotonic.now
            _ = try await Download().fetch("", of: store, to: folder.path + "/v")
            // 600 kB at 600 kB/s; what curl had in its buffer when the last piece was let through is not waited for.
            #expect(Monotonic.now - start > 0.3)
            #expect(try folder.read("v") == bytes)
        }
    }
}
