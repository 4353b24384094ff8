import HarvestCore

/// A copy of one image of a hierarchy: some of its levels, or a box of one. Groups above it are kept, so that every path
/// stays what it was; `multiscales` names only what the copy holds.
struct ZarrImageCopy {
    let volume: Volume
    let store: any Store

    /// The levels from `first` on.
    func plan(from first: Int) async throws -> FolderCopy {
        let kept = volume.levels.dropFirst(first).map(\.path)
        var copy = FolderCopy(metadata: try await documents(of: kept))
        for path in kept {
            let metadata = try await metadata(of: path)
            let grid = try Grid(shape: metadata.shape, chunk: metadata.chunk, at: store.place(path))
            try copy.add(grid.cells(meeting: grid.box), of: metadata, at: path, in: store)
        }
        if first > 0 {
            try copy.edit(ZarrNode.key(".zattrs", volume.path)) { Self.keeping(names(of: kept), $0) }
        }
        return copy
    }

    /// The chunks of one level that meet `box`, renumbered from 0; shape, translation and origin are moved.
    func plan(_ box: Box, level: Int) async throws -> FolderCopy {
        let path = volume.levels[level].path
        let metadata = try await metadata(of: path)
        let grid = try Grid(shape: metadata.shape, chunk: metadata.chunk, at: store.place(path))
        guard grid.box.contains(box), !box.isEmpty else {
            throw HarvestError.invalid(
                "the box \(box) leaves the volume, whose shape is \(metadata.shape)", at: store.place(path))
        }
        let grown = grid.grown(box)
        var copy = FolderCopy(metadata: try await documents(of: [path]), box: grown)
        try copy.add(grid.cells(meeting: box), of: metadata, at: path, isRenumbered: true, in: store)
        try copy.edit(ZarrNode.key(".zarray", path)) { $0.setting("shape", JSON(grown.shape.array)) }
        let origin = grown.origin.array
        if path != volume.path {
            try copy.edit(ZarrNode.key(".zattrs", volume.path)) { attributes in
                Self.keeping(names(of: [path]), attributes) { Self.moving($0, by: origin) }
            }
        }
        try copy.edit(ZarrNode.key(".zattrs", path)) {
            $0.setting(
                ZarrCrop.attribute,
                [
                    "source": .string(store.address), "path": .string(path), "asked": .string(box.description),
                    "box": .string(grown.description), "origin": JSON(origin),
                ])
        }
        return copy
    }

    private func metadata(of path: String) async throws -> ZarrMetadata {
        guard let found = try await ZarrFound(reading: path, in: store) else {
            throw HarvestError.notFound("no array is at \"\(path)\"", at: store.place(path))
        }
        return try found.metadata.get()
    }

    /// `.zgroup` and `.zattrs` of the image's group and of those above it, `.zarray` and `.zattrs` of each array.
    private func documents(of arrays: [String]) async throws -> [MetadataObject] {
        var keys: [String] = []
        var groups: [String] = [""]
        for path in [volume.path] + arrays {
            let parts = try Key.components(of: path)
            for count in 1..<max(1, parts.count) { groups.append(parts[..<count].joined(separator: "/")) }
        }
        groups.append(volume.path)
        for group in groups where !arrays.contains(group) {
            keys += [".zgroup", ".zattrs"].map { ZarrNode.key($0, group) }
        }
        for path in arrays { keys += [".zarray", ".zattrs"].map { ZarrNode.key($0, path) } }
        var objects: [MetadataObject] = []
        for key in keys where !objects.contains(where: { $0.key == key }) {
            if let bytes = try await store.readUnlessRefused(key) {
                objects.append(MetadataObject(key: key, bytes: bytes))
            }
        }
        return objects
    }

    /// The arrays' paths as the image's own metadata writes them: from its group.
    private func names(of paths: [String]) -> Set<String> {
        Set(paths.map { volume.path.isEmpty ? $0 : String($0.dropFirst(volume.path.count + 1)) })
    }

    /// Group attributes whose multiscales name the datasets in `names` alone, each as `edit` leaves it.
    private static func keeping(
        _ names: Set<String>, _ attributes: JSON, _ edit: (JSON) -> JSON = { $0 }
    ) -> JSON {
        guard let images = attributes["multiscales"]?.array else { return attributes }
        let kept = images.compactMap { image -> JSON? in
            guard let datasets = image["datasets"]?.array else { return nil }
            let found = datasets.filter { $0["path"]?.string.map(names.contains) ?? false }
            return found.isEmpty ? nil : image.setting("datasets", .array(found.map(edit)))
        }
        return attributes.setting("multiscales", .array(kept))
    }

    /// A dataset whose voxel 0 is the one that was at `origin`: T(S(i + origin)) = T(S(i)) + S(origin), so the last
    /// translation grows by the scaled origin. What has no transformation (before 0.4) cannot say it.
    private static func moving(_ dataset: JSON, by origin: [Int]) -> JSON {
        guard var steps = dataset["coordinateTransformations"]?.array, !steps.isEmpty else { return dataset }
        var shift = origin.map(Double.init)
        for step in steps where step["type"]?.string == "scale" {
            guard let factors = step["scale"]?.doubles, factors.count == shift.count else { return dataset }
            shift = zip(shift, factors).map { $0 * $1 }
        }
        if let last = steps.last, last["type"]?.string == "translation",
            let before = last["translation"]?.doubles, before.count == shift.count
        {
            steps.removeLast()
            shift = zip(before, shift).map { $0 + $1 }
        }
        let rounded = shift.map { $0.rounded(significantDigits: 12) }
        steps.append(["type": "translation", "translation": .array(rounded.map(JSON.double))])
        return dataset.setting("coordinateTransformations", .array(steps))
    }
}

/// What a crop's array says about where it was cut from: Zarr v2 itself has no word for an origin.
enum ZarrCrop {
    static let attribute = "harvest_crop"

    /// Index of the array's first voxel in the array it was cut from, where its attributes say so.
    static func origin(_ attributes: JSON, rank: Int) -> [Int]? {
        attributes[attribute]?["origin"]?.ints.flatMap { $0.count == rank ? $0 : nil }
    }
}

extension FolderCopy {
    /// Replaces the document `key`, or adds it where there is none, by what `body` makes of its JSON.
    mutating func edit(_ key: String, _ body: (JSON) -> JSON) throws(HarvestError) {
        let index = metadata.firstIndex { $0.key == key }
        let json = try index.map { index throws(HarvestError) in try JSON(parsing: metadata[index].bytes, at: key) }
        let edited = MetadataObject(key: key, bytes: Bytes((body(json ?? [:]).pretty + "\n").utf8))
        if let index { metadata[index] = edited } else { metadata.append(edited) }
    }
}
