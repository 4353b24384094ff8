import HarvestCore
@testable import HarvestStores
import Testing

@Suite struct RetryPolicyTests {
    private func policy(_ change: (inout RetryPolicy.Options) -> Void = { _ in }) -> RetryPolicy {
        var options = RetryPolicy.Options()
        change(&options)
        return RetryPolicy(options)
    }

    @Test func `backoff doubles, is jittered from nothing up, and is capped`() {
        var budget = RetryBudget(capacity: 100)
        for (random, expected) in [(1.0, [0.2, 0.4, 0.5, 0.5]), (0.5, [0.1, 0.2, 0.25, 0.25]), (0, [0, 0, 0, 0])] {
            var policy = policy { $0.cap = 0.5 }
            for seconds in expected {
                #expect(policy.record(.broke, random: random, budget: &budget, now: 0) == .retry(after: seconds))
            }
            #expect(policy.record(.broke, random: random, budget: &budget, now: 0) == .giveUp)
            #expect(policy.attempts == 5)
        }
    }

    @Test(arguments: [(3.0, 3.0), (0, 0.1), (3600, 60), (-5, 0.1)])
    func `Retry-After is the least wait, up to a minute`(asked: Double, waited: Double) {
        var (policy, budget) = (policy(), RetryBudget(capacity: 10))
        #expect(
            policy.record(.refused(retryAfter: asked), random: 0.5, budget: &budget, now: 0) == .retry(after: waited))
    }

    @Test func `what will not change is not tried again, what is answered is done`() {
        var (policy, budget) = (policy(), RetryBudget(capacity: 10))
        #expect(policy.record(.hopeless, random: 0, budget: &budget, now: 0) == .giveUp)
        #expect(policy.record(.answered, random: 0, budget: &budget, now: 0) == .finish)
    }

    @Test func `an origin that only fails costs no more retries than its budget`() {
        var budget = RetryBudget(capacity: 20)
        var retries = 0
        for _ in 0..<1000 {
            var policy = policy()
            while case .retry = policy.record(.broke, random: 0, budget: &budget, now: 1) { retries += 1 }
        }
        #expect(retries == 20)
    }

    @Test func `the budget comes back with time and with good answers`() {
        var budget = RetryBudget(capacity: 1)
        var policy = policy { $0.attempts = 100 }
        func isRetried(_ now: Double) -> Bool {
            if case .retry = policy.record(.broke, random: 0, budget: &budget, now: now) { true } else { false }
        }
        #expect(isRetried(0) && !isRetried(0) && !isRetried(1) && isRetried(3))
        for _ in 0..<6 { _ = policy.record(.answered, random: 0, budget: &budget, now: 3) }
        #expect(isRetried(3) && !isRetried(3))
    }

    @Test func `the statuses that are tried again`() {
        let retried = (100..<600).filter(RetryPolicy.isRetried(status:))
        #expect(retried == [408, 425, 429, 500] + Array(502..<600))
    }
}

@Suite struct HeaderTests {
    @Test(arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func `the three dates of RFC 9110 are one moment`(text: String) {
        #expect(HTTPDate.seconds(of: text) == 784_111_777)
    }

    @Test func `dates around leap days, and texts that are none`() {
        // date -u -d '2024-02-29 23:59:59' +%s, and so on
        #expect(HTTPDate.seconds(of: "Thu, 29 Feb 2024 23:59:59 GMT") == 1_709_251_199)
        #expect(HTTPDate.seconds(of: "Fri, 01 Mar 2024 00:00:00 GMT") == 1_709_251_200)
        #expect(HTTPDate.seconds(of: "Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        for text in ["", "tomorrow", "Thu, 29 Foo 2024 23:59:59 GMT", "Thu, 99 Feb 2024 23:59:59 GMT", "a b c d e"] {
            #expect(HTTPDate.seconds(of: text) == nil)
        }
    }

    @Test func `Retry-After is a number, or a date by the server's own clock`() {
        func seconds(_ value: String) -> Double? {
            HTTPHead(status: 503, headers: ["retry-after": value, "date": "Sun, 06 Nov 1994 08:49:37 GMT"]).retryAfter
        }
        #expect(seconds("120") == 120 && seconds("Sun, 06 Nov 1994 08:50:00 GMT") == 23)
        #expect(seconds("Sun, 06 Nov 1994 08:00:00 GMT") == 0 && seconds("soon") == nil && seconds("-3") == 0)
    }

    @Test(
        arguments: [
            ("bytes 0-9/100", 0..<10, 100), ("bytes 5-5/*", 5..<6, nil), ("bytes */7", nil, 7),
            ("Bytes 1-2/3", 1..<3, 3),
        ] as [(String, Range<Int>?, Int?)])
    func `a content range is read`(text: String, range: Range<Int>?, total: Int?) {
        let content = ContentRange(text)
        #expect(content?.range == range && content?.total == total && content != nil)
    }

