/// One resolution of a volume; 0 is the finest.
public struct Level: Sendable {
    public var index: Int
    /// Path of its array from the address.
    public var path: String
    /// `nil` until the level's own metadata was read.
    public var shape: [Int]?
    /// nm per axis; `nil` where the axis is no length or nobody said.
    public var voxelSize: [Double?]?
    /// nm, of the centre of voxel 0.
    public var translation: [Double?]?
    /// Opens the array: at most one request, none for the finest level.
    public var open: @Sendable () async throws -> any ChunkedArray

    public init(
        index: Int, path: String, shape: [Int]? = nil, voxelSize: [Double?]? = nil, translation: [Double?]? = nil,
        open: @escaping @Sendable () async throws -> any ChunkedArray
    ) {
        self.index = index
        self.path = path
        self.shape = shape
        self.voxelSize = voxelSize
        self.translation = translation
        self.open = open
    }
}

/// An opened image: what its header says, and its levels, read lazily.
public struct Volume: Sendable {
    /// What the header says, finest level.
    public var metadata: Metadata
    public var levels: [Level]
    /// Path from the address; `""` is the root.
    public var path: String
    /// What the image is: `image`, `labels`.
    public var role: Link.Role

    public init(metadata: Metadata, levels: [Level], path: String = "", role: Link.Role = .image) {
        self.metadata = metadata
        self.levels = levels
        self.path = path
        self.role = role
    }

    /// All voxels of the finest level, in array order.
    public var box: Box { Box(shape: metadata.shape ?? []) }

    /// The array of a level.
    ///
    /// - Throws: ``HarvestError`` `.invalid` for a level that is not there.
    public func array(level: Int = 0) async throws -> any ChunkedArray {
        guard levels.indices.contains(level) else {
            throw HarvestError.invalid(
                "level \(level) is not there: the volume has \(levels.count) level(s), 0 the finest")
        }
        return try await levels[level].open()
    }

    /// Reads the voxels in `box`, fetching only the chunks that meet it.
    ///
    /// - Parameters:
    ///   - box: In voxels of `level`; one range per axis of the array, or z,y,x alone, then the other axes are whole.
    ///   - level: 0 is the finest.
    /// - Returns: A block in C order, native byte order; voxels never stored hold the fill value.
    /// - Throws: ``HarvestError`` `.invalid` if `box` leaves the volume, `.malformed` if a chunk cannot be decoded,
    ///   `.unavailable` once retries are spent.
    /// - Complexity: One request per run of neighbouring chunks that meet `box`.
    public func read(_ box: Box, level: Int = 0) async throws -> Block {
        let array = try await array(level: level)
        return try await BlockReader.read(array, try expand(box, to: array.shape))
    }

    /// A box over z,y,x as a box over all axes of the array.
    public func expand(_ box: Box, to shape: [Int]) throws -> Box {
        if box.rank == shape.count { return box }
        let axes = metadata.axes ?? []
        let spatial = ["z", "y", "x"].map { name in axes.firstIndex { $0 == name } }
        guard box.rank == 3, axes.count == shape.count, spatial[1] != nil, spatial[2] != nil else {
            throw HarvestError.invalid("the box \(box) has \(box.rank) ranges for an array of shape \(shape)")
        }
        var ranges = shape.map { 0..<$0 }
        for (axis, range) in zip(spatial, box.ranges) {
            if let axis {
                ranges[axis] = range
            } else if range != 0..<1 {
                throw HarvestError.invalid("the box \(box) leaves the image, which has one plane: z must be 0:1")
            }
        }
        return Box(ranges)
    }
}
