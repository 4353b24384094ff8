import FaultServing
import HarvestCodecs
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

/// One object in several places. Expected bytes and checksums: of the bytes that the servers were given.
@Suite struct MirrorTests {
    private static let sampled = sample(40_000_000)
    private var bytes: [UInt8] { Self.sampled }

    private func store(_ servers: [String], isPooled: Bool = true) throws -> MirrorStore {
        let client = try calmClient()
        return MirrorStore(try servers.map { try HTTPStore($0 + "/v", client: client) }, isPooled: isPooled)
    }

    private func download(pieces: Int? = nil) -> Download {
        var download = Download(segment: 1 << 20)
        download.expected = OfferedDigest("sha256:\(Digest.hex(.sha256, of: bytes))", source: "the test")
        if let pieces {
            let sums = stride(from: 0, to: bytes.count, by: pieces).map {
                Digest.hex(.sha1, of: Array(bytes[$0..<min(bytes.count, $0 + pieces)]))
            }
            download.pieces = OfferedPieces(.sha1, length: pieces, sums: sums, total: bytes.count)
        }
        return download
    }

    private func contents(_ folder: Folder, _ name: String) -> [UInt8]? { (try? folder.read(name)) ?? nil }

    /// Whether a file is right; 40 MB in a failure's message help nobody.
    private func isRight(_ folder: Folder, _ name: String) -> Bool { contents(folder, name) == bytes }

    @Test func `ranges come from all places at once`() async throws {
        let servers = ["\"one\"", "\"other\""].map { tag in
            FaultServer { [bytes] request, _ in
                var answer = FaultServer.ranged(bytes, request, tag: tag)
                answer.fault = .late(100)
                return answer
            }
        }
        defer { for server in servers { server.stop() } }
        let folder = Folder()
        let result = try await download().fetch("", of: try store(servers.map(\.url)), to: folder.path + "/v")
        #expect(result.bytes == bytes.count && result.verifiedBy == "the test")
        #expect(isRight(folder, "v"))
        #expect(servers.allSatisfy { $0.requests.count > 1 })
    }

    @Test func `a place that is gone, refuses, or has another length is left out`() async throws {
        let good = FaultServer.serving(["v": bytes])
        let gone = FaultServer { _, _ in FaultServer.Answer(status: 404) }
        let longer = FaultServer.serving(["v": bytes + [1]])
        let busy = FaultServer { _, _ in FaultServer.Answer(status: 503, headers: ["Retry-After": "100"]) }
        let rangeless = FaultServer { [bytes] _, _ in FaultServer.Answer(body: bytes) }
        defer { for server in [good, gone, longer, busy, rangeless] { server.stop() } }
        let folder = Folder()
        let closed = "http://127.0.0.1:1"
        for (index, order) in [
            [good, gone, busy, longer, rangeless].map(\.url) + [closed],
            [closed, gone.url, rangeless.url, busy.url, good.url],
        ].enumerated() {
            let path = "\(folder.path)/\(index)"
            #expect(try await download().fetch("", of: try store(order), to: path).bytes == bytes.count)
            #expect(isRight(folder, "\(index)"))
        }
        for (index, order) in [[rangeless, gone], [gone, rangeless]].enumerated() {
            let path = "\(folder.path)/whole\(index)"
            let found = try await download().fetch("", of: try store(order.map(\.url)), to: path)
            #expect(found.bytes == bytes.count && isRight(folder, "whole\(index)"))
        }
        await expectError(.notFound) {
            try await download().fetch("", of: try store([gone.url, gone.url]), to: folder.path + "/x")
        }
    }

    @Test func `of a place with wrong bytes the wrong pieces come again from another one`() async throws {
        var wrong = bytes
        for offset in stride(from: 0, to: wrong.count, by: 2_000_000) { wrong[offset] ^= 1 }
        let servers = [bytes, wrong].map { bytes in
            FaultServer { request, _ in
                var answer = FaultServer.ranged(bytes, request)
                answer.fault = .late(100)
                return answer
            }
        }
        defer { for server in servers { server.stop() } }
        let folder = Folder()
        let result = try await download(pieces: 1 << 20)
            .fetch("", of: try store(servers.map(\.url)), to: folder.path + "/v")
        #expect(isRight(folder, "v"))
        // Never all of it again: what the good place had brought was right.
        #expect(servers[1].requests.count > 1 && result.fetched < bytes.count * 9 / 10)
    }

