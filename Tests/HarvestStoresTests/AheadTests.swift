import FaultServing
import Glibc
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

/// Many small objects over few connections, with servers that answer as they should and as they should not. Expected bytes:
/// those that the servers were given.
@Suite struct AheadTests {
    private static let objects = Dictionary(
        uniqueKeysWithValues: (0..<400).map { ("o\($0)", sample(1000 + 37 * $0, seed: $0)) })

    /// Reads all objects, many at a time.
    private func readAll(
        _ server: FaultServer, streamed: Bool = false, _ change: (inout TransportOptions) -> Void = { _ in }
    ) async throws -> [String: [UInt8]] {
        var options = quickOptions()
        (options.deadlines.firstByte, options.deadlines.idle) = (2, 2)
        change(&options)
        let store = try HTTPStore(server.url, client: HTTPClient(options: options))
        let found = try await Self.objects.keys.sorted().concurrently(atMost: 64) { key in
            guard streamed else { return (key, try await store.read(key, .whole).bytes.array) }
            let bytes = Mutex<[UInt8]>([])
            _ = try await store.stream(
                key, begins: { bytes.withLock { $0 = [] } }, to: { piece in bytes.withLock { $0 += piece } })
            return (key, bytes.withLock { $0 })
        }
        return Dictionary(uniqueKeysWithValues: found)
    }

    private func object(_ request: FaultServer.Request) -> FaultServer.Answer {
        FaultServer.ranged(Self.objects[String(request.path.dropFirst())] ?? [], request)
    }

    @Test(arguments: [false, true]) func `objects come over few connections, each asked for once`(streamed: Bool)
        async throws
    {
        let server = FaultServer.serving(Self.objects)
        defer { server.stop() }
        #expect(try await readAll(server, streamed: streamed) == Self.objects)
        #expect(server.requests.count == 400)
        // Some over curl while there were few, the others over 16 connections.
        #expect(server.connections <= 16 + 16)
    }

    @Test func `a server that ends connections now and then, with or without a word`() async throws {
        for isSaid in [true, false] {
            let counts = Mutex<[Int: Int]>([:])
            let server = FaultServer { request, _ in
                var answer = object(request)
                let count = counts.withLock { counts in
                    counts[request.connection, default: 0] += 1
                    return counts[request.connection] ?? 0
                }
                if count % 7 == 0 {
                    if isSaid { answer.headers["Connection"] = "close" }
                    answer.fault = .cut(after: answer.body.count)
                }
                return answer
            }
            defer { server.stop() }
            #expect(try await readAll(server) == Self.objects)
        }
    }

    @Test(arguments: ["cut", "cut head", "stall", "unsized", "503", "late"])
    func `answers that break, stall or say no length`(how: String) async throws {
        let seen = Mutex<Set<String>>([])
        let server = FaultServer { request, number in
            var answer = object(request)
            // Each fault once for an object, some way into the run.
            let isHit = number > 100 && number % 23 == 0 && seen.withLock { $0.insert(request.path).inserted }
            guard isHit else { return answer }
            switch how {
            case "cut": answer.fault = .cut(after: answer.body.count / 2)
            case "cut head": answer.fault = .stall(after: -1)
            case "stall": answer.fault = .stall(after: 10)
            case "unsized": answer.isUnsized = true
            case "503": answer = FaultServer.Answer(status: 503, headers: ["Retry-After": "0"])
            default: answer.fault = .late(300)
            }
            return answer
        }
        defer { server.stop() }
        let found = try await readAll(server) { ($0.deadlines.firstByte, $0.deadlines.idle) = (0.7, 0.7) }
        #expect(found == Self.objects)
    }

    @Test func `a server that answers once a connection and drops what was sent ahead`() async throws {
        let server = FaultServer { request, _ in
            var answer = object(request)
            answer.fault = .cut(after: answer.body.count)  // whole, then the end, without a word
            return answer
        }
        defer { server.stop() }
        #expect(try await readAll(server) == Self.objects)
        #expect(server.requests.count <= 3 * 400)
    }

