import HarvestCore
import HarvestStores

/// Text for HTML: everything from outside passes through here.
enum Markup {
    /// Escaped for elements and attributes in double quotes.
    static func text(_ text: String, limit: Int = 2000) -> String {
        var out = ""
        for character in text.displayed(limit: limit).unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    /// A link, where its scheme is one that only leads somewhere; else the text alone.
    static func link(_ url: String, _ label: String? = nil) -> String {
        let label = text(label ?? url, limit: 300)
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard WebAddress.schemes.contains(scheme), url.hasPrefix("\(scheme)://") else { return label }
        return "<a href=\"\(text(url, limit: 8000))\" rel=\"noreferrer noopener\">\(label)</a>"
    }

    /// A table of cells that are HTML already; the first row are headings.
    static func table(_ rows: [[String]], rowHeads: Bool = true) -> String {
        let head = rows[0].map { "<th scope=\"col\">\($0)</th>" }.joined()
        let body = rows.dropFirst().map { row in
            "<tr>"
                + row.enumerated().map {
                    $0.offset == 0 && rowHeads ? "<th scope=\"row\">\($0.element)</th>" : "<td>\($0.element)</td>"
                }.joined() + "</tr>"
        }
        return
            "<div class=\"wide\"><table><thead><tr>\(head)</tr></thead><tbody>\(body.joined(separator: "\n"))</tbody></table></div>"
    }
}
