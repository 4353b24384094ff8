import FaultServing
import Glibc
import HarvestCodecs
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

@Suite struct DownloadTests {
    private let bytes = sample(1_000_000)
    private let folder = Folder()
    private let download = Download(connections: 4, segment: 64 << 10)

    private func fetch(_ server: FaultServer, _ client: HTTPClient? = nil) async throws -> Int {
        try await download.fetch(
            "", of: HTTPStore(server.url + "/v.tif", client: client ?? quickClient()), to: folder.path + "/v.tif"
        ).bytes
    }

    @Test func `an object comes in ranges, whole and in order of progress`() async throws {
        let server = FaultServer.serving(["v.tif": bytes])
        let told = Mutex<[Int]>([])
        let store = try HTTPStore(server.url + "/v.tif", client: quickClient())
        let result = try await download.fetch("", of: store, to: folder.path + "/v.tif") { done, total in
            #expect(total == 1_000_000)
            told.withLock { $0.append(done) }
        }
        #expect(try result.bytes == 1_000_000 && result.fetched >= 1_000_000 && folder.read("v.tif") == bytes)
        #expect(result.sha256 == Digest.hex(.sha256, of: bytes))
        #expect(server.requests.count >= 2 && server.mostConcurrent <= 4)
        #expect(told.withLock { $0 == $0.sorted() && $0.last == 1_000_000 })
        for name in ["v.tif.part", "v.tif.part.j"] { #expect(access(folder.path + "/" + name, F_OK) != 0) }
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
            #expect(try await fetch(server, calmClient()) == bytes.count)
            #expect(try folder.read("v.tif") == bytes)
            #expect(server.requests.count { $0.range == nil } == (isUnsized ? 1 : 2))
        }
    }

