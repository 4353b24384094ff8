/// The tissue that the replica shows: every voxel a function of its place, row by row, in integers.
///
/// Level sets of smooth noise are membranes, the hills of one field mitochondria, those of another vesicles; a hash of
/// the place adds grain. `Scripts/replica_truth.py` says the same in numpy.
struct Tissue {
    /// The columns asked for lie inside this range, whose borders are multiples of eight.
    let columns: Range<Int>
    private var large: LatticeField
    private var medium: LatticeField
    private var small: LatticeField
    private var fine: LatticeField
    private var scratch: [Int16]

    init(columns asked: Range<Int>) {
        let steps = (asked.lowerBound >> 3)..<((asked.upperBound + 7) >> 3)
        columns = (steps.lowerBound * 8)..<(steps.upperBound * 8)
        large = LatticeField(shift: 7, seed: 0x1B87_3593, steps: steps)
        medium = LatticeField(shift: 6, seed: 0xCC9E_2D51, steps: steps)
        small = LatticeField(shift: 5, seed: 0x38B3_4AE5, steps: steps)
        fine = LatticeField(shift: 4, seed: 0xA1E3_8B93, steps: steps)
        scratch = [Int16](repeating: 0, count: 6 * columns.count)
    }

    /// Brightness along the row (z, y), not yet cut to a data type, and the grain's sixteen bits.
    mutating func withRow<Result>(
        z: Int, y: Int, _ body: (_ grey: UnsafePointer<Int16>, _ bits: UnsafePointer<Int16>) -> Result
    ) -> Result {
        let count = columns.count
        return scratch.withUnsafeMutableBufferPointer { buffer in
            let rows = buffer.baseAddress!
            large.read(z: z, y: y, into: rows)
            medium.read(z: z, y: y, into: rows + count)
            small.read(z: z, y: y, into: rows + 2 * count)
            fine.read(z: z, y: y, into: rows + 3 * count)
            Self.grain(z: z, y: y, columns: columns, into: rows + 5 * count)
            Self.shade(rows, count)
            return body(rows + 4 * count, rows + 5 * count)
        }
    }

    /// Whether each voxel of the row lies in a mitochondrion: 255 or 0. `erring` blurs the border, as a
    /// segmentation would.
    mutating func labels(z: Int, y: Int, erring: Bool, into labels: UnsafeMutablePointer<UInt8>) {
        let count = columns.count
        scratch.withUnsafeMutableBufferPointer { buffer in
            let rows = buffer.baseAddress!
            medium.read(z: z, y: y, into: rows)
            small.read(z: z, y: y, into: rows + count)
            if erring { fine.read(z: z, y: y, into: rows + 2 * count) }
            for i in 0..<count {
                var hill = Self.mitochondrion(rows[i], rows[count + i])
                if erring { hill = hill &+ (rows[2 * count + i] >> 3) &- 24 }
                labels[i] = hill > 0 ? 255 : 0
            }
        }
    }

    /// Grey values 0 to 255 along the row (z, y).
    mutating func grey(z: Int, y: Int, into bytes: UnsafeMutablePointer<UInt8>) {
        let count = columns.count
        withRow(z: z, y: y) { grey, _ in
            for i in 0..<count { bytes[i] = UInt8(truncatingIfNeeded: max(0, min(255, grey[i]))) }
        }
    }

    @inline(__always) private static func ridge(_ width: Int16, _ field: Int16) -> Int16 {
        max(0, width &- max(field, 0 &- field))
    }

    /// Positive inside a mitochondrion.
    @inline(__always) private static func mitochondrion(_ medium: Int16, _ small: Int16) -> Int16 {
        medium &+ (small >> 3) &- 520
    }

    private static func shade(_ rows: UnsafeMutablePointer<Int16>, _ count: Int) {
        let (larges, mediums, smalls, fines) = (rows, rows + count, rows + 2 * count, rows + 3 * count)
        let (greys, grain) = (rows + 4 * count, rows + 5 * count)
        for i in 0..<count {
            let large = larges[i], medium = mediums[i], small = smalls[i], fine = fines[i], bits = grain[i]
            let hill = mitochondrion(medium, small)
            let inside = (0 &- hill) >> 15, outside = ~inside
            let vesicle = fine &- 820, envelope = ridge(64, hill)
            var grey = 158 &+ (large >> 6) &+ (small >> 6) &+ (fine >> 5)
            grey = grey &- ridge(56, large &+ (small >> 2))
            grey = grey &- ridge(52, medium &- (large >> 1) &+ (small >> 2) &+ 330)
            grey = grey &- envelope &- (envelope >> 1)
            grey = grey &- (inside & (34 &+ (ridge(120, small &- (fine >> 2)) >> 1)))
            grey = grey &- (outside & (ridge(160, vesicle) >> 1))
            grey = grey &+ (outside & (max(0, min(300, vesicle &- 100)) >> 3))
            let noise = (bits & 31) &+ ((bits >> 5) & 31) &+ ((bits >> 10) & 31) &- 46
            greys[i] = grey &+ (noise >> 1)
        }
    }

    private static func grain(z: Int, y: Int, columns: Range<Int>, into bits: UnsafeMutablePointer<Int16>) {
        let first = UInt16(truncatingIfNeeded: Scatter.hash(z: z, y: y, x: 0, seed: 0x5BD1_E995))
        let second = UInt16(truncatingIfNeeded: Scatter.hash(z: z, y: y, x: 0, seed: 0x27D4_EB2F))
        let start = UInt16(truncatingIfNeeded: columns.lowerBound)
        for i in 0..<columns.count {
            var h = (start &+ UInt16(truncatingIfNeeded: i)) &* 0x9E37 &+ first
            h ^= h >> 7
            h = h &* 0xA2F5
            h ^= second
            h ^= h >> 8
            h = h &* 0x6D2B
            h ^= h >> 9
            bits[i] = Int16(bitPattern: h)
        }
    }
}
