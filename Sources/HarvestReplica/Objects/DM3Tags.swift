/// Tags of a DM3 file as bytes: the structure big-endian, values little-endian.
indirect enum DM3Tag {
    case group(String, [DM3Tag])
    case int(String, Int32)
    case word(String, UInt32)
    case short(String, UInt16)
    case flag(String, Bool)
    case float(String, Float)
    case double(String, Double)
    case text(String, String)
    /// Bytes of an array of octets.
    case octets(String, [UInt8])
    /// An array whose bytes stand elsewhere: the tag ends where they begin.
    case open(String, type: Int, count: Int)

    static func big(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// Sorted, open, and the number of tags.
    static func groupHeader(_ count: Int) -> [UInt8] { [1, 0] + big(count, 4) }

    var bytes: [UInt8] {
        switch self {
        case .group(let name, let tags):
            return [20] + Self.name(name) + Self.groupHeader(tags.count) + tags.flatMap(\.bytes)
        case .int(let name, let value): return Self.data(name, [3], Self.little(value))
        case .word(let name, let value): return Self.data(name, [5], Self.little(value))
        case .short(let name, let value): return Self.data(name, [4], Self.little(value))
        case .flag(let name, let value): return Self.data(name, [8], [value ? 1 : 0])
        case .float(let name, let value): return Self.data(name, [6], Self.little(value.bitPattern))
        case .double(let name, let value): return Self.data(name, [7], Self.little(value.bitPattern))
        case .text(let name, let text):
            let units = Array(text.utf16)
            return Self.data(name, [20, 4, units.count], units.flatMap { Self.little($0) })
        case .octets(let name, let bytes): return Self.data(name, [20, 10, bytes.count], bytes)
        case .open(let name, let type, let count): return Self.data(name, [20, type, count], [])
        }
    }

    private static func name(_ name: String) -> [UInt8] {
        // Latin-1: the micro sign is one byte.
        let bytes = name.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        return big(bytes.count, 2) + bytes
    }

    private static func data(_ name: String, _ description: [Int], _ value: [UInt8]) -> [UInt8] {
        [21] + Self.name(name) + Array("%%%%".utf8) + big(description.count, 4) + description.flatMap { big($0, 4) }
            + value
    }
}
