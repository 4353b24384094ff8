import HarvestCore
import HarvestMarkup

/// Links as pages write them, made into URLs as servers want them.
enum Href {
    /// `href` against the page's URL, percent-encoded once: a raw space becomes `%20`, an existing `%20` stays.
    ///
    /// - Returns: `nil` for what leads to no file: `mailto:`, `javascript:`, a bare fragment.
    static func resolve(_ href: String, against base: String) -> String? {
        let href = href.trimmingSpaces()
        guard !href.isEmpty, !href.hasPrefix("#") else { return nil }
        let page = Address(base)
        if let colon = href.firstIndex(of: ":"), href[..<colon].allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) }) {
            let scheme = href[..<colon].lowercased()
            guard ["http", "https", "ftp", "s3", "gs"].contains(scheme) else { return nil }
            return encode(href)
        }
        guard let host = page.host else { return nil }
        if href.hasPrefix("//") { return encode("\(page.scheme):\(href)") }
        if href.hasPrefix("/") { return encode("\(page.scheme)://\(host)\(href)") }
        var folder = page.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().map(String.init)
        for part in href.split(separator: "/", omittingEmptySubsequences: false) {
            if part == ".." { if folder.count > 1 { folder.removeLast() } } else if part != "." { folder.append(String(part)) }
        }
        return encode("\(page.scheme)://\(host)\(folder.joined(separator: "/"))")
    }

    /// Encodes what may not stand in a URL; what is encoded already stays.
    static func encode(_ url: String) -> String {
        var out = ""
        for byte in url.utf8 {
            let isPlain = byte > 0x20 && byte < 0x7F && !"\"<>\\^`{|}".utf8.contains(byte)
            if isPlain { out.unicodeScalars.append(Unicode.Scalar(byte)) } else {
                out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }
}

/// DOIs, wherever they stand.
enum DOI {
    /// The bare DOI in a URL or text (`10.25378/janelia.24222898`); `nil` where there is none.
    static func find(in text: String) -> String? {
        guard let start = text.firstRange(of: "10.")?.lowerBound else { return nil }
        let doi = text[start...].prefix { !$0.isWhitespace && !"\"'<>,;)".contains($0) }
        return doi.contains("/") && doi.count > 7 ? String(doi) : nil
    }
}

extension Page {
    /// Throws what a page that is no answer means.
    func requireOK() throws(HarvestError) {
        switch status {
        case 200..<300: return
        case 404, 410: throw .notFound("the portal has no such page", at: url)
        case 401, 403: throw HarvestError(.denied, "the portal refuses the page (HTTP \(status))", at: url)
        default: throw HarvestError(.unavailable, "the portal answers HTTP \(status)", at: url)
        }
    }
}
