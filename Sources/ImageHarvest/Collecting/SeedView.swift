import HarvestCore

/// The two files that earlier scripts read: what the page says and what the file says, keyed by dataset.
enum SeedView {
    /// `{shape, dtype, unit, voxel_size, offset, channels, axes, raw_metadata}`: array order, nm; `offset` is the
    /// translation in nm; unknown is `null`.
    static func file(_ probe: Probe, _ record: Record) -> JSON {
        guard let volume = probe.contents.images.first else { return .null }
        let metadata = volume.metadata
        let size = record.beliefs[Field.Name.voxelSize]?.value
        let rank = metadata.shape?.count ?? 0
        let unit = size?.array?.map { item -> JSON in item.isNull ? .null : "nm" }
        let unknown = JSON.array([JSON](repeating: .null, count: rank))
        return [
            "shape": JSON(metadata.shape), "dtype": JSON(metadata.dtype), "unit": unit.map(JSON.array) ?? unknown,
            "voxel_size": size ?? unknown, "offset": metadata.translation.map { JSON($0) } ?? unknown,
            "channels": JSON(metadata.channels), "axes": JSON(metadata.axes), "raw_metadata": metadata.raw,
        ]
    }

    static func web(_ dataset: Dataset) -> JSON {
        var claims = JSON.Members()
        for claim in dataset.claims where claims[claim.field] == nil {
            claims[claim.field] = [
                "value": claim.value, "unit": JSON(claim.unit), "published": JSON(claim.published),
                "approximate": .bool(claim.isApproximate), "where": .string(claim.place),
            ]
        }
        return [
            "address": .string(dataset.address), "portal": JSON(dataset.portal), "id": .string(dataset.id),
            "title": JSON(dataset.title), "dataset_description": JSON(dataset.description),
            "authors": JSON(dataset.authors), "licence": JSON(dataset.licence), "dois": JSON(dataset.dois),
            "raw_metadata": .object(claims), "download_links": JSON(dataset.links.map(\.url)),
            "links": .array(dataset.links.map(\.json)), "findings": .array(dataset.findings.map(\.json)),
        ]
    }
}
