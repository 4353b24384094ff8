/// What a planner does where a connection says nothing or is slow, and where the host counts what starts.
extension DownloadPlanner {
    // MARK: Silence and slowness

    /// How long a part may say nothing. A start may be held back for long, and asking again would only cost another.
    private func patience(_ part: Part) -> Double {
        part.received == 0 && !options.isBounded ? 15 : min(15, max(1, 8 * (roundTrip ?? 0)))
    }

    /// Asks a second time for what a silent part still has.
    mutating func double(_ now: Double, _ commands: inout [Command]) {
        for id in parts.keys.sorted() {
            guard let part = parts[id], part.asked != nil, part.doubledAt == nil, part.doubles == nil,
                part.follows == nil, now - part.lastByteAt > patience(part), part.position < part.end, hasToken(now),
                now >= notBefore,
                running < window + 1
            else { continue }
            let double = add(part.position..<part.end, now)
            parts[double]?.doubles = id
            parts[id]?.doubledAt = now
            tell(.doubled(part.position..<part.end))
            if let made = parts[double] { commands.append(ask(double, made, now)) }
        }
    }

    /// Of a part and its double, the one that goes on keeps the territory.
    mutating func giveUpDoubles(_ now: Double, _ commands: inout [Command]) {
        for id in parts.keys.sorted() {
            guard let double = parts[id], let first = double.doubles else { continue }
            guard let silent = parts[first] else {
                parts[id]?.doubles = nil
                continue
            }
            let since = silent.doubledAt ?? now
            if silent.lastByteAt > since {  // it woke first
                parts[first]?.doubledAt = nil
                parts[id] = nil
                commands.append(.close(part: id))
            } else if double.received > 0 {
                parts[id]?.doubles = nil
                parts[first] = nil
                commands.append(.close(part: first))
            }
        }
    }

    /// A connection far slower than the others is closed; what it had is asked for anew.
    mutating func replaceSlow(_ now: Double, _ commands: inout [Command]) {
        guard parts.count > 2, let median = medianRate() else { return }
        for id in parts.keys.sorted() {
            guard let part = parts[id], part.asked != nil, part.doubledAt == nil, part.reopened < 2,
                let rate = part.rate, rate < options.slowShare * median, rate < 4e6 / 15
            else {
                parts[id]?.slowSince = nil
                continue
            }
            guard let since = part.slowSince else {
                parts[id]?.slowSince = now
                continue
            }
            guard now - since > options.slowSeconds else { continue }
            parts[id] = nil
            tell(.replaced(part.position..<part.end))
            commands.append(.close(part: id))
            let anew = add(part.position..<part.end, now)
            parts[anew]?.reopened = part.reopened + 1
            if let made = parts[anew], hasToken(now) { commands.append(ask(anew, made, now)) }
        }
    }

    // MARK: Hosts that count requests

    /// Takes half of the longest part, of which others can take later. Where all connections are of use in the end, each
    /// half is good for a whole number of them.
    mutating func takeHalf(_ now: Double) -> Int? {
        guard
            let (id, victim) = open.max(by: {
                ($0.value.end - $0.value.position, $0.key) < ($1.value.end - $1.value.position, $1.key)
            }), victim.end - victim.position >= 16 * options.leastCut
        else { return nil }
        let length = Double(victim.end - victim.position)
        let shares = max(2, (length / Double(total) * Double(window)).rounded())
        let middle = victim.position + Int(length * ((shares + 1) / 2).rounded(.down) / shares)
        return add(cut(id, at: middle), now)
    }

    /// So much later, as a share of the time left, a part may end: speeds waver, and the latest of all guesses is no rule
    /// for the others.
    private static let slack = 0.011
    /// So often starts to come change places while they are shared out.
    private static let swaps = 4

    /// Bytes a second of one connection, over all that run; `nil` until that means something.
    private func usualSpeed(_ now: Double) -> Double? {
        var bytes = 0, seconds = 0.0
        for part in parts.values {
            guard let base = part.base else { continue }
            bytes += part.brought - base.bytes
            seconds += part.heardUntil(now) - base.at
        }
        return seconds > 0.2 ? Double(bytes) / seconds : nil
    }