    @Test(arguments: [
        "", "bytes", "bytes 0-9", "bytes 9-0/10", "bytes 0-10/10", "bytes -1-2/10", "bytes 0-9223372036854775807/*",
        "bytes 0-99999999999999999999/*", "lines 0-1/2", "bytes 0-1/2/3", "bytes 0-1/x", "bytes +1-2/3",
    ])
    func `a content range that is none`(text: String) { #expect(ContentRange(text) == nil) }

    @Test func `lines of a head, also behind an interim answer`() {
        var parser = HeadParser()
        for line in [
            "HTTP/1.1 103 Early\r\n", "A: 1\r\n", "\r\n", "HTTP/2 206\r\n", "ETag:  \"x\" \r\n", "b:2\n", "B: 3\r\n",
            "\r\n", "T: x\r\n",
        ] {
            #expect(Array(line.utf8).withUnsafeBytes { parser.take($0, limit: 1000) })
        }
        #expect(parser.head?.status == 206 && parser.head?.headers == ["etag": "\"x\"", "b": "2"])
    }
}

@Suite struct AddressTests {
    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "0x7f.1", "2130706433", "017700000001", "localhost", "a.LOCALHOST", "[::1]",
        "[::]",
        "[fe80::1%25eth0]", "[fd12::1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]",
        "198.18.0.1",
    ])
    func `an address inside`(host: String) { #expect(NetworkAddress.isPrivate(host: host)) }

    @Test(arguments: [
        "8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "193.62.192.1", "www.ebi.ac.uk", "[2a00:1450::1]",
        "[::ffff:8.8.8.8]", "localhost.com", "10.0.0.1.example.org", "1.2.3.4.5",
    ])
    func `an address of the internet`(host: String) { #expect(!NetworkAddress.isPrivate(host: host)) }

    @Test(arguments: [
        ("127.0.0.1", NetworkAddress.Depth.machine), ("localhost", .machine), ("[::1]", .machine),
        ("0.0.0.0", .machine),
        ("169.254.169.254", .machine), ("[fe80::1]", .machine), ("[::ffff:127.0.0.1]", .machine), ("0x7f.1", .machine),
        ("10.0.0.1", .network), ("198.18.0.1", .network), ("[fd12::1]", .network), ("[::ffff:10.0.0.1]", .network),
        ("8.8.8.8", .internet), ("h.org", .internet),
    ])
    func `how far inside an address lies`(host: String, depth: NetworkAddress.Depth) {
        #expect(NetworkAddress.depth(host: host) == depth)
    }

    @Test(arguments: [
        ("http://10.0.0.1/", "http://127.0.0.1/", false), ("http://10.0.0.1/", "http://169.254.169.254/", false),
        ("http://10.0.0.1/", "http://10.0.0.2/", true), ("http://h.org/", "http://10.0.0.1/", false),
        ("http://127.0.0.1/", "http://127.0.0.2/", true), ("http://localhost/", "http://10.0.0.1/", true),
    ])
    func `nobody leads further inside than he is`(from: String, to: String, isFollowed: Bool) throws {
        var redirects = RedirectPolicy(try WebAddress(from), mapped: try ConnectMap([]))
        do {
            try redirects.follow(to)
            #expect(isFollowed)
        } catch { #expect(!isFollowed && error.kind == .denied) }
    }

    @Test func `an address is taken apart and put together`() throws {
        let address = try WebAddress("HTTPS://u:p@Example.org:8443/a b/%2Fc?x=y z#!frag#ment")
        #expect(address.origin == .init(scheme: "https", host: "example.org", port: 8443))
        #expect(address.text == "https://example.org:8443/a%20b/%2Fc?x=y%20z" && address.credentials == "u:p")
        #expect(address.fragment == "!frag#ment" && address.display == address.text + "#!frag#ment")
        #expect(try address.appending(["s0", "1 2"]).text == "https://example.org:8443/a%20b/%2Fc/s0/1%202?x=y%20z")
        #expect(try WebAddress("http://[::1]:80/").text == "http://[::1]/")
    }

    @Test(arguments: [
        "", "x", "gopher://a/b", "http://", "file:///x", "http://a b/", "http://a:99999/", "http://a\r\nb/",
    ])
    func `what is no web address`(text: String) { #expect(throws: HarvestError.self) { try WebAddress(text) } }

    @Test func `https never leads to http`() throws {
        var redirects = RedirectPolicy(try WebAddress("https://a.org/x"), mapped: try ConnectMap([]))
        #expect { try redirects.follow("http://a.org/x") } throws: { ($0 as? HarvestError)?.kind == .denied }
    }

    @Test(arguments: [
        ("https://b.org/x", false), ("https://a.org:444/x", false), ("https://A.org:443/y", true), ("/y", true),
        ("?z", true),
        ("//a.org/z", true), ("https://a.org.evil.org/", false), ("https://a.org@evil.org/", false),
        ("https:\\\\evil.org/", false),
    ])
    func `headers stay with their scheme, host and port`(location: String, stay: Bool) throws {
        var redirects = RedirectPolicy(try WebAddress("https://a.org/x"), mapped: try ConnectMap([]))
        do { try redirects.follow(location) } catch { return #expect(!stay) }
        #expect(redirects.keepsHeaders == stay)
    }

    @Test func `a mapped host may be inside, another may not`() throws {
        let map = try ConnectMap([":443:127.0.0.1:9999", "[::1]:80:[::1]:8080"])
        #expect(map.browserRules == "MAP *:443 127.0.0.1:9999, MAP [::1]:80 [::1]:8080")
        let isMapped = try ["https://any.org/", "http://[::1]/", "http://any.org/"].map {
            map.maps(try WebAddress($0).origin)
        }
        #expect(isMapped == [true, true, false])
        var redirects = RedirectPolicy(try WebAddress("http://a.org/x"), mapped: map)
        redirects.answered(from: "8.8.8.8", throughProxy: false)
        try redirects.follow("https://b.org/")
        #expect(redirects.limit != .internet)
    }

    @Test func `a name that stands for an address inside may lead to others inside, not through a proxy`() throws {
        var redirects = RedirectPolicy(try WebAddress("http://intranet/x"), mapped: try ConnectMap([]))
        var proxied = redirects
        redirects.answered(from: "10.0.0.5", throughProxy: false)
        try redirects.follow("http://10.0.0.6/")
        proxied.answered(from: "10.0.0.5", throughProxy: true)
        #expect(throws: HarvestError.self) { try proxied.follow("http://10.0.0.6/") }
    }

    @Test(arguments: ["a", "a:1:b", "a:x:b:1", "a:1:b:2:3"]) func `a mapping that is none`(line: String) {
        #expect(throws: HarvestError.self) { try HTTPClient(options: quickOptions(connectTo: [line])) }
    }

    @Test(arguments: ["h", "h=", "h=connections", "h=connections:0", "h=speed:9", "h=retrieves:x"])
    func `limits of a host that make no sense`(text: String) {
        #expect(throws: HarvestError.self) { try TransportOptions(environment: ["HARVEST_HOST_LIMITS": text]) }
    }

    @Test func `requests and bytes of a host`() throws {
        let limits = try TransportOptions(environment: ["HARVEST_HOST_LIMITS": "h.org=requests:5,bandwidth:2000000"])
            .limits
        #expect(limits.rate(at: try WebAddress("https://x.h.org/").origin) == 5)
        #expect(limits.rate(at: try WebAddress("ftp://x.h.org/").origin) == 5)
        #expect(limits.rate(at: try WebAddress("https://other.org/").origin) == nil)
        #expect(limits.hosts["h.org"]?.bytesPerSecond == 2e6)
    }

    @Test func `limits of hosts come from the environment too`() throws {
        let text = "h.org=connections:24,retrieves:2,burst:3; ebi.ac.uk=connections:3"
        let limits = try TransportOptions(environment: ["HARVEST_HOST_LIMITS": text]).limits
        let origin = try WebAddress("ftp://x.h.org/").origin
        #expect(limits.requests(at: origin) == 24 && limits.rate(at: origin) == 2 && limits.burst(at: origin) == 3)
        #expect(limits.requests(at: try WebAddress("https://ftp.ebi.ac.uk/").origin) == 3)
    }

    @Test func `options come from the environment`() throws {
        let options = try TransportOptions(environment: [
            "HARVEST_CONNECT_TO": ":443:127.0.0.1:1, a:80:b:2", "HARVEST_CA": "/ca.pem", "https_proxy": "http://p",
        ])
        #expect(options.connectTo == [":443:127.0.0.1:1", "a:80:b:2"] && options.certificateAuthority == "/ca.pem")
        #expect(options.proxies.proxy(for: try WebAddress("https://h.org").origin) == "http://p")
        #expect(try TransportOptions(environment: ["HARVEST_LIMIT_RATE": "5e6"]).limits.bytesPerSecond == 5e6)
        let pins = "h.org=sha256//AAAA;sha256//BBBB, x.org=sha256//C="
        #expect(
            try TransportOptions(environment: ["HARVEST_PINS": pins]).pins == [
                "h.org": "sha256//AAAA;sha256//BBBB", "x.org": "sha256//C=",
            ])
        for bad in ["HARVEST_LIMIT_RATE", "HARVEST_PINS"] {
            #expect(throws: HarvestError.self) { try TransportOptions(environment: [bad: "much"]) }
        }
    }
}
