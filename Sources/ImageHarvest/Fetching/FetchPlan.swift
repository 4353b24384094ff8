import HarvestCore

/// What to bring of an address, decided before the first byte.
struct FetchPlan {
    enum Kind {
        case nothing
        case file(name: String)
        /// Part of a folder of chunks, into a folder of that name.
        case part(CopiedPart, of: Contents, name: String)
        case crop(Volume, Box, name: String)
    }

    var kind: Kind
    /// The decision in words.
    var sentence: String

    /// A file about which nothing is known but where it is.
    init(wholeFile source: Address) throws {
        (kind, sentence) = (.file(name: try Self.fileName(source)), "whole file, unread")
    }

    /// - Parameter isFolder: Whether the format is one of many objects in a folder.
    /// - Throws: ``HarvestError`` `.invalid` where more would be fetched than allowed and nothing smaller is asked for.
    init(_ contents: Contents, _ source: Address, isFolder: Bool, _ options: FetchOptions) throws {
        guard let volume = contents.images.first else {
            throw HarvestError(.notFound, "the address holds no image to fetch", at: source.text)
        }
        let name = try Self.fileName(source)
        let limit = options.maximumBytes ?? Int.max
        var refused: String
        if !isFolder {
            let size = volume.metadata.bytes
            if let size, size <= limit {
                (kind, sentence) = (.file(name: name), "whole file, \(size) bytes")
                return
            }
            if size == nil, options.maximumBytes == nil {
                (kind, sentence) = (.file(name: name), "whole file, size unknown")
                return
            }
            refused = "the file has \(size.map { "\($0) bytes" } ?? "an unknown size"), over the limit of \(limit)"
        } else {
            let first = options.level ?? 0
            guard volume.levels.indices.contains(first) else {
                throw HarvestError.invalid(
                    "level \(first) is not there: the volume has \(volume.levels.count)", at: source.text)
            }
            let last = options.adapts && options.level == nil ? volume.levels.count - 1 : first
            for level in first...last {
                let sizes = (level..<volume.levels.count).map { Self.decodedBytes(volume, $0) }
                guard !sizes.contains(nil), let size = Self.sum(sizes.compactMap { $0 }), size <= limit else {
                    continue
                }
                (kind, sentence) = (
                    .part(.levels(image: 0, from: level), of: contents, name: name),
                    "level \(level) and coarser of \(volume.levels.count), \(size) bytes of voxels before compression"
                        + (level > first ? "; finer ones are over the limit of \(limit) bytes" : "")
                )
                return
            }
            refused =
                "level \(first) holds \(Self.decodedBytes(volume, first).map { "\($0) bytes" } ?? "an unknown number of bytes") of voxels, over the limit of \(limit)"
        }
        if let crop = options.crop, let shape = volume.metadata.shape {
            let box = try Box.parse(crop, shape: shape)
            let file = "crop_\(box.ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: "_")).npy"
            (kind, sentence) = (.crop(volume, box, name: file), "crop \(box): \(refused)")
            return
        }
        guard options.adapts else {
            throw HarvestError.invalid(refused, at: source.text, next: "raise --max-bytes, or name a coarser --level")
        }
        (kind, sentence) = (.nothing, "not fetched, probed only: \(refused)")
    }

    private static func sum(_ sizes: [Int]) -> Int? {
        sizes.reduce(0 as Int?) { total, size in
            total.flatMap { $0.addingReportingOverflow(size).overflow ? nil : $0 + size }
        }
    }

    /// Bytes of a level's chunks once decoded, padding at the edges included.
    private static func decodedBytes(_ volume: Volume, _ level: Int) -> Int? {
        let size = volume.metadata.dtype.flatMap(DataType.init(rawValue:))?.size ?? 1
        var shape = volume.levels[level].shape
        if shape == nil, let finest = volume.metadata.shape, let fine = volume.metadata.voxelSize,
            let coarse = volume.levels[level].voxelSize
        {
            // A level whose own metadata is unread: from the finest one by the ratio of voxel sizes.
            shape = finest.indices.map { axis in
                let ratio = (coarse[axis] ?? 1) / (fine[axis] ?? 1)
                return Int(exactly: (Double(finest[axis]) / (ratio >= 1 ? ratio : 1)).rounded(.up)) ?? finest[axis]
            }
        }
        guard let shape, let chunk = volume.metadata.chunk, chunk.count == shape.count else { return nil }
        // Chunks at the edges are stored full.
        let padded = zip(shape, chunk).map { (max(0, $0 - 1) / max(1, $1) + 1) * max(1, $1) }
        guard let voxels = Coordinate(padded).product else { return nil }
        let (bytes, overflow) = voxels.multipliedReportingOverflow(by: size)
        return overflow ? nil : bytes
    }

    /// The name under which an address's data stands here.
    private static func fileName(_ source: Address) throws -> String {
        let name = source.name.removingPercentEncoding
        guard try Key.components(of: name).count == 1 else {
            throw HarvestError.invalid("the address has no name to store its data under", at: source.text)
        }
        return name
    }
}

extension String {
    /// `%20` read as a space, once; what is no code stays as it is.
    fileprivate var removingPercentEncoding: String {
        var out: [UInt8] = []
        var bytes = Array(utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%"), bytes.count >= 2,
                let code = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
            {
                out.append(code)
                bytes = bytes.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
