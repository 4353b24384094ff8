import HarvestCore
import HarvestMarkup

/// The page that a web server makes of a folder: Apache (table and preformatted), nginx, lighttpd, Python, IIS.
///
/// What is common to them: a title "Index of …" or "Directory listing for …", a link for each name, and behind it, up to
/// the next link, a date and a size. IIS is different: its title is "HOST - /path/", and date and size, or `<dir>`, stand
/// before the link. Names are taken from links, never from their text, which is cut short. A size with a
/// unit is rounded; plain digits are exact.
struct IndexPage {
    private(set) var listing = Listing()

    /// - Parameter address: Of the folder, with a slash at its end.
    /// - Throws: ``HarvestError`` `.unsupported` for a page that is no index.
    init(_ page: Bytes, at address: WebAddress) throws(HarvestError) {
        let html = try HTMLDocument.parse(bytes: page, at: address.text)
        let titles = [html.first("title"), html.first("h1")].compactMap { $0?.text.trimmed.lowercased() }
        let isIIS = titles.contains { $0.hasSuffix(" - \(address.path.percentDecoded.lowercased())") }
        guard isIIS || titles.contains(where: { $0.hasPrefix("index of") || $0.hasPrefix("directory listing for") })
        else {
            throw .unsupported(
                "the web server does not list what it holds", at: address.text,
                next: "give the address of the file itself")
        }
        var known: Set<[UInt8]> = []  // of bytes: names that look alike are two files
        let (lead, links) = Self.links(html)
        for (index, link) in links.enumerated() {
            let href = link.href
            let beside = isIIS ? index > 0 ? links[index - 1].behind : lead : link.behind
            guard let (name, isFolder) = Self.name(href, in: address), known.insert(Array(name.utf8)).inserted else {
                continue
            }
            guard (try? Key.components(of: name))?.count == 1 else {
                listing.refused.append(name)
                continue
            }
            if isFolder {
                listing.folders.append(name)
            } else {
                let size = Self.size(beside)
                listing.objects.append(
                    Listing.Entry(
                        name: name, bytes: size.flatMap { $0.isExact ? $0.bytes : nil },
                        roundedBytes: size.flatMap { $0.isExact ? nil : $0.bytes }, modified: Self.date(beside)))
            }
        }
    }

    /// The text before the first link, and each link with the text that stands between it and the next one.
    private static func links(_ html: MarkupNode) -> (lead: String, links: [(href: String, behind: String)]) {
        var lead = ""
        var found: [(href: String, behind: String)] = []
        func walk(_ node: MarkupNode) {
            for item in node.content {
                switch item {
                case .text(let text):
                    if found.isEmpty { lead += text + " " } else { found[found.count - 1].behind += text + " " }
                case .element(let child):
                    if child.name == "a", let href = child.attributes["href"] {
                        found.append((href, ""))
                    } else if !child.isHidden {
                        walk(child)
                    }
                }
            }
        }
        walk(html)
        return (lead, found)
    }

    /// The one component that `href` names directly below the folder; `nil` for the parent, for other places, for links
    /// to sort by. What is decoded may still be no name.
    private static func name(_ href: String, in folder: WebAddress) -> (name: String, isFolder: Bool)? {
        guard !href.hasPrefix("?"), !href.hasPrefix("#") else { return nil }
        var rest: String
        if (href.hasSuffix("/") ? href.dropLast() : href[...]).utf8.allSatisfy(isPlain) {
            rest = href  // nothing that could lead elsewhere, as with nearly all links
        } else {
            guard let target = try? WebAddress(href, relativeTo: folder), target.origin == folder.origin,
                target.query == nil, target.path.hasPrefix(folder.path)
            else { return nil }
            rest = String(target.path.dropFirst(folder.path.count))
        }
        let isFolder = rest.hasSuffix("/")
        if isFolder { rest.removeLast() }
        guard !rest.isEmpty, !rest.contains("/"), rest != ".", rest != ".." else { return nil }
        return (rest.percentDecoded, isFolder)
    }

    /// Letters, digits and what stands for itself in a name.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "~"), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    /// What stands beside a name where a time of day is among it: its date and size, which change with the file.
    private static func date(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: ":")) else { return nil }
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.utf8.count <= 100 ? words : nil
    }

    /// The size at the end of a line: `29M`, `1.2K`, `30396032`, `- ` for none.
    static func size(_ text: String) -> (bytes: Int, isExact: Bool)? {
        // Spaces, and the two bytes of the space that does not break.
        for word in text.utf8.split(whereSeparator: { $0 <= 0x20 || $0 == 0xC2 || $0 == 0xA0 }).reversed() {
            var rest = word[...]
            let whole = digits(&rest, atMost: 18)
            guard !whole.isEmpty else { continue }
            var fraction: Substring?
            if rest.first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
                fraction = digits(&rest, atMost: 3)
                if fraction?.isEmpty == true { continue }
            }
            let power = rest.first.flatMap { "kmgtp".utf8.firstIndex(of: $0 | 0x20) }
            if power != nil { rest = rest.dropFirst() }
            if rest.first == UInt8(ascii: "i") { rest = rest.dropFirst(rest.count > 1 ? 1 : 0) }
            if let last = rest.first, last | 0x20 == UInt8(ascii: "b") { rest = rest.dropFirst() }
            guard rest.isEmpty else { continue }
            guard let power else { return fraction == nil ? Int(whole).map { ($0, true) } : nil }
            let factor = "kmgtp".utf8.distance(from: "kmgtp".utf8.startIndex, to: power) + 1
            guard let value = Double("\(whole).\(fraction ?? "0")") else { return nil }
            let bytes = (0..<factor).reduce(value) { value, _ in value * 1024 }
            return Int(exactly: bytes.rounded()).map { ($0, false) }
        }
        return nil
    }

    private static func digits(_ text: inout Substring.UTF8View, atMost most: Int) -> Substring {
        let found = text.prefix { (0x30...0x39).contains($0) }
        guard found.count <= most else { return "" }
        text = text[found.endIndex...]
        return Substring(found)
    }
}
