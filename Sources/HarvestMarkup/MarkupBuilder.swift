internal import CXML2
internal import HarvestCore

/// Builds a tree of ``MarkupNode`` from libxml2's events, within limits.
///
/// The stack is explicit, and the parser is stopped at the first limit that is passed, so that a hostile text costs
/// no more than its own size.
final class MarkupBuilder {
    /// No text longer than this is parsed, in bytes.
    static let longestText = 64 << 20
    /// No text with more elements and attributes than this is parsed.
    static let mostNodes = 1_000_000

    private let deepest: Int
    private let isHTML: Bool
    private let parser: xmlParserCtxtPtr
    private var open: [MarkupNode] = [MarkupNode("")]
    private var pendingText: [UInt8] = []
    private var nodes = 0
    /// Why the parser was stopped, without the word that names the language.
    private(set) var refusal: String?

    init(for parser: xmlParserCtxtPtr, deepest: Int, isHTML: Bool) {
        self.parser = parser
        self.deepest = deepest
        self.isHTML = isHTML
    }

    /// The elements at the outermost level, once the parser is done.
    func outermost() -> MarkupNode {
        while open.count > 1 { end() }
        flushText()
        return open[0]
    }

    func refuse(_ reason: String) {
        if refusal == nil { refusal = reason }
        xmlStopParser(parser)
    }

    func start(_ name: String, namespace: String?, attributes: [String: String]) {
        guard refusal == nil else { return }
        nodes += 1 + attributes.count
        guard nodes <= Self.mostNodes else { return refuse("more than \(Self.mostNodes) elements") }
        guard open.count <= deepest else { return refuse("nested deeper than \(deepest) levels") }
        flushText()
        let isHidden = isHTML && (name == "script" || name == "style")
        open.append(MarkupNode(name, namespace: namespace, attributes: attributes, isHidden: isHidden))
    }

    func end() {
        guard refusal == nil, open.count > 1,
            let node = {
                flushText(); return open.popLast()
            }()
        else { return }
        open[open.count - 1].content.append(.element(node))
    }

    func text(_ bytes: UnsafePointer<UInt8>?, _ count: Int32) {
        guard refusal == nil, let bytes, count > 0 else { return }
        pendingText.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private func flushText() {
        guard !pendingText.isEmpty else { return }
        open[open.count - 1].content.append(.text(String(decoding: pendingText, as: UTF8.self)))
        pendingText.removeAll(keepingCapacity: true)
    }
}

extension MarkupBuilder {
    /// The builder behind libxml2's user data.
    static func behind(_ context: UnsafeMutableRawPointer?) -> MarkupBuilder? {
        context.map { Unmanaged<MarkupBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Handlers for what both languages have; no other event is asked for, so that libxml2 builds nothing itself.
    static func handler() -> xmlSAXHandler {
        var handler = xmlSAXHandler()
        handler.initialized = UInt32(XML_SAX2_MAGIC)
        handler.characters = { MarkupBuilder.behind($0)?.text($1, $2) }
        handler.ignorableWhitespace = { MarkupBuilder.behind($0)?.text($1, $2) }
        handler.cdataBlock = { MarkupBuilder.behind($0)?.text($1, $2) }
        return handler
    }

    /// Text that ends with a zero, as libxml2 hands it out; it is always UTF-8.
    static func string(_ text: UnsafePointer<UInt8>?) -> String? { text.map { String(cString: $0) } }

    /// The parser's own last complaint, on one line.
    static func complaint(of parser: xmlParserCtxtPtr) -> String {
        let error = parser.pointee.lastError
        guard let message = error.message else { return "not well-formed" }
        return "\(String(cString: message).trimmingSpaces()), line \(error.line)"
    }
}
