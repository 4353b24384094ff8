public import HarvestCore

/// Zarr version 2, and the OME-NGFF 0.1 to 0.4 attributes in it.
///
/// A folder per array: `.zarray` (JSON: shape, chunks, dtype, compressor, order, fill value), `.zattrs` (the writer's own
/// attributes) and one object per chunk. Groups are folders with `.zgroup`. See ``ZarrMetadata``, ``ZarrArray``,
/// ``Multiscale``.
///
/// - Specification: Zarr storage specification version 2; OME-NGFF 0.1–0.4.
/// - Not read: filters; text, dates and structured types; codecs that ``Codecs`` does not know.
public struct Zarr2: Format {
    public let name = "zarr2"
    public let title = "Zarr v2, with OME-NGFF 0.1–0.4"
    public let fileExtensions = ["zarr", "zr"]
    /// The last two are the finest level of an OME-NGFF image as its writers name it, as a rule.
    public let documents = [".zarray", ".zgroup", ".zattrs", "zarr.json", "0/.zarray", "s0/.zarray"]

    public init() {}

    /// Reads the metadata at the store's address.
    ///
    /// - Complexity: One round trip of three requests, and one more request for a remote image's finest level (one per
    ///   level with ``OpenOptions/allLevels``), which ``documents`` may have brought already. A local store and a group
    ///   without multiscales are walked by listing.
    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        let root = try await ZarrNode(reading: "", in: store)
        guard let tree = try await read(root, options, in: store) else { return nil }
        if let broken = tree.arrays.first, tree.arrays.allSatisfy({ !$0.isReadable }) { _ = try broken.metadata.get() }
        var contents = Contents(format: name)
        contents.findings = tree.findings
        contents.images = ZarrImages(tree, in: store).make(findings: &contents.findings)
        contents.arrays = tree.arrays.map { $0.entry(in: store) }
        return contents
    }

    private func read(_ root: ZarrNode, _ options: OpenOptions, in store: any Store) async throws -> ZarrTree? {
        if root.array != nil {
            var tree = ZarrTree()
            _ = tree.add(root, in: store)
            return tree
        }
        let attributes = root.attributes.flatMap { try? JSON(parsing: $0) } ?? .null
        guard root.group != nil || Self.isImageGroup(attributes) else {
            try await refuseVersion3(in: store)
            return nil
        }
        try checkGroup(root, in: store)
        guard store.isRemote else { return try await ZarrTree(walking: root, in: store) }
        if !Multiscale.all(in: attributes, group: "").isEmpty {
            return try await ZarrTree(pyramid: root, allLevels: options.allLevels, in: store)
        }
        if let bytes = try await consolidated(in: store) {
            let document = try JSON(parsing: bytes, at: store.place(".zmetadata"))
            return try ZarrTree(consolidated: document, root: root, in: store)
        }
        do { return try await ZarrTree(walking: root, in: store) } catch let error as HarvestError
            where error.kind == .unsupported || error.kind == .denied
        {
            throw HarvestError.unsupported(
                "a Zarr group without multiscales, in a store that cannot be listed", at: store.address,
                next: "give the path of an array or multiscale group")
        }
    }

    /// Attributes that only an OME-NGFF group has: some writers leave out `.zgroup`.
    private static func isImageGroup(_ attributes: JSON) -> Bool {
        ["multiscales", "plate", "well", "bioformats2raw.layout"].contains { attributes[$0] != nil }
    }

    private func checkGroup(_ root: ZarrNode, in store: any Store) throws {
        guard let document = root.group else { return }
        let place = store.place(".zgroup")
        try ZarrMetadata.checkVersion(try JSON(parsing: document, at: place), at: place)
    }

    private func refuseVersion3(in store: any Store) async throws {
        let document: Bytes?
        do { document = try await store.readIfPresent("zarr.json") } catch let error as HarvestError
            where error.kind == .denied
        { return }
        if document != nil { throw HarvestError.unsupported("Zarr v3 is not read here yet", at: store.address) }
    }

    private func consolidated(in store: any Store) async throws -> Bytes? {
        do { return try await store.readIfPresent(".zmetadata") } catch let error as HarvestError
            where error.kind == .denied
        { return nil }
    }
}

extension ZarrFound {
    /// Whether the metadata itself is in order; the voxels may still need what is not known here.
    var isReadable: Bool { if case .success = metadata { true } else { false } }
}
