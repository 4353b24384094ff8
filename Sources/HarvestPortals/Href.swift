internal import HarvestCore

/// Links as pages write them, made into addresses that can be asked for.
enum Href {
    /// The absolute address that `href` means on the page at `base`, without fragment, percent-encoded once.
    ///
    /// RFC 3986 §5.2. `nil` for what leads to no file: an empty link, a fragment, `mailto:`, `javascript:`, `data:`.
    static func resolve(_ href: String, against base: String) -> String? {
        let typed = String(String.UnicodeScalarView(href.trimmingSpaces().unicodeScalars.filter { $0.value >= 0x20 }))
        let link = typed.prefix { $0 != "#" }
        guard !link.isEmpty else { return nil }
        if let scheme = scheme(of: link) {
            return Address.remoteSchemes.contains(scheme) && link.dropFirst(scheme.count).hasPrefix("://")
                ? normalised(String(link)) : nil
        }
        guard let baseScheme = scheme(of: base), let mark = base.firstRange(of: "://")?.upperBound else { return nil }
        if link.hasPrefix("//") { return normalised("\(baseScheme):\(link)") }
        let authority = base[mark...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = Address(base).path
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        let joined = link.hasPrefix("/") ? String(link) : link.hasPrefix("?") ? "\(path)\(link)" : "\(folder)\(link)"
        return normalised("\(baseScheme)://\(authority)\(joined)")
    }

    /// `url` with a lower-case scheme and host, without dot segments, and percent-encoded once: what may not stand in
    /// a URL is encoded, `%XX` that stands there is left.
    static func normalised(_ url: String) -> String {
        guard let mark = url.firstRange(of: "://") else { return encoded(url) }
        let rest = url[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let afterAuthority = rest.dropFirst(authority.count)
        let path = afterAuthority.prefix { $0 != "?" }
        let query = afterAuthority.dropFirst(path.count)
        let clean = path.isEmpty ? "/" : withoutDotSegments(path)
        return "\(url[..<mark.lowerBound].lowercased())://\(encoded(authority.lowercased()))\(encoded(clean + query))"
    }

    /// Percent-encodes what may not stand in a URL, and leaves what is encoded already.
    static func encoded(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count && isHex(bytes[index + 1])
                && isHex(bytes[index + 2])
            if isEscape || allowed.contains(byte) { out.append(byte) } else { out += escaped(byte) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Percent-encodes everything but letters, digits and `-._~`: a value in a query.
    static func encodedValue(_ text: String) -> String {
        let bytes = text.utf8.flatMap { (byte: UInt8) -> [UInt8] in unreserved.contains(byte) ? [byte] : escaped(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
    private static let allowed = unreserved.union("!$&'()*+,;=:@/?".utf8)

    private static func isHex(_ byte: UInt8) -> Bool { byte < 0x80 && Character(Unicode.Scalar(byte)).isHexDigit }

    private static func escaped(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private static func scheme(of link: some StringProtocol) -> String? {
        guard let colon = link.firstIndex(of: ":"), let first = link.first, first.isLetter, first.isASCII else {
            return nil
        }
        let name = link[..<colon].lowercased()
        return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) } ? name : nil
    }

    private static func withoutDotSegments(_ path: Substring) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        var kept: [Substring] = []
        for part in parts {
            if part == ".." { _ = kept.popLast() } else if part != "." { kept.append(part) }
        }
        let endsInFolder = parts.last == "." || parts.last == ".."
        return "/" + kept.joined(separator: "/") + (endsInFolder && !kept.isEmpty ? "/" : "")
    }
}
