/// What a planner does so that a connection need not wait between two ranges.
extension DownloadPlanner {
    /// Asks for the next range of connections whose own is nearly here: they lose no round trip between the two.
    mutating func askAhead(_ lines: Set<Int>, _ now: Double, _ commands: inout [Command]) {
        for (id, part) in parts where part.follows.map({ parts[$0] == nil }) ?? false {
            release(id, from: part.follows ?? 0, isComplete: false, now)
        }
        guard !lines.isEmpty, let roundTrip, now >= notBefore else { return }
        for id in parts.keys.sorted() {
            guard let part = parts[id], lines.contains(part.line), part.next == nil, part.follows == nil,
                part.received > 0, part.asked == part.end, part.doubledAt == nil, let rate = part.rate
            else { continue }
            let left = Double(part.end - part.position) / max(rate, 1)
            guard left < 2 * roundTrip + Self.look else { continue }
            let gap = takeGap(rate: rate, last: part.received, isAhead: true, now)
            guard let range = gap?.range ?? cutTail(by: rate, now, after: max(left, roundTrip)) else { continue }
            let next = add(range, now)
            parts[id]?.next = next
            if var made = parts[next] {
                (made.follows, made.line, made.asked, made.isEarly) = (id, part.line, range.upperBound, true)
                made.failures = gap?.failures ?? 0
                parts[next] = made
            }
            commands.append(.open(part: next, range, line: part.line))
        }
    }

    /// Plans are made so often, in seconds.
    private static let look = 0.02

    /// A part's turn has come: the request before its own has ended.
    mutating func release(_ id: Int, from first: Int, isComplete: Bool, _ now: Double) {
        guard var part = parts[id], part.follows == first else { return }
        part.follows = nil
        (part.openedAt, part.begunAt, part.lastByteAt, part.meter) = (now, now, now, (now, 0))
        if isComplete, let before = parts[first] {  // the same connection, as fast as it was
            (part.begunAt, part.rate, part.isNew) = (before.begunAt, before.rate, false)
            (part.base, part.brought) = (before.base, before.brought)
        }
        parts[id] = part
    }
}
