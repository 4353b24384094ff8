public import HarvestCore

extension Zarr2: FolderFormat {
    public func copy(_ part: CopiedPart, of contents: Contents, in store: any Store) async throws -> FolderCopy {
        guard case .levels(let index, let first) = part, contents.images.indices.contains(index) else {
            throw HarvestError.unsupported("only levels of a Zarr image can be copied yet", at: store.address)
        }
        let volume = contents.images[index]
        var copy = FolderCopy(metadata: try await metadataObjects(of: volume, from: first, in: store))
        for level in volume.levels.dropFirst(first) {
            let array = try await level.open()
            var cells: [Coordinate] = []
            array.grid.cells(meeting: array.grid.box).forEach { cells.append($0) }
            copy.objects += try await array.locate(cells).compactMap {
                $0.map { CopiedObject(key: $0.key, source: $0) }
            }
        }
        return copy
    }

    /// `.zgroup` and `.zattrs` of the image's group and of those above it, `.zarray` and `.zattrs` of each level kept;
    /// `multiscales` lists only these levels, with the scales and translations they always had.
    private func metadataObjects(of volume: Volume, from level: Int, in store: any Store) async throws
        -> [MetadataObject]
    {
        var objects: [MetadataObject] = []
        func copy(_ key: String) async throws {
            if objects.contains(where: { $0.key == key }) { return }
            if let bytes = try await present(key, store) { objects.append(MetadataObject(key: key, bytes: bytes)) }
        }
        func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : "\(folder)/\(name)" }
        let kept = volume.levels.dropFirst(level)
        var parents: [String] = [""]
        for path in [volume.path] + kept.map(\.path) {
            let parts = try Key.components(of: path)
            for count in 1..<max(1, parts.count) { parents.append(parts[..<count].joined(separator: "/")) }
        }
        let arrays = Set(kept.map(\.path))
        if !arrays.contains(volume.path) { parents.append(volume.path) }
        for parent in parents where !arrays.contains(parent) {
            try await copy(join(parent, ".zgroup"))
            try await copy(join(parent, ".zattrs"))
        }
        for path in kept.map(\.path) {
            try await copy(join(path, ".zarray"))
            try await copy(join(path, ".zattrs"))
        }
        if level > 0, let index = objects.firstIndex(where: { $0.key == join(volume.path, ".zattrs") }) {
            let names = Set(
                kept.map { level in
                    volume.path.isEmpty ? level.path : String(level.path.dropFirst(volume.path.count + 1))
                })
            let attributes = try JSON(parsing: objects[index].bytes, at: objects[index].key)
            objects[index].bytes = Bytes(Self.keeping(names, attributes).pretty.utf8)
        }
        return objects
    }

    private func present(_ key: String, _ store: any Store) async throws -> Bytes? {
        do { return try await store.readIfPresent(key) } catch let error as HarvestError where error.kind == .denied {
            return nil  // S3 without the right to list answers 403 for what is not there
        }
    }

    /// Group attributes whose multiscales name the datasets in `names` alone.
    private static func keeping(_ names: Set<String>, _ attributes: JSON) -> JSON {
        guard case .object(var members) = attributes, let images = members["multiscales"]?.array else {
            return attributes
        }
        members["multiscales"] = .array(
            images.map { image in
                guard case .object(var image) = image, let datasets = image["datasets"]?.array else { return image }
                image["datasets"] = .array(datasets.filter { $0["path"]?.string.map(names.contains) ?? false })
                return .object(image)
            })
        return .object(members)
    }
}
