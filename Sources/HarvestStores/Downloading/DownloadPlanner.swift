import HarvestCore

/// Divides one object among connections: a pure value that is told what happened and when, and answers what to do.
///
/// A *part* is a connection's territory. It begins with one; as soon as its speed is known, so many join as would each
/// have some seconds of work. Whoever is idle takes from the part with the latest expected end, so that both end
/// together. What falls silent is asked for a second time; the first of the two that goes on keeps the part. Where a
/// host lets only so many requests start in a second, territories are cut by when their requests may start instead.
struct DownloadPlanner: Sendable {
    struct Options: Sendable {
        /// Connections, at the most.
        var window = 16
        /// A range asked for takes about so long, in bytes between the bounds; an unbounded server is asked for all.
        var chunkSeconds = 4.0
        var chunk = 4 << 20...64 << 20
        /// Another connection joins where each would have so many seconds of work.
        var laneSeconds = 2.0
        /// Whether ranges have an end: FTP's have none, and end with the connection.
        var isBounded = true
        /// A part smaller than this is not divided.
        var leastCut = 64 << 10
        /// Requests that may start in a second, and how many at once after a rest; `nil` where nothing is known.
        var starts: StartGate.Limit?
        /// Tries of one part without any progress.
        var attempts = 8
        /// A connection that is slower than its peers by this much, for so many seconds, is opened anew.
        var slowShare = 0.15, slowSeconds = 10.0
    }

    /// What the connections are to do.
    enum Command: Sendable, Equatable {
        case open(part: Int, Range<Int>)
        case close(part: Int)
    }

    /// How a request ended.
    enum Ending: Sendable {
        /// All it was asked for came, or all that was still wanted.
        case complete
        /// It broke, and may be asked again.
        case broke
        /// The host says "later", and the seconds that it names.
        case refused(after: Double?, RefusalCause)
    }

    struct Part: Sendable {
        /// Where the next byte goes.
        var position: Int
        /// The end of its territory; others may move it.
        var end: Int
        /// The end of what it has asked for; `nil` between two requests.
        var asked: Int?
        var openedAt = 0.0
        /// When its first request was sent.
        var begunAt = 0.0
        var lastByteAt = 0.0
        /// Bytes a second, averaged over about one.
        var rate: Double?
        /// Since when the rate is measured anew, and the bytes since.
        var meter = (start: 0.0, bytes: 0)
        /// Bytes of the request on its way.
        var received = 0
        /// From where on its whole life is averaged, once it has got going.
        var base: (at: Double, bytes: Int)?
        /// Bytes of all its requests.
        var brought = 0
        var slowSince: Double?
        /// The silent part that it doubles.
        var doubles: Int?
        var doubledAt: Double?
        var reopened = 0
        /// Tries that brought nothing.
        var failures = 0

        /// Bytes a second over its life, once that means something.
        func mean(_ now: Double) -> Double? {
            guard let base, now - base.at >= 0.2 else { return nil }
            return Double(brought - base.bytes) / (now - base.at)
        }
    }

    /// Work that no connection has.
    private struct Gap: Sendable {
        var range: Range<Int>
        /// Tries that brought nothing.
        var failures = 0
        var notBefore = 0.0
    }

    let total: Int
    private(set) var done: IntervalSet
    private(set) var parts: [Int: Part] = [:]
    /// Bytes that came more than once.
    private(set) var repeated = 0
    private var gaps: [Gap]
    private var options: Options
    private var lastID = 0
    /// After so many seconds a connection's speed is believed for the first time.
    private static let firstLook = 0.05
    /// Connections that are of use.
    private var lanes: Int
    private var window: Int
    private(set) var gate: StartGate
    private var roundTrip: Double?
    private var notBefore = 0.0
    private var backoff = 0.1
    /// The median rate, and of how many it was taken at the most.
    private var usualRate: Double?, rateCount = 0
    /// Connections that there were at a time: more need new ones.
    private var mostRunning = 1
    private var refusedAt: Double

