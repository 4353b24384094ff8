/// What a number of blocks, drawn at random and repeatably, say about a volume's voxels.
public struct Sample: Sendable, Hashable {
    /// Draws the same blocks again.
    public var seed: UInt64
    public var level: Int
    public var blocks = 0
    public var voxels = 0
    public var minimum: Double?
    public var maximum: Double?
    public var mean: Double?
    /// Voxels per bin, from ``minimum`` to ``maximum`` in equal steps; empty where there are no finite voxels.
    public var histogram: [Int] = []
    /// Share of voxels at the least and at the greatest value that the type can hold; `nil` for floats.
    public var lowShare: Double?
    public var highShare: Double?
    /// Blocks in which all voxels are equal.
    public var constantBlocks = 0
    /// Planes along z of which every sampled part is constant, the same value in all of them.
    public var blankSlices: [Int] = []
    /// Planes along z of which some part was sampled.
    public var slices = 0

    public init(seed: UInt64, level: Int) {
        self.seed = seed
        self.level = level
    }

    public var json: JSON {
        [
            "seed": Int(exactly: seed).map(JSON.int) ?? .unsigned(seed), "level": .int(level), "blocks": .int(blocks),
            "voxels": .int(voxels), "min": JSON(minimum), "max": JSON(maximum), "mean": JSON(mean),
            "low_share": JSON(lowShare), "high_share": JSON(highShare), "constant_blocks": .int(constantBlocks),
            "slices": .int(slices), "blank_slices": JSON(blankSlices),
        ]
    }
}

/// What else than statements a record is judged by.
public struct Evidence: Sendable {
    /// One level's spacing and place, as its volume gives them.
    public struct LevelFacts: Sendable, Hashable {
        public var shape: [Int]?
        public var voxelSize: [Double?]?
        public var translation: [Double?]?

        public init(shape: [Int]? = nil, voxelSize: [Double?]? = nil, translation: [Double?]? = nil) {
            (self.shape, self.voxelSize, self.translation) = (shape, voxelSize, translation)
        }
    }

    public var levels: [LevelFacts] = []
    /// Length of the link's object as the portal states it exactly.
    public var linkBytes: Int?
    public var role = Link.Role.image
    public var sample: Sample?

    public init() {}

    /// What a volume and the link that led to it add.
    public init(_ volume: Volume, link: Link? = nil, sample: Sample? = nil) {
        levels = volume.levels.map {
            LevelFacts(shape: $0.shape, voxelSize: $0.voxelSize, translation: $0.translation)
        }
        linkBytes = link?.bytes
        role = volume.role
        self.sample = sample
    }
}
