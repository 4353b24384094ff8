extension JSON {
    /// Parses one JSON text (RFC 8259), and the bare `NaN`, `Infinity`, `-Infinity` that Python's writers emit.
    ///
    /// - Throws: ``HarvestError`` `.malformed` with the byte offset. Nesting is refused past 256 levels, texts past
    ///   64 MiB, so that a hostile document costs no more than its own size.
    public init(parsing text: some Collection<UInt8>, at place: String? = nil) throws(HarvestError) {
        guard text.count <= 64 << 20 else {
            throw .malformed("JSON of \(text.count) bytes is over the limit of 64 MiB", at: place)
        }
        var parser = JSONParser(bytes: Array(text), place: place)
        self = try parser.document()
    }

    /// Parses one JSON text.
    public init(parsing text: String, at place: String? = nil) throws(HarvestError) {
        try self.init(parsing: Array(text.utf8), at: place)
    }

    /// Parses one JSON text.
    public init(parsing bytes: Bytes, at place: String? = nil) throws(HarvestError) {
        try self.init(parsing: bytes.array, at: place)
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let place: String?
    var position = 0

    init(bytes: [UInt8], place: String?) {
        self.bytes = bytes
        self.place = place
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    mutating func document() throws(HarvestError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw error("text after the end of the JSON value") }
        return value
    }

    private func error(_ message: String) -> HarvestError {
        .malformed("JSON: \(message), byte \(position)", at: place)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard bytes.count - position >= length else { return false }
        for i in 0..<length where bytes[position + i] != word.utf8Start[i] { return false }
        position += length
        return true
    }

    private mutating func value(depth: Int) throws(HarvestError) -> JSON {
        guard depth < 256 else { throw error("nested deeper than 256 levels") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t") where take("true"): return .bool(true)
        case UInt8(ascii: "f") where take("false"): return .bool(false)
        case UInt8(ascii: "n") where take("null"): return .null
        case UInt8(ascii: "N") where take("NaN"): return .double(.nan)
        case UInt8(ascii: "I") where take("Infinity"): return .double(.infinity)
        case UInt8(ascii: "-") where take("-Infinity"): return .double(-.infinity)
        case nil: throw error("the text ends where a value should stand")
        case .some(let byte) where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return try number()
        default: throw error("no value starts here")
        }
    }

    private mutating func object(depth: Int) throws(HarvestError) -> JSON {
        var members = JSON.Members()
        position += 1
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a member's name should stand here") }
            let key = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw error("':' should stand here") }
            position += 1
            members[key] = try value(depth: depth + 1)
            skipSpace()
            guard next == UInt8(ascii: ",") else { break }
            position += 1
        }
        guard next == UInt8(ascii: "}") else { throw error("',' or '}' should stand here") }
        position += 1
        return .object(members)
    }

    private mutating func array(depth: Int) throws(HarvestError) -> JSON {
        var items: [JSON] = []
        position += 1
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return .array(items)
        }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            guard next == UInt8(ascii: ",") else { break }
            position += 1
        }
        guard next == UInt8(ascii: "]") else { throw error("',' or ']' should stand here") }
        position += 1
        return .array(items)
    }

    /// How many digits were passed over.
    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position - start
    }

    /// RFC 8259 §6: no leading zeros, digits on both sides of a point.
    private mutating func number() throws(HarvestError) -> JSON {
        let start = position
        var isInteger = true
        if next == UInt8(ascii: "-") { position += 1 }
        let isZero = next == UInt8(ascii: "0")
        guard case let count = skipDigits(), count == 1 || (count > 1 && !isZero) else {
            throw error("a number is broken")
        }
        if next == UInt8(ascii: ".") {
            (position, isInteger) = (position + 1, false)
            guard skipDigits() > 0 else { throw error("a number is broken") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            (position, isInteger) = (position + 1, false)
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw error("a number is broken") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger {
            if let value = Int(text) { return .int(value) }
            if let value = UInt64(text) { return .unsigned(value) }
        }
        guard let value = Double(text) else { throw error("a number is broken") }
        return .double(value)
    }

    private mutating func string() throws(HarvestError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        if next == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        var out = Array(bytes[start..<position])
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw error("a control character stands in a string")
            default: out.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into out: inout [UInt8]) throws(HarvestError) {
        guard let byte = next else { throw error("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "u"):
            var code = try hex()
            let behind = position
            if (0xD800..<0xDC00).contains(code), take("\\u") {
                let low = try hex()
                if (0xDC00..<0xE000).contains(low) {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                } else {
                    position = behind  // what follows a lone surrogate is a character of its own
                }
            }
            let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"  // a lone surrogate is no character
            out.append(contentsOf: String(Character(scalar)).utf8)
        default: throw error("an unknown escape stands in a string")
        }
    }

    private mutating func hex() throws(HarvestError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("'\\u' wants four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