    /// - Parameters:
    ///   - done: What is here already.
    ///   - now: Seconds on a monotonic clock.
    init(total: Int, done: IntervalSet = IntervalSet(), options: Options = Options(), now: Double) {
        self.total = total
        self.done = done
        self.options = options
        window = max(1, options.window)
        gate = StartGate(options.starts, isFelt: !options.isBounded, now: now)
        refusedAt = now
        gaps = done.gaps(in: 0..<total).map { Gap(range: $0) }
        lanes = max(1, Int(options.starts?.burst ?? 1))
    }

    var isComplete: Bool { done.count == total }

    /// What showed of the host that was not known before; `nil` for nothing.
    var learned: TransportOptions.HostLimits? {
        let starts = options.starts == nil ? gate.limit : nil
        guard starts != nil || window != options.window else { return nil }
        return TransportOptions.HostLimits(
            connections: window, retrievesPerSecond: starts?.perSecond, burst: starts?.burst ?? 1)
    }

    private var remaining: Int { total - done.count }

    /// The first request of all, sent before the length was known.
    mutating func adopt(_ range: Range<Int>, openedAt: Double, now: Double) -> Int {
        gate.spend(now)
        roundTrip = (now - openedAt) / 2  // connecting took as long as asking
        let own = range.clamped(to: 0..<total)
        var taken = done
        taken.insert(own)
        gaps = taken.gaps(in: 0..<total).map { Gap(range: $0) }
        let id = add(own, asked: own.upperBound, now)
        parts[id]?.openedAt = openedAt
        return id
    }

    private mutating func add(_ range: Range<Int>, asked: Int, _ now: Double) -> Int {
        lastID += 1
        parts[lastID] = Part(
            position: range.lowerBound, end: range.upperBound, asked: asked, openedAt: now, begunAt: now,
            lastByteAt: now, meter: (now, 0))
        return lastID
    }

    // MARK: What happens

    /// Takes in bytes of a part.
    ///
    /// - Returns: How many of them are wanted; fewer than came means that the rest belongs to others.
    mutating func received(_ id: Int, _ count: Int, now: Double) -> Int {
        guard var part = parts[id] else { return 0 }
        let wanted = min(count, part.end - part.position)
        let before = done.count
        done.insert(part.position..<part.position + wanted)
        repeated += wanted - (done.count - before)
        if part.received == 0 {
            let latency = now - part.openedAt
            roundTrip = min(roundTrip ?? latency, latency)
            // A host that holds starts back counts those, not connections: later ones need more of these.
            if gate.began(waited: latency, waiting: waiting - 1, now: now) { window = options.window * 3 / 2 }
            if part.rate == nil, part.meter.bytes == 0 { part.meter = (now, 0) }
        }
        part.position += wanted
        part.received += count
        part.brought += count
        part.lastByteAt = now
        part.meter.bytes += count
        let span = now - part.meter.start
        if span >= (part.rate == nil ? Self.firstLook : 0.1) {
            let rate = Double(part.meter.bytes) / span
            // What is young still grows (slow start): there the newest look counts most.
            let weight = min(1, now - part.begunAt < 2 ? 5 * span : span)
            part.rate = part.rate.map { $0 + (rate - $0) * weight } ?? rate
            if part.base == nil { part.base = (now, part.brought) }
            part.meter = (now, 0)
        }
        parts[id] = part
        return wanted
    }

    /// Takes in how a part's request ended.
    mutating func ended(_ id: Int, _ ending: Ending, now: Double) {
        guard var part = parts[id] else { return }
        part.asked = nil
        if case .complete = ending, part.position < part.end {
            part.failures = 0
            parts[id] = part  // goes on with its next range
            return
        }
        parts[id] = nil
        let failures = part.received > 0 ? 0 : part.failures + 1
        var pause = 0.0
        switch ending {
        case .complete: backoff = 0.1
        case .broke: pause = failures == 0 ? 0 : min(20, 0.1 * Double(1 << min(8, failures)))
        case .refused(let after, let cause): refused(after, cause, now)
        }
        if case .complete = ending, options.isBounded, let gap = takeGap(rate: part.rate, now) {
            // The connection goes on elsewhere, as fast as it was.
            (part.position, part.end) = (gap.range.lowerBound, gap.range.upperBound)
            (part.failures, part.doubledAt, part.doubles) = (gap.failures, nil, nil)
            lastID += 1
            parts[lastID] = part
            for other in parts.keys where parts[other]?.doubles == id { parts[other]?.doubles = nil }
            return
        }
        // A part that another doubles is the other's by now.
        let isCovered =
            part.doubles.map { parts[$0] != nil } ?? parts.values.contains { $0.doubles == id }
        if !isCovered, part.position < part.end {
            gaps.append(Gap(range: part.position..<part.end, failures: failures, notBefore: now + pause))
            gaps.sort { $0.range.lowerBound < $1.range.lowerBound }
        }
        for other in parts.keys where parts[other]?.doubles == id { parts[other]?.doubles = nil }
    }

