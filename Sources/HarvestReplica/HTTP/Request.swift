/// One request as it came, split but not yet understood.
struct Request: Sendable {
    let method: String
    /// Path and query as sent.
    let target: String
    let headers: [(name: String, value: String)]
    /// Lower case, without the port.
    let host: String

    /// The path as sent, percent-encoded.
    var rawPath: String { String(target.prefix { $0 != "?" }) }

    /// The path decoded once; `nil` if it cannot be.
    var path: String? { PercentEncoding.decode(rawPath) }

    /// The query's names and values, decoded; those that cannot be decoded are left out.
    var query: [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return target[target.index(after: mark)...].split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { return nil }
            return (name, value)
        }
    }

    func header(_ name: String) -> String? { headers.first { $0.name.equalsIgnoringCase(name) }?.value }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Whether the connection stays open after the answer (RFC 9112 §9.3).
    var keepsAlive: Bool { header("Connection").map { !$0.lowercased().contains("close") } ?? true }

    /// How many bytes of body follow; `nil` if that cannot be told.
    var bodyLength: Int? {
        if header("Transfer-Encoding") != nil { return nil }
        guard let length = header("Content-Length") else { return 0 }
        return Int(length).flatMap { $0 >= 0 ? $0 : nil }
    }
}

extension String {
    func equalsIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8) { $0.lowered == $1.lowered }
    }
}

extension UInt8 {
    fileprivate var lowered: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
