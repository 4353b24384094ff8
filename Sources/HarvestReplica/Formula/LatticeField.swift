/// Smooth noise in integers: a quadratic B-spline over hashed lattice points, read one row at a time.
///
/// Along z and y the spline is evaluated on the lattice's own columns, and the last four lattice rows are kept, so
/// that neighbouring image rows cost little. Along x it is evaluated every eighth voxel and joined by straight lines.
struct LatticeField {
    /// The lattice points lie `1 << shift` voxels apart; at least 8.
    let shift: Int
    let seed: UInt32
    /// Which eighth voxels are evaluated; the last one only closes the last line.
    private let steps: Range<Int>
    private let firstNode: Int
    private let nodeCount: Int
    private var plane = -1
    private var rows: [Int32]
    private var rowInSlot = [Int](repeating: -1, count: 4)
    private var line: [Int32]

    init(shift: Int, seed: UInt32, steps: Range<Int>) {
        self.shift = shift
        self.seed = seed
        self.steps = steps
        firstNode = (steps.lowerBound * 8) >> shift
        nodeCount = ((steps.upperBound * 8) >> shift) + 3 - firstNode
        rows = [Int32](repeating: 0, count: 4 * nodeCount)
        line = [Int32](repeating: 0, count: nodeCount)
    }

    /// Writes the field along the row (z, y), eight values a step, about -2048 to 2047.
    mutating func read(z: Int, y: Int, into values: UnsafeMutablePointer<Int16>) {
        if plane != z {
            plane = z
            for slot in 0..<4 { rowInSlot[slot] = -1 }
        }
        let node = y >> shift
        for row in node..<(node + 3) where rowInSlot[row & 3] != row { fillSlot(row) }
        let weights = weights(at: y)
        let first = (node & 3) * nodeCount, second = ((node + 1) & 3) * nodeCount, third = ((node + 2) & 3) * nodeCount
        let scale = Int32(2 * shift + 1)
        for column in 0..<nodeCount {
            let sum =
                weights.0 &* rows[first + column] &+ weights.1 &* rows[second + column]
                &+ weights.2 &* rows[third + column]
            line[column] = sum >> scale
        }
        line.withUnsafeBufferPointer { expand($0.baseAddress!, into: values) }
    }

    private func expand(_ line: UnsafePointer<Int32>, into values: UnsafeMutablePointer<Int16>) {
        var here = sample(line, steps.lowerBound)
        var out = values
        for step in steps {
            let next = sample(line, step + 1)
            let start = Int16(truncatingIfNeeded: here &* 8), slope = Int16(truncatingIfNeeded: next &- here)
            // Sums wrap on the way and return: every value lies between two that fit.
            for t in 0..<8 { out[t] = (start &+ slope &* Int16(truncatingIfNeeded: t)) >> 4 }
            out += 8
            here = next
        }
    }

    @inline(__always) private func sample(_ line: UnsafePointer<Int32>, _ step: Int) -> Int32 {
        let x = step * 8, node = (x >> shift) - firstNode
        let (before, at, after) = weights(at: x)
        let sum = before &* line[node] &+ at &* line[node + 1] &+ after &* line[node + 2]
        return sum >> Int32(2 * shift + 1)
    }

    /// The B-spline's three weights, whose sum is 2 << (2 * shift).
    @inline(__always) private func weights(at place: Int) -> (Int32, Int32, Int32) {
        let spacing = Int32(1) << Int32(shift)
        let t = Int32(truncatingIfNeeded: place) & (spacing &- 1)
        return (
            (spacing &- t) &* (spacing &- t), spacing &* spacing &+ 2 &* spacing &* t &- 2 &* t &* t, t &* t
        )
    }

    /// One lattice row, already combined along z.
    private mutating func fillSlot(_ row: Int) {
        let slot = (row & 3) * nodeCount, scale = Int32(2 * shift + 1)
        let node = plane >> shift, weights = weights(at: plane)
        for column in 0..<nodeCount {
            let sum =
                weights.0 &* value(node, row, column) &+ weights.1 &* value(node + 1, row, column)
                &+ weights.2 &* value(node + 2, row, column)
            rows[slot + column] = sum >> scale
        }
        rowInSlot[row & 3] = row
    }

    @inline(__always) private func value(_ z: Int, _ y: Int, _ column: Int) -> Int32 {
        let hash = Scatter.hash(z: z, y: y, x: firstNode + column, seed: seed)
        return (Int32(bitPattern: hash >> 23) &- 256) << 4
    }
}
