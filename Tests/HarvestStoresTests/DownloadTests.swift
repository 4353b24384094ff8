import Glibc
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

@Suite struct DownloadTests {
    private let bytes = sample(1_000_000)
    private let folder = Folder()
    private let download = Download(connections: 4, segment: 64 << 10)

    private func fetch(_ server: FaultServer) async throws -> Int {
        try await download.fetch(
            "", of: HTTPStore(server.url + "/v.tif", client: quickClient()), to: folder.path + "/v.tif")
    }

    @Test func `an object comes in ranges, whole and in order of progress`() async throws {
        let server = FaultServer.serving(["v.tif": bytes])
        let told = Mutex<[Int]>([])
        let store = try HTTPStore(server.url + "/v.tif", client: quickClient())
        let count = try await download.fetch("", of: store, to: folder.path + "/v.tif") { done, total in
            #expect(total == 1_000_000)
            told.withLock { $0.append(done) }
        }
        #expect(try count == 1_000_000 && folder.read("v.tif") == bytes)
        #expect(server.requests.count == 16 && server.mostConcurrent <= 4)
        #expect(told.withLock { $0 == $0.sorted() && $0.last == 1_000_000 && $0.count == 16 })
        #expect(access(folder.path + "/v.tif.part", F_OK) != 0)
    }

    @Test(arguments: [0, 1, 64 << 10, 100_000]) func `lengths around a segment`(count: Int) async throws {
        #expect(try await fetch(.serving(["v.tif": Array(bytes.prefix(count))])) == count)
        #expect(try folder.read("v.tif") == Array(bytes.prefix(count)))
    }

    @Test func `cut and failing answers end in the same bytes`() async throws {
        let tries = Mutex<[Int: Int]>([:])
        let server = FaultServer { [bytes] request, _ in
            let first = request.range?.lowerBound ?? 0
            let attempt = tries.withLock { tries in
                tries[first, default: 0] += 1
                return tries[first] ?? 0
            }
            var answer = FaultServer.ranged(bytes, request)
            guard attempt == 1 else { return answer }
            if first >> 16 % 3 == 1 { answer.fault = .cut(after: first / 20) }
            return first >> 16 % 3 == 2 ? .init(status: 503) : answer
        }
        _ = try await fetch(server)
        #expect(try folder.read("v.tif") == bytes)
    }

    @Test func `a server that ignores ranges is read as one stream`() async throws {
        let bytes = sample(20 << 20)
        for isUnsized in [false, true] {
            let isFirst = Mutex(!isUnsized)
            let server = FaultServer { request, _ in
                let isCut =
                    request.range == nil
                    && isFirst.withLock { first in
                        defer { first = false }
                        return first
                    }
                return .init(body: bytes, fault: isCut ? .cut(after: 15 << 20) : nil, isUnsized: isUnsized)
            }
            #expect(try await fetch(server) == bytes.count)
            #expect(try folder.read("v.tif") == bytes)
            #expect(server.requests.count { $0.range == nil } == (isUnsized ? 1 : 2))
        }
    }

    @Test func `an object that changes meanwhile never gets its name`() async throws {
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(bytes, request, tag: index < 6 ? "\"a\"" : "\"b\"")
        }
        await expectError(.changed) { try await fetch(server) }
        #expect(access(folder.path + "/v.tif", F_OK) != 0)
    }

    @Test func `a cancelled download leaves no file under the name`() async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index > 5 { answer.fault = .stall(after: 10) }
            return answer
        }
        var options = quickOptions()
        options.deadlines.idle = 30
        let store = try HTTPStore(server.url + "/v.tif", client: HTTPClient(options: options))
        let task = Task { [download, folder] in try await download.fetch("", of: store, to: folder.path + "/v.tif") }
        while server.requests.count < 8 { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(access(folder.path + "/v.tif", F_OK) != 0 && access(folder.path + "/v.tif.part", F_OK) == 0)
    }

    @Test func `what does not fit is refused before it starts`() async throws {
        let huge = 1 << 60
        let server = FaultServer { _, _ in
            .init(status: 206, headers: ["Content-Range": "bytes 0-65535/\(huge)"], body: sample(65536))
        }
        await expectError(.storage, saying: "do not fit") { try await fetch(server) }
        #expect(server.requests.count == 1)
    }

    @Test func `a full disk is said in a sentence`() async throws {
        let store = MemoryStore(["a": bytes])
        // /dev/full takes nothing: the kernel's own full disk.
        symlink("/dev/full", folder.path + "/full.part")
        await expectError(.storage, saying: "the disk is full") {
            try await download.fetch("a", of: store, to: folder.path + "/full")
        }
        await expectError(.notFound) { try await download.fetch("a", of: store, to: folder.path + "/none/a") }
    }

    @Test func `what is missing costs no file`() async throws {
        await expectError(.notFound) { try await fetch(.serving([:])) }
        #expect(access(folder.path + "/v.tif", F_OK) != 0)
    }
}
