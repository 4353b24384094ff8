import HarvestCodecs
public import HarvestCore

/// A CRC-32 for each piece of a file, by which damage is found where it is: the whole file's checksum says only that there
/// is some.
public struct PieceSums: Sendable, Hashable {
    /// Length of each piece but the last, in bytes.
    public let length: Int
    public private(set) var sums: [UInt32] = []
    /// Of the piece that is not whole yet.
    private var crc: UInt32 = 0, count = 0

    private static let least = 4 << 20, most = 4096

    /// No piece yet of a file of `total` bytes: pieces of 4 MiB, longer ones where that would be more than 4,096.
    public init(total: Int) {
        var length = Self.least
        while total / length > Self.most, length < 1 << 50 { length *= 2 }
        self.length = length
    }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let step = min(rest.count, length - count)
            crc = CRC32.update(crc, UnsafeRawBufferPointer(rebasing: rest[..<step]))
            count += step
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
            if count == length { end() }
        }
    }

    /// Ends the last piece.
    public mutating func finish() { if count > 0 { end() } }

    private mutating func end() {
        sums.append(crc)
        (crc, count) = (0, 0)
    }

    /// The bytes of a file of `total` whose pieces are those of `other`.
    public func agreement(with other: PieceSums, total: Int) -> [Range<Int>] {
        guard length == other.length else { return [] }
        return zip(sums, other.sums).enumerated().filter { $0.element.0 == $0.element.1 }
            .map { $0.offset * length..<min(total, ($0.offset + 1) * length) }.filter { !$0.isEmpty }
    }

    /// `{"bytes": 4194304, "crc32": "…"}`, eight digits a piece.
    public var json: JSON {
        let text = sums.map { sum in
            let digits = String(sum, radix: 16)
            return String(repeating: "0", count: 8 - digits.utf8.count) + digits
        }.joined()
        return ["bytes": .int(length), "crc32": .string(text)]
    }

    /// `nil` for what does not describe a file of `total` bytes.
    public init?(json: JSON?, total: Int) {
        guard let length = json?["bytes"]?.int, let text = json?["crc32"]?.string, length >= Self.least, total >= 0
        else { return nil }
        let digits = Array(text.utf8)
        let pieces = total / length + (total % length == 0 ? 0 : 1)
        guard digits.count % 8 == 0, digits.count / 8 == pieces else { return nil }
        self.length = length
        for start in stride(from: 0, to: digits.count, by: 8) {
            guard let sum = UInt32(String(decoding: digits[start..<start + 8], as: UTF8.self), radix: 16) else {
                return nil
            }
            sums.append(sum)
        }
    }
}
