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
                now - part.lastByteAt > patience(part), part.position < part.end, hasToken, now >= notBefore,
                running < window + 1
            else { continue }
            let double = add(part.position..<part.end, asked: part.position, now)
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
            let anew = add(part.position..<part.end, asked: part.position, now)
            parts[anew]?.reopened = part.reopened + 1
            if let made = parts[anew], hasToken {
                commands.append(ask(anew, made, now))
            } else {
                parts[anew]?.asked = nil
            }
        }
    }

    // MARK: Hosts that count requests

    /// Takes the tail of a part where the host counts starts: as much as the new connection brings until all end together.
    ///
    /// With the speeds of those that run, speed c of new ones and their starts s, all end at
    /// T = (rest + c Σ s) / (Σ speeds + n c); as many are counted as start before T. Each time one may start, T is found anew.
    mutating func takeByStartTime(_ now: Double) -> Int? {
        let means = parts.values.compactMap { $0.mean(now) }.sorted()
        let open = parts.filter { $0.value.asked != nil && $0.value.doubledAt == nil }
        guard let starts = gate.limit else { return nil }
        guard !means.isEmpty else {
            // No speed is known, and a start that is not used is lost: halves, of which others can take later.
            guard
                let (id, victim) = open.max(by: {
                    ($0.value.end - $0.value.position, $0.key) < ($1.value.end - $1.value.position, $1.key)
                }), victim.end - victim.position >= 16 * options.leastCut
            else { return nil }
            let middle = victim.position + (victim.end - victim.position) / 2
            parts[id]?.end = middle
            tell(.took(middle..<victim.end))
            return add(middle..<victim.end, asked: middle, now)
        }
        let own = means[means.count / 2], latency = roundTrip ?? 0
        var rest = Double(gaps.reduce(0) { $0 + $1.range.count }), speed = 0.0
        for part in open.values {
            rest += Double(part.end - part.position)
            speed += part.mean(now) ?? own
            if part.rate == nil { rest += own * max(0, part.openedAt + latency - now) }
        }
        var time: Double?
        for index in 0..<max(0, window - open.count) {
            let start = max(0, (Double(index + 1) - gate.tokens) / starts.perSecond) + latency
            let end = (rest + own * start) / (speed + own)
            guard start < end else { break }
            rest += own * start
            speed += own
            time = end
        }
        guard let time else { return nil }
        func left(_ part: Part) -> Double { Double(part.end - part.position) - (part.mean(now) ?? own) * time }
        guard let (id, victim) = open.max(by: { (left($0.value), $0.key) < (left($1.value), $1.key) }) else {
            return nil
        }
        var size = own * (time - latency)
        // What would remain for somebody else and is hardly worth a request goes along.
        if left(victim) - size < Double(options.leastCut) { size = left(victim) }
        guard size >= Double(options.leastCut), Int(size) < victim.end - victim.position else { return nil }
        let start = victim.end - Int(size)
        parts[id]?.end = start
        tell(.took(start..<victim.end))
        return add(start..<victim.end, asked: start, now)
    }
}
