import HarvestCodecs
import Synchronization
import Testing

@testable import ImageHarvest

/// Files that many tasks bring and that are hashed together: each gets its own sum, whoever computes it, and nobody waits
/// for one who does not come.
@Suite struct SumGroupsTests {
    private func file(_ index: Int) -> [UInt8] {
        (0..<(index * 7919) % 300_000).map { UInt8(truncatingIfNeeded: $0 &* ($0 &+ index)) }
    }

    @Test func `each file gets its own sum`() async throws {
        let sums = SumGroups(), found = Mutex([Int: String]())
        try await sums.forEach(150, atMost: 40) { index in
            let bytes = file(index)
            let sum = try await sums.sha256(of: bytes.count) { $0.copyBytes(from: bytes[$1..<$1 + $0.count]) }
            found.withLock { $0[index] = sum }
        }
        for index in 0..<150 { #expect(found.withLock { $0[index] } == Digest.hex(.sha256, of: file(index))) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `one alone, and one beside a task that brings nothing, need not wait for others`()
        async throws
    {
        let sums = SumGroups(), bytes = file(3), expected = Digest.hex(.sha256, of: bytes)
        let alone = try await sums.sha256(of: bytes.count) { $0.copyBytes(from: bytes[$1..<$1 + $0.count]) }
        #expect(alone == expected)
        let (signal, ready) = AsyncStream.makeStream(of: Void.self)
        try await sums.forEach(30, atMost: 30) { index in
            if index > 0 {
                for await _ in signal {}  // until the other one is done
            } else {
                defer { ready.finish() }
                let sum = try await sums.sha256(of: bytes.count) { $0.copyBytes(from: bytes[$1..<$1 + $0.count]) }
                #expect(sum == expected)
            }
        }
    }

    @Test func `one that cannot be read fails alone`() async throws {
        struct Gone: Error {}
        let sums = SumGroups(), failed = Mutex([Int]())
        try await sums.forEach(64, atMost: 32) { index in
            let bytes = [UInt8](repeating: UInt8(index), count: 100_000)
            do {
                let sum = try await sums.sha256(of: bytes.count) { memory, place in
                    if index % 20 == 7, place > 0 { throw Gone() }
                    memory.copyBytes(from: bytes[place..<place + memory.count])
                }
                #expect(sum == Digest.hex(.sha256, of: bytes))
            } catch is Gone { failed.withLock { $0.append(index) } }
        }
        #expect(failed.withLock { $0.sorted() } == [7, 27, 47])
    }
}
