public import HarvestCore

extension Zarr2: FolderFormat {
    /// - Complexity: The metadata documents of all that is copied are read here, once more; no chunk is.
    public func copy(_ part: CopiedPart, of contents: Contents, in store: any Store) async throws -> FolderCopy {
        switch part {
        case .everything: return try await ZarrWholeCopy(store: store).plan()
        case .levels(let image, let first):
            let volume = try Self.image(image, first, contents, store)
            return try await ZarrImageCopy(volume: volume, store: store).plan(from: first)
        case .box(let box, let image, let level):
            let volume = try Self.image(image, level, contents, store)
            return try await ZarrImageCopy(volume: volume, store: store).plan(box, level: level)
        }
    }

    private static func image(_ index: Int, _ level: Int, _ contents: Contents, _ store: any Store) throws -> Volume {
        guard contents.images.indices.contains(index) else {
            throw HarvestError.invalid(
                "image \(index) is not there: the address holds \(contents.images.count)", at: store.address)
        }
        guard contents.images[index].levels.indices.contains(level) else {
            throw HarvestError.invalid(
                "level \(level) is not there: the volume has \(contents.images[index].levels.count)", at: store.address)
        }
        return contents.images[index]
    }
}

/// A copy of a whole hierarchy: every document and every chunk, each under its own key.
struct ZarrWholeCopy {
    private let store: any Store

    /// The consolidated metadata is asked for beside all else.
    init(store: any Store) { self.store = AheadStore(store, asking: [".zmetadata"], keepsAnswers: true) }

    func plan() async throws -> FolderCopy {
        let tree = try await tree()
        var copy = FolderCopy()
        for node in tree.nodes {
            for (name, bytes) in [(".zgroup", node.group), (".zarray", node.array), (".zattrs", node.attributes)] {
                guard let bytes else { continue }
                copy.metadata.append(MetadataObject(key: ZarrNode.key(name, node.path), bytes: bytes))
            }
        }
        if let bytes = try await store.readUnlessRefused(".zmetadata") {
            copy.metadata.append(MetadataObject(key: ".zmetadata", bytes: bytes))
        }
        for array in tree.arrays {
            switch array.metadata {
            case .success(let metadata):
                let grid = try Grid(shape: metadata.shape, chunk: metadata.chunk, at: store.place(array.path))
                try copy.add(grid.cells(meeting: grid.box), of: metadata, at: array.path, in: store)
            case .failure(let error): copy.broken.append(ArrayEntry(path: array.path, error: error))
            }
        }
        return copy
    }

    /// All groups and arrays. A store that cannot list names them by its consolidated metadata, or by the root's
    /// multiscales.
    private func tree() async throws -> ZarrTree {
        let root = try await ZarrNode(reading: "", in: store)
        if root.array != nil { return tree(of: [root]) }
        do {
            let tree = try await ZarrTree(walking: root, in: store, mostRequests: .max)
            guard !tree.findings.contains(where: { $0.rule == "zarr-walk-limit" }) else {
                throw HarvestError.invalid(
                    "the hierarchy holds too many groups and arrays to be copied at once", at: store.address,
                    next: "give the path of a group or array inside it")
            }
            return tree
        } catch let error as HarvestError where error.kind == .unsupported || error.kind == .denied {
            let paths = try await namedPaths(root)
            guard !paths.isEmpty else { throw error }
            return tree(of: [root] + (try await ZarrTree.read(paths, in: store)).filter { !$0.isEmpty })
        }
    }

    private func tree(of nodes: [ZarrNode]) -> ZarrTree {
        var tree = ZarrTree()
        for node in nodes { _ = tree.add(node, in: store) }
        return tree
    }

    private func namedPaths(_ root: ZarrNode) async throws -> [String] {
        var paths: Set<String> = []
        if let bytes = try await store.readUnlessRefused(".zmetadata") {
            for (key, _) in try JSON(parsing: bytes, at: store.place(".zmetadata"))["metadata"]?.object ?? [:] {
                guard let parts = try? Key.components(of: key), parts.count > 1 else { continue }
                paths.insert(parts.dropLast().joined(separator: "/"))
            }
        }
        let attributes = root.attributes.flatMap { try? JSON(parsing: $0) } ?? .null
        for image in Multiscale.all(in: attributes, group: "") { paths.formUnion(image.datasets.map(\.path)) }
        return paths.sorted()
    }
}

extension FolderCopy {
    /// Adds the chunks `cells` of the array at `path`; their keys count from the first of them where `isRenumbered`.
    ///
    /// - Throws: ``HarvestError`` `.invalid` where there are more than ``mostObjects``.
    mutating func add(
        _ cells: Box, of metadata: ZarrMetadata, at path: String, isRenumbered: Bool = false, in store: any Store
    ) throws(HarvestError) {
        guard let count = cells.count, count <= Self.mostObjects - objects.count else {
            throw .invalid(
                "the copy would have more than \(Self.mostObjects) objects", at: store.place(path),
                next: "name a --box, or a coarser --level")
        }
        objects.reserveCapacity(objects.count + count)
        cells.forEach { cell in
            var target = cell
            if isRenumbered { for axis in 0..<cell.count { target[axis] -= cells.origin[axis] } }
            objects.append(
                CopiedObject(
                    key: metadata.key(of: target, path: path),
                    source: ChunkLocation(key: metadata.key(of: cell, path: path), range: .whole)))
        }
    }
}

extension Store {
    /// The whole object; `nil` where nothing is there, or where a bucket that may not be listed refuses to say.
    func readUnlessRefused(_ key: String) async throws -> Bytes? {
        do { return try await readIfPresent(key) } catch let error as HarvestError where error.kind == .denied {
            return nil
        }
    }
}
