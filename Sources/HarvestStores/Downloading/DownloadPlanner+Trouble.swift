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

    /// Whether the connection is there still: what has no end of its own is over only with it.
    func keeps(_ ending: Ending) -> Bool {
        switch ending {
        case .complete: options.isBounded
        case .broke, .refused(_, .connections), .refused(_, .any): false
        case .refused(_, .starts): true
        }
    }

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
    /// When that is, is looked for anew each time one may start: see ``StartShares``.
    mutating func takeByStartTime(_ now: Double) -> Int? {
        let open = open
        // No speed is known, and a start that is not used is lost.
        guard let own = usualSpeed(now) else { return takeHalf(now) }
        func latency(isNew: Bool) -> Double { gate.latency(isNew: isNew) ?? roundTrip ?? 0 }
        func begin(_ index: Int, isNew: Bool) -> Double {
            gate.pause(after: index, isNew: isNew, now) + latency(isNew: isNew)
        }
        let works = open.map { id, part in
            StartShares.Work(
                id: id, rest: Double(part.end - part.position), speed: part.speed(now, usual: own),
                silence: part.rate == nil ? max(0, part.openedAt + latency(isNew: part.isNew) - now) : 0,
                lead: Double(total - part.end) / options.hashRate)
        }
        let areNew = !options.isBounded
        let idle = max(0, min(window - open.count, 256))
        let shares = StartShares(
            works: works.sorted { $0.id < $1.id }, own: own,
            begins: (0..<idle).map { begin($0, isNew: $0 >= spare) },
            later: (0..<works.count + idle).map { begin(idle + $0, isNew: areNew) },
            latency: latency(isNew: areNew))
        guard let (id, bytes) = shares.first, let victim = parts[id], bytes >= options.leastCut,
            bytes < victim.end - victim.position
        else { return nil }
        return add(cut(id, at: victim.end - bytes), now)
    }
}
