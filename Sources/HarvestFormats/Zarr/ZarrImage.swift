import HarvestCore
import Synchronization

/// Makes volumes of what a hierarchy holds.
struct ZarrImages {
    let store: any Store
    let tree: ZarrTree
    private let found: [String: ZarrFound]

    init(_ tree: ZarrTree, in store: any Store) {
        self.tree = tree
        self.store = store
        found = Dictionary(tree.arrays.map { ($0.path, $0) }) { first, _ in first }
    }

    /// Every multiscale; where there is none, every array as an image of one level.
    func make(findings: inout [Finding]) -> [Volume] {
        var images: [Volume] = []
        for group in tree.groups {
            for multiscale in Multiscale.all(in: group.attributes, group: group.path) {
                images.append(image(of: multiscale, group.path, group.attributes, &findings))
            }
        }
        return images.isEmpty ? tree.arrays.compactMap(image(of:)) : images
    }

    private func image(
        of multiscale: Multiscale, _ path: String, _ attributes: JSON, _ findings: inout [Finding]
    ) -> Volume {
        findings += multiscale.findings
        for dataset in multiscale.datasets { check(dataset.path, &findings) }
        let first = multiscale.datasets.first
        let finest = first.flatMap { try? found[$0.path]?.metadata.get() }
        let axes = finest.map { multiscale.axes(rank: $0.shape.count) } ?? multiscale.namedAxes
        if let finest, axes == nil {
            findings.append(
                Finding(
                    .error, rule: "ngff-axes", field: Field.Name.axes,
                    "the multiscale's axes do not name the \(finest.shape.count) axes of \"\(first?.path ?? "")\""))
        }
        var metadata = metadata(finest, path)
        metadata.name = multiscale.name
        if let axes { describe(&metadata, axes, first?.transform, finest?.shape) }
        moveOrigin(&metadata, first.flatMap { found[$0.path]?.attributes } ?? .null)
        metadata.raw = raw(attributes, finest)
        let levels = multiscale.datasets.enumerated().map { index, dataset in
            level(index, dataset.path, dataset.transform?.voxelSize(axes), dataset.transform?.translation(axes))
        }
        return Volume(metadata: metadata, levels: levels, path: path, role: role(path, attributes))
    }

    private func image(of array: ZarrFound) -> Volume? {
        guard let header = try? array.metadata.get() else { return nil }
        var metadata = metadata(header, array.path)
        // xarray's name for the axes; the only one that a bare array may carry.
        if let names = array.attributes["_ARRAY_DIMENSIONS"]?.array, names.count == header.shape.count {
            let axes = names.map { Multiscale.Axis(name: $0.string?.lowercased(), isLength: false) }
            describe(&metadata, axes, nil, header.shape)
        }
        moveOrigin(&metadata, array.attributes)
        metadata.raw = raw(array.attributes, header)
        return Volume(
            metadata: metadata, levels: [level(0, array.path, nil, nil)], path: array.path,
            role: role(array.path, array.attributes))
    }

    private func metadata(_ header: ZarrMetadata?, _ path: String) -> Metadata {
        var metadata = Metadata(source: .header, place: store.place(path))
        metadata.isLossy = false
        guard let header else { return metadata }
        metadata.shape = header.shape
        metadata.dtype = header.type.dataType?.rawValue ?? header.type.text
        metadata.origin = header.shape.map { _ in 0 }
        metadata.byteOrder = header.type.byteOrder
        metadata.chunk = header.chunk
        metadata.compression = header.codecs
        metadata.known[Field.Name.shape] = "header"
        return metadata
    }

    private func describe(
        _ metadata: inout Metadata, _ axes: [Multiscale.Axis], _ transform: NGFFTransform?, _ shape: [Int]?
    ) {
        metadata.axes = axes.map(\.name)
        if axes.contains(where: { $0.name != nil }) {
            let channel = axes.firstIndex { $0.name == "c" }
            metadata.channels = channel.map { shape?[$0] } ?? 1
        }
        let units = axes.map(\.unit)
        metadata.published = Metadata.Published(
            voxelSize: transform?.scale, unit: units.contains { $0 != nil } ? units : nil,
            offset: transform?.translation)
        metadata.voxelSize = transform?.voxelSize(axes)
        metadata.translation = transform?.translation(axes)
        if metadata.voxelSize != nil { metadata.known[Field.Name.voxelSize] = "header" }
    }

    /// A crop says which voxel of its source is its first.
    private func moveOrigin(_ metadata: inout Metadata, _ attributes: JSON) {
        if let origin = ZarrCrop.origin(attributes, rank: metadata.shape?.count ?? 0) { metadata.origin = origin }
    }

    private func raw(_ attributes: JSON, _ header: ZarrMetadata?) -> JSON {
        [".zattrs": attributes, ".zarray": header?.json ?? .null]
    }

    private func role(_ path: String, _ attributes: JSON) -> Link.Role {
        path.split(separator: "/").contains("labels") || attributes["image-label"]?.object != nil ? .labels : .image
    }

    private func check(_ path: String, _ findings: inout [Finding]) {
        switch found[path]?.metadata {
        case .success: break
        case .failure(let error):
            findings.append(Finding(.error, rule: "ngff-level-broken", "the level \"\(path)\" is broken: \(error)"))
        case nil where tree.visited?.contains(path) ?? true:
            findings.append(
                Finding(.error, rule: "ngff-path-missing", "the multiscale names \"\(path)\", where no array is"))
        case nil: break
        }
    }

    private func level(_ index: Int, _ path: String, _ voxelSize: [Double?]?, _ translation: [Double?]?) -> Level {
        let store = store
        let known = found[path]
        let opened = Opened()
        return Level(
            index: index, path: path, shape: try? known?.metadata.get().shape, voxelSize: voxelSize,
            translation: translation
        ) {
            if let known { return try known.array(in: store) }
            return try await opened.array {
                guard let found = try await ZarrFound(reading: path, in: store) else {
                    throw HarvestError.notFound("no array is at \"\(path)\"", at: store.place(path))
                }
                return try found.array(in: store)
            }
        }
    }
}

/// An array that is opened when it is first asked for.
private final class Opened: Sendable {
    private let known = Mutex<ZarrArray?>(nil)

    func array(_ open: () async throws -> ZarrArray) async throws -> any ChunkedArray {
        if let array = known.withLock({ $0 }) { return array }
        let array = try await open()
        known.withLock { $0 = array }
        return array
    }
}
