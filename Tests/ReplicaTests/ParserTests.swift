import Testing

@testable import HarvestReplica

@Suite struct ParserTests {
    private func parse(_ pieces: [String]) -> [RequestParser.Outcome] {
        var parser = RequestParser(), outcomes: [RequestParser.Outcome] = []
        for piece in pieces {
            Array(piece.utf8).withUnsafeBytes { parser.append($0) }
            loop: while true {
                let outcome = parser.next()
                switch outcome {
                case .incomplete: break loop
                case .request: outcomes.append(outcome)
                case .refused:
                    outcomes.append(outcome)
                    break loop
                }
            }
        }
        return outcomes
    }

    private func targets(_ outcomes: [RequestParser.Outcome]) -> [String] {
        outcomes.compactMap { if case .request(let request) = $0 { request.target } else { nil } }
    }

    private func status(_ text: String) -> Int? {
        guard case .refused(let status, _)? = parse([text]).first else { return nil }
        return status
    }

    @Test func `requests that come together are told apart`() {
        let two = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"
        #expect(targets(parse([two])) == ["/a", "/b"])
    }

    @Test func `a request that comes byte by byte is one request`() {
        let text = "GET /a?b=c HTTP/1.1\r\nHost: H:443\r\nRange:  bytes=0-1 \r\n\r\n"
        let outcomes = parse(text.map { String($0) }.flatMap { $0 == "\r\n" ? ["\r", "\n"] : [$0] })
        guard case .request(let request)? = outcomes.first else {
            Issue.record("no request")
            return
        }
        #expect(request.host == "h" && request.header("range") == "bytes=0-1" && request.parameter("b") == "c")
    }

    @Test func `a body is skipped, and the next request begins behind it`() {
        let text = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
        #expect(targets(parse([text])) == ["/a", "/b"])
    }

    @Test(arguments: [
        ("GET /data/ File.tif HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET  /a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\n\r\n", 400), ("GET /a HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET /a HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("GET /\u{E9} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    ]) func `what is not a request is refused`(text: String, expected: Int) {
        #expect(status(text) == expected)
    }

    @Test func `a header beyond 64 KiB is refused, whether it ends or not`() {
        let endless = "GET /a HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 65 << 10)
        #expect(status(endless) == 431)
        #expect(status(endless + "\r\n\r\n") == 431)
    }

    @Test func `a proxy's form of target is understood`() {
        #expect(targets(parse(["GET https://other/x?y HTTP/1.1\r\nHost: h\r\n\r\n"])) == ["/x?y"])
    }

    @Test(arguments: [
        ("0-0", 0..<1 as Range<Int64>?), ("0-99", 0..<10), ("9-", 9..<10), ("-3", 7..<10), ("-99", 0..<10),
        ("10-", nil), ("10-12", nil), ("-0", nil),
    ]) func `a range of ten bytes`(text: String, expected: Range<Int64>?) throws {
        let range = try #require(ByteRange(text))
        #expect(range.resolve(size: 10) == expected)
    }

    @Test(arguments: ["bytes=5-2", "bytes=0-1,3-4", "bytes=a-b", "bytes=-", "items=0-1", "bytes=99999999999999999999-"])
    func `a range that cannot be honoured is ignored`(header: String) {
        #expect(ByteRange(header: header) == nil)
    }
}
