import Testing

@testable import HarvestReplica

@Suite struct FaultTests {
    private let url = "files.replica.test/1k.bin"

    private func request(_ path: String = "/1k.bin") -> Request {
        Request(method: "GET", target: path, headers: [], host: "files.replica.test")
    }

    private func plan(_ rules: String..., seed: UInt64 = 1) throws -> FaultPlan {
        FaultPlan(rules: try rules.map { try FaultRule($0) }, seed: seed)
    }

    private func withClient(
        _ rules: [String], patience: Double = 20, _ body: (TestClient, Server) throws -> Void
    ) throws {
        let server = try startServer(rules)
        defer { server.stop() }
        try body(TestClient(port: server.port, patience: patience), server)
    }

    @Test(arguments: [
        "x", "h=stall:1", "h/p", "h/p=stall:2", "h/p=cut", "h/p=latency:-1", "h/p=status:99", "h/p=rate:0",
        "h/p=latency:1,", "h/p=unheard-of", "/p=etag-none", "h/p=cut:1:0.5:3",
    ]) func `a rule that says nothing is refused`(rule: String) {
        #expect(throws: FaultRule.Misunderstood.self) { try FaultRule(rule) }
    }

    @Test func `a rule meets its host and path, a star any end of it`() throws {
        #expect(try FaultRule("files.replica.test/1k.bin=etag-none").matches(request()))
        #expect(try FaultRule("FILES.replica.test/1*=etag-none").matches(request("/1k.bin?x=y")))
        #expect(try FaultRule("*/a b*=etag-none").matches(request("/a%20b.tif")))
        #expect(try FaultRule("*/1k.bin?x=y=etag-none").matches(request("/1k.bin?x=y")))
        #expect(try !FaultRule("files.replica.test/1k=etag-none").matches(request()))
        #expect(try !FaultRule("other.replica.test/*=etag-none").matches(request()))
    }

    @Test func `latency, bandwidth and tags add up over rules`() throws {
        let plan = try plan("*/*=latency:20,etag-weak", "*/1k.bin=latency:30,bandwidth:1000,range-ignored")
        let treatment = plan.treatment(of: request(), now: 0)
        #expect(treatment.delayMilliseconds == 50 && treatment.pace == 1000)
        #expect(treatment.weakensEntityTag && treatment.ignoresRange && !treatment.dropsEntityTag)
    }

    @Test func `a rate allows a second's worth at once and then its pace`() throws {
        let plan = try plan("*/*=rate:4")
        func statuses(_ count: Int, at now: Double) -> [Int?] {
            (0..<count).map { _ in plan.treatment(of: request(), now: now).status }
        }
        #expect(statuses(5, at: 100) == [nil, nil, nil, nil, 429])
        #expect(statuses(3, at: 100.5) == [nil, nil, 429])
        #expect(plan.treatment(of: request(), now: 100.5).retryAfter == "1")
    }

    @Test func `the dice fall as often as they should, the same way every time`() throws {
        func fall(_ seed: UInt64) throws -> [Bool] {
            let plan = try plan("*/*=stall:0.03", seed: seed)
            return (0..<10_000).map { _ in plan.treatment(of: request(), now: 0).stallAfter == -1 }
        }
        let stalls = try fall(7)
        #expect((250...350).contains(stalls.count { $0 }))
        #expect(try fall(7) == stalls && fall(8) != stalls)
    }

    @Test func `errors come for the first requests, or for the first of every address`() throws {
        let plan = try plan("*/*=status-first:503:2:7", "*/e/*=status-each:500:1")
        let paths = ["/a", "/e/b", "/e/b", "/e/c", "/a"]
        let treatments = paths.map { plan.treatment(of: request($0), now: 0) }
        #expect(treatments.map(\.status) == [503, 500, nil, 500, nil])
        #expect(treatments[0].retryAfter == "7")
    }

    @Test func `a status comes in the host's words with Retry-After`() throws {
        try withClient(["*/*=status:503:1:3"]) { client, _ in
            let answer = try #require(client.get("janelia-cosem-datasets.s3.amazonaws.com/x"))
            #expect(answer.status == 503 && answer.header("Retry-After") == "3")
            #expect(answer.text.contains("<Code>SlowDown</Code>"))
            #expect(client.get(url)?.status == 503)
        }
    }

    @Test func `a cut ends the connection after so many bytes`() throws {
        try withClient(["*/1k.bin=cut:100"]) { client, _ in
            let answer = try #require(client.get(url))
            #expect(answer.status == 200 && answer.body.count == 100 && answer.isShort)
        }
    }

    @Test func `a cut beyond the end cuts nothing`() throws {
        try withClient(["*/1k.bin=cut:1024"]) { client, _ in
            #expect(client.get(url)?.isShort == false)
            #expect(client.get(url)?.status == 200)
        }
    }

    @Test func `a stall sends nothing, and one after bytes sends those`() throws {
        try withClient(["*/1k.bin=stall:1", "*/big.bin=stall-after:10"], patience: 0.2) { client, server in
            #expect(client.get(url) == nil)
            let other = TestClient(port: server.port, patience: 0.2)
            let answer = try #require(other.get("files.replica.test/big.bin"))
            #expect(answer.status == 200 && answer.body.count == 10 && answer.isShort)
        }
    }

    @Test func `an ignored range is answered with everything`() throws {
        try withClient(["*/1k.bin=range-ignored"]) { client, _ in
            let answer = try #require(client.get(url, ["Range: bytes=0-9"]))
            #expect(answer.status == 200 && answer.body.count == 1024 && answer.header("Accept-Ranges") == nil)
        }
    }

    @Test func `a changed object has another tag, date and other bytes of the same number`() throws {
        try withClient(["*/1k.bin=changed:2"]) { client, _ in
            let answers = (0..<3).compactMap { _ in client.get(url) }
            #expect(answers[0].body == answers[1].body && answers[1].header("ETag") == answers[0].header("ETag"))
            #expect(answers[2].body != answers[0].body && answers[2].body.count == 1024)
            #expect(answers[2].header("ETag") != answers[0].header("ETag"))
            #expect(answers[2].header("Last-Modified") != answers[0].header("Last-Modified"))
        }
    }

    @Test func `If-Range notices the change`() throws {
        try withClient(["*/1k.bin=changed:1"]) { client, _ in
            let tag = try #require(client.get(url)?.header("ETag"))
            let answer = try #require(client.get(url, ["Range: bytes=500-", "If-Range: \(tag)"]))
            #expect(answer.status == 200 && answer.body.count == 1024)
        }
    }

    @Test func `tags can be missing or weak`() throws {
        try withClient(["*/1k.bin=etag-none", "*/big.bin=etag-weak"]) { client, _ in
            #expect(client.get(url)?.header("ETag") == nil)
            let weak = client.get("files.replica.test/big.bin", method: "HEAD")?.header("ETag")
            #expect(weak?.hasPrefix("W/\"") == true)
        }
    }

    @Test func `bandwidth and latency take their time`() throws {
        try withClient(["*/1k.bin=bandwidth:4096,latency:50"]) { client, _ in
            let start = monotonicSeconds()
            #expect(client.get(url)?.body.count == 1024)
            let seconds = monotonicSeconds() - start
            #expect(seconds > 0.27 && seconds < 5)
        }
    }

    @Test func `a body shorter than promised ends the connection`() throws {
        try withClient([]) { client, _ in
            let answer = try #require(client.get("files.replica.test/short"))
            #expect(answer.header("Content-Length") == "1500" && answer.body.count == 1000 && answer.isShort)
        }
    }
}
