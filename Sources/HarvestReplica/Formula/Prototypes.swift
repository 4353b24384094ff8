internal import CZstd
internal import Glibc

/// The 64 blocks that every chunk of the pyramid is drawn from: voxels by formula, compressed once.
///
/// So a listing of 17,266 chunks, each with its size and MD5, is arithmetic, and no chunk is ever encoded on demand.
struct Prototypes: Sendable {
    static let count = 64
    static let side = 64
    static let voxels = side * side * side

    /// Each block as a Zarr v2 chunk of int16, zstd level 1.
    let encoded: [[UInt8]]
    /// The MD5 of each, as S3 gives it for an object sent in one piece.
    let digests: [String]

    /// Encoded when first asked for, by two threads.
    static let shared = Prototypes()

    private init() {
        let halves = inParallel(2) { half in
            stride(from: half, to: Self.count, by: 2).map { Self.compress(Self.block($0)) }
        }
        encoded = (0..<Self.count).map { halves[$0 % 2][$0 / 2] }
        digests = encoded.map { Digest.md5Hex($0) }
    }

    /// Which block the chunk (z, y, x) of a level holds.
    static func index(level: Int, z: Int, y: Int, x: Int) -> Int {
        let hash = Scatter.hash(z: z, y: y, x: x, seed: 0x1656_67B1 &+ UInt32(truncatingIfNeeded: level))
        return Int(hash % UInt32(count))
    }

    /// The voxels of one block, C order.
    static func block(_ number: Int) -> [Int16] {
        let z = 2000 + 97 * number, y = 1000 + 131 * number, x = 3000 + 211 * number
        var tissue = Tissue(columns: x..<(x + side))
        let lead = x - tissue.columns.lowerBound
        return [Int16](unsafeUninitializedCapacity: voxels) { buffer, written in
            var out = buffer.baseAddress!
            for plane in 0..<side {
                for row in 0..<side {
                    tissue.withRow(z: z + plane, y: y + row) { grey, bits in
                        for i in 0..<side {
                            let value = max(0, min(255, grey[lead + i]))
                            out[i] = value &* 14 &+ (bits[lead + i] & 15) &- 1792
                        }
                    }
                    out += side
                }
            }
            written = voxels
        }
    }

    private static func compress(_ block: [Int16]) -> [UInt8] {
        block.withUnsafeBytes { source in
            let bound = ZSTD_compressBound(source.count)
            return [UInt8](unsafeUninitializedCapacity: bound) { target, written in
                written = ZSTD_compress(target.baseAddress!, bound, source.baseAddress!, source.count, 1)
                precondition(ZSTD_isError(written) == 0, "zstd refused a block of known size")
            }
        }
    }
}
