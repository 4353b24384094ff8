import HarvestCodecs
public import HarvestCore

extension Precomputed: FolderFormat {
    /// The copy is always unsharded: a shard's chunks become objects of their own, byte for byte but for the gzip that
    /// belongs to the shard. Chunk names stay absolute; `voxel_offset` says where a box begins.
    public func copy(_ part: CopiedPart, of contents: Contents, in store: any Store) async throws -> FolderCopy {
        guard let info = try await PrecomputedInfo(reading: store) else {
            throw HarvestError.notFound("there is no info", at: store.address)
        }
        switch part {
        case .everything: return try await levels(info, from: 0, in: store)
        case .levels(_, let first): return try await levels(info, from: first, in: store)
        case .box(let box, _, let level): return try await crop(info, box, level: level, in: store)
        }
    }

    private func levels(_ info: PrecomputedInfo, from first: Int, in store: any Store) async throws -> FolderCopy {
        try check(first, info, store)
        var copy = FolderCopy()
        for scale in info.scales.dropFirst(first) {
            let grid = try Grid(shape: scale.size, chunk: scale.chunk, at: scale.place)
            try await add(grid.cells(meeting: grid.box), of: scale, to: &copy, in: store)
        }
        let scales = (info.json["scales"]?.array ?? []).dropFirst(first).map { $0.setting("sharding", .null) }
        copy.metadata = [document(info, scales: Array(scales))]
        return copy
    }

    private func crop(
        _ info: PrecomputedInfo, _ box: Box, level: Int, in store: any Store
    ) async throws -> FolderCopy {
        try check(level, info, store)
        let scale = info.scales[level]
        let spatial = Box(Array(box.ranges.suffix(3)))
        let grid = try Grid(shape: scale.size, chunk: scale.chunk, at: scale.place)
        guard box.rank == 3 || box.rank == 4, grid.box.contains(spatial), !spatial.isEmpty else {
            throw HarvestError.invalid(
                "the box \(box) leaves the volume, whose shape is \(scale.size)", at: scale.place)
        }
        let grown = grid.grown(spatial)
        var copy = FolderCopy(box: grown)
        if box.rank == 4 { copy.box = Box([0..<scale.channels] + grown.ranges) }
        try await add(grid.cells(meeting: spatial), of: scale, to: &copy, in: store)
        let offset = zip(scale.offset, grown.origin.array).map { $0 + $1 }
        let item = (info.json["scales"]?[level] ?? [:]).setting("sharding", .null)
            .setting("size", JSON(Array(grown.shape.array.reversed())))
            .setting("voxel_offset", JSON(Array(offset.reversed())))
            .setting("chunk_sizes", .array([JSON(Array(scale.chunk.reversed()))]))
        copy.metadata = [document(info, scales: [item])]
        return copy
    }

    private func check(_ level: Int, _ info: PrecomputedInfo, _ store: any Store) throws(HarvestError) {
        guard info.scales.indices.contains(level) else {
            throw .invalid("level \(level) is not there: the volume has \(info.scales.count)", at: store.address)
        }
    }

    /// The `info` of the copy; what would point to folders that are not copied is left out.
    private func document(_ info: PrecomputedInfo, scales: [JSON]) -> MetadataObject {
        var members = info.json.object ?? [:]
        for key in ["mesh", "skeletons", "segment_properties"] { members[key] = nil }
        members["scales"] = .array(scales)
        return MetadataObject(key: "info", bytes: Bytes((JSON.object(members).pretty + "\n").utf8))
    }

    private func add(
        _ cells: Box, of scale: PrecomputedScale, to copy: inout FolderCopy, in store: any Store
    ) async throws {
        guard let count = cells.count, count <= FolderCopy.mostObjects - copy.objects.count else {
            throw HarvestError.invalid(
                "the copy would have more than \(FolderCopy.mostObjects) objects", at: scale.place,
                next: "name a --box, or a coarser --level")
        }
        let reader = try PrecomputedReader(scale, in: store)
        var all: [Coordinate] = []
        all.reserveCapacity(count)
        cells.forEach { all.append($0) }
        for start in stride(from: 0, to: all.count, by: 65_536) {
            let part = Array(all[start..<min(start + 65_536, all.count)])
            for (cell, source) in zip(part, try await reader.locate(part)) {
                guard let source else { continue }
                copy.objects.append(
                    CopiedObject(
                        key: "\(scale.key)/\(scale.chunkName(of: cell.array))\(reader.suffix(of: source))",
                        source: source, unwrap: scale.unwrap))
            }
        }
    }
}

extension PrecomputedScale {
    /// Undoes a shard's gzip around a chunk; `nil` where there is none.
    fileprivate var unwrap: (@Sendable (Bytes) throws -> Bytes)? {
        guard sharding?.isDataGzipped == true else { return nil }
        let voxels = Coordinate(chunk).product?.multipliedReportingOverflow(by: channels * dataType.size)
        let limit = min(voxels.map { $0.overflow ? Int.max : $0.partialValue } ?? Int.max, 1 << 30)
        // Encoded chunks are hardly longer than their voxels.
        return { bytes in try bytes.withUnsafeBytes { try Gzip().decode($0, atMost: 2 * limit + 65_536) } }
    }
}
