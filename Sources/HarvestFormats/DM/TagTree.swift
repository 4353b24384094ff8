import HarvestCore

/// The tags of a DM file: a tree whose leaves are numbers, texts, small lists, and arrays that stay in the file.
struct TagTree: Sendable {
    /// Where an array lies that was not read.
    struct Stored: Sendable, Hashable {
        var offset: Int
        var bytes: Int
        /// DM's number of the element type; 15 for a structure.
        var type: Int
    }

    enum Value: Sendable {
        case group
        case number(JSON)
        case text(String)
        case list([JSON])
        case stored(Stored)
    }

    struct Node: Sendable {
        /// Empty for a tag without a name: then its place among its siblings counts.
        var name: String
        var value: Value
        var children: [Int] = []
    }

    private(set) var nodes: [Node] = [Node(name: "", value: .group)]

    /// Adds a node below `parent`; returns its number.
    mutating func add(_ node: Node, below parent: Int) -> Int {
        nodes.append(node)
        nodes[parent].children.append(nodes.count - 1)
        return nodes.count - 1
    }

    /// The node at `path` below `start`, by names; nil where there is none.
    func node(_ path: String..., from start: Int = 0) -> Int? {
        var at = start
        for name in path {
            guard let next = nodes[at].children.first(where: { nodes[$0].name == name }) else { return nil }
            at = next
        }
        return at
    }

    func children(_ node: Int?) -> [Int] { node.map { nodes[$0].children } ?? [] }

    func number(_ node: Int?) -> Double? {
        guard let node, case .number(let json) = nodes[node].value else { return nil }
        return json.double
    }

    func int(_ node: Int?) -> Int? {
        guard let node, case .number(let json) = nodes[node].value else { return nil }
        return json.int
    }

    /// A text tag; also a list of UTF-16 units, which is how DM stores text that scripts wrote.
    func text(_ node: Int?) -> String? {
        guard let node, case .text(let text) = nodes[node].value else { return nil }
        return text
    }

    func stored(_ node: Int?) -> Stored? {
        guard let node, case .stored(let stored) = nodes[node].value else { return nil }
        return stored
    }

    /// The subtree as JSON; unnamed tags are the items of a list. Arrays show where they lie.
    ///
    /// - Parameter hides: Names whose values are left out.
    func json(_ node: Int = 0, hiding hides: (String) -> Bool) -> JSON {
        switch nodes[node].value {
        case .number(let json): return json
        case .text(let text): return .string(text)
        case .list(let items): return .array(items)
        case .stored(let stored): return ["offset": .int(stored.offset), "bytes": .int(stored.bytes)]
        case .group:
            let children = nodes[node].children
            if !children.isEmpty, children.allSatisfy({ nodes[$0].name.isEmpty }) {
                return .array(children.map { json($0, hiding: hides) })
            }
            var members = JSON.Members()
            for child in children {
                let name = nodes[child].name
                members[name] = hides(name) ? .string("left out") : json(child, hiding: hides)
            }
            return .object(members)
        }
    }
}