    @Test func `statuses, redirects and encodings mean what they mean elsewhere`() async throws {
        let server = FaultServer { request, number in
            switch Int(request.path.dropFirst(2)) ?? 0 {
            case 50...59: .init(status: 404)
            case 60...69: .init(status: 302, headers: ["Location": "/moved"])
            case 70:
                .init(
                    headers: ["Transfer-Encoding": "chunked"], body: Array("3\r\nabc\r\n0\r\n\r\n".utf8),
                    isUnsized: true)
            default: request.path == "/moved" ? .init(body: Array("moved".utf8)) : object(request)
            }
        }
        defer { server.stop() }
        let store = try HTTPStore(server.url, client: calmClient())
        let found = await (0..<200).map { $0 }.asyncMap(atMost: 64) { number -> String in
            do {
                let bytes = try await store.read("o\(number)", .whole).bytes
                return bytes.array == Self.objects["o\(number)"] ? "right" : bytes.text
            } catch { return (error as? HarvestError)?.kind.rawValue ?? "\(error)" }
        }
        for (number, text) in found {
            let expected =
                switch number {
                case 50...59: "notFound"
                case 60...69: "moved"
                case 70: "abc"
                default: "right"
                }
            #expect(text == expected, "\(number)")
        }
    }

    @Test func `who is cancelled gets nothing, and takes nothing from the others`() async throws {
        let server = FaultServer { request, _ in
            var answer = object(request)
            answer.fault = .late(5)
            return answer
        }
        defer { server.stop() }
        let store = try HTTPStore(server.url, client: calmClient())
        let tasks = (0..<200).map { number in Task { try await store.read("o\(number)", .whole).bytes.array } }
        for number in stride(from: 3, to: 200, by: 10) { tasks[number].cancel() }
        for (number, task) in tasks.enumerated() {
            let found = try? await task.value
            #expect(found == Self.objects["o\(number)"] || found == nil && number % 10 == 3, "\(number)")
        }
    }

