import HarvestCore

/// Parses the tag tree of a DM3 or DM4 file from whatever parts of it are at hand; arrays are passed over.
///
/// The structure is big-endian always; values follow the header's byte order. DM4 widens lengths and counts to 64 bits
/// and gives each tag its total size. (The format is not published; this follows what its readers agree on.)
struct TagParser {
    /// Bytes that are not at hand yet: fetch from `offset` on and call ``run(on:)`` again.
    struct Missing: Error {
        var offset: Int
        var count: Int
    }

    private struct Open {
        var node: Int
        var left: Int
    }

    private(set) var version = 0
    private(set) var byteOrder = ByteOrder.little
    private(set) var tree = TagTree()
    /// Where the next tag begins.
    private(set) var position = 0
    private var stack: [Open] = []
    private var isStarted = false
    /// The file's length, once known.
    var total: Int?
    private let place: String

    private static let deepest = 64
    private static let mostNodes = 500_000
    /// Arrays of numbers up to this many bytes are read as lists; texts up to sixteen times as many.
    private static let shortArray = 4096

    init(at place: String) { self.place = place }

    /// Whether `bytes` begin as a DM file does: version 3 or 4 and a byte order of 0 or 1.
    static func isMarked(_ bytes: Bytes) -> Bool {
        guard bytes.count >= 16, bytes[0] == 0, bytes[1] == 0, bytes[2] == 0 else { return false }
        let order = bytes[3] == 3 ? 8 : bytes[3] == 4 ? 12 : nil
        guard let order else { return false }
        return bytes[order] == 0 && bytes[order + 1] == 0 && bytes[order + 2] == 0 && bytes[order + 3] <= 1
    }

    /// Goes on until all tags are read.
    ///
    /// - Throws: ``Missing``, or ``HarvestError`` `.malformed`.
    mutating func run(on window: Window) throws {
        if !isStarted { try start(window) }
        while let open = stack.last {
            if open.left == 0 {
                stack.removeLast()
            } else {
                try readTag(window)
            }
        }
    }

    private func broken(_ why: String, at offset: Int) -> HarvestError {
        .malformed("\(why), byte \(offset)", at: place)
    }

    private mutating func start(_ window: Window) throws {
        var cursor = Cursor(window, at: 0, total: total, isWide: false, place)
        version = Int(try cursor.number(4))
        guard version == 3 || version == 4 else { throw broken("version \(version) is neither DM3 nor DM4", at: 0) }
        cursor.isWide = version == 4
        _ = try cursor.length()  // of the tags; writers do not agree on what it counts
        byteOrder = try cursor.number(4) == 1 ? .little : .big
        let count = try groupHeader(&cursor)
        stack = [Open(node: 0, left: count)]
        position = cursor.offset
        isStarted = true
    }

    /// Sorted, open, number of tags.
    private func groupHeader(_ cursor: inout Cursor) throws -> Int {
        try cursor.skip(2)
        let count = try cursor.length()
        // A tag takes at least its kind, the length of its name and a group's header or a mark.
        let least = version == 4 ? 21 : 9
        if let total, count > (total - cursor.offset) / least + 1 {
            throw broken("a group of \(count) tags is longer than the file", at: cursor.offset)
        }
        guard count <= Self.mostNodes else { throw broken("a group of \(count) tags", at: cursor.offset) }
        return count
    }

    private mutating func readTag(_ window: Window) throws {
        guard tree.nodes.count < Self.mostNodes else { throw broken("more than \(Self.mostNodes) tags", at: position) }
        var cursor = Cursor(window, at: position, total: total, isWide: version == 4, place)
        let kind = try cursor.number(1)
        let name = try cursor.text(Int(try cursor.number(2)))
        if version == 4 { try cursor.skip(8) }  // the tag's total size
        let parent = stack[stack.count - 1].node
        switch kind {
        case 20:
            guard stack.count < Self.deepest else {
                throw broken("groups more than \(Self.deepest) deep", at: position)
            }
            let count = try groupHeader(&cursor)
            stack[stack.count - 1].left -= 1
            stack.append(Open(node: tree.add(TagTree.Node(name: name, value: .group), below: parent), left: count))
        case 21:
            let value = try readValue(&cursor, name)
            stack[stack.count - 1].left -= 1
            _ = tree.add(TagTree.Node(name: name, value: value), below: parent)
        default: throw broken("a tag of kind \(kind)", at: position)
        }
        position = cursor.offset
    }
}

// Values.
extension TagParser {
    /// DM's numbers of types, with their sizes.
    static func size(of type: Int) -> Int? {
        switch type {
        case 8, 9, 10: 1
        case 2, 4: 2
        case 3, 5, 6: 4
        case 7, 11, 12: 8
        default: nil
        }
    }

