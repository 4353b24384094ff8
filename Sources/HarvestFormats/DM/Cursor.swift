import HarvestCore

/// Reads forwards through the parts at hand.
struct Cursor {
    private let window: Window
    private let total: Int?
    private let place: String
    private(set) var offset: Int
    /// Whether lengths and counts are 64 bits wide (DM4).
    var isWide: Bool

    init(_ window: Window, at offset: Int, total: Int?, isWide: Bool, _ place: String) {
        self.window = window
        self.offset = offset
        self.total = total
        self.isWide = isWide
        self.place = place
    }

    /// A big-endian number of up to 8 bytes.
    mutating func number(_ count: Int) throws -> UInt64 {
        let bytes = try bytes(count, atMost: 8)
        return (0..<count).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }

    /// A length or count: 32 bits, in DM4 64.
    mutating func length() throws -> Int {
        let start = offset
        guard let value = Int(exactly: try number(isWide ? 8 : 4)) else {
            throw HarvestError.malformed("a length past every file, byte \(start)", at: place)
        }
        return value
    }

    mutating func skip(_ count: Int) throws {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, count >= 0, total.map({ end <= $0 }) ?? true else {
            throw HarvestError.malformed("\(count) bytes are wanted at byte \(offset), past the end", at: place)
        }
        offset = end
    }

    mutating func bytes(_ count: Int, atMost limit: Int) throws -> Bytes {
        guard count >= 0, count <= limit else {
            throw HarvestError.malformed("a value of \(count) bytes, byte \(offset)", at: place)
        }
        let start = offset
        try skip(count)
        if count == 0 { return .empty }
        guard let found = window.held(at: start, count: count) else {
            offset = start
            throw TagParser.Missing(offset: start, count: count)
        }
        return found
    }

    /// A tag's name: Latin-1 as written by older versions, UTF-8 by newer ones.
    mutating func text(_ count: Int) throws -> String {
        let bytes = try bytes(count, atMost: 65_535).array
        return String(validating: bytes, as: UTF8.self)
            ?? String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }
}
