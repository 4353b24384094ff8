import FaultServing
import Glibc
import HarvestCore
import HarvestStores
import HarvestTesting
import Synchronization
import Testing

/// An object that a server may change, and probes of it with a cache folder of their own.
private final class Kept: Sendable {
    /// What each version holds.
    let bytes = [sample(200_000, seed: 0), sample(200_000, seed: 1), sample(200_000, seed: 2)]
    let folder: String
    /// The version the server has.
    let version = Mutex(1)
    let asked = Mutex<[FaultServer.Request]>([])

    init() {
        var name = Array("/tmp/harvest-probes-XXXXXX".utf8CString)
        folder = mkdtemp(&name).map { String(cString: $0) } ?? ""
    }

    deinit {
        for file in files { unlink(file) }
        rmdir("\(folder)/probes")
        rmdir(folder)
    }

    var files: [String] {
        guard let directory = opendir("\(folder)/probes") else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { found.append("\(folder)/probes/\(name)") }
        }
        return found
    }

    /// - Parameter headers: What says which version there is.
    func server(_ headers: @escaping @Sendable (Int) -> [String: String], knowsConditions: Bool = true) -> FaultServer {
        FaultServer { [self] request, _ in
            asked.withLock { $0.append(request) }
            let version = version.withLock { $0 }, said = headers(version)
            if knowsConditions, let tag = said["ETag"], request.headers["if-none-match"] == tag {
                return .init(status: 304, headers: said)
            }
            var answer = FaultServer.ranged(bytes[version], request)
            answer.headers["ETag"] = nil
            answer.headers.merge(said) { $1 }
            return answer
        }
    }

    /// Reads head, tail and middle as a probe does; returns the requests it took.
    func probe(_ server: FaultServer, path: String = "/v.tif", userinfo: String = "") async throws -> Meter.Cost {
        let meter = Meter()
        var options = quickOptions()
        options.probes = "\(folder)/probes"
        options.deadlines.firstByte = 10
        let stores = try Stores(options: options)
        let session = stores.session(meter: meter)
        let address = "http://\(userinfo)127.0.0.1:\(server.port)\(path)"
        let store = try stores.open(Address(address), meter: meter, session: session)
        async let head = store.read("", .bytes(0..<12_288))
        async let tail = store.read("", .tail(12_288))
        let now = bytes[version.withLock { $0 }]
        #expect(try await head.bytes.array == Array(now[..<12_288]))
        #expect(try await tail.bytes.array == now.suffix(12_288))
        let middle = try await store.read("", .bytes(90_000..<91_000))
        #expect(middle.bytes.array == Array(now[90_000..<91_000]) && middle.total == 200_000)
        session?.finish()
        return meter.cost
    }
}

private let tagged: @Sendable (Int) -> [String: String] = { ["ETag": "\"v\($0)\""] }
private let dated: @Sendable (Int) -> [String: String] = { ["Last-Modified": "Mon, 0\($0) Jun 2026 10:00:00 GMT"] }

@Suite struct ProbeCacheTests {
    @Test func `a second probe costs one request and no bytes`() async throws {
        let kept = Kept()
        let server = kept.server(tagged)
        let first = try await kept.probe(server), second = try await kept.probe(server)
        #expect(first.requests == 3 && first.cachedRequests == 0)
        #expect(second.requests == 1 && second.bytes == 0)
        #expect(second.cachedRequests == 3 && second.cachedBytes == 2 * 12_288 + 1000)
        #expect(kept.asked.withLock { $0.last?.headers["if-none-match"] } == "\"v1\"")
    }

    @Test func `a server that ignores conditions is compared by its first answer`() async throws {
        for headers in [tagged, dated] {
            let kept = Kept()
            let server = kept.server(headers, knowsConditions: false)
            _ = try await kept.probe(server)
            let second = try await kept.probe(server)
            #expect(second.requests == 1 && second.cachedRequests == 2)
        }
    }

    @Test(arguments: [true, false]) func `an object that changed is read anew`(knowsConditions: Bool) async throws {
        for headers in [tagged, dated] {
            let kept = Kept()
            let server = kept.server(headers, knowsConditions: knowsConditions)
            _ = try await kept.probe(server)
            kept.version.withLock { $0 = 2 }
            let cost = try await kept.probe(server)
            #expect(cost.requests == 3 && cost.cachedRequests == 0)
            #expect(try await kept.probe(server).requests == 1)
        }
    }

    @Test(arguments: [["ETag": "W/\"v\""], [:]])
    func `what cannot be proven is not kept`(headers: [String: String]) async throws {
        let kept = Kept()
        let server = kept.server({ _ in headers })
        _ = try await kept.probe(server)
        #expect(kept.files.isEmpty)
    }

    @Test(arguments: [("/v.tif", "user:word@"), ("/v.tif?signature=1", "")])
    func `nothing is kept of an address that may hold credentials`(path: String, userinfo: String) async throws {
        let kept = Kept()
        let server = kept.server(tagged)
        _ = try await kept.probe(server, path: path, userinfo: userinfo)
        #expect(kept.files.isEmpty)
        #expect(try await kept.probe(server, path: path, userinfo: userinfo).requests == 3)
    }

    @Test(arguments: ["flipped", "cut", "longer", "other name", "link", "pipe"])
    func `a file that is not what was written is as good as none`(damage: String) async throws {
        let kept = Kept()
        let server = kept.server(tagged)
        _ = try await kept.probe(server)
        let file = try #require(kept.files.first)
        var bytes = try await FileStore(file).read("", .whole).bytes.array
        switch damage {
        case "flipped": bytes[bytes.count - 5] ^= 1
        case "cut": bytes.removeLast(100)
        case "longer": bytes.append(0)
        case "other name":
            bytes.replaceSubrange(try #require(bytes.firstRange(of: Array("v.tif".utf8))), with: Array("w.tif".utf8))
        default: break
        }
        unlink(file)
        switch damage {
        case "link": symlink("/dev/zero", file)
        case "pipe": mkfifo(file, 0o600)
        default:
            let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
            #expect(write(descriptor, bytes, bytes.count) == bytes.count)
            close(descriptor)
        }
        #expect(try await kept.probe(server).requests == 3)
    }

    @Test func `all files together stay within their bound, the last used ones stay`() async throws {
        let kept = Kept()
        let server = kept.server(tagged)
        _ = try await kept.probe(server)
        let first = try #require(kept.files.first)
        for index in 0..<4 {
            let old = "\(kept.folder)/probes/old\(index)"
            let descriptor = open(old, O_WRONLY | O_CREAT, 0o600)
            ftruncate(descriptor, 20 << 20)
            close(descriptor)
            var times = [timeval(tv_sec: 1000 + index, tv_usec: 0), timeval(tv_sec: 1000 + index, tv_usec: 0)]
            utimes(old, &times)
        }
        _ = try await kept.probe(server, path: "/w.tif")
        let left = kept.files.map { $0.split(separator: "/").last.map(String.init) ?? "" }.sorted()
        #expect(left.count == 5 && left.suffix(3) == ["old1", "old2", "old3"] && kept.files.contains(first))
    }
}