    @Test func `without pieces the places are tried one by one`() async throws {
        var wrong = bytes
        wrong[12_345] ^= 1
        let servers = [FaultServer.serving(["v": wrong]), FaultServer.serving(["v": bytes])]
        defer { for server in servers { server.stop() } }
        let folder = Folder()
        let found = try await download().fetch("", of: try store(servers.map(\.url)), to: folder.path + "/v")
        #expect(found.sha256 == Digest.hex(.sha256, of: bytes) && isRight(folder, "v"))
        // All wrong: no file, and one error.
        let bad = FaultServer.serving(["v": wrong])
        defer { bad.stop() }
        await expectError(.changed) {
            try await download().fetch("", of: try store([servers[0].url, bad.url]), to: folder.path + "/w")
        }
        #expect(contents(folder, "w") == nil && contents(folder, "w.part") == nil)
    }

    @Test func `without a checksum only the first place that answers is asked`() async throws {
        let servers = [FaultServer.serving(["v": bytes]), FaultServer.serving(["v": bytes])]
        defer { for server in servers { server.stop() } }
        let folder = Folder()
        var download = download()
        download.expected = nil
        let closed = "http://127.0.0.1:1"
        _ = try await download.fetch(
            "", of: try store([closed] + servers.map(\.url), isPooled: false), to: folder.path + "/v")
        #expect(isRight(folder, "v") && servers[1].requests.isEmpty)
    }

    @Test func `a repair asks for the gaps alone`() async throws {
        let server = FaultServer.serving(["v": bytes])
        defer { server.stop() }
        let folder = Folder()
        let store = try store([server.url])
        _ = try await download().fetch("", of: store, to: folder.path + "/v")
        folder.write("v", Array(bytes[..<30_000_000]) + [UInt8](repeating: 0, count: 10_000_000))
        let facts = try #require(await store.facts(of: ""))
        let before = server.requests.count
        let mended = try await download().mend(folder.path + "/v", keeping: [0..<30_000_000], as: facts, "", of: store)
        #expect(isRight(folder, "v") && mended.fetched < bytes.count)
        #expect(server.requests.dropFirst(before).allSatisfy { $0.range?.lowerBound ?? 0 >= 30_000_000 })
    }
}

@Suite struct PieceTests {
    @Test func `checksums of known texts`() {
        // FIPS 180-4's example "abc"; the check values of RFC 3720 and of CRC-32 for "123456789".
        #expect(Digest.hex(.sha1, of: Array("abc".utf8)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let digits = Array("123456789".utf8)
        #expect(Digest.hex(.crc32c, of: digits) == "e3069283")
        #expect(digits.withUnsafeBytes { CRC32.update(0, $0) } == 0xCBF4_3926)
        // RFC 3720 appendix B.4: 32 bytes of zeros, of ones, rising.
        #expect(Digest.hex(.crc32c, of: [UInt8](repeating: 0, count: 32)) == "8a9136aa")
        #expect(Digest.hex(.crc32c, of: [UInt8](repeating: 0xFF, count: 32)) == "62a8ab43")
        #expect(Digest.hex(.crc32c, of: [UInt8](0..<32)) == "46dd794e")
        // In pieces as at once.
        var parts = Digest(.crc32c)
        for cut in [0..<3, 3..<14, 14..<32] { parts.update([UInt8](0..<32)[cut].map { $0 }) }
        #expect(parts.hex == "46dd794e")
    }

    @Test func `pieces find what is damaged, and survive a manifest`() throws {
        let bytes = sample(9_000_000)
        func sums(_ bytes: [UInt8]) -> PieceSums {
            var pieces = PieceSums(total: 9_000_000)
            bytes.withUnsafeBytes { memory in
                for start in stride(from: 0, to: memory.count, by: 1_000_003) {
                    pieces.update(
                        UnsafeRawBufferPointer(rebasing: memory[start..<min(memory.count, start + 1_000_003)]))
                }
            }
            pieces.finish()
            return pieces
        }
        let good = sums(bytes)
        #expect(good.sums.count == 3 && good.sums[0] == bytes[..<(4 << 20)].withUnsafeBytes { CRC32.update(0, $0) })
        var damaged = bytes
        damaged[5_000_000] ^= 8
        #expect(sums(damaged).agreement(with: good, total: bytes.count) == [0..<4 << 20, 8 << 20..<9_000_000])
        #expect(
            sums(Array(bytes[..<8_500_000])).agreement(with: good, total: bytes.count) == [
                0..<4 << 20, 4 << 20..<8 << 20,
            ])
        #expect(PieceSums(json: good.json, total: bytes.count) == good)
        for bad in [
            good.json.setting("bytes", .int(0)), good.json.setting("bytes", .int(8 << 20)),
            good.json.setting("crc32", .string("zz")),
            good.json.setting("crc32", .string(String(repeating: "z", count: 24))),
            .null,
        ] { #expect(PieceSums(json: bad, total: bytes.count) == nil) }
        #expect(PieceSums(total: 1 << 44).length == 4 << 30)
    }
}
