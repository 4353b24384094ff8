internal import CXML2
public import HarvestCore

/// XML 1.0 with namespaces, read without network, document type or entities of its own.
public enum XMLDocument {
    /// Elements nested deeper than this are refused.
    static let deepest = 256

    /// Parses one XML text.
    ///
    /// Zero bytes and white space around the text are dropped (TIFF ends its texts with a zero); prefixes that no one
    /// declared are tolerated.
    ///
    /// - Returns: The outermost element.
    /// - Throws: ``HarvestError`` `.malformed` where it is not well-formed, declares a document type (which could load
    ///   files or expand without end), is nested deeper than 256 levels, or is over 64 MiB or a million elements.
    public static func parse(bytes: Bytes, at place: String? = nil) throws(HarvestError) -> MarkupNode {
        let (root, complaint) = bytes.withUnsafeBytes { parse(trimmed($0)) }
        if let complaint { throw .malformed("XML: \(complaint)", at: place) }
        guard let root else { throw .malformed("XML: no element stands in it", at: place) }
        return root
    }

    /// The text without the zeros and white space around it.
    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // UTF-16 without a byte order mark begins with a zero or a byte and a zero: leave anything like it alone.
        if bytes.count >= 2, bytes[0] == 0 || bytes[1] == 0 || bytes[0] >= 0xFE { return bytes }
        func isBlank(_ byte: UInt8) -> Bool { byte == 0 || byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return UnsafeRawBufferPointer(rebasing: bytes[0..<0]) }
        return UnsafeRawBufferPointer(rebasing: bytes[first...last])
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) -> (root: MarkupNode?, complaint: String?) {
        guard !bytes.isEmpty else { return (nil, "the text is empty") }
        guard bytes.count <= MarkupBuilder.longestText else { return (nil, "the text is over the limit of 64 MiB") }
        LibXML.start()
        guard let parser = xmlNewParserCtxt() else { return (nil, "no memory") }
        defer { xmlFreeParserCtxt(parser) }
        let builder = MarkupBuilder(for: parser, deepest: deepest, isHTML: false)
        parser.pointee.sax.pointee = handler()
        parser.pointee.userData = Unmanaged.passUnretained(builder).toOpaque()
        // Never XML_PARSE_NOENT: it loads files.
        let options = XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
        let text = bytes.bindMemory(to: CChar.self)
        let tree = withExtendedLifetime(builder) {
            xmlCtxtReadMemory(parser, text.baseAddress, Int32(text.count), nil, nil, Int32(options))
        }
        if let tree { xmlFreeDoc(tree) }
        if let refusal = builder.refusal { return (nil, refusal) }
        guard parser.pointee.wellFormed == 1 else { return (nil, MarkupBuilder.complaint(of: parser)) }
        return (builder.outermost().children.first, nil)
    }

    private static func handler() -> xmlSAXHandler {
        var handler = MarkupBuilder.handler()
        handler.internalSubset = { context, _, _, _ in
            MarkupBuilder.behind(context)?.refuse("a document type is declared, which is refused")
        }
        handler.startElementNs = { context, name, _, namespace, _, _, count, _, attributes in
            guard let builder = MarkupBuilder.behind(context), let name = MarkupBuilder.string(name) else { return }
            builder.start(
                name, namespace: MarkupBuilder.string(namespace),
                attributes: XMLDocument.attributes(attributes, count: Int(count)))
        }
        handler.endElementNs = { context, _, _, _ in MarkupBuilder.behind(context)?.end() }
        return handler
    }

    /// libxml2 gives five pointers an attribute: name, prefix, namespace, start and end of the value.
    private static func attributes(
        _ pointers: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, count: Int
    ) -> [String: String] {
        guard let pointers, count > 0 else { return [:] }
        var found: [String: String] = [:]
        for index in 0..<count {
            let item = pointers + 5 * index
            guard let name = MarkupBuilder.string(item[0]), let start = item[3], let end = item[4] else { continue }
            if item[1] != nil, found[name] != nil { continue }
            let value = String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self)
            // Without entity substitution libxml2 leaves each ampersand, and nothing else, as this reference.
            found[name] = value.replacing("&#38;", with: "&")
        }
        return found
    }
}

/// The library's own set-up, which must happen once before threads meet in it.
enum LibXML {
    private static let started: Void = xmlInitParser()
    static func start() { _ = started }
}
