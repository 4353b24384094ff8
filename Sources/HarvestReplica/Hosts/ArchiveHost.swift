/// ftp.ebi.ac.uk over HTTPS: files, and the index pages that Apache makes of folders.
struct ArchiveHost: Host {
    let names = ["ftp.ebi.ac.uk"]

    var routes: [String] {
        Archive.shared.files.map { "\(PercentEncoding.encode($0.key))  \($0.value.object.size) bytes" }.sorted()
    }

    func respond(to request: Request) -> Response {
        guard let path = request.path else { return failure(400, request: request) }
        if let file = Archive.shared.files[path] {
            let tag = "\"\(String(file.object.size, radix: 16))-\(String(file.modified * 1_000_000, radix: 16))\""
            return .object(
                file.object, type: file.type, entityTag: tag, lastModified: file.modified,
                headers: [("Server", "Apache")])
        }
        guard let entries = Archive.shared.list(path) else { return failure(404, request: request) }
        guard path.hasSuffix("/") else { return .redirect(to: "\(request.rawPath)/", status: 301) }
        return .text(200, "text/html;charset=UTF-8", Self.index(path, entries), headers: [("Server", "Apache")])
    }

    /// mod_autoindex with HTMLTable: rounded sizes, links to sort by, the parent first.
    static func index(_ path: String, _ entries: [(name: String, file: Archive.File?)]) -> String {
        let title = "Index of \(MarkupText.escaped(String(path.dropLast())))"
        func row(_ icon: String, _ alt: String, _ href: String, _ text: String, _ date: String, _ size: String)
            -> String
        {
            "<tr><td valign=\"top\"><img src=\"/icons/\(icon).gif\" alt=\"[\(alt)]\"></td><td><a href=\"\(href)\">\(text)</a></td>"
                + "<td align=\"right\">\(date)  </td><td align=\"right\">\(size)</td><td>&nbsp;</td></tr>"
        }
        var parent = path.dropLast()
        while let last = parent.last, last != "/" { parent.removeLast() }
        let rows = entries.map { name, file in
            let href = PercentEncoding.encode(name)
            // Names are cut in the text, never in the link.
            let shown = MarkupText.escaped(name.count > 60 ? name.prefix(57) + "..>" : name)
            return file.map {
                row("unknown", "   ", href, shown, HTTPDate.minute($0.modified), rounded($0.object.size))
            } ?? row("folder", "DIR", href + "/", shown + "/", "2023-11-02 14:31", "  - ")
        }
        let sorts = [("N;O=D", "Name"), ("M;O=A", "Last modified"), ("S;O=A", "Size"), ("D;O=A", "Description")]
        return """
            <!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
            <html>
             <head>
              <title>\(title)</title>
             </head>
             <body>
            <h1>\(title)</h1>
              <table>
               <tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th>\(sorts.map { "<th><a href=\"?C=\($0.0)\">\($0.1)</a></th>" }.joined())</tr>
               <tr><th colspan="5"><hr></th></tr>
            \(row("back", "PARENTDIR", PercentEncoding.encode(String(parent)), "Parent Directory", "&nbsp;", "  - "))
            \(rows.joined(separator: "\n"))
               <tr><th colspan="5"><hr></th></tr>
            </table>
            </body></html>

            """
    }

    /// A length as Apache shortens it (apr_strfsize): four characters.
    static func rounded(_ size: Int64) -> String {
        if size < 973 { return pad("\(size) ") }
        var size = size
        for unit in ["K", "M", "G", "T", "P", "E"] {
            var rest = size & 1023
            size >>= 10
            if size >= 973 { continue }
            if size < 9 || size == 9 && rest < 973 {
                rest = (rest * 5 + 256) / 512
                if rest >= 10 { (size, rest) = (size + 1, 0) }
                return pad("\(size).\(rest)\(unit)")
            }
            return pad("\(rest >= 512 ? size + 1 : size)\(unit)")
        }
        return "****"
    }

    private static func pad(_ text: String) -> String { String(repeating: " ", count: max(0, 4 - text.count)) + text }
}
