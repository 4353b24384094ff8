import HarvestCore

/// What to bring of an address, decided before the first byte.
struct FetchPlan {
    enum Kind {
        case nothing
        case file(name: String)
        /// All files of a folder and of those below it, into a folder of that name; some cannot have their names here.
        case tree([CopiedObject], refused: [String], name: String)
        /// Part of a folder of chunks, into a folder of that name.
        case part(CopiedPart, of: Contents, name: String)
        /// A box of a volume that is one file, as a NumPy file.
        case voxels(Volume, Box, level: Int, name: String)
    }

    var kind: Kind
    /// The decision in words.
    var sentence: String
    /// What it comes to: exactly, or at the most.
    var size = FetchSize()

    /// A file about which nothing is known but where it is.
    init(wholeFile source: Address) throws {
        (kind, sentence) = (.file(name: try Self.fileName(source)), "whole file, unread")
        size.files = 1
    }

    /// All files that a listing names.
    init(tree objects: [CopiedObject], refused: [String], rounded: Int, of source: Address) throws {
        let sizes = objects.map(\.bytes)
        let isUnknown = rounded == 0 && !sizes.contains { $0 != nil }
        let sum = isUnknown ? nil : Self.sum(sizes.compactMap(\.self)).map { $0 + rounded }
        self.init(
            .tree(objects, refused: refused, name: try Self.fileName(source)),
            objects.count == 1 ? "one file of the folder" : "the folder's \(objects.count) files",
            FetchSize(files: objects.count, requests: objects.count, bytes: sum, isExact: !sizes.contains(nil)))
    }

    private init(_ kind: Kind, _ sentence: String, _ size: FetchSize) {
        (self.kind, self.sentence, self.size) = (kind, sentence, size)
    }

    /// - Parameter isFolder: Whether the format is one of many objects in a folder.
    /// - Throws: ``HarvestError`` `.invalid` where more would be fetched than allowed and nothing smaller is asked for.
    init(_ contents: Contents, _ source: Address, isFolder: Bool, _ options: FetchOptions) throws {
        guard let volume = contents.images.first else {
            throw HarvestError(.notFound, "the address holds no image to fetch", at: source.text)
        }
        let name = try Self.fileName(source)
        if options.isPart {
            self = try Self.box(options.box, contents, volume, source, isFolder: isFolder, name, options, why: nil)
            return
        }
        let refused: String
        if !isFolder, options.level ?? 0 > 0 {
            try Self.check(options.level ?? 0, volume, source)
            throw HarvestError.invalid(
                "a file is brought whole, whatever levels it has", at: source.text,
                next: "leave --level out, or name a --box of that level")
        }
        switch isFolder
            ? try Self.folder(contents, volume, source, name, options) : Self.file(volume, name, options)
        {
        case .plan(let plan):
            self = plan
            return
        case .refused(let why): refused = why
        }
        if let text = options.fallbackBox {
            self = try Self.box(text, contents, volume, source, isFolder: isFolder, name, options, why: refused)
            return
        }
        guard options.adapts else {
            throw HarvestError.invalid(
                refused, at: source.text, next: "raise --max-bytes, or name a --box or a coarser --level")
        }
        self.init(.nothing, "not fetched, probed only: \(refused)", FetchSize())
    }

    private enum Choice {
        case plan(FetchPlan)
        case refused(String)
    }

    private static func file(_ volume: Volume, _ name: String, _ options: FetchOptions) -> Choice {
        let bytes = volume.metadata.bytes
        let size = FetchSize(files: 1, bytes: bytes, isExact: true)
        guard let limit = options.maximumBytes else {
            return .plan(
                FetchPlan(.file(name: name), "whole file, \(bytes.map { "\($0) bytes" } ?? "size unknown")", size))
        }
        guard let bytes, bytes <= limit else {
            return .refused(
                "the file has \(bytes.map { "\($0) bytes" } ?? "an unknown size"), over the limit of \(limit)")
        }
        return .plan(FetchPlan(.file(name: name), "whole file, \(bytes) bytes", size))
    }

    private static func folder(
        _ contents: Contents, _ volume: Volume, _ source: Address, _ name: String, _ options: FetchOptions
    ) throws -> Choice {
        let limit = options.maximumBytes ?? Int.max
        let first = options.level ?? 0
        try check(first, volume, source)
        let last = options.adapts && options.level == nil ? volume.levels.count - 1 : first
        for level in first...last {
            let sizes = (level..<volume.levels.count).map { decodedBytes(volume, $0) }
            let sum = sizes.contains(nil) ? nil : sum(sizes.compactMap { $0 })
            // What nobody can count is taken only where no limit was set.
            guard sum.map({ $0 <= limit }) ?? (options.maximumBytes == nil) else { continue }
            let isWhole = level == 0 && options.level == nil
            let count = volume.levels.count
            let extent =
                isWhole
                ? "whole, \(count) level\(count == 1 ? "" : "s")" : "level \(level) and coarser of \(count)"
            return .plan(
                FetchPlan(
                    .part(isWhole ? .everything : .levels(image: 0, from: level), of: contents, name: name),
                    extent + (sum.map { ", \($0) bytes of voxels before compression" } ?? "")
                        + (level > first ? "; finer ones are over the limit of \(limit) bytes" : ""),
                    FetchSize(bytes: sum)))
        }
        let bytes = decodedBytes(volume, first).map { "\($0) bytes" } ?? "an unknown number of bytes"
        return .refused("level \(first) holds \(bytes) of voxels, over the limit of \(limit)")
    }

