internal import HarvestCore

/// The fragment of a Neuroglancer link: the viewer's state, or where it stands.
///
/// Follows neuroglancer/src/ui/url_hash_binding.ts and util/json.ts.
enum ViewerFragment: Equatable {
    /// `#!gs://…`: the address of a JSON document.
    case remote(String)
    /// `#!{…}` and `#!+{…}`: the state itself; the latter lies over the viewer's defaults.
    case state(JSON)

    /// Longer fragments are no links that people share.
    static let longest = 8 << 20

    /// Reads what stands behind the first `#!` of `url`; `nil` where there is none. The state may hold further ones.
    ///
    /// - Throws: ``HarvestError`` `.malformed` for a fragment that is no state, `.unsupported` for a scheme that is not
    ///   followed.
    init?(of url: String) throws(HarvestError) {
        guard let mark = url.firstRange(of: "#!") else { return nil }
        try self.init(url[mark.upperBound...])
    }

    private init(_ fragment: Substring) throws(HarvestError) {
        guard fragment.utf8.count <= Self.longest else {
            throw .malformed("the link's state is longer than \(Self.longest >> 20) MiB")
        }
        var rest = fragment
        if rest.hasPrefix("+") { rest = rest.dropFirst() }
        if rest.prefix(64).prefixMatch(of: /[a-z][a-z0-9+.\-]*:\/\//) != nil {
            self = .remote(String(rest))
            return
        }
        guard let text = Self.decoded(rest) else {
            throw .malformed("the link's state is not percent-encoded text")
        }
        let json: JSON
        do { json = try JSON(parsing: Self.json(of: text)) } catch {
            throw HarvestError(.malformed, "the link's state is no JSON: \(error.message)", underlying: error)
        }
        guard json.object != nil else { throw .malformed("the link's state is no JSON object") }
        self = .state(json)
    }

    /// `decodeURIComponent`: every `%XX` once; `nil` for a `%` that is no code, and for what is not UTF-8 then.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// `urlSafeToJSON`: outside string literals `_` and `&` mean a comma; a literal in single quotes becomes one in
    /// double quotes, where a bare `"` is escaped and `\'` is a plain quote.
    static func json(of text: String) -> String {
        let quote = UInt8(ascii: "'"), double = UInt8(ascii: "\""), escape = UInt8(ascii: "\\")
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == quote || byte == double, let end = literalEnd(bytes, from: index) else {
                out.append(byte == UInt8(ascii: "_") || byte == UInt8(ascii: "&") ? UInt8(ascii: ",") : byte)
                index += 1
                continue
            }
            var inside = index + 1
            out.append(double)
            while inside < end {
                if bytes[inside] == escape {
                    if !(byte == quote && bytes[inside + 1] == quote) { out.append(escape) }
                    out.append(bytes[inside + 1])
                    inside += 2
                } else {
                    if byte == quote, bytes[inside] == double { out.append(escape) }
                    out.append(bytes[inside])
                    inside += 1
                }
            }
            out.append(double)
            index = end + 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Index of the quote that closes the literal that opens at `start`; `nil` where none does.
    private static func literalEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == bytes[start] { return index }
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }
}