    private func readValue(_ cursor: inout Cursor, _ name: String) throws -> TagTree.Value {
        let start = cursor.offset
        guard try cursor.number(4) == 0x2525_2525 else { throw broken("a tag's mark %%%% is missing", at: start) }
        let count = try cursor.length()
        guard count > 0, count <= 4096 else { throw broken("a description of \(count) words", at: start) }
        var words: [Int] = []
        for _ in 0..<count { words.append(try cursor.length()) }
        switch words[0] {
        case 15:  // a structure: 15, name length, fields, then length of name and type of each
            return .list(try structure(words, at: 0, &cursor))
        case 18:  // text: 18, bytes
            guard words.count == 2 else { throw broken("a text described by \(count) words", at: start) }
            return .text(Self.utf16(try cursor.bytes(words[1], atMost: Self.shortArray * 16), byteOrder))
        case 20: return try array(words, &cursor, start, isImage: name == "Data")
        default:
            guard words.count == 1, let size = Self.size(of: words[0]) else {
                throw broken("a value of type \(words[0])", at: start)
            }
            return .number(Self.number(try cursor.bytes(size, atMost: 8), words[0], byteOrder))
        }
    }

    /// Types of a structure's fields, described from `words[start]` on.
    private func fields(_ words: [Int], at start: Int, _ offset: Int) throws -> [Int] {
        guard words.count > start + 2, words[start + 2] >= 0, words[start + 2] <= (words.count - start - 3) / 2 else {
            throw broken("a structure's description is cut short", at: offset)
        }
        return (0..<words[start + 2]).map { words[start + 3 + 2 * $0 + 1] }
    }

    private func structure(_ words: [Int], at start: Int, _ cursor: inout Cursor) throws -> [JSON] {
        var items: [JSON] = []
        for type in try fields(words, at: start, cursor.offset) {
            guard let size = Self.size(of: type) else { throw broken("a field of type \(type)", at: cursor.offset) }
            items.append(Self.number(try cursor.bytes(size, atMost: 8), type, byteOrder))
        }
        return items
    }

    /// - Parameter isImage: Whether the array is an image's data, which stays in the file however short it is.
    private func array(
        _ words: [Int], _ cursor: inout Cursor, _ start: Int, isImage: Bool
    ) throws -> TagTree.Value {
        guard words.count >= 3, let length = words.last, length >= 0 else {
            throw broken("an array's description is cut short", at: start)
        }
        let size: Int
        if words[1] == 15 {
            size = try fields(words, at: 1, start).reduce(0) { sum, type in
                guard let size = Self.size(of: type) else { throw broken("a field of type \(type)", at: start) }
                return sum + size
            }
        } else {
            guard let known = Self.size(of: words[1]) else { throw broken("an array of type \(words[1])", at: start) }
            size = known
        }
        let (bytes, overflow) = length.multipliedReportingOverflow(by: size)
        guard !overflow, bytes <= 1 << 60 else { throw broken("an array of \(length) items", at: start) }
        let offset = cursor.offset
        if let total, bytes > total - offset {
            throw broken("an array of \(bytes) bytes ends behind the file's \(total)", at: offset)
        }
        if !isImage, words[1] == 4, bytes <= Self.shortArray * 16 {
            return .text(Self.utf16(try cursor.bytes(bytes, atMost: bytes), byteOrder))
        }
        if !isImage, words[1] != 15, bytes <= Self.shortArray, length <= 64 {
            let raw = try cursor.bytes(bytes, atMost: bytes)
            return .list(
                (0..<length).map { index in
                    Self.number(raw.slice(index * size..<(index + 1) * size) ?? .empty, words[1], byteOrder)
                })
        }
        try cursor.skip(bytes)
        return .stored(TagTree.Stored(offset: offset, bytes: bytes, type: words[1]))
    }

    private static func utf16(_ bytes: Bytes, _ order: ByteOrder) -> String {
        var units: [UInt16] = []
        for index in 0..<bytes.count / 2 {
            let (a, b) = (UInt16(bytes[2 * index]), UInt16(bytes[2 * index + 1]))
            units.append(order == .little ? a | b << 8 : b | a << 8)
        }
        while units.last == 0 { units.removeLast() }
        return String(decoding: units, as: UTF16.self)
    }

    private static func number(_ bytes: Bytes, _ type: Int, _ order: ByteOrder) -> JSON {
        var bits: UInt64 = 0
        for index in 0..<bytes.count {
            bits = bits << 8 | UInt64(bytes[order == .big ? index : bytes.count - 1 - index])
        }
        switch type {
        case 2: return .int(Int(Int16(truncatingIfNeeded: bits)))
        case 3: return .int(Int(Int32(truncatingIfNeeded: bits)))
        case 4, 5, 9, 10: return .int(Int(bits))
        // The shortest decimal that is this float: 0.00799825, not 0.007998250424861908.
        case 6: return .double(Double("\(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))") ?? .nan)
        case 7: return .double(Double(bitPattern: bits))
        case 8: return .bool(bits != 0)
        case 11: return .int(Int(Int64(bitPattern: bits)))
        default: return Int(exactly: bits).map(JSON.int) ?? .unsigned(bits)
        }
    }
}