    /// One refusal says what all may do: no more connections than work now, fewer starts, or none before it is time.
    private mutating func refused(_ after: Double?, _ cause: RefusalCause, _ now: Double) {
        switch cause {
        case .connections: window = max(1, min(window, running))
        case .starts: gate.refused(now)
        case .any:
            window = max(1, min(window, running))
            backoff = min(30, backoff * 2)
        }
        notBefore = max(notBefore, now + max(after ?? 0, cause == .any ? backoff / 2 : 0))
        refusedAt = now
    }

    /// Whether some part has been tried too often without any progress.
    var isHopeless: Bool { gaps.contains { $0.failures >= options.attempts } }

    // MARK: What to do

    /// What to do now.
    mutating func plan(now: Double) -> [Command] {
        var commands: [Command] = []
        gate.refill(now)
        if window < options.window, now - refusedAt > 10 { (window, refusedAt) = (window + 1, now) }
        giveUpDoubles(now, &commands)
        guard !isComplete else {
            for id in parts.keys.sorted() where parts[id]?.asked != nil { commands.append(.close(part: id)) }
            return commands
        }
        // Connections that finished a range go on with their territory.
        for id in parts.keys.sorted() {
            guard let part = parts[id], part.asked == nil, now >= notBefore, hasToken else { continue }
            commands.append(ask(id, part, now))
        }
        replaceSlow(now, &commands)
        double(now, &commands)
        while now >= notBefore, running < wanted(), hasToken, let id = next(now) {
            guard let part = parts[id] else { break }
            commands.append(ask(id, part, now))
        }
        return commands
    }

    /// Connections with a request on its way.
    private var running: Int { parts.values.count { $0.asked != nil } }

    /// Those of them that wait for their first byte.
    private var waiting: Int { parts.values.count { $0.asked != nil && $0.received == 0 } }

    /// Whether the host lets another request start.
    private var hasToken: Bool { gate.admits(waiting: waiting, isNew: running >= mostRunning) }

    private mutating func ask(_ id: Int, _ part: Part, _ now: Double) -> Command {
        gate.spend(now)
        var part = part
        let length = options.isBounded ? part.end - part.position : total - part.position
        part.asked = part.position + length
        (part.openedAt, part.lastByteAt, part.received) = (now, now, 0)
        parts[id] = part
        mostRunning = max(mostRunning, running)
        return .open(part: id, part.position..<part.position + length)
    }

    /// The first work that nobody has: some seconds of it, near the start of the object, so that what is whole from its
    /// first byte on grows steadily; towards the end no more than twice what each of all connections can have.
    private mutating func takeGap(rate: Double?, _ now: Double) -> Gap? {
        guard let index = gaps.firstIndex(where: { $0.notBefore <= now && $0.failures < options.attempts }) else {
            return nil
        }
        var gap = gaps.remove(at: index)
        guard options.isBounded else { return gap }
        let rate = rate ?? medianRate()
        let unowned = gap.range.count + gaps.reduce(0) { $0 + $1.range.count }
        var size = options.chunk.upperBound  // too fast to be measured yet
        if let rate { size = min(size, Int(min(rate * options.chunkSeconds, 1e12))) }
        size = max(options.chunk.lowerBound, min(size, 2 * unowned / max(1, wanted())))
        if gap.range.count > size + size / 2 {
            let rest = gap.range.lowerBound + size..<gap.range.upperBound
            gaps.insert(Gap(range: rest, failures: gap.failures, notBefore: gap.notBefore), at: index)
            gap.range = gap.range.lowerBound..<rest.lowerBound
        }
        return gap
    }

