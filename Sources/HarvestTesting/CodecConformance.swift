public import HarvestCore

/// The promises every ``Codec`` makes: what it encodes it decodes, into memory of exactly that size, and anything else is
/// a typed error.
public struct CodecConformance: Sendable {
    public init() {}

    /// Runs every check.
    ///
    /// - Throws: ``ConformanceFailure`` naming the first promise that is not kept.
    public func check(_ codec: any Codec) throws {
        for sample in Self.samples {
            let encoded = try sample.withUnsafeBytes { bytes throws(HarvestError) in try codec.encode(bytes) }
            guard Self.decode(encoded, size: sample.count, codec) == .success(sample) else {
                throw ConformanceFailure("\(sample.count) bytes do not survive the way there and back")
            }
            guard !sample.isEmpty else { continue }
            if case .success = Self.decode(encoded, size: sample.count - 1, codec) {
                throw ConformanceFailure("more data than expected was accepted")
            }
            for length in [0, 1, encoded.count / 2, encoded.count - 1] {
                if Self.decode(Array(encoded.prefix(length)), size: sample.count, codec) == .success(sample) {
                    throw ConformanceFailure("\(length) of \(encoded.count) bytes gave the whole")
                }
            }
        }
    }

    /// Nothing, one byte, repetition, and what no codec makes smaller.
    private static let samples: [[UInt8]] = [
        [], [7], [UInt8](repeating: 0, count: 70_000), (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) },
        (0..<4096).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) },
    ]

    private enum Decoded: Equatable {
        case success([UInt8])
        case refused
    }

    private static func decode(_ bytes: [UInt8], size: Int, _ codec: any Codec) -> Decoded {
        var out = [UInt8](repeating: 0, count: size)
        let count = bytes.withUnsafeBytes { source in
            out.withUnsafeMutableBytes { destination in try? codec.decode(source, into: destination) }
        }
        guard let count else { return .refused }
        return .success(Array(out.prefix(count)))
    }
}
