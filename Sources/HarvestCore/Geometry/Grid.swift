/// How an array is cut into chunks: cell `k` holds the voxels from `k × chunk` on, clipped to the shape.
public struct Grid: Sendable, Hashable {
    public let shape: Coordinate
    public let chunk: Coordinate

    /// - Throws: ``HarvestError`` `.malformed` for negative lengths or chunks of zero; `.unsupported` past eight axes.
    public init(shape: [Int], chunk: [Int], at place: String? = nil) throws(HarvestError) {
        guard shape.count == chunk.count else {
            throw .malformed("the shape has \(shape.count) axes, the chunk \(chunk.count)", at: place)
        }
        guard shape.count <= Coordinate.maximumRank else {
            throw .unsupported("\(shape.count) axes are more than the \(Coordinate.maximumRank) supported", at: place)
        }
        guard shape.allSatisfy({ $0 >= 0 && $0 <= 1 << 60 }), chunk.allSatisfy({ $0 > 0 && $0 <= 1 << 60 }) else {
            throw .malformed("shape \(shape) with chunk \(chunk) makes no grid", at: place)
        }
        self.shape = Coordinate(shape)
        self.chunk = Coordinate(chunk)
    }

    public var rank: Int { shape.count }
    public var box: Box { Box(origin: Coordinate(repeating: 0, count: rank), shape: shape) }

    /// The voxels of `cell` that lie in the array.
    public func box(of cell: Coordinate) -> Box {
        var box = Box(origin: cell, shape: chunk)
        for axis in 0..<rank {
            box.origin[axis] = cell[axis] * chunk[axis]
            box.shape[axis] = min(chunk[axis], shape[axis] - box.origin[axis])
        }
        return box
    }

    /// `box` grown to the bounds of the cells it meets, and clipped to the array.
    public func grown(_ box: Box) -> Box {
        let cells = cells(meeting: box)
        var grown = box
        for axis in 0..<rank {
            let start = cells.origin[axis] * chunk[axis]
            let (end, overflow) = (cells.origin[axis] + cells.shape[axis]).multipliedReportingOverflow(by: chunk[axis])
            grown.origin[axis] = start
            grown.shape[axis] = min(overflow ? shape[axis] : end, shape[axis]) - start
        }
        return grown
    }

    /// The first cell and the number of cells per axis that meet `box`.
    public func cells(meeting box: Box) -> Box {
        var cells = box
        for axis in 0..<rank {
            let first = box.origin[axis] / chunk[axis]
            let end = box.shape[axis] == 0 ? first : (box.origin[axis] + box.shape[axis] - 1) / chunk[axis] + 1
            cells.origin[axis] = first
            cells.shape[axis] = end - first
        }
        return cells
    }
}

extension Box {
    /// The index that comes `position`th, last axis fastest.
    func index(at position: Int) -> Coordinate {
        var index = origin
        var rest = position
        for axis in stride(from: rank - 1, through: 0, by: -1) {
            index[axis] += rest % shape[axis]
            rest /= shape[axis]
        }
        return index
    }

    /// Calls `body` for every index in the box, last axis fastest.
    public func forEach<E: Error>(_ body: (Coordinate) throws(E) -> Void) throws(E) {
        guard !isEmpty else { return }
        var index = origin
        while true {
            try body(index)
            var axis = rank - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < origin[axis] + shape[axis] { break }
                index[axis] = origin[axis]
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}
