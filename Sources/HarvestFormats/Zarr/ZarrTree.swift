import HarvestCore

/// An array's metadata as found, or why it is broken.
struct ZarrFound: Sendable {
    let path: String
    let metadata: Result<ZarrMetadata, HarvestError>
    /// `.zattrs`, parsed; `null` where there is none.
    let attributes: JSON

    init(path: String, document: Bytes, attributes: JSON = .null, in store: any Store) {
        let place = store.place(ZarrNode.key(".zarray", path))
        self.init(path: path, attributes: attributes) { () throws(HarvestError) in
            try ZarrMetadata(JSON(parsing: document, at: place), at: place)
        }
    }

    init(path: String, attributes: JSON, _ parse: () throws(HarvestError) -> ZarrMetadata) {
        self.path = path
        self.attributes = attributes
        do { metadata = .success(try parse()) } catch { metadata = .failure(error) }
    }

    func array(in store: any Store) throws(HarvestError) -> ZarrArray {
        try ZarrArray(metadata.get(), path: path, in: store)
    }

    func entry(in store: any Store) -> ArrayEntry {
        var entry: ArrayEntry
        do { entry = ArrayEntry(path: path, array: try array(in: store)) } catch {
            entry = ArrayEntry(path: path, error: error)
        }
        guard case .success(let metadata) = metadata else { return entry }
        entry.shape = metadata.shape
        entry.chunk = metadata.chunk
        entry.dtype = metadata.type.dataType?.rawValue ?? metadata.type.text
        entry.order = metadata.order
        entry.codecs = metadata.codecs
        entry.fillValue = metadata.fillValue
        return entry
    }
}

/// The arrays and groups at an address, as far as they were read.
struct ZarrTree: Sendable {
    var arrays: [ZarrFound] = []
    var groups: [(path: String, attributes: JSON)] = []
    var findings: [Finding] = []
    /// The documents as they were read, where they were read one by one.
    private(set) var nodes: [ZarrNode] = []
    /// Paths that were looked at; `nil` where all of the hierarchy was.
    var visited: Set<String>?

    /// Takes in a node; returns whether it is a group, whose children are still to be seen.
    mutating func add(_ node: ZarrNode, in store: any Store) -> Bool {
        nodes.append(node)
        var attributes = JSON.null
        if let bytes = node.attributes {
            do { attributes = try JSON(parsing: bytes, at: store.place(ZarrNode.key(".zattrs", node.path))) } catch {
                findings.append(Finding(.error, rule: "zarr-attributes-broken", error.description))
            }
        }
        if let document = node.array {
            arrays.append(ZarrFound(path: node.path, document: document, attributes: attributes, in: store))
            return false
        }
        groups.append((node.path, attributes))
        return true
    }
}

extension ZarrTree {
    /// Folders deeper than this are not entered.
    private static let deepest = 16
    private static let mostNodes = 10_000
    /// Requests that a walk over a remote store may cost where only its metadata is wanted.
    private static let mostRequests = 64

    /// Walks the hierarchy below `root` by listing groups, never arrays: their folders hold chunks.
    ///
    /// - Throws: ``HarvestError`` `.unsupported` where the store cannot list.
    init(walking root: ZarrNode, in store: any Store, mostRequests: Int = mostRequests) async throws {
        var groups = add(root, in: store) ? [root.path] : []
        var nodes = 1, requests = 3
        for _ in 0..<Self.deepest where !groups.isEmpty {
            var children: [String] = []
            for group in groups {
                requests += 1
                for name in try await Self.folders(in: group, isRoot: group == root.path, of: store) {
                    if (try? Key.components(of: name))?.count == 1 { children.append(ZarrNode.key(name, group)) }
                }
            }
            nodes += children.count
            requests += 3 * children.count
            guard nodes <= Self.mostNodes, !store.isRemote || requests <= mostRequests else { break }
            groups = []
            for node in try await Self.read(children, in: store) where add(node, in: store) {
                groups.append(node.path)
            }
        }
        if !groups.isEmpty {
            findings.append(
                Finding(
                    .warning, rule: "zarr-walk-limit",
                    "the hierarchy is too large to be listed whole; give the path of a group or array inside it"))
        }
        arrays.sort { $0.path < $1.path }
        self.groups.sort { $0.path < $1.path }
    }

    /// A web server that has no page for a folder whose documents are there cannot list.
    private static func folders(in group: String, isRoot: Bool, of store: any Store) async throws -> [String] {
        do { return try await store.list(group).folders } catch let error as HarvestError
            where error.kind == .notFound && isRoot && store.isRemote
        { throw HarvestError.unsupported("the store has no listing", at: store.place(group)) }
    }

    static func read(_ paths: [String], in store: any Store) async throws -> [ZarrNode] {
        try await paths.concurrently(atMost: 16) { try await ZarrNode(reading: $0, in: store) }
    }

    /// The hierarchy that a consolidated `.zmetadata` describes; what was read itself, `root`, goes before it.
    init(consolidated document: JSON, root: ZarrNode, in store: any Store) throws(HarvestError) {
        let place = store.place(".zmetadata")
        guard let members = document["metadata"]?.object else { throw .malformed("\"metadata\" is missing", at: place) }
        _ = add(root, in: store)
        for (key, value) in members {
            guard let parts = try? Key.components(of: key), parts.count > 1, let name = parts.last else { continue }
            let path = parts.dropLast().joined(separator: "/")
            let attributes = members["\(path)/.zattrs"] ?? .null
            if name == ".zarray" {
                arrays.append(
                    ZarrFound(path: path, attributes: attributes) { () throws(HarvestError) in
                        try ZarrMetadata(value, at: "\(place), \(key)")
                    })
            } else if name == ".zgroup" {
                groups.append((path, attributes))
            }
        }
        arrays.sort { $0.path < $1.path }
        groups.sort { $0.path < $1.path }
    }

    /// The levels of a multiscale group whose paths are known: one request each, the finest alone or all together.
    init(pyramid root: ZarrNode, allLevels: Bool, in store: any Store) async throws {
        _ = add(root, in: store)
        var paths: [String] = []
        for image in Multiscale.all(in: groups[0].attributes, group: root.path) {
            for dataset in allLevels ? image.datasets : Array(image.datasets.prefix(1))
            where !paths.contains(dataset.path) && paths.count < Multiscale.limit { paths.append(dataset.path) }
        }
        visited = Set(paths)
        arrays = try await paths.concurrently(atMost: 64) { try await ZarrFound(reading: $0, in: store) }
            .compactMap(\.self)
        arrays.sort { $0.path < $1.path }
    }
}

extension ZarrFound {
    /// Reads `.zarray` at `path`, one request; `nil` where there is none, or a bucket whose group was readable refuses.
    init?(reading path: String, in store: any Store) async throws {
        do {
            guard let document = try await store.readIfPresent(ZarrNode.key(".zarray", path)) else { return nil }
            self.init(path: path, document: document, in: store)
        } catch let error as HarvestError where error.kind == .denied && store.isRemote { return nil }
    }
}
