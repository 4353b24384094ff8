/// Shares out the coming starts among the parts of an object, where a host counts what starts. A pure value.
///
/// Each start takes the tail of the part that would have the most left when all end, and brings of it what it can until
/// then. The least such time is found by playing the starts through. Times are seconds from now.
struct StartShares {
    /// A part that runs.
    struct Work {
        var id: Int
        /// Bytes that it still has, and brings in a second.
        var rest, speed: Double
        /// For so long it will say nothing.
        var silence: Double
        /// So much earlier than all it should end, because what stands behind it is hashed after it.
        var lead: Double

        func left(_ time: Double) -> Double { rest - speed * max(0, time - lead - silence) }

        /// When it ends, if nothing is taken from it.
        var end: Double { silence + rest / max(speed, 1) }
    }

    var works: [Work]
    /// What one more connection brings, in bytes a second.
    var own: Double
    /// When the first byte of each connection that is idle would come.
    var begins: [Double]
    /// When the first bytes of those that start after them would come, as far as the host lets them.
    var later: [Double]
    /// From a request to its first byte, of a connection that has brought something before.
    var latency: Double

    /// So much later, as a share of the time left, a part may end: speeds waver, and the latest of all guesses is no rule
    /// for the others.
    private static let slack = 0.011
    /// So often starts to come change places while they are shared out.
    private static let swaps = 4

    /// The part that the first start takes from, and how many bytes of its tail; `nil` where it is of no use.
    var first: (id: Int, bytes: Int)? {
        var (early, time) = (0.0, works.map { $0.lead + $0.end }.max() ?? 0)
        for _ in 0..<24 {
            let middle = (early + time) / 2
            if share(middle).most <= own * middle * Self.slack { time = middle } else { early = middle }
        }
        guard let work = share(time).taken.first.map({ works[$0] }), let wait = begins.first else { return nil }
        let brought = own * (time - work.lead - wait)
        // Where connections are scarce, who is done sooner takes once more; where starts are, the two end together, and
        // sooner.
        let together = (work.rest + own * wait + work.speed * work.silence) / (own + work.speed)
        let isScarce = begins.allSatisfy { $0 < time }
        return (work.id, Int(min(brought, isScarce ? work.left(time) : own * (together - wait))))
    }

    /// Which part each idle connection's start takes from, and what is left by then of the one with the most.
    private func share(_ time: Double) -> (taken: [Int], most: Double) {
        var left = works.map { $0.left(time) }
        let taken = shareIdle(time, &left)
        var ends = works.map(\.end).filter { $0 < time - latency }
        for index in Set(taken) where left[index] < 0 { ends.append(time - works[index].lead + left[index] / own) }
        shareAgain(ends, time, &left)
        return (taken, left.max() ?? 0)
    }

    private func brought(_ start: Int, _ work: Int, _ time: Double) -> Double {
        own * max(0, time - works[work].lead - begins[start])
    }

    /// The part with the most left.
    private func fullest(_ left: [Double]) -> Int? {
        left.indices.max { left[$0] < left[$1] }.flatMap { left[$0] > 0 ? $0 : nil }
    }

    private func shareIdle(_ time: Double, _ left: inout [Double]) -> [Int] {
        var taken: [Int] = []
        for start in begins.indices {
            guard let most = fullest(left) else { break }
            left[most] -= brought(start, most, time)
            taken.append(most)
        }
        // Where one has too little for its last start, another has too much: two starts change places, or one goes there.
        for _ in 0..<Self.swaps {
            guard let most = fullest(left) else { break }
            var best = (most: left[most] - 1, start: 0, other: Int?.none)
            for start in taken.indices where taken[start] != most {
                let work = taken[start], less = brought(start, most, time), more = brought(start, work, time)
                let after = max(left[most] - less, left[work] + more)
                if after < best.most { best = (after, start, nil) }
                for other in taken.indices where taken[other] == most {
                    let after = max(
                        left[most] - less + brought(other, most, time), left[work] + more - brought(other, work, time))
                    if after < best.most { best = (after, start, other) }
                }
            }
            guard best.most < left[most] - 1 else { break }
            let work = taken[best.start]
            for (start, from, to) in [(best.start, work, most)] + (best.other.map { [($0, most, work)] } ?? []) {
                left[from] += brought(start, from, time)
                left[to] -= brought(start, to, time)
                taken[start] = to
            }
        }
        return taken
    }

    /// Who is done before that time takes once more: no longer than it is needed, so that it may take again.
    private func shareAgain(_ ends: [Double], _ time: Double, _ left: inout [Double]) {
        var ends = ends.sorted(by: >)
        for later in later {
            guard let most = fullest(left), let end = ends.popLast() else { return }
            let begin = max(end + latency, later)
            let all = own * max(0, time - works[most].lead - begin), share = min(left[most], all)
            guard share > 0 else { return }
            left[most] -= share
            let next = begin + share / own
            if share < all { ends.insert(next, at: ends.firstIndex { $0 < next } ?? ends.count) }
        }
    }
}
