internal import CTurboJPEG
internal import Glibc

/// The blocks that every chunk of the hemibrain is drawn from: grey tissue by formula, each encoded once as a JPEG of
/// width x and height y·z, as precomputed volumes have it. What a reader must see is the decoded image, not the formula.
///
/// Chunks inside the volume are one of 64; those at its edge, which are clipped, one of four for each clipped shape.
final class GreyBlocks: Sendable {
    static let count = 64
    static let edgeCount = 4
    static let side = 64

    /// Lengths of a chunk: x, y, z.
    struct Shape: Hashable, Sendable {
        var x: Int
        var y: Int
        var z: Int

        var isFull: Bool { x == side && y == side && z == side }
    }

    struct Block: Sendable {
        let encoded: [UInt8]
        /// Decoded again: z slowest, x fastest.
        let voxels: [UInt8]
    }

    static let shared = GreyBlocks()

    private let full: [Block]
    private let edges = Guarded<[String: Block]>([:])

    private init() {
        let halves = inParallel(2) { half in
            stride(from: half, to: Self.count, by: 2).map { Self.make($0, Shape(x: 64, y: 64, z: 64)) }
        }
        full = (0..<Self.count).map { halves[$0 % 2][$0 / 2] }
    }

    /// The block behind a chunk: `number` is any hash.
    func block(_ number: Int, _ shape: Shape) -> Block {
        if shape.isFull { return full[number % Self.count] }
        let name = "\(shape.x)x\(shape.y)x\(shape.z)-\(number % Self.edgeCount)"
        if let known = edges.withLock({ $0[name] }) { return known }
        let block = Self.make(number % Self.edgeCount, shape)
        return edges.withLock { known in
            known[name] = known[name] ?? block
            return known[name] ?? block
        }
    }

    private static func make(_ number: Int, _ shape: Shape) -> Block {
        let z = 500 + 89 * number, y = 700 + 113 * number, x = 900 + 197 * number
        var tissue = Tissue(columns: x..<(x + shape.x))
        let lead = x - tissue.columns.lowerBound
        var row = [UInt8](repeating: 0, count: tissue.columns.count)
        var image: [UInt8] = []
        image.reserveCapacity(shape.x * shape.y * shape.z)
        for plane in 0..<shape.z {
            for line in 0..<shape.y {
                row.withUnsafeMutableBufferPointer { tissue.grey(z: z + plane, y: y + line, into: $0.baseAddress!) }
                image += row[lead..<(lead + shape.x)]
            }
        }
        let encoded = encode(image, width: shape.x, height: shape.y * shape.z)
        return Block(encoded: encoded, voxels: decode(encoded, width: shape.x, height: shape.y * shape.z))
    }

    private static func encode(_ image: [UInt8], width: Int, height: Int) -> [UInt8] {
        let handle = tjInitCompress()
        defer { tjDestroy(handle) }
        var out: UnsafeMutablePointer<UInt8>?
        var count: UInt = 0
        let code = tjCompress2(
            handle, image, Int32(width), 0, Int32(height), Int32(TJPF_GRAY.rawValue), &out, &count,
            Int32(TJSAMP_GRAY.rawValue), 80, 0)
        defer { tjFree(out) }
        guard code == 0, let out else { fatalError("libjpeg-turbo refuses a block of known size") }
        return Array(UnsafeBufferPointer(start: out, count: Int(count)))
    }

    private static func decode(_ bytes: [UInt8], width: Int, height: Int) -> [UInt8] {
        let handle = tjInitDecompress()
        defer { tjDestroy(handle) }
        return [UInt8](unsafeUninitializedCapacity: width * height) { buffer, written in
            let code = tjDecompress2(
                handle, bytes, UInt(bytes.count), buffer.baseAddress, Int32(width), 0, Int32(height),
                Int32(TJPF_GRAY.rawValue), 0)
            guard code == 0 else { fatalError("libjpeg-turbo cannot read what it wrote") }
            written = width * height
        }
    }
}
