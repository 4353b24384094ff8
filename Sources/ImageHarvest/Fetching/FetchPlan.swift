import HarvestCore

/// What to bring of an address, decided before the first byte.
struct FetchPlan {
    enum Kind {
        case nothing
        case file(name: String)
        /// A volume's levels from one on, into a folder of that name.
        case levels(Volume, from: Int, name: String)
        case crop(Volume, Box, name: String)
    }

    var kind: Kind
    /// The decision in words.
    var sentence: String

    /// A file about which nothing is known but where it is.
    init(wholeFile source: Address) throws {
        (kind, sentence) = (.file(name: try Self.fileName(source)), "whole file, unread")
    }

    /// - Throws: ``HarvestError`` `.invalid` where more would be fetched than allowed and nothing smaller is asked for.
    init(_ contents: Contents, _ source: Address, _ options: FetchOptions) throws {
        guard let volume = contents.images.first else {
            throw HarvestError(.notFound, "the address holds no image to fetch", at: source.text)
        }
        let name = try Self.fileName(source)
        let limit = options.maximumBytes ?? Int.max
        var refused: String
        if contents.format == "tiff" {
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
                guard let size = sizes.first ?? nil, size <= limit else { continue }
                (kind, sentence) = (
                    .levels(volume, from: level, name: name),
                    "level \(level) and coarser of \(volume.levels.count), \(size) bytes of voxels in level \(level)"
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

    /// Bytes of a level's voxels once decoded: what its chunks hold at the most, but for their padding at the edges.
    private static func decodedBytes(_ volume: Volume, _ level: Int) -> Int? {
        let size = volume.metadata.dtype.flatMap(DataType.init(rawValue:))?.size ?? 1
        if let shape = volume.levels[level].shape { return (Coordinate(shape).product).map { $0 * size } }
        // A level whose own metadata is unread: from the finest one by the ratio of voxel sizes.
        guard let shape = volume.metadata.shape, let fine = volume.metadata.voxelSize,
            let coarse = volume.levels[level].voxelSize
        else { return nil }
        var voxels = 1.0
        for axis in shape.indices {
            let ratio = (coarse[axis] ?? 1) / (fine[axis] ?? 1)
            voxels *= (Double(shape[axis]) / (ratio > 0 ? ratio : 1)).rounded(.up)
        }
        return Int(exactly: (voxels * Double(size)).rounded())
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