    /// Takes the tail of a part where the host counts starts: as much as the new connection brings until all end together.
    ///
    /// When that is comes from playing the coming starts through: each takes from the part with the most left, what it
    /// brings until then. The least time at which nothing is left is looked for anew each time one may start.
    mutating func takeByStartTime(_ now: Double) -> Int? {
        let open = open
        // No speed is known, and a start that is not used is lost.
        guard let own = usualSpeed(now) else { return takeHalf(now) }
        func isNew(_ index: Int) -> Bool { open.count + index >= mostRunning }
        func latency(isNew: Bool) -> Double { gate.latency(isNew: isNew) ?? roundTrip ?? 0 }
        /// Of one that runs: what it still has, its speed, for how long it will say nothing, and how much earlier than all
        /// it should end, because what stands behind it is hashed after it.
        struct Work {
            var id: Int
            var rest, speed, silence, lead: Double

            func left(_ time: Double) -> Double { rest - speed * max(0, time - lead - silence) }
        }
        let works = open.map { id, part in
            Work(
                id: id, rest: Double(part.end - part.position), speed: part.speed(now, usual: own),
                silence: part.rate == nil ? max(0, part.openedAt + latency(isNew: part.isNew) - now) : 0,
                lead: Double(total - part.end) / options.hashRate)
        }.sorted { $0.id < $1.id }
        let begins = (0..<max(0, min(window - open.count, 256))).map {
            gate.pause(after: $0, isNew: isNew($0), now) + latency(isNew: isNew($0))
        }
        /// Which part each of the coming starts takes from, and what is left by then of the one with most.
        func share(_ time: Double) -> (taken: [Int], most: Double) {
            var left = works.map { $0.left(time) }, taken: [Int] = []
            func brought(_ start: Int, _ work: Int) -> Double { own * max(0, time - works[work].lead - begins[start]) }
            func fullest() -> Int? {
                left.indices.max { left[$0] < left[$1] }.flatMap { left[$0] > 0 ? $0 : nil }
            }
            for start in begins.indices {
                guard let most = fullest() else { break }
                left[most] -= brought(start, most)
                taken.append(most)
            }
            // Where one has too little for its last start, another has too much: two starts change places, or one goes there.
            for _ in 0..<Self.swaps {
                guard let most = fullest() else { break }
                var best = (most: left[most] - 1, start: 0, other: Int?.none)
                for start in taken.indices where taken[start] != most {
                    let work = taken[start], less = brought(start, most), more = brought(start, work)
                    let after = max(left[most] - less, left[work] + more)
                    if after < best.most { best = (after, start, nil) }
                    for other in taken.indices where taken[other] == most {
                        let after = max(
                            left[most] - less + brought(other, most), left[work] + more - brought(other, work))
                        if after < best.most { best = (after, start, other) }
                    }
                }
                guard best.most < left[most] - 1 else { break }
                let work = taken[best.start]
                for (start, from, to) in [(best.start, work, most)] + (best.other.map { [($0, most, work)] } ?? []) {
                    left[from] += brought(start, from)
                    left[to] -= brought(start, to)
                    taken[start] = to
                }
            }
            return (taken, left.max() ?? 0)
        }
        func isEnough(_ time: Double) -> Bool { share(time).most <= own * time * Self.slack }
        var (early, time) = (0.0, works.map { $0.silence + $0.lead + $0.rest / max($0.speed, 1) }.max() ?? 0)
        for _ in 0..<24 {
            let middle = (early + time) / 2
            if isEnough(middle) { time = middle } else { early = middle }
        }
        guard let work = share(time).taken.first.map({ works[$0] }), let victim = parts[work.id] else { return nil }
        let id = work.id, wait = latency(isNew: isNew(0))
        // Where that is more than the other has to give, the two end together, and sooner.
        let together = (work.rest + own * wait + work.speed * work.silence) / (own + work.speed)
        let size = own * (min(time - work.lead, together) - wait)
        guard size >= Double(options.leastCut), Int(size) < victim.end - victim.position else { return nil }
        return add(cut(id, at: victim.end - Int(size)), now)
    }
}
