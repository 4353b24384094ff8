import HarvestCore

extension Probe {
    /// The form that the outside contract fixes (`harvest.probe/1`).
    public var json: JSON {
        let record = record
        return [
            "schema": "harvest.probe/1", "address": .string(address), "ok": true, "format": .string(contents.format),
            "link": link.map(\.json) ?? .null,
            "images": .array(contents.images.indices.map { image($0, record: $0 == 0 ? record : nil) }),
            "arrays": .array(contents.arrays.map(\.json)),
            "findings": .array((contents.findings + (record?.findings ?? [])).map(\.json)),
            "cost": [
                "requests": .int(cost.requests), "bytes": .int(cost.bytes), "round_trips": .int(cost.roundTrips),
                "portal_requests": .int(portalRequests), "cached_requests": .int(cost.cachedRequests),
                "cached_bytes": .int(cost.cachedBytes),
            ],
        ]
    }

    private func image(_ index: Int, record: Record?) -> JSON {
        let volume = contents.images[index]
        let metadata = volume.metadata
        let rank = metadata.shape?.count ?? 0
        func perAxis<T>(_ values: [T?]?, _ wrap: (T) -> JSON) -> JSON {
            .array(
                (0..<rank).map { axis in
                    values.flatMap { $0.indices.contains(axis) ? $0[axis] : nil }.map(wrap) ?? .null
                })
        }
        // What the header leaves open, the page may know; `known` says which of them spoke.
        var known = JSON.Members()
        for (field, how) in metadata.known.sorted(by: { $0.key < $1.key }) { known[field] = .string(how) }
        func sizes(_ field: String, _ own: [Double?]?) -> [Double?]? {
            if let own, own.contains(where: { $0 != nil }) { return own }
            guard let belief = record?.beliefs[field], belief.source != .header,
                let values = belief.value.array?.map(\.double), values.count == rank
            else { return own }
            known[field] = .string(belief.known)
            return values
        }
        let voxelSize = sizes(Field.Name.voxelSize, metadata.voxelSize)
        var json: JSON.Members = [
            "index": .int(index), "path": .string(volume.path), "name": JSON(metadata.name),
            "role": .string(volume.role.rawValue), "shape": JSON(metadata.shape),
            "axes": perAxis(metadata.axes, JSON.string),
            "dtype": JSON(metadata.dtype), "channels": JSON(metadata.channels),
            "voxel_size": perAxis(voxelSize, JSON.double),
            "unit": perAxis(voxelSize?.map { $0.map { _ in "nm" } }, JSON.string),
            "translation": perAxis(metadata.translation, JSON.double), "origin": perAxis(metadata.origin, JSON.int),
            "published": [
                "voxel_size": perAxis(metadata.published.voxelSize, JSON.double),
                "unit": perAxis(metadata.published.unit, JSON.string),
                "offset": perAxis(metadata.published.offset, JSON.double),
            ],
            "byte_order": JSON(metadata.byteOrder?.rawValue), "lossy": JSON(metadata.isLossy),
            "pages": JSON(metadata.pages),
            "levels": .array(volume.levels.map(\.json)), "instrument": Self.instrument(metadata.instrument),
            "known": .object(known),
        ]
        if showsRaw { json["raw"] = metadata.raw }
        return .object(json)
    }

    /// Acquisition values under the names and units of the contract; unknown ones `null`.
    private static func instrument(_ values: [String: JSON]) -> JSON {
        [
            "beam_energy_kev": values[Field.Name.beamEnergy] ?? .null,
            "beam_current_na": values[Field.Name.beamCurrent] ?? .null,
            "dwell_time_s": values[Field.Name.dwellTime] ?? .null,
            "magnification": values[Field.Name.magnification] ?? .null,
            "working_distance_mm": values[Field.Name.workingDistance] ?? .null,
            "detector": values[Field.Name.detector] ?? .null, "microscope": values[Field.Name.instrument] ?? .null,
            "date": values[Field.Name.date] ?? .null,
        ]
    }
}

extension Level {
    var json: JSON {
        [
            "index": .int(index), "array": .string(path), "shape": JSON(shape), "voxel_size": JSON(voxelSize),
            "translation": JSON(translation),
        ]
    }
}

extension ArrayEntry {
    var json: JSON {
        [
            "path": .string(path), "ok": .bool(error == nil), "shape": JSON(shape), "dtype": JSON(dtype),
            "chunk": JSON(chunk), "shard": JSON(shard), "order": JSON(order), "codecs": JSON(codecs),
            "fill_value": fillValue, "error": error.map { .string($0.description) } ?? .null,
        ]
    }
}

extension HarvestError {
    /// The form that the outside contract fixes (`harvest.error/1`).
    public func json(address: String) -> JSON {
        [
            "schema": "harvest.error/1", "address": .string(address), "ok": false, "kind": .string(kind.rawValue),
            "exit": .int(Int(kind.exitCode)), "message": .string(message), "place": JSON(place), "next": JSON(next),
        ]
    }
}
