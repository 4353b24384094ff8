import Glibc
import HarvestCodecs
import Testing

/// Messages hashed side by side against NIST's examples and against OpenSSL, one by one.
@Suite struct SHA256LanesTests {
    private func hex(_ messages: [[UInt8]]) -> [String] {
        SHA256Lanes.hex(of: messages.map(\.count)) { message, memory, offset in
            precondition(!memory.isEmpty && offset + memory.count <= messages[message].count)
            memory.copyBytes(from: messages[message][offset..<offset + memory.count])
        }
    }

    private func noise(_ count: Int, _ seed: Int) -> [UInt8] {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    /// FIPS 180-2 appendix B, and the empty message of NIST's test vectors (SHAVS, SHA256ShortMsg).
    @Test func `NIST's examples`() {
        let abc = Array("abc".utf8), long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        let sums = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ]
        // So many of each that lanes are full, whatever else there is.
        let times = max(16, SHA256Lanes.count)
        let messages = (0..<times).flatMap { _ in [abc, long, []] }
        #expect(hex(messages) == (0..<times).flatMap { _ in sums })
        let millions = hex([[UInt8]](repeating: million, count: times))
        #expect(Set(millions) == ["cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"])
    }

    /// Lengths about which padding, pieces and groups turn.
    @Test func `every length, and lengths that differ`() {
        var counts = Array(0...260)
        for edge in [64 << 10, 128 << 10, 1 << 20] {
            counts += [-65, -64, -57, -56, -55, -1, 0, 1, 63, 64].map { edge + $0 }
        }
        counts += [3_000_000, 7]
        let messages = counts.enumerated().map { noise($1, $0) }
        #expect(hex(messages) == messages.map { Digest.hex(.sha256, of: $0) })
        #expect(hex([]).isEmpty)
        #expect(hex([messages[99]]) == [Digest.hex(.sha256, of: messages[99])])
    }

    @Test func `what cannot be read ends it`() {
        struct Gone: Error {}
        #expect(throws: Gone.self) {
            try SHA256Lanes.hex(of: [Int](repeating: 200_000, count: 16)) { message, _, offset in
                if message == 7, offset > 0 { throw Gone() }
            }
        }
    }
}
