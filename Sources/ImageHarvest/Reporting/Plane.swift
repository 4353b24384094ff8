import HarvestCore

/// One plane through the middle of a volume, as grey values and with what it cost to say about it.
struct Plane: Sendable {
    /// The axes that run down and across: `y` and `x` for a slice.
    var down: String
    var across: String
    /// The axis it is cut at, and where.
    var cut: String
    var index: Int
    /// Voxels of the level, as read: rows may be fewer than the volume has.
    var rows: Int
    var columns: Int
    /// Every how many voxels a row was read; 1 is all of them.
    var rowStep: Int
    var values: [Float]
    /// nm that the picture spans down and across; `nil` where nobody knows.
    var height: Double?
    var width: Double?
}

/// Reads the three planes through the middle of a volume with few bytes.
struct PlaneReader {
    let volume: Volume
    /// z, y, x of the finest level, nm: what is believed, which the header may not say.
    let voxelSize: [Double?]

    /// Bytes that the three planes together may cost.
    var budget = 32 << 20

    /// A plane is read whole where it meets no more chunks than this, else row by row.
    private static let mostChunks = 600
    private static let mostRows = 96
    /// A plane whose chunks hold more than this is read row by row.
    private static let heldBytes = 48 << 20
    /// What a plane of a local copy may touch.
    private static let localBytes = 1 << 30
    /// The finest level whose slices are no larger than this is taken.
    private static let side = 1100

    /// The level that fits a picture: the first whose slice is small enough, else the coarsest.
    func fittingLevel() async throws -> Int {
        for (index, level) in volume.levels.enumerated() {
            let shape: [Int]
            if let known = level.shape { shape = known } else { shape = try await level.open().shape }
            if shape.suffix(2).allSatisfy({ $0 <= Self.side }) { return index }
        }
        return max(0, volume.levels.count - 1)
    }

    func planes(level: Int) async throws -> [Plane] {
        let array = try await volume.array(level: level)
        let rank = array.grid.rank
        guard rank >= 2, array.dataType != .complex64, array.dataType != .complex128 else { return [] }
        let axes = volume.metadata.axes ?? []
        func axis(_ name: String, _ fallback: Int) -> Int? {
            axes.count == rank ? axes.firstIndex { $0 == name } : rank >= fallback ? rank - fallback : nil
        }
        guard let y = axis("y", 2), let x = axis("x", 1) else { return [] }
        guard let z = axis("z", 3), array.grid.shape[z] > 1 else {
            return [try await plane(array, down: y, across: x, cut: nil, level)]
        }
        return [
            try await plane(array, down: y, across: x, cut: z, level),
            try await plane(array, down: z, across: x, cut: y, level),
            try await plane(array, down: z, across: y, cut: x, level),
        ]
    }

    private func plane(
        _ array: any ChunkedArray, down: Int, across: Int, cut: Int?, _ level: Int
    ) async throws -> Plane {
        var box = array.grid.box
        for axis in 0..<box.rank where axis != down && axis != across {
            box.origin[axis] = array.grid.shape[axis] / 2
            box.shape[axis] = 1
        }
        let names = volume.axisNames(rank: box.rank)
        let step = rowStep(array, box, down)
        var values: [Float] = []
        var rows = 0
        if step == 1, down < across ? cost(array, box) <= Self.heldBytes : true {
            values = GreyValues.of(try await BlockReader.read(array, box))
            rows = box.shape[down]
            if down > across { values = Self.transposed(values, rows: box.shape[across], columns: rows) }
        } else {
            // One row at a time, so that what its chunks hold is let go before the next.
            for row in stride(from: step / 2, to: box.shape[down], by: step) {
                var line = box
                line.origin[down] = box.origin[down] + row
                line.shape[down] = 1
                values += GreyValues.of(try await BlockReader.read(array, line))
                rows += 1
            }
        }
        return Plane(
            down: names[down], across: names[across], cut: cut.map { names[$0] } ?? "",
            index: cut.map { box.origin[$0] } ?? 0,
            rows: rows, columns: box.shape[across], rowStep: step, values: values,
            height: length(down, box, level), width: length(across, box, level))
    }

    private static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
    }

    /// nm along an axis, from the finest level's spacing.
    private func length(_ axis: Int, _ box: Box, _ level: Int) -> Double? {
        let own = volume.levels[level].voxelSize.flatMap { $0.indices.contains(axis) ? $0[axis] : nil }
        let believed = voxelSize.indices.contains(axis) ? voxelSize[axis] : nil
        return (own ?? (level == 0 ? believed : nil)).map { $0 * Double(box.shape[axis]) }
    }

    /// Bytes of the chunks that a box meets, decoded.
    private func cost(_ array: any ChunkedArray, _ box: Box) -> Int {
        guard let count = array.grid.cells(meeting: box).count, let chunk = array.grid.chunk.product else {
            return Int.max
        }
        let (voxels, overflow) = count.multipliedReportingOverflow(by: chunk)
        let (bytes, more) = voxels.multipliedReportingOverflow(by: array.dataType.size)
        return overflow || more ? Int.max : bytes
    }

    /// Every how many rows are read, so that chunks and bytes stay within bounds.
    private func rowStep(_ array: any ChunkedArray, _ box: Box, _ down: Int) -> Int {
        let cells = array.grid.cells(meeting: box)
        let cost = cost(array, box)
        let isNear = !array.store.isRemote && cost <= Self.localBytes
        if isNear || cells.count.map({ $0 <= Self.mostChunks }) ?? false && cost <= budget / 3 { return 1 }
        // Rows that share chunks with their neighbours gain nothing by being left out, so whole rows of chunks are.
        let perRow = max(1, cost / max(1, cells.shape[down]))
        let rows = max(1, min(Self.mostRows, budget / 3 / perRow))
        return max(1, (box.shape[down] + rows - 1) / rows)
    }
}

/// Voxels as numbers to be shown.
enum GreyValues {
    static func of(_ block: Block) -> [Float] {
        func convert<T: BitwiseCopyable>(_: T.Type, _ value: (T) -> Float) -> [Float] {
            block.bytes.withUnsafeBytes { raw in
                (0..<raw.count / MemoryLayout<T>.size).map {
                    value(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
                }
            }
        }
        return switch block.dataType {
        case .bool, .uint8: convert(UInt8.self) { Float($0) }
        case .int8: convert(Int8.self) { Float($0) }
        case .uint16: convert(UInt16.self) { Float($0) }
        case .int16: convert(Int16.self) { Float($0) }
        case .uint32: convert(UInt32.self) { Float($0) }
        case .int32: convert(Int32.self) { Float($0) }
        case .uint64: convert(UInt64.self) { Float($0) }
        case .int64: convert(Int64.self) { Float($0) }
        case .float16: convert(UInt16.self) { Float(Double(half: $0)) }
        case .float32: convert(Float.self) { $0 }
        case .float64: convert(Double.self) { Float($0) }
        case .complex64, .complex128: []
        }
    }
}
