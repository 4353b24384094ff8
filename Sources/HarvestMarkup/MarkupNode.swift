/// An element of an XML or HTML text: a value, copied out of the parser.
///
/// Names are local names (`ome:Pixels` is `Pixels`), in HTML lower case. Comments and processing instructions are
/// left out. A tree is at most a few hundred levels deep, so that walking it by recursion is safe.
public struct MarkupNode: Sendable, Hashable {
    /// A piece of what an element holds.
    public enum Content: Sendable, Hashable {
        case text(String)
        case element(MarkupNode)
    }

    /// The local name, lower case in HTML.
    public var name: String
    /// The namespace that the element's prefix stands for; `nil` in HTML and where none is declared.
    public var namespace: String?
    /// Values by local name, entities resolved. An attribute without a prefix wins over one with; HTML's attributes
    /// without a value are `""`. Namespace declarations are left out.
    public var attributes: [String: String]
    /// Text and elements in the order in which they stand, white space kept, adjacent text merged, CDATA as text.
    public var content: [Content]
    /// Whether a browser would not show the text: HTML's `script` and `style`.
    public var isHidden: Bool

    public init(
        _ name: String, namespace: String? = nil, attributes: [String: String] = [:], content: [Content] = [],
        isHidden: Bool = false
    ) {
        self.name = name
        self.namespace = namespace
        self.attributes = attributes
        self.content = content
        self.isHidden = isHidden
    }

    /// The elements directly below.
    public var children: [MarkupNode] {
        content.compactMap { if case .element(let node) = $0 { node } else { nil } }
    }

    /// All text below, entities resolved, nothing between the pieces; hidden elements below are left out.
    public var text: String { pieces.joined() }

    /// The text below, one piece per run between two tags, in document order; pieces of white space are kept.
    public var pieces: [String] {
        var found: [String] = []
        collectPieces(into: &found)
        return found
    }

    private func collectPieces(into found: inout [String]) {
        for item in content {
            switch item {
            case .text(let text): found.append(text)
            case .element(let node): if !node.isHidden { node.collectPieces(into: &found) }
            }
        }
    }
}

extension MarkupNode {
    /// The first element named `name` below, in document order.
    public func first(_ name: String) -> MarkupNode? { first { $0.name == name } }

    /// Every element named `name` below, in document order.
    public func all(_ name: String) -> [MarkupNode] { all { $0.name == name } }

    /// The first element directly below that is named `name`.
    public func child(_ name: String) -> MarkupNode? { children.first { $0.name == name } }

    /// The elements directly below that are named `name`.
    public func children(_ name: String) -> [MarkupNode] { children.filter { $0.name == name } }

    /// The first element below that satisfies `predicate`, in document order.
    public func first(where predicate: (MarkupNode) -> Bool) -> MarkupNode? {
        var found: MarkupNode?
        walk {
            if predicate($0) { found = $0 }
            return found == nil
        }
        return found
    }

    /// Every element below that satisfies `predicate`, in document order.
    public func all(where predicate: (MarkupNode) -> Bool) -> [MarkupNode] {
        var found: [MarkupNode] = []
        walk {
            if predicate($0) { found.append($0) }
            return true
        }
        return found
    }

    /// The first element named `name` whose start tag stands after that of the first element that satisfies
    /// `predicate`: the paragraph after a heading, wherever wrappers put it.
    public func next(_ name: String, after predicate: (MarkupNode) -> Bool) -> MarkupNode? {
        var isPast = false
        return first { node in
            if isPast { return node.name == name }
            isPast = predicate(node)
            return false
        }
    }

    /// Visits the elements below in document order until `visit` says `false`.
    @discardableResult
    private func walk(_ visit: (MarkupNode) -> Bool) -> Bool {
        for case .element(let node) in content {
            guard visit(node), node.walk(visit) else { return false }
        }
        return true
    }
}

extension MarkupNode {
    /// HTML's `id`.
    public var id: String? { attributes["id"] }

    /// The words of HTML's `class`.
    public var classes: Set<String> {
        Set((attributes["class"] ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
