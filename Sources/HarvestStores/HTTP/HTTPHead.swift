/// What a server says before the body: status and headers.
public struct HTTPHead: Sendable {
    public var status: Int
    /// Names in lower case, values trimmed; the first of equal names wins.
    public var headers: [String: String]

    public init(status: Int, headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
    }

    public subscript(name: String) -> String? { headers[name] }

    /// Length of the body that follows, as the server says.
    public var contentLength: Int? {
        self["content-length"].flatMap(Int.init).flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Lower case, without parameters.
    public var contentType: String? {
        self["content-type"].map { type in
            let word = type.utf8.drop { $0 == 0x20 }.prefix { ![0x20, 0x2C, 0x3B].contains($0) }  // to a space , or ;
            return String(Substring(word)).lowercased()
        }
    }

    /// How the body is encoded for the way; `nil` for not at all.
    public var contentEncoding: String? {
        self["content-encoding"].map { $0.lowercased() }.flatMap { $0.isEmpty || $0 == "identity" ? nil : $0 }
    }

    /// Seconds that `Retry-After` asks for, as a number or as a date against the server's own clock.
    var retryAfter: Double? {
        guard let text = self["retry-after"] else { return nil }
        if let seconds = Int(text) { return Double(max(0, seconds)) }
        guard let then = HTTPDate.seconds(of: text), let now = self["date"].flatMap(HTTPDate.seconds) else {
            return nil
        }
        return Double(max(0, then - now))
    }

    var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
}

/// Collects header lines until the blank one that ends them.
struct HeadParser {
    private(set) var head: HTTPHead?
    private var status = 0
    private var headers: [String: String] = [:]
    private var count = 0

    /// Takes one line as it came over the wire.
    ///
    /// - Returns: `false` once all lines together are longer than `limit`.
    mutating func take(_ line: UnsafeRawBufferPointer, limit: Int) -> Bool {
        count += line.count
        guard count <= limit else { return false }
        guard head == nil else { return true }  // trailers
        let bare = line.trimmed
        if bare.isEmpty {
            if status >= 200 { head = HTTPHead(status: status, headers: headers) }  // 1xx: the true one follows
        } else if bare.starts(with: "HTTP/".utf8) {
            let words = String(decoding: bare, as: UTF8.self).split(separator: " ", maxSplits: 2)
            status = words.count > 1 ? Int(words[1]) ?? 0 : 0
            headers = [:]
        } else if let colon = bare.firstIndex(of: 0x3A), bare.startIndex == 0 {  // not folded from the line before
            let name = bare[..<colon].lowercased
            let value = String(decoding: UnsafeRawBufferPointer(rebasing: bare[(colon + 1)...]).trimmed, as: UTF8.self)
            if let known = headers[name] {
                // Two lengths that differ are none (RFC 9112 §6.3): the answer is refused by whoever wants its body.
                if name == "content-length", known != value { headers[name] = "\(known), \(value)" }
            } else {
                headers[name] = value
            }
        }
        return true
    }
}

extension UnsafeRawBufferPointer {
    /// Without spaces, tabs and line ends around it.
    fileprivate var trimmed: Slice<UnsafeRawBufferPointer> {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return self[0..<0]
        }
        return self[first...last]
    }
}

extension Slice<UnsafeRawBufferPointer> {
    /// As text, with A to Z made small.
    fileprivate var lowercased: String {
        String(unsafeUninitializedCapacity: count) { memory in
            for (index, byte) in enumerated() {
                memory[index] = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            }
            return count
        }
    }
}

extension String {
    /// Without spaces, tabs and line ends around it.
    var trimmed: String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        let bytes = utf8.drop(while: isBlank)
        guard let last = bytes.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(bytes[...last]) ?? self
    }
}
