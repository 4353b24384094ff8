public import HarvestCore

/// A folder of image files, one slice each, as one volume along z.
///
/// The files are those of the most numerous extension that another format here reads, in natural order of their names.
/// The headers of the first and the last are read; the rest is held against the sizes that the listing gives. A slice is
/// opened only when a box meets it.
public struct SliceFolder: FolderFormat {
    public let name = "slices"
    public let title = "a folder of slices (TIFF, DM3, DM4)"
    public let fileExtensions: [String] = []

    /// The formats of single slices.
    private let formats: [any Format] = [DigitalMicrograph(), TIFF()]

    public init() {}

    /// - Complexity: One listing, and the headers of two files; with ``OpenOptions/isExact`` a request more for each
    ///   file whose exact size the listing does not give.
    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        guard let names = try await names(in: store) else { return nil }
        guard let format = formats.first(where: { $0.fileExtensions.contains(names.fileExtension) }),
            let firstName = names.slices.first?.name, let lastName = names.slices.last?.name
        else { return nil }
        async let firstOpened = Slice(firstName, format, store, options)
        async let lastOpened = Slice(lastName, format, store, options)
        let (first, last) = try await (firstOpened, lastOpened)
        try Self.check(last.array, against: first.array, at: store.place(lastName))
        let sizes = options.isExact ? try await exactSizes(names, store) : [:]
        var contents = Contents(format: name)
        contents.findings = names.findings + names.sizeFindings(sizes)
        let array = try SliceArray(names.slices.map(\.name), first, format, store)
        contents.images = [volume(array, names, first, last, sizes, store)]
        contents.makePages = { [] }
        return contents
    }

    /// The slices; `nil` where the store cannot list, or holds something else.
    private func names(in store: any Store) async throws -> SliceNames? {
        let listing: Listing
        do { listing = try await store.list("") } catch let error as HarvestError
            where [.unsupported, .notFound, .denied, .malformed].contains(error.kind)
        { return nil }
        return SliceNames(listing, extensions: Set(formats.flatMap(\.fileExtensions)))
    }

    private func exactSizes(_ names: SliceNames, _ store: any Store) async throws -> [String: Int] {
        let found = try await names.slices.filter { $0.bytes == nil }.concurrently(atMost: 16) { entry in
            (entry.name, try await store.size(of: entry.name))
        }
        return Dictionary(found.compactMap { name, size in size.map { (name, $0) } }) { first, _ in first }
    }

    private func volume(
        _ array: SliceArray, _ names: SliceNames, _ first: Slice, _ last: Slice, _ sizes: [String: Int],
        _ store: any Store
    ) -> Volume {
        var metadata = first.volume.metadata
        metadata.place = store.address
        metadata.shape = array.shape
        metadata.axes = ["z"] + (first.volume.metadata.axes ?? ["y", "x"])
        let thickness = metadata.instrument[Field.Name.sliceThickness]?.double
        metadata.voxelSize = first.volume.metadata.voxelSize.map { [thickness] + $0 }
        metadata.translation = first.volume.metadata.translation.map { [thickness.map { _ in 0 }] + $0 }
        metadata.origin = array.shape.map { _ in 0 }
        let published = first.volume.metadata.published
        metadata.published.voxelSize = published.voxelSize.map { [thickness] + $0 }
        metadata.published.unit = published.unit.map { [thickness.map { _ in "nm" }] + $0 }
        metadata.published.offset = published.offset.map { [nil] + $0 }
        metadata.pages = names.slices.count
        metadata.chunk = array.grid.chunk.array
        let exact = names.slices.map { sizes[$0.name] ?? $0.bytes }
        metadata.bytes = exact.contains(nil) ? nil : exact.compactMap(\.self).reduce(0, +)
        metadata.known[Field.Name.shape] = "listing"
        metadata.raw = [
            "slices": JSON(names.slices.map(\.name)), "first": first.volume.metadata.raw,
            "last": last.volume.metadata.raw,
        ]
        let level = Level(
            index: 0, path: "", shape: array.shape, voxelSize: metadata.voxelSize, translation: metadata.translation
        ) { array }
        return Volume(metadata: metadata, levels: [level])
    }

    /// Slices are copied whole; a box keeps those that it meets.
    public func copy(_ part: CopiedPart, of contents: Contents, in store: any Store) async throws -> FolderCopy {
        guard let array = try await contents.images.first?.array() as? SliceArray else {
            throw HarvestError.invalid("the folder holds no volume", at: store.address)
        }
        var range = 0..<array.names.count
        var copy = FolderCopy()
        switch part {
        case .everything: break
        case .levels(_, let first):
            guard first == 0 else { throw HarvestError.invalid("a folder of slices has one level", at: store.address) }
        case .box(let box, _, let level):
            guard level == 0, array.grid.box.contains(box), !box.isEmpty else {
                throw HarvestError.invalid(
                    "the box \(box) of level \(level) leaves the volume, whose shape is \(array.shape)",
                    at: store.address)
            }
            copy.box = Box([box.ranges[0]] + array.shape.dropFirst().map { 0..<$0 })
            range = box.ranges[0]
        }
        copy.objects = range.map { index in
            CopiedObject(
                key: array.names[index], source: ChunkLocation(key: array.names[index], range: .whole),
                isOptional: false)
        }
        return copy
    }
}
