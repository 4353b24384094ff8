internal import CXML2
public import HarvestCore

/// HTML as pages really are: recovered where it is broken, read without network.
public enum HTMLDocument {
    /// Elements nested deeper than this are refused.
    static let deepest = 512

    /// Parses one page.
    ///
    /// The character set is that of the byte order mark, else of `<meta charset>`, else UTF-8 where the bytes are
    /// valid UTF-8, else Windows-1252.
    ///
    /// - Returns: The `html` element, with `head` and `body` where the page left them out.
    /// - Throws: ``HarvestError`` `.malformed` where there is no element at all, the page is nested deeper than 512
    ///   levels, or is over 64 MiB or a million elements. Anything else is recovered.
    public static func parse(bytes: Bytes, at place: String? = nil) throws(HarvestError) -> MarkupNode {
        guard bytes.count <= MarkupBuilder.longestText else {
            throw .malformed("HTML: the page is over the limit of 64 MiB", at: place)
        }
        let text = PageText(bytes)
        let (root, complaint) = parse(text.bytes, charset: text.charset)
        if let complaint { throw .malformed("HTML: \(complaint)", at: place) }
        guard let root else { throw .malformed("HTML: no element stands in the page", at: place) }
        return root
    }

    private static func parse(_ bytes: [UInt8], charset: String) -> (root: MarkupNode?, complaint: String?) {
        guard !bytes.isEmpty else { return (nil, "the page is empty") }
        LibXML.start()
        guard let parser = htmlNewParserCtxt() else { return (nil, "no memory") }
        defer { htmlFreeParserCtxt(parser) }
        let builder = MarkupBuilder(for: parser, deepest: deepest, isHTML: true)
        parser.pointee.sax.pointee = handler()
        parser.pointee.userData = Unmanaged.passUnretained(builder).toOpaque()
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NONET.rawValue | HTML_PARSE_NOERROR.rawValue
            | HTML_PARSE_NOWARNING.rawValue | HTML_PARSE_IGNORE_ENC.rawValue
        let tree = withExtendedLifetime(builder) {
            bytes.withUnsafeBytes {
                let text = $0.bindMemory(to: CChar.self)
                return htmlCtxtReadMemory(parser, text.baseAddress, Int32(text.count), nil, charset, Int32(options))
            }
        }
        if let tree { xmlFreeDoc(tree) }
        if let refusal = builder.refusal { return (nil, refusal) }
        let page = builder.outermost()
        guard let first = page.children.first else { return (nil, nil) }
        if page.children.count == 1, first.name == "html" { return (first, nil) }
        return (MarkupNode("html", content: page.content), nil)
    }

    private static func handler() -> xmlSAXHandler {
        var handler = MarkupBuilder.handler()
        handler.startElement = { context, name, attributes in
            guard let builder = MarkupBuilder.behind(context), let name = MarkupBuilder.string(name) else { return }
            let local = name.split(separator: ":").last.map(String.init) ?? name
            builder.start(local, namespace: nil, attributes: HTMLDocument.attributes(attributes))
        }
        handler.endElement = { context, _ in MarkupBuilder.behind(context)?.end() }
        return handler
    }

    /// libxml2 gives names and values in turn, and a null at the end; the first of equal names wins, as in a browser.
    private static func attributes(_ pointers: UnsafeMutablePointer<UnsafePointer<UInt8>?>?) -> [String: String] {
        guard let pointers else { return [:] }
        var found: [String: String] = [:]
        var index = 0
        while let name = MarkupBuilder.string(pointers[index]) {
            if found[name] == nil { found[name] = MarkupBuilder.string(pointers[index + 1]) ?? "" }
            index += 2
        }
        return found
    }
}
