/// Which bytes of an object are here: half-open ranges in order, none touching the next.
struct IntervalSet: Sendable, Equatable {
    private(set) var ranges: [Range<Int>] = []

    init(_ ranges: [Range<Int>] = []) { for range in ranges { insert(range) } }

    mutating func insert(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        var (low, high) = (range.lowerBound, range.upperBound)
        // Those that touch the new one stand together.
        let first = ranges.firstIndex { $0.upperBound >= low } ?? ranges.count
        var last = first
        while last < ranges.count, ranges[last].lowerBound <= high {
            low = min(low, ranges[last].lowerBound)
            high = max(high, ranges[last].upperBound)
            last += 1
        }
        ranges.replaceSubrange(first..<last, with: [low..<high])
    }

    /// What is missing of `whole`, in order.
    func gaps(in whole: Range<Int>) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var position = whole.lowerBound
        for range in ranges where range.upperBound > whole.lowerBound && range.lowerBound < whole.upperBound {
            if range.lowerBound > position { gaps.append(position..<range.lowerBound) }
            position = max(position, range.upperBound)
        }
        if position < whole.upperBound { gaps.append(position..<whole.upperBound) }
        return gaps
    }

    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// Where the first byte from the start on is missing.
    var front: Int { ranges.first.map { $0.lowerBound == 0 ? $0.upperBound : 0 } ?? 0 }
}
