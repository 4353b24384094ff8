/// Cuts requests out of the bytes of a connection, however they were split or joined on the way.
struct RequestParser {
    static let headerLimit = 64 << 10

    enum Outcome {
        case request(Request)
        /// More bytes are needed.
        case incomplete
        /// The status to answer with, and why; nothing on this connection can be trusted any more.
        case refused(Int, String)
    }

    private var pending: [UInt8] = []

    mutating func append(_ bytes: UnsafeRawBufferPointer) { pending.append(contentsOf: bytes) }

    /// Whether part of a request has come.
    var isInside: Bool { !pending.isEmpty }

    mutating func next() -> Outcome {
        // RFC 9112 §2.2: empty lines before a request are skipped.
        while pending.starts(with: [13, 10]) { pending.removeFirst(2) }
        guard let end = endOfHead() else {
            return pending.count > Self.headerLimit ? .refused(431, "header longer than 64 KiB") : .incomplete
        }
        guard end <= Self.headerLimit else { return .refused(431, "header longer than 64 KiB") }
        let head = String(decoding: pending[..<end], as: UTF8.self)
        let outcome = Self.parse(head)
        guard case .request(let request) = outcome else { return outcome }
        guard let length = request.bodyLength, length <= 1 << 20 else {
            return .refused(411, "a body of unknown length")
        }
        guard pending.count >= end + 4 + length else { return .incomplete }
        pending.removeFirst(end + 4 + length)
        return outcome
    }

    private func endOfHead() -> Int? {
        guard pending.count >= 4 else { return nil }
        return pending.withUnsafeBufferPointer { bytes in
            (0...(bytes.count - 4)).first {
                bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
            }
        }
    }

    private static func parse(_ head: String) -> Outcome {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, !words.contains("") else {
            return .refused(400, "a request line is method, target and version: a space inside the target is %20")
        }
        guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { return .refused(505, "only HTTP/1.1 is spoken") }
        var headers: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
                !line[..<colon].contains(where: { $0 == " " || $0 == "\t" })
            else { return .refused(400, "a header line without a name") }
            headers.append((String(line[..<colon]), trimmed(line[line.index(after: colon)...])))
        }
        var target = String(words[1])
        var host = headers.first { $0.name.equalsIgnoringCase("Host") }?.value ?? ""
        if let absolute = split(absolute: target) { (host, target) = absolute }
        guard target.hasPrefix("/"), !target.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else {
            return .refused(400, "a target is a path in printable ASCII")
        }
        guard !host.isEmpty else { return .refused(400, "no Host header") }
        let name = host.hasPrefix("[") ? host : String(host.prefix { $0 != ":" })
        return .request(
            Request(method: String(words[0]), target: target, headers: headers, host: name.lowercased()))
    }

    /// `https://host/path` as a proxy would get it (RFC 9112 §3.2.2).
    private static func split(absolute target: String) -> (String, String)? {
        for scheme in ["https://", "http://"] where target.hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            guard let slash = rest.firstIndex(of: "/") else { return (String(rest), "/") }
            return (String(rest[..<slash]), String(rest[slash...]))
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var rest = text.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }
}
