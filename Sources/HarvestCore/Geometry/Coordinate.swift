/// Up to eight whole numbers, one per axis, held inline: an index, a shape, or strides.
public struct Coordinate: Sendable, Hashable {
    /// The most axes an array may have here (T, Z, C, Y, X and samples leave two spare).
    public static let maximumRank = 8

    private var values: InlineArray<8, Int>
    public let count: Int

    /// `count` times `value`. `count` must not pass ``maximumRank``.
    public init(repeating value: Int, count: Int) {
        precondition(count <= Self.maximumRank, "more axes than a Coordinate holds")
        values = InlineArray(repeating: 0)
        self.count = count
        for axis in 0..<count { values[axis] = value }
    }

    /// The numbers of `items`, at most ``maximumRank``.
    public init(_ items: some Collection<Int>) {
        self.init(repeating: 0, count: items.count)
        for (axis, value) in items.enumerated() { values[axis] = value }
    }

    public subscript(axis: Int) -> Int {
        get {
            precondition(axis < count)
            return values[axis]
        }
        set {
            precondition(axis < count)
            values[axis] = newValue
        }
    }

    public var array: [Int] { (0..<count).map { values[$0] } }

    /// The product; `nil` where it passes `Int.max` or a factor is negative.
    public var product: Int? {
        guard (0..<count).allSatisfy({ values[$0] >= 0 }) else { return nil }
        if (0..<count).contains(where: { values[$0] == 0 }) { return 0 }
        var result = 1
        for axis in 0..<count {
            let (value, overflow) = result.multipliedReportingOverflow(by: values[axis])
            guard !overflow else { return nil }
            result = value
        }
        return result
    }

    /// Strides in elements of an array of this shape in C order (last axis fastest).
    public var stridesC: Coordinate {
        var strides = Coordinate(repeating: 1, count: count)
        for axis in stride(from: count - 2, through: 0, by: -1) { strides[axis] = strides[axis + 1] &* self[axis + 1] }
        return strides
    }

    /// Strides in elements of an array of this shape in F order (first axis fastest).
    public var stridesF: Coordinate {
        var strides = Coordinate(repeating: 1, count: count)
        for axis in 0..<max(0, count - 1) { strides[axis + 1] = strides[axis] &* self[axis] }
        return strides
    }

    public static func == (a: Coordinate, b: Coordinate) -> Bool {
        a.count == b.count && (0..<a.count).allSatisfy { a.values[$0] == b.values[$0] }
    }

    public func hash(into hasher: inout Hasher) {
        for axis in 0..<count { hasher.combine(values[axis]) }
    }
}

extension Coordinate: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Coordinate: CustomStringConvertible {
    public var description: String { "\(array)" }
}