    /// What a connection brings once it has got going; of many it is remembered when only few are left.
    private mutating func medianRate() -> Double? {
        let known = parts.filter { $0.value.rate != nil }
            .sorted { ($0.value.begunAt, $0.key) < ($1.value.begunAt, $1.key) }.map(\.value)
        if usualRate != nil, known.count < rateCount / 2 { return usualRate }
        // The older half says it; the younger ones still grow.
        let rates = known.prefix((known.count + 1) / 2).compactMap(\.rate).sorted()
        guard !rates.isEmpty else { return usualRate }
        (usualRate, rateCount) = (rates[rates.count / 2], max(rateCount, known.count))
        return usualRate
    }

    /// How many connections are of use: as many as had some seconds of work each when their speed was first known. One
    /// that is done takes from another, so the number does not shrink with the rest.
    private mutating func wanted() -> Int {
        if let rate = medianRate() {
            let useful = (Double(remaining) / max(rate * options.laneSeconds, 1)).rounded(.up)
            lanes = gate.limit == nil ? max(lanes, Int(min(useful, 1e6))) : window
        }
        return min(window, lanes)
    }

    /// A new part of work that nobody has, or of somebody else's; `nil` where there is none.
    private mutating func next(_ now: Double) -> Int? {
        if let gap = takeGap(rate: nil, now) {
            let id = add(gap.range, asked: gap.range.lowerBound, now)
            parts[id]?.failures = gap.failures
            return id
        }
        return gate.limit == nil ? take(now) : takeByStartTime(now)
    }

    /// Takes the tail of the part that is expected to end last, so that it and all that are idle end together.
    private mutating func take(_ now: Double) -> Int? {
        let own = medianRate() ?? 1
        let candidates = parts.filter { part in
            part.value.asked != nil && part.value.doubledAt == nil
                && part.value.end - part.value.position > options.leastCut
        }
        func expected(_ part: Part) -> Double { Double(part.end - part.position) / max(part.rate ?? own, 1) }
        guard let (id, victim) = candidates.max(by: { (expected($0.value), $0.key) < (expected($1.value), $1.key) })
        else { return nil }
        let length = Double(victim.end - victim.position), rate = victim.rate ?? own
        let cut = (length - rate * (roundTrip ?? 0)) * own / (rate + own * Double(max(1, wanted() - running)))
        // Another request costs a round trip: the victim must end sooner by more.
        let least = max(Double(options.leastCut), rate * (roundTrip ?? 0))
        guard cut >= least, Double(victim.end - victim.position) > cut else { return nil }
        let end = victim.end
        let start = end - Int(cut)
        parts[id]?.end = start
        return add(start..<end, asked: start, now)
    }

    // MARK: Silence and slowness

    /// How long a part may say nothing. A start may be held back for long, and asking again would only cost another.
    private func patience(_ part: Part) -> Double {
        part.received == 0 && !options.isBounded ? 15 : min(15, max(1, 8 * (roundTrip ?? 0)))
    }

    /// Asks a second time for what a silent part still has.
    private mutating func double(_ now: Double, _ commands: inout [Command]) {
        for id in parts.keys.sorted() {
            guard let part = parts[id], part.asked != nil, part.doubledAt == nil, part.doubles == nil,
                now - part.lastByteAt > patience(part), part.position < part.end, hasToken, now >= notBefore,
                running < window + 1
            else { continue }
            let double = add(part.position..<part.end, asked: part.position, now)
            parts[double]?.doubles = id
            parts[id]?.doubledAt = now
            if let made = parts[double] { commands.append(ask(double, made, now)) }
        }
    }

    /// Of a part and its double, the one that goes on keeps the territory.
    private mutating func giveUpDoubles(_ now: Double, _ commands: inout [Command]) {
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
    private mutating func replaceSlow(_ now: Double, _ commands: inout [Command]) {
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
    private mutating func takeByStartTime(_ now: Double) -> Int? {
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
        return add(start..<victim.end, asked: start, now)
    }
}
