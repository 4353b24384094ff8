public import HarvestCodecs

/// Checksums of an object's pieces, offered beside that of the whole (Metalink's `pieces`, RFC 5854 §4.2.12): they say which
/// bytes are wrong.
public struct OfferedPieces: Sendable, Hashable {
    public let algorithm: Digest.Algorithm
    /// Of each piece but the last, in bytes.
    public let length: Int
    /// Lower-case hexadecimal.
    public let sums: [String]

    /// `nil` for what does not describe pieces of an object of `total` bytes.
    public init?(_ algorithm: Digest.Algorithm, length: Int, sums: [String], total: Int) {
        guard length >= 1024, total > 0, sums.count == (total - 1) / length + 1,
            sums.allSatisfy({ sum in sum.utf8.count == algorithm.digits && sum.utf8.allSatisfy(Self.isHex) })
        else { return nil }
        (self.algorithm, self.length, self.sums) = (algorithm, length, sums)
    }

    private static func isHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

    /// The bytes of a file that are wrong, as ranges of whole pieces.
    func wrong(in file: PartFile, total: Int) throws -> [Range<Int>] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { memory.deallocate() }
        var wrong: [Range<Int>] = []
        for (index, sum) in sums.enumerated() {
            let piece = index * length..<min(total, (index + 1) * length)
            var digest = Digest(algorithm)
            var position = piece.lowerBound
            while position < piece.upperBound {
                let step = min(memory.count, piece.upperBound - position)
                let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<step])
                guard try file.read(into: part, at: position) == step else { break }
                digest.update(UnsafeRawBufferPointer(part))
                position += step
            }
            if position < piece.upperBound || digest.hex != sum { wrong.append(piece) }
        }
        return wrong
    }
}