    @Test func `an object that goes on changing never gets its name`() async throws {
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(bytes, request, tag: index % 2 == 0 ? "\"a\"" : "\"b\"")
        }
        await expectError(.changed) { try await fetch(server) }
        #expect(access(folder.path + "/v.tif", F_OK) != 0)
    }

    @Test func `an object that changed once is brought anew, and never mixed`() async throws {
        let new = Array(bytes.reversed())
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(index == 0 ? bytes : new, request, tag: index == 0 ? "\"a\"" : "\"b\"")
        }
        #expect(try await fetch(server) == bytes.count)
        #expect(try folder.read("v.tif") == new)
    }

    @Test func `a later run asks for what is missing alone`() async throws {
        let bytes = sample(4 << 20)
        let asked = Mutex<[ClosedRange<Int>]>([])
        let isBroken = Mutex(true)
        let server = FaultServer { request, index in
            if let range = request.range { asked.withLock { $0.append(range) } }
            var answer = FaultServer.ranged(bytes, request, tag: "\"a\"")
            if isBroken.withLock({ $0 }) {
                if index == 1 { answer.fault = .cut(after: 50_000) }
                if index > 1 { return .init(status: 403) }
            }
            return answer
        }
        await expectError(.denied) { try await fetch(server) }
        let kept = try #require(try Journal(folder.path + "/v.tif.part.j").load()).done
        #expect(kept.count > 0)
        isBroken.withLock { $0 = false }
        asked.withLock { $0 = [] }
        let store = try HTTPStore(server.url + "/v.tif", client: quickClient())
        let result = try await download.fetch("", of: store, to: folder.path + "/v.tif")
        #expect(try folder.read("v.tif") == bytes && result.sha256 == Digest.hex(.sha256, of: bytes))
        // How often a request is sent again depends on how busy the machine is, but none begins in what is here.
        let again = asked.withLock { $0 }.filter { range in kept.ranges.contains { $0.contains(range.lowerBound) } }
        #expect(again == [])
    }

    @Test func `what an earlier run brought of another version is not kept`() async throws {
        let new = Array(bytes.reversed())
        let isNew = Mutex(false)
        let server = FaultServer { [bytes] request, index in
            if isNew.withLock({ $0 }) { return FaultServer.ranged(new, request, tag: "\"b\"") }
            return index == 0 ? FaultServer.ranged(bytes, request, tag: "\"a\"") : .init(status: 403)
        }
        await expectError(.denied) { try await fetch(server) }
        isNew.withLock { $0 = true }
        #expect(try await fetch(server) == bytes.count)
        #expect(try folder.read("v.tif") == new)
    }

    @Test(arguments: ["journal", "part shorter", "part longer", "journal gone"])
    func `what an earlier run left is believed as far as it holds`(damage: String) async throws {
        let bytes = sample(3 << 20)
        let isBroken = Mutex(true)
        let server = FaultServer { request, index in
            var answer = FaultServer.ranged(bytes, request, tag: "\"a\"")
            if isBroken.withLock({ $0 }), index > 2 { return .init(status: 403) }
            if isBroken.withLock({ $0 }), index == 2 { answer.fault = .cut(after: 100_000) }
            return answer
        }
        await expectError(.denied) { try await fetch(server) }
        isBroken.withLock { $0 = false }
        let part = folder.path + "/v.tif.part"
        switch damage {
        case "journal":
            // Each word of the first slots damaged in turn: start, position, sum.
            var journal = try folder.read("v.tif.part.j") ?? []
            for slot in 0..<8 { journal[16 << 10 + 64 * slot + 9] ^= 0x11 }
            folder.write("v.tif.part.j", journal)
        case "part shorter": truncate(part, 70_000)
        case "part longer": truncate(part, 10 << 20)
        default: unlink(part + ".j")
        }
        #expect(try await fetch(server) == bytes.count)
        #expect(try folder.read("v.tif") == bytes)
    }

    @Test func `without a word on versions nothing is put together from parts`() async throws {
        let new = Array(bytes.reversed())
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(index < 2 ? bytes : new, request, tag: "W/\"x\"")
        }
        #expect(try await fetch(server) == bytes.count)
        let found = try folder.read("v.tif")
        #expect(found == bytes || found == new)
        #expect(server.requests.contains { $0.range == nil })
    }

    @Test func `two lengths of one answer are none`() async throws {
        let server = FaultServer { [bytes] request, _ in
            var answer = FaultServer.Answer(body: bytes)
            answer.headers["Content-Length"] = "5"
            return answer
        }
        do {
            _ = try await fetch(server)
            #expect(try folder.read("v.tif") == bytes)
        } catch { #expect([.malformed, .unavailable].contains(HarvestError.wrapping(error).kind)) }
    }

    @Test func `a fetch that brought nothing leaves nothing`() async throws {
        await expectError(.denied) { try await fetch(FaultServer { _, _ in .init(status: 403) }) }
        for name in ["v.tif", "v.tif.part", "v.tif.part.j"] { #expect(access(folder.path + "/" + name, F_OK) != 0) }
    }

    @Test func `two runs at one file do not disturb each other`() async throws {
        let lock = try Journal(folder.path + "/v.tif.part.j")
        await expectError(.unavailable, saying: "another run") { try await fetch(.serving(["v.tif": bytes])) }
        withExtendedLifetime(lock) {}
    }

    @Test func `a cancelled download leaves no file under the name`() async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index > 0 { answer.fault = .stall(after: 10) }
            return answer
        }
        var options = quickOptions()
        options.deadlines.idle = 30
        let store = try HTTPStore(server.url + "/v.tif", client: HTTPClient(options: options))
        let task = Task { [download, folder] in try await download.fetch("", of: store, to: folder.path + "/v.tif") }
        while server.requests.count < 2 { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(access(folder.path + "/v.tif", F_OK) != 0 && access(folder.path + "/v.tif.part", F_OK) == 0)
    }

    @Test func `what does not fit is refused before it starts`() async throws {
        let huge = 1 << 60
        let server = FaultServer { _, _ in
            .init(
                status: 206, headers: ["Content-Range": "bytes 0-65535/\(huge)", "ETag": "\"a\""], body: sample(65536))
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

/// Checksums that servers offer; the values are those of the RFCs' and providers' own examples where they have one.
@Suite struct OfferedDigestTests {
    private func offered(_ headers: [String: String]) -> OfferedDigest? {
        OfferedDigest(HTTPHead(status: 206, headers: headers))
    }

    @Test func `each provider's way to say it is understood`() {
        // sha-256 of {"hello": "world"} and a line feed, as in RFC 9530 appendix B.1.
        let text = "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="
        let found = offered(["repr-digest": "sha-512=:AAAA:, sha-256=:\(text):"])
        #expect(found?.algorithm == .sha256 && found?.source == "Repr-Digest")
        #expect(found?.hex == "44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38")
        #expect(offered(["digest": "sha-256=\(text)"])?.source == "Digest")
        // The md5 of nothing.
        let nothing = "d41d8cd98f00b204e9800998ecf8427e"
        #expect(offered(["x-goog-hash": "crc32c=AAAAAA==, md5=1B2M2Y8AsgTpgAmY7PhCfg=="])?.hex == nothing)
        #expect(offered(["etag": "\"\(nothing)\"", "server": "AmazonS3"])?.algorithm == .md5)
        // An object that was put together from others has no MD5; of "123456789" (RFC 3720's check value).
        let composed = offered(["x-goog-hash": "crc32c=4waSgw=="])
        #expect(composed?.algorithm == .crc32c && composed?.hex == "e3069283")
    }

    @Test(arguments: [
        [:], ["etag": "\"d41d8cd98f00b204e9800998ecf8427e\""],
        ["etag": "\"d41d8cd98f00b204e9800998ecf8427e-3\"", "server": "AmazonS3"],
        [
            "etag": "\"d41d8cd98f00b204e9800998ecf8427e\"", "server": "AmazonS3",
            "x-amz-server-side-encryption": "aws:kms",
        ],
        ["repr-digest": "sha-256=:short:"], ["digest": "md5=abc"], ["x-goog-hash": "crc32c=AAAA"],
        ["repr-digest": "sha-256=:&&&&:"],
    ])
    func `what says nothing about all bytes is no checksum`(headers: [String: String]) {
        #expect(offered(headers) == nil)
    }

    /// 2,500,000 bytes in parts of 1 MiB; their ETags by Python's hashlib: the MD5 of the parts' MD5s.
    @Test(arguments: [
        (2_500_000, "879de164853c73a080733704410c3560-3"), (2 << 20, "c979eecaa7ef27d0b8a0d69ba32c16ae-2"),
    ])
    func `the ETag of a multipart upload is held against its parts`(count: Int, tag: String) async throws {
        let bytes = (0..<count).map { UInt8($0 * 31 % 251) }, folder = Folder()
        var flipped = bytes
        flipped[1 << 20] ^= 1
        func fetch(_ sent: [UInt8], part: Int?, to name: String) async throws -> (
            Download.Result, [FaultServer.Request]
        ) {
            let server = FaultServer { request, _ in
                var answer = FaultServer.ranged(sent, request, tag: "\"\(tag)\"")
                if request.query("partNumber") == "1", let part {
                    answer = .init(status: 206, headers: answer.headers, body: Array(sent[..<part]))
                    answer.headers["Content-Range"] = "bytes 0-\(part - 1)/\(sent.count)"
                }
                answer.headers["Server"] = "AmazonS3"
                return answer
            }
            let store = try HTTPStore(server.url + "/v", client: quickClient())
            let result = try await Download(segment: 256 << 10).fetch("", of: store, to: "\(folder.path)/\(name)")
            return (result, server.requests)
        }
        let (right, requests) = try await fetch(bytes, part: 1 << 20, to: "right")
        #expect(right.verifiedBy == "ETag" && right.sha256 == Digest.hex(.sha256, of: bytes))
        #expect(requests.count { $0.query("partNumber") != nil } == 1)
        await expectError(.changed, saying: "md5") { try await fetch(flipped, part: 1 << 20, to: "wrong").0 }
        #expect(access(folder.path + "/wrong", F_OK) != 0)
        // Parts of another number, and a server that knows no parts: nothing is said of the bytes.
        #expect(try await fetch(bytes, part: 100_000, to: "others").0.verifiedBy == nil)
        #expect(try await fetch(flipped, part: nil, to: "unknown").0.verifiedBy == nil)
    }

    @Test func `bytes that do not have the checksum never get the name`() async throws {
        let bytes = sample(300_000), folder = Folder()
        var flipped = bytes
        flipped[1234] ^= 1
        for (sent, isRight) in [(bytes, true), (flipped, false)] {
            let sum = Digest.hex(.md5, of: bytes)
            let server = FaultServer { [sent] request, _ in
                var answer = FaultServer.ranged(sent, request, tag: "\"\(sum)\"")
                answer.headers["Server"] = "AmazonS3"
                return answer
            }
            let store = try HTTPStore(server.url + "/v", client: quickClient())
            if isRight {
                let result = try await Download().fetch("", of: store, to: folder.path + "/right")
                #expect(result.verifiedBy == "ETag")
            } else {
                await expectError(.changed, saying: "md5") {
                    try await Download().fetch("", of: store, to: folder.path + "/wrong")
                }
                #expect(access(folder.path + "/wrong", F_OK) != 0)
            }
        }
    }

    @Test(arguments: 1...8) func `what comes for a second time does not replace what was hashed`(round: Int)
        async throws
    {
        let bytes = sample(24_000_000, seed: round), folder = Folder(), isDoubled = Atomic(false)
        var flipped = bytes
        flipped[1_100_000] ^= 1
        // The first connection falls silent, and goes on at the moment in which a second one brings other bytes.
        let server = FaultServer { [flipped] request, index in
            var answer = FaultServer.ranged(index == 0 ? bytes : flipped, request)
            if index > 0 {
                isDoubled.store(true, ordering: .releasing)
            } else {
                answer.fault = .pause(after: 1 << 20) {
                    while !isDoubled.load(ordering: .acquiring) { usleep(200) }
                }
            }
            return answer
        }
        defer { server.stop() }
        var download = Download(connections: 1, segment: 32 << 20)
        download.expected = OfferedDigest("sha256:\(Digest.hex(.sha256, of: bytes))", source: "the test")
        let store = try HTTPStore(server.url + "/v", client: calmClient())
        do {
            _ = try await download.fetch("", of: store, to: folder.path + "/v")
            let found = try folder.read("v")
            #expect(found.map { Digest.hex(.sha256, of: $0) } == Digest.hex(.sha256, of: bytes))
        } catch let error as HarvestError {
            #expect(error.kind == .changed && access(folder.path + "/v", F_OK) != 0, "\(error)")
        }
        #expect(server.requests.count > 1)
    }
}
