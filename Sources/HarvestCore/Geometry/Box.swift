/// A half-open region of an array, in voxels.
public struct Box: Sendable, Hashable {
    /// Index of the first voxel.
    public var origin: Coordinate
    /// Lengths in voxels.
    public var shape: Coordinate

    public init(origin: Coordinate, shape: Coordinate) {
        self.origin = origin
        self.shape = shape
    }

    /// All of an array of that shape.
    public init(shape: [Int]) {
        self.init(origin: Coordinate(repeating: 0, count: shape.count), shape: Coordinate(shape))
    }

    public init(_ ranges: [Range<Int>]) {
        self.init(origin: Coordinate(ranges.map(\.lowerBound)), shape: Coordinate(ranges.map(\.count)))
    }

    public var rank: Int { shape.count }
    public var ranges: [Range<Int>] { (0..<rank).map { origin[$0]..<origin[$0] + shape[$0] } }
    public var isEmpty: Bool { (0..<rank).contains { shape[$0] == 0 } }

    /// Number of voxels; `nil` where it passes `Int.max`.
    public var count: Int? { shape.product }

    /// What both boxes hold; `nil` where they share nothing.
    public func intersection(_ other: Box) -> Box? {
        var result = self
        for axis in 0..<rank {
            let lower = max(origin[axis], other.origin[axis])
            let upper = min(origin[axis] + shape[axis], other.origin[axis] + other.shape[axis])
            guard lower < upper else { return nil }
            result.origin[axis] = lower
            result.shape[axis] = upper - lower
        }
        return result
    }

    public func contains(_ other: Box) -> Bool {
        rank == other.rank
            && (0..<rank).allSatisfy {
                let (start, startOverflow) = other.origin[$0].subtractingReportingOverflow(origin[$0])
                let (room, roomOverflow) = shape[$0].subtractingReportingOverflow(start)
                return !startOverflow && !roomOverflow && start >= 0 && other.shape[$0] >= 0 && other.shape[$0] <= room
            }
    }

    /// Parses `z0:z1,y0:y1,x0:x1`, one half-open range per axis; `:` is a whole axis of `shape`.
    ///
    /// - Throws: ``HarvestError`` `.invalid`.
    public static func parse(_ text: String, shape: [Int]) throws(HarvestError) -> Box {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == shape.count else {
            throw .invalid("the box \"\(text)\" has \(parts.count) ranges for \(shape.count) axes")
        }
        var ranges: [Range<Int>] = []
        for (part, length) in zip(parts, shape) {
            let ends = part.split(separator: ":", omittingEmptySubsequences: false)
            guard ends.count == 2, let lower = ends[0].isEmpty ? 0 : Int(ends[0].trimmingSpaces()),
                let upper = ends[1].isEmpty ? length : Int(ends[1].trimmingSpaces()), lower >= 0, lower < upper
            else {
                throw .invalid(
                    "the box \"\(text)\" is not of the form z0:z1,y0:y1,x0:x1 with each start before its stop",
                    next: "ranges are half-open, in voxels")
            }
            guard upper <= length else {
                throw .invalid("the box \"\(text)\" leaves the volume, whose shape is \(shape)")
            }
            ranges.append(lower..<upper)
        }
        return Box(ranges)
    }
}

extension Box: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Range<Int>...) { self.init(elements) }
}

extension Box: CustomStringConvertible {
    public var description: String {
        (0..<rank).map { axis in
            let (end, overflow) = origin[axis].addingReportingOverflow(shape[axis])
            return overflow ? "\(origin[axis]):…" : "\(origin[axis]):\(end)"
        }.joined(separator: ",")
    }
}
