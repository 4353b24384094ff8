import HarvestCodecs
public import HarvestCore

/// A fingerprint of one array's voxels, to hold against other readers'.
public struct VoxelDigest: Sendable {
    public var image: Int?
    public var array: String?
    public var page: Int?
    public var level: Int?
    public var box: Box?
    public var shape: [Int]?
    public var dtype: String?
    public var bytes: Int?
    /// Over the C-order little-endian bytes; `nil` where the array cannot be read.
    public var sha256: String?
    public var minimum: JSON = .null
    public var maximum: JSON = .null
    public var error: HarvestError?

    public var json: JSON {
        [
            "image": JSON(image), "array": JSON(array), "page": JSON(page), "level": JSON(level),
            "box": JSON(box?.description), "shape": JSON(shape), "dtype": JSON(dtype), "bytes": JSON(bytes),
            "sha256": JSON(sha256), "min": minimum, "max": maximum, "ok": .bool(error == nil),
            "error": error.map { .string($0.description) } ?? .null,
        ]
    }
}

/// What is read of an address, and how much of it may be.
public struct DigestOptions: Sendable {
    public enum Each: String, Sendable, CaseIterable {
        case image, array, page
    }

    public var each = Each.image
    public var image: Int?
    public var array: String?
    public var level = 0
    /// `z0:z1,y0:y1,x0:x1`
    public var box: String?
    public var maximumBytes = 8 << 30
    /// A link's name, where the address is a portal's page.
    public var link: String?
    public init() {}
}

extension Context {
    /// Digests of the images, arrays or pages behind `address`; one that is broken says so in its place.
    ///
    /// - Throws: ``HarvestError`` of the address itself, of its only array, or of the first where all are broken;
    ///   `.invalid` where more would be read than `maximumBytes`.
    public func digests(_ address: String, _ options: DigestOptions = DigestOptions()) async throws -> [VoxelDigest] {
        let opened = try await openData(
            address, link: options.link, OpenOptions(allLevels: options.each == .array || options.array != nil))
        var digests: [VoxelDigest] = []
        for source in try await sources(opened, options) {
            digests.append(try await digest(source, options))
        }
        if let first = digests.first?.error, digests.allSatisfy({ $0.error != nil }) { throw first }
        return digests
    }

    /// Opens the data behind an address: a page's primary link, or the address itself.
    public func openData(_ address: String, link: String?, _ options: OpenOptions = OpenOptions()) async throws
        -> Contents
    {
        switch try await resolve(address, meter: Meter()) {
        case .data(let address, let ahead): return try await open(address, options: options, ahead: ahead)
        case .page(let dataset, _):
            var wanted = ProbeOptions()
            wanted.link = link
            guard let link = try Self.links(of: dataset, wanted).first else {
                throw HarvestError(.notFound, "the page names no image", at: address)
            }
            return try await open(Address(link.url), format: link.format, options: options)
        }
    }

    /// One thing to digest: what it is called, and its array or why there is none.
    private struct Source {
        var name: VoxelDigest
        var volume: Volume?
        var array: Result<any ChunkedArray, HarvestError>
    }

    private func sources(_ contents: Contents, _ options: DigestOptions) async throws -> [Source] {
        func source(_ name: VoxelDigest, _ entry: ArrayEntry) -> Source {
            var name = name
            (name.shape, name.dtype) = (entry.shape, entry.dtype)
            let missing = entry.error ?? .unsupported("the array cannot be read")
            return Source(name: name, array: entry.array.map { .success($0) } ?? .failure(missing))
        }
        switch options.each {
        case .page:
            let pages = contents.pages
            guard !pages.isEmpty else { throw HarvestError.invalid("a \(contents.format) has no pages") }
            return pages.enumerated().map { source(VoxelDigest(page: $0), $1) }
        case .array:
            if let path = options.array, !contents.arrays.contains(where: { $0.path == path }) {
                throw HarvestError.invalid(
                    "no array is called \"\(path)\"",
                    next: "arrays: " + contents.arrays.map(\.path).joined(separator: ", "))
            }
            return contents.arrays.filter { options.array == nil || $0.path == options.array }
                .map { source(VoxelDigest(array: $0.path), $0) }
        case .image:
            if let path = options.array {
                guard let entry = contents.arrays.first(where: { $0.path == path }) else {
                    throw HarvestError.invalid("no array is called \"\(path)\"")
                }
                return [source(VoxelDigest(array: path), entry)]
            }
            var found: [Source] = []
            for (index, volume) in contents.images.enumerated() where options.image == nil || options.image == index {
                let array = await Self.result { try await volume.array(level: options.level) }
                var name = VoxelDigest(image: index, level: options.level)
                if volume.levels.indices.contains(options.level) { name.array = volume.levels[options.level].path }
                (name.shape, name.dtype) = (volume.metadata.shape, volume.metadata.dtype)
                found.append(Source(name: name, volume: volume, array: array))
            }
            if found.isEmpty {
                throw options.image == nil
                    ? HarvestError(.notFound, "the address holds no image")
                    : HarvestError.invalid(
                        "image \(options.image ?? 0) is not there: the address holds \(contents.images.count)")
            }
            return found
        }
    }

    private func digest(_ source: Source, _ options: DigestOptions) async throws -> VoxelDigest {
        var digest = source.name
        let array: any ChunkedArray
        switch source.array {
        case .success(let found): array = found
        case .failure(let error):
            if error.kind == .invalid { throw error }
            digest.error = error
            return digest
        }
        digest.dtype = array.dataType.rawValue
        let box = try box(options.box, array, source.volume)
        if options.box != nil { digest.box = box }
        digest.shape = box.shape.array
        let bytes = box.count.map { $0.multipliedReportingOverflow(by: array.dataType.size) }
        guard let bytes, !bytes.overflow else {
            digest.error = .unsupported("\(box.shape) voxels are more than 2^63 bytes; read a box of them")
            return digest
        }
        guard bytes.partialValue <= options.maximumBytes else {
            throw HarvestError.invalid(
                "reading \(box.shape) voxels of \(array.dataType.rawValue) takes \(bytes.partialValue) bytes, over the limit of \(options.maximumBytes)",
                at: array.store.address, next: "read a --box, or raise --max-bytes")
        }
        digest.bytes = bytes.partialValue
        do {
            var hash = Digest(.sha256)
            var statistics = Statistics()
            try await Slabs.forEach(array, box) { voxels in
                hash.update(voxels)
                statistics.add(voxels, array.dataType)
            }
            digest.sha256 = hash.hex
            (digest.minimum, digest.maximum) = (statistics.minimum, statistics.maximum)
        } catch { digest.error = HarvestError.wrapping(error) }
        return digest
    }
}

extension Volume {
    /// The lengths of z, y and x in an array of this volume; 1 for an axis it has not.
    func spatialShape(of shape: [Int]) throws -> [Int] {
        let axes = metadata.axes ?? []
        guard axes.count == shape.count else {
            throw HarvestError.invalid("the axes of this volume have no names: give one range per axis")
        }
        return ["z", "y", "x"].map { name in axes.firstIndex { $0 == name }.map { shape[$0] } ?? 1 }
    }
}