    @Test func `who is cancelled before it is taken is answered once`() async throws {
        let server = FaultServer.serving(Self.objects)
        defer { server.stop() }
        let options = quickOptions()
        let lane = AheadLane(options: options, connectMap: try ConnectMap([]))
        defer { lane.stop() }
        func ask(_ key: String) throws -> TransferRequest {
            TransferRequest(address: try WebAddress("\(server.url)/\(key)"), plan: { _ in .collect(atMost: 1 << 20) })
        }
        for key in ["o1", "o2", "o3"] {
            let request = try ask(key)
            let gone = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await lane.perform(request)
            }.value
            guard case .cancelled? = gone?.failure else {
                Issue.record("not cancelled: \(String(describing: gone?.head))")
                continue
            }
            // The thread hears of the cancellation with the next request, and that one is answered.
            #expect(await lane.perform(request)?.body.array == Self.objects[key])
        }
        #expect(server.requests.count == 3)
    }

    // MARK: Ranges of one object

    private struct Enough: Error {}

    private static let long = sample(600_000, seed: 7)

    /// Asks for two ranges of one line, the second one while the first is on its way; then for a third.
    private func ranges(
        _ server: FaultServer, stopsFirst: Bool = false
    ) async throws -> (ends: [String], bytes: [[UInt8]], takesAhead: Bool) {
        let store = try HTTPStore(server.url, client: calmClient()), line = RequestLine()
        @Sendable func ask(_ index: Int) async throws -> (String, [UInt8]) {
            // The second one once the first is there.
            while index == 1, server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            let bytes = Mutex<[UInt8]>([])
            let start = index * 200_000
            let end = await store.stream("o", start..<start + 200_000, on: line, facts: { _ in }) { piece in
                if stopsFirst, index == 0 { throw Enough() }
                bytes.withLock { $0 += piece }
            }
            return (String("\(end)".prefix { $0 != "(" }), bytes.withLock { $0 })
        }
        async let first = ask(0), second = ask(1)
        let found = [try await first, try await second, try await ask(2)]
        return (found.map(\.0), found.map(\.1), line.takesAhead)
    }

    private static let wanted = (0..<3).map { Array(long[$0 * 200_000..<($0 + 1) * 200_000]) }

    @Test func `a range is asked for behind the one before, over its connection`() async throws {
        let server = FaultServer { request, _ in
            var answer = FaultServer.ranged(Self.long, request)
            answer.fault = .late(300)  // the second request is sent before this one's answer
            return answer
        }
        defer { server.stop() }
        let found = try await ranges(server)
        #expect(found.ends == ["complete", "complete", "complete"] && found.bytes == Self.wanted && found.takesAhead)
        #expect(server.requests.count == 3 && server.connections == 1)
    }

    @Test func `a range that breaks off takes nothing from the one behind it`() async throws {
        for isBetween in [false, true] {
            let server = FaultServer { request, _ in
                var answer = FaultServer.ranged(Self.long, request)
                if request.range?.lowerBound == 0 {
                    // In the middle, or the end of the connection between two answers.
                    answer.fault = .cut(after: isBetween ? answer.body.count : 50_000)
                    usleep(300_000)
                }
                return answer
            }
            defer { server.stop() }
            let found = try await ranges(server)
            // An end with a request unread may take back what was sent before it (RFC 9112 §9.6).
            #expect(found.ends[0] == "broke" || isBetween && found.ends[0] == "complete")
            #expect(found.ends[1...] == ["complete", "complete"])
            #expect(found.bytes[1...] == Self.wanted[1...] && Self.wanted[0].starts(with: found.bytes[0]))
        }
    }

    @Test func `a range that is not wanted any more does not hold up the one behind it`() async throws {
        let server = FaultServer { request, _ in
            var answer = FaultServer.ranged(Self.long, request)
            if request.range?.lowerBound == 0 { answer.fault = .late(300) }
            return answer
        }
        defer { server.stop() }
        let found = try await ranges(server, stopsFirst: true)
        #expect(found.ends == ["stopped", "complete", "complete"] && found.bytes[1...] == Self.wanted[1...])
        #expect(found.takesAhead && server.connections == 2)
    }

    @Test func `a line takes one place of its host's, however many requests follow one another`() async throws {
        let origin = WebAddress.Origin(scheme: "http", host: "h.org", port: 80)
        var options = TransportOptions.Limits()
        options.hosts["h.org"] = TransportOptions.HostLimits(connections: 1)
        let limiter = Limiter(options), line = RequestLine(), running = Mutex((now: 0, most: 0))
        let ask: @Sendable (Int) async throws -> Void = { number in
            if number > 0 { try await Task.sleep(for: .milliseconds(20)) }
            let isFollowing = number < 4
            _ = try await limiter.run(at: origin, on: isFollowing ? line : nil) {
                running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                try await Task.sleep(for: .milliseconds(isFollowing ? 80 : 20))
                let now = running.withLock { $0.now }
                #expect(isFollowing || now == 1)
                running.withLock { $0.now -= 1 }
                return TransferOutcome()
            }
        }
        _ = try await (0..<6).concurrently(atMost: 6, ask)
        #expect(running.withLock { $0.most } == 4 && limiter.isIdle(origin))
    }

    @Test func `a mapped host is found where it is`() async throws {
        let map = try ConnectMap(["h.org:80:127.0.0.1:8080", ":443:[::1]:1", "x.org:::99"])
        func target(_ url: String) throws -> String {
            let found = map.target(of: try WebAddress(url).origin)
            return "\(found.host) \(found.port)"
        }
        #expect(try target("http://h.org/") == "127.0.0.1 8080" && target("http://h.org:81/") == "h.org 81")
        #expect(try target("https://any.org/") == "[::1] 1" && target("http://x.org/") == "x.org 99")
    }
}

extension Array where Element == Int {
    /// Runs `body` for each, so many at a time.
    fileprivate func asyncMap<R: Sendable>(
        atMost count: Int, _ body: @escaping @Sendable (Int) async -> R
    ) async -> [(Int, R)] {
        (try? await concurrently(atMost: count) { ($0, await body($0)) }) ?? []
    }
}
