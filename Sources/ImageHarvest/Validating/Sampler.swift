import HarvestCore

/// Draws blocks of a volume at random, the same ones for the same seed, and counts what they hold.
struct Sampler {
    /// Blocks that are drawn where the volume has so many.
    static let blocks = 64
    /// Lengths of a block, at the most.
    private static let side = 64
    /// Planes that looked blank are looked at in so many more places.
    private static let confirmations = 4
    private static let mostSuspects = 16

    private let array: any ChunkedArray
    private let axes: [String?]
    private var dice: SplitMix
    private var sample: Sample

    init(_ array: any ChunkedArray, axes: [String?]?, level: Int, seed: UInt64) {
        self.array = array
        self.axes = axes?.count == array.grid.rank ? axes ?? [] : array.grid.shape.array.map { _ in nil }
        dice = SplitMix(state: seed)
        sample = Sample(seed: seed, level: level)
    }

    /// - Complexity: The chunks that 64 blocks of at most 64 × 64 × 64 voxels meet, and a few more for blank planes.
    ///
    /// - Parameter bytes: Chunks that the blocks meet may take so much, decoded; then fewer blocks are drawn, 8 at the least.
    mutating func run(atMost bytes: Int = .max) async throws -> Sample {
        var boxes = draw()
        let cost = boxes.map(cost)
        let sum = cost.reduce(0) { $0.addingReportingOverflow($1).overflow ? Int.max : $0 + $1 }
        if sum > bytes, !boxes.isEmpty {
            let mean = max(1, sum / boxes.count)
            boxes = Array(boxes.prefix(max(8, bytes / mean)))
        }
        var counter = VoxelCounter(array.dataType)
        // The value of a plane as far as seen; nil for one that is not constant.
        var planes: [Int: UInt64?] = [:]
        let zAxis = axes.firstIndex { $0 == "z" } ?? (array.grid.rank >= 3 ? array.grid.rank - 3 : nil)
        for block in try await read(boxes) {
            let (isConstant, found) = counter.add(block, planesAlong: zAxis)
            sample.blocks += 1
            sample.voxels += block.box.count ?? 0
            if isConstant { sample.constantBlocks += 1 }
            for (z, value) in found { Self.merge(z, value, into: &planes) }
        }
        sample.slices = planes.count
        if let zAxis { try await confirm(&planes, zAxis, &counter) }
        sample.blankSlices = planes.filter { $0.value != nil }.keys.sorted()
        counter.fill(&sample)
        return sample
    }

    private static func merge(_ z: Int, _ value: UInt64?, into planes: inout [Int: UInt64?]) {
        if let before = planes[z] {
            planes[z] = .some(before == value ? before : nil)
        } else {
            planes[z] = .some(value)
        }
    }

    /// A patch of one value is no blank plane: suspects are looked at elsewhere too.
    private mutating func confirm(_ planes: inout [Int: UInt64?], _ zAxis: Int, _ counter: inout VoxelCounter)
        async throws
    {
        let suspects = planes.filter { $0.value != nil }.keys.sorted()
        guard !suspects.isEmpty, suspects.count < planes.count || planes.count == 1 else { return }
        // Where many planes look blank, the first ones are looked at, and the others are not called blank.
        for z in suspects.dropFirst(Self.mostSuspects) { planes[z] = .some(nil) }
        var boxes: [Box] = []
        for z in suspects.prefix(Self.mostSuspects) {
            for _ in 0..<Self.confirmations {
                var box = randomBox()
                box.origin[zAxis] = z
                box.shape[zAxis] = 1
                boxes.append(box)
            }
        }
        for block in try await read(boxes) {
            for (z, value) in counter.add(block, planesAlong: zAxis, counts: false).planes {
                Self.merge(z, value, into: &planes)
            }
        }
    }

    /// Boxes that start on chunk bounds, each another one; all of them where there are no more than wanted.
    private mutating func draw() -> [Box] {
        guard !array.grid.box.isEmpty else { return [] }
        var boxes: [Box] = []
        var known: Set<Coordinate> = []
        for _ in 0..<Self.blocks * 8 where boxes.count < Self.blocks {
            let box = randomBox()
            if known.insert(box.origin).inserted { boxes.append(box) }
        }
        return boxes
    }

    private mutating func randomBox() -> Box {
        var box = array.grid.box
        for axis in 0..<box.rank {
            let length = array.grid.shape[axis], chunk = array.grid.chunk[axis]
            let isSpatial = axis >= box.rank - 3
            // Long chunks are cut; thin ones along y and x are joined, since pages are stored in strips of a few rows.
            let isRow = axis >= box.rank - 2
            let size = min(length, isSpatial ? min(Self.side, isRow ? Self.side : chunk) : 1)
            let step = chunk <= size ? size - size % max(1, chunk) : chunk % Self.side == 0 ? Self.side : size
            let places = max(1, (length + max(1, step) - 1) / max(1, step))
            let start = min(Int(dice.next() % UInt64(places)) * max(1, step), length - size)
            box.origin[axis] = start
            box.shape[axis] = size
        }
        return box
    }

    /// Bytes of the chunks that a box meets.
    private func cost(_ box: Box) -> Int {
        guard let cells = array.grid.cells(meeting: box).count, let chunk = array.grid.chunk.product else {
            return Int.max
        }
        let (voxels, overflow) = cells.multipliedReportingOverflow(by: chunk)
        let (bytes, more) = voxels.multipliedReportingOverflow(by: array.dataType.size)
        return overflow || more ? Int.max : bytes
    }

    private func read(_ boxes: [Box]) async throws -> [Block] {
        let array = array
        return try await withThrowingTaskGroup(of: (Int, Block).self) { group in
            var blocks: [Int: Block] = [:]
            for (index, box) in boxes.enumerated() {
                if index >= 8, let (index, block) = try await group.next() { blocks[index] = block }
                group.addTask { (index, try await BlockReader.read(array, box)) }
            }
            for try await (index, block) in group { blocks[index] = block }
            return boxes.indices.compactMap { blocks[$0] }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