    private static func box(
        _ text: String?, _ contents: Contents, _ volume: Volume, _ source: Address, isFolder: Bool, _ name: String,
        _ options: FetchOptions, why: String?
    ) throws -> FetchPlan {
        let level = options.level ?? 0
        try check(level, volume, source)
        guard let shape = shape(volume, level) else {
            throw HarvestError.invalid("the shape of level \(level) is unknown, so a box in it is too", at: source.text)
        }
        let box: Box
        if let text {
            box = try volume.box(text, in: shape)
        } else if let around = options.around {
            let spatial = try volume.spatialShape(of: shape)
            box = try volume.expand(try around.box(in: spatial, volume.levels[level], of: volume), to: shape)
        } else {
            box = Box(shape: shape)
        }
        var chunk = isFolder && volume.metadata.chunk?.count == box.rank ? volume.metadata.chunk : nil
        // Slices are files, which are brought whole.
        if contents.format == "slices" { chunk = [1] + shape.dropFirst() }
        // Without the level's own grid: the finest level's chunks, which all levels of a pyramid share as a rule.
        let grown = try chunk.map { try Grid(shape: shape, chunk: $0).grown(box) } ?? box
        let size = voxelSize(volume)
        let bytes = grown.count.flatMap { $0.multipliedReportingOverflow(by: size).overflow ? nil : $0 * size }
        guard let bytes, bytes <= options.maximumBytes ?? Int.max else {
            throw HarvestError.invalid(
                "the box \(grown) holds \(bytes.map { "\($0) bytes" } ?? "too many bytes") of voxels, over the limit of \(options.maximumBytes ?? Int.max)",
                at: source.text, next: "name a smaller --box or a coarser --level, or raise --max-bytes")
        }
        let extent = zip(grown.ranges, volume.axisNames(rank: grown.rank)).map {
            "\($1)\($0.lowerBound)-\($0.upperBound)"
        }.joined(separator: "_")
        let sentence =
            "box \(box) of level \(level)" + (grown == box ? "" : ", grown to \(grown)")
            + ", \(bytes) bytes of voxels before compression" + (why.map { ": \($0)" } ?? "")
        let stem = "\(name)_L\(level)_\(extent)"
        guard isFolder else {
            return FetchPlan(
                .voxels(volume, box, level: level, name: stem + ".npy"), sentence,
                FetchSize(files: 1, bytes: bytes))
        }
        return FetchPlan(
            .part(.box(box, image: 0, level: level), of: contents, name: stem), sentence, FetchSize(bytes: bytes))
    }

    private static func check(_ level: Int, _ volume: Volume, _ source: Address) throws {
        guard volume.levels.indices.contains(level) else {
            throw HarvestError.invalid(
                "level \(level) is not there: the volume has \(volume.levels.count)", at: source.text)
        }
    }

    private static func sum(_ sizes: [Int]) -> Int? {
        sizes.reduce(0 as Int?) { total, size in
            total.flatMap { $0.addingReportingOverflow(size).overflow ? nil : $0 + size }
        }
    }

    private static func voxelSize(_ volume: Volume) -> Int {
        volume.metadata.dtype.flatMap(DataType.init(rawValue:))?.size ?? 1
    }

    /// A level's shape; of one whose own metadata is unread, from the finest one by the ratio of voxel sizes.
    private static func shape(_ volume: Volume, _ level: Int) -> [Int]? {
        if level == 0, let finest = volume.metadata.shape { return finest }
        if let shape = volume.levels[level].shape { return shape }
        guard let finest = volume.metadata.shape, let fine = volume.metadata.voxelSize,
            let coarse = volume.levels[level].voxelSize
        else { return nil }
        return finest.indices.map { axis in
            let ratio = (coarse[axis] ?? 1) / (fine[axis] ?? 1)
            return Int(exactly: (Double(finest[axis]) / (ratio >= 1 ? ratio : 1)).rounded(.up)) ?? finest[axis]
        }
    }

    /// Bytes of a level's chunks once decoded, padding at the edges included.
    private static func decodedBytes(_ volume: Volume, _ level: Int) -> Int? {
        guard let shape = shape(volume, level), let chunk = volume.metadata.chunk, chunk.count == shape.count else {
            return nil
        }
        // Chunks at the edges are stored full.
        let padded = zip(shape, chunk).map { (max(0, $0 - 1) / max(1, $1) + 1) * max(1, $1) }
        guard let voxels = Coordinate(padded).product else { return nil }
        let (bytes, overflow) = voxels.multipliedReportingOverflow(by: voxelSize(volume))
        return overflow ? nil : bytes
    }

    /// The name under which an address's data stands here: its last component, or its host where it has no path.
    private static func fileName(_ source: Address) throws -> String {
        let name = source.name.isEmpty ? source.host ?? "" : source.name.removingPercentEncoding
        guard try Key.components(of: name).count == 1 else {
            throw HarvestError.invalid("the address has no name to store its data under", at: source.text)
        }
        return name
    }
}

extension Volume {
    /// A box as a user types it: one range per axis of `shape`, or z,y,x alone, then the other axes are whole.
    func box(_ text: String, in shape: [Int]) throws -> Box {
        guard text.split(separator: ",").count == 3, shape.count != 3 else { return try Box.parse(text, shape: shape) }
        return try expand(try Box.parse(text, shape: try spatialShape(of: shape)), to: shape)
    }

    /// A letter for each axis, for file names.
    func axisNames(rank: Int) -> [String] {
        let axes = metadata.axes ?? []
        return (0..<rank).map { axis in
            let name = axes.count == rank ? axes[axis] : nil
            return name.flatMap { $0.count == 1 && $0.allSatisfy(\.isLetter) ? $0 : nil } ?? "a\(axis)_"
        }
    }
}

extension String {
    /// `%20` read as a space, once; what is no code stays as it is.
    var removingPercentEncoding: String {
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
