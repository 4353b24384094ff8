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
        /// Connections that log in already, beside the first.
        var loggedIn = 0
        /// Whether ranges have an end: FTP's have none, and end with the connection.
        var isBounded = true
        /// A part smaller than this is not divided.
        var leastCut = 64 << 10
        /// A tail smaller than this is left to who has it.
        var leastTail = 16 << 10
        /// Requests that may start in a second, and how many at once after a rest; `nil` where nothing is known.
        var starts: StartGate.Limit?
        /// Tries of one part without any progress.
        var attempts = 8
        /// Bytes a second that are hashed, in order, by who follows: what is whole from the first byte on should be so a
        /// little earlier than the rest.
        var hashRate = Double.infinity
        /// A connection that is slower than its peers by this much, for so many seconds, is opened anew.
        var slowShare = 0.15, slowSeconds = 10.0
    }

    /// What the connections are to do.
    enum Command: Sendable, Equatable {
        /// Asks for a range, on the line of that number.
        case open(part: Int, Range<Int>, line: Int)
        case close(part: Int)
    }

    /// What is worth telling of a plan.
    enum News: Sendable, Equatable {
        /// An idle connection took this from another.
        case took(Range<Int>)
        /// A connection says nothing; what it had is asked for a second time.
        case doubled(Range<Int>)
        /// A connection is far slower than the others, and opened anew.
        case replaced(Range<Int>)
    }

    /// How a request ended.
    enum Ending: Sendable {
        /// All it was asked for came, or all that was still wanted.
        case complete
        /// It broke, and may be asked again.
        case broke
        /// The host says "later", and the seconds that it names.
        case refused(after: Double?, RefusalCause)

        var isComplete: Bool { if case .complete = self { true } else { false } }
    }

    struct Part: Sendable {
        /// Where the next byte goes.
        var position: Int
        /// The end of its territory; others may move it.
        var end: Int
        /// The end of what it has asked for; `nil` between two requests.
        var asked: Int?
        /// Whose connection it goes on with.
        var line = 0
        /// The part behind whose request its own stands already, and the one that stands behind this one's.
        var follows: Int?, next: Int?
        /// Whether its request was sent ahead: when its first byte comes says nothing of the way.
        var isEarly = false
        var openedAt = 0.0
        /// Whether its request had to log in.
        var isNew = true
        /// When its first request was sent.
        var begunAt = 0.0
        var lastByteAt = 0.0
        /// Bytes a second, averaged over about one.
        var rate: Double?
        /// Since when the rate is measured anew, and the bytes since.
        var meter = (start: 0.0, bytes: 0)
        /// Bytes of the request on its way.
        var received = 0
        /// From where on its whole life is averaged: its first bytes, so that a slow start and what makes up for it even out.
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

        /// Bytes a second over its life, taken for what is usual until it has lasted.
        func speed(_ now: Double, usual: Double) -> Double {
            guard let base else { return usual }
            return (Double(brought - base.bytes) + usual) / (heardUntil(now) - base.at + 1)
        }

        /// The end of the time in which its bytes came: they come in pieces, and the time since the last one is the next's.
        func heardUntil(_ now: Double) -> Double { now - lastByteAt < 0.1 ? lastByteAt : now }
    }

    /// Work that no connection has.
    struct Gap: Sendable {
        var range: Range<Int>
        /// Tries that brought nothing.
        var failures = 0
        var notBefore = 0.0
    }

    /// Since it was taken last.
    private var untold: [News] = []

    let total: Int
    private(set) var done: IntervalSet
    var parts: [Int: Part] = [:]
    /// Bytes that came more than once.
    private(set) var repeated = 0
    var gaps: [Gap]
    let options: Options
    private var lastID = 0
    /// After so many seconds a connection's speed is believed for the first time.
    private static let firstLook = 0.03
    /// Before any speed is known, a connection joins for each so many bytes.
    private static let laneBytes = 4 << 20
    /// Connections that are of use.
    private var lanes: Int
    /// When their number was set last, and how fast all were then.
    private var lanesAt = -Double.infinity, lanesSum = 0.0
    var window: Int
    private(set) var gate: StartGate
    var roundTrip: Double?
    var notBefore = 0.0
    private var backoff = 0.1
    /// The median rate, and of how many it was taken at the most.
    private var usualRate: Double?, rateCount = 0
    /// Connections that there were at a time.
    private(set) var mostRunning = 1
    /// Connections that are there and have nothing to do: more requests need new ones.
    private(set) var spare: Int
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
        lanes = 1
        spare = options.loggedIn
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
        gate.spend(isNew: nil, now)
        roundTrip = (now - openedAt) / 2  // connecting took as long as asking
        let asked = range.clamped(to: 0..<total)
        // What has no end of its own runs into what is here already; there it is cut off.
        let own = options.isBounded ? asked : done.gaps(in: asked).first ?? asked
        var taken = done
        taken.insert(own)
        gaps = taken.gaps(in: 0..<total).map { Gap(range: $0) }
        let id = add(own, now)
        parts[id]?.asked = asked.upperBound
        parts[id]?.openedAt = openedAt
        // Over a long way one connection is slow for its first second, whatever it will bring: others join at once.
        if options.isBounded, roundTrip ?? 0 >= 0.01 { lanes = max(1, remaining / Self.laneBytes) }
        return id
    }

    /// A new part, of which nothing is asked yet.
    mutating func add(_ range: Range<Int>, _ now: Double) -> Int {
        lastID += 1
        parts[lastID] = Part(
            position: range.lowerBound, end: range.upperBound, line: lastID, openedAt: now, begunAt: now,
            lastByteAt: now, meter: (now, 0))
        return lastID
    }

    // MARK: What happens

    /// Takes in bytes of a part.
    ///
    /// - Returns: How many of them are wanted; fewer than came means that the rest belongs to others.
    mutating func received(_ id: Int, _ count: Int, now: Double) -> Int {
        if let first = parts[id]?.follows { release(id, from: first, isComplete: true, now) }
        guard var part = parts[id] else { return 0 }
        let wanted = min(count, part.end - part.position)
        let before = done.count
        done.insert(part.position..<part.position + wanted)
        repeated += wanted - (done.count - before)
        if part.received == 0, !part.isEarly {
            let latency = now - part.openedAt
            roundTrip = min(roundTrip ?? latency, latency)
            // A host that holds starts back counts those, not connections: later ones need more of these.
            if gate.began(waited: latency, isNew: part.isNew, waiting: waiting - 1, now: now) {
                window = options.window * 3 / 2
            }
            if part.rate == nil, part.meter.bytes == 0 { part.meter = (now, 0) }
        }
        if part.base == nil { part.base = (now, count) }
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
            part.meter = (now, 0)
        }
        parts[id] = part
        return wanted
    }

    /// Takes in how a part's request ended.
    mutating func ended(_ id: Int, _ ending: Ending, now: Double) {
        guard var part = parts[id] else { return }
        if let next = part.next { release(next, from: id, isComplete: ending.isComplete, now) }
        part.asked = nil
        if keeps(ending), part.next == nil { spare += 1 }
        if ending.isComplete, part.position < part.end {
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
        if ending.isComplete, options.isBounded, part.next == nil,
            let gap = takeGap(rate: part.rate, last: part.received, now)
        {
            // The connection goes on elsewhere, as fast as it was.
            (part.position, part.end) = (gap.range.lowerBound, gap.range.upperBound)
            (part.failures, part.doubledAt, part.doubles, part.follows) = (gap.failures, nil, nil, nil)
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
    ///
    /// - Parameter lines: Those on which a request may be sent ahead of the answer to the one before.
    mutating func plan(now: Double, ahead lines: Set<Int> = []) -> [Command] {
        var commands: [Command] = []
        if window < options.window, now - refusedAt > 10 { (window, refusedAt) = (window + 1, now) }
        giveUpDoubles(now, &commands)
        guard !isComplete else {
            for id in parts.keys.sorted() where parts[id]?.asked != nil { commands.append(.close(part: id)) }
            return commands
        }
        // Connections that finished a range go on with their territory.
        for id in parts.keys.sorted() {
            guard let part = parts[id], part.asked == nil, now >= notBefore, hasToken(now) else { continue }
            commands.append(ask(id, part, now))
        }
        replaceSlow(now, &commands)
        double(now, &commands)
        askAhead(lines, now, &commands)
        while now >= notBefore, running < wanted(now), hasToken(now), let id = next(now) {
            guard let part = parts[id] else { break }
            commands.append(ask(id, part, now))
        }
        return commands
    }

    mutating func tell(_ news: News) { untold.append(news) }

    /// What was done since this was asked last.
    mutating func takeNews() -> [News] {
        defer { untold = [] }
        return untold
    }

    /// Connections with a request on its way.
    var running: Int { parts.values.count { $0.asked != nil && $0.follows == nil } }

    /// Those of them that wait for their first byte.
    private var waiting: Int { parts.values.count { $0.asked != nil && $0.received == 0 && $0.follows == nil } }

    /// Whether the host lets another request start.
    func hasToken(_ now: Double) -> Bool {
        gate.admits(waiting: waiting, isNew: spare == 0, now)
    }

    mutating func ask(_ id: Int, _ part: Part, _ now: Double) -> Command {
        let isNew = spare == 0
        spare = max(0, spare - 1)
        gate.spend(isNew: isNew, waiting: waiting, now)
        var part = part
        let length = options.isBounded ? part.end - part.position : total - part.position
        part.asked = part.position + length
        (part.openedAt, part.lastByteAt, part.received, part.isNew, part.isEarly) = (now, now, 0, isNew, false)
        parts[id] = part
        mostRunning = max(mostRunning, running)
        return .open(part: id, part.position..<part.position + length, line: part.line)
    }

    /// The first work that nobody has: some seconds of it, near the start of the object, so that what is whole from its
    /// first byte on grows steadily; towards the end no more than what each of all connections can have, or twice that
    /// where some are much slower, of which will be taken anyway.
    ///
    /// - Parameter last: Bytes of the request before, for one that is too fast to be measured yet.
    /// - Parameter isAhead: Whether the request is sent ahead, so that a short range costs no time.
    mutating func takeGap(rate: Double?, last: Int, isAhead: Bool = false, _ now: Double) -> Gap? {
        guard let index = gaps.firstIndex(where: { $0.notBefore <= now && $0.failures < options.attempts }) else {
            return nil
        }
        guard options.isBounded else { return gaps.remove(at: index) }
        let rate = rate ?? medianRate(), seconds = chunkSeconds
        // What a slow one holds up in front goes first; what is cut off is partly sent in vain.
        let late = 1.5 * (isEven ? options.chunkSeconds : seconds)
        if let rate, let tail = cutTail(by: rate, now, laterThan: late) { return Gap(range: tail) }
        var gap = gaps.remove(at: index)
        let unowned = gap.range.count + gaps.reduce(0) { $0 + $1.range.count }
        var size = max(options.chunk.lowerBound, 2 * last)
        if let rate { size = Int(min(rate * seconds, 1e12)) }
        size = min(size, options.chunk.upperBound)
        // Of a slow one the last ranges are shorter: what is cut off from a range on its way is partly sent in vain. Where
        // they cost no time they are so short that nothing need be cut off.
        let isEven = isEven, isFine = isAhead && isEven, shortest = isFine ? 128 << 10 : 512 << 10
        let least = rate.map {
            min(options.chunk.lowerBound, max(shortest, Int(min($0 * (isFine ? 0.15 : 0.7), 1e12))))
        }
        size = max(least ?? options.chunk.lowerBound, min(size, (isEven ? 1 : 2) * unowned / max(1, wanted(now))))
        if gap.range.count > size + size / 2 {
            let rest = gap.range.lowerBound + size..<gap.range.upperBound
            gaps.insert(Gap(range: rest, failures: gap.failures, notBefore: gap.notBefore), at: index)
            gap.range = gap.range.lowerBound..<rest.lowerBound
        }
        return gap
    }

    /// Seconds that a range should take. Of a transfer that is soon over they are fewer: its checksum follows what is whole
    /// from the first byte on, and what lies behind the oldest range is left for the end.
    private var chunkSeconds: Double {
        let speed = parts.values.reduce(0) { $0 + ($1.rate ?? 0) }
        guard speed > 0, options.hashRate.isFinite else { return options.chunkSeconds }
        return min(options.chunkSeconds, max(options.chunkSeconds / 4, Double(remaining) / speed / 4))
    }

    /// Whether all connections are about as fast as each other.
    private var isEven: Bool {
        let rates = parts.values.compactMap(\.rate)
        guard let least = rates.min(), let most = rates.max() else { return false }
        return most < 1.5 * least
    }

    /// What a connection brings once it has got going; of many it is remembered when only few are left.
    mutating func medianRate() -> Double? {
        let known = parts.filter { $0.value.rate != nil }
            .sorted { ($0.value.begunAt, $0.key) < ($1.value.begunAt, $1.key) }.map(\.value)
        if usualRate != nil, known.count < rateCount / 2 { return usualRate }
        // The older half says it; the younger ones still grow.
        let rates = known.prefix((known.count + 1) / 2).compactMap(\.rate).sorted()
        guard !rates.isEmpty else { return usualRate }
        (usualRate, rateCount) = (rates[rates.count / 2], max(rateCount, known.count))
        return usualRate
    }

    /// How many connections are of use: as many as had some seconds of work each when their speed was first known, and
    /// more where all together became faster by those, or slower without a reason. One that is done takes from another,
    /// so the number does not shrink with the rest.
    mutating func wanted(_ now: Double) -> Int {
        guard gate.limit == nil else { return window }
        if let rate = medianRate(), now - lanesAt >= 1 {
            let useful = Int(min((Double(remaining) / max(rate * options.laneSeconds, 1)).rounded(.up), 1e6))
            let sum = parts.values.reduce(0) { $0 + ($1.rate ?? 0) }
            let isFirst = lanesAt == -.infinity
            if useful > lanes, isFirst || !(0.5...1.25).contains(sum / max(lanesSum, 1)) {
                (lanes, lanesAt, lanesSum) = (isFirst ? useful : min(useful, 2 * lanes), now, sum)
            } else if isFirst {
                (lanesAt, lanesSum) = (now, sum)
            }
        }
        return min(window, lanes)
    }

    /// A new part of work that nobody has, or of somebody else's; `nil` where there is none.
    private mutating func next(_ now: Double) -> Int? {
        if let gap = takeGap(rate: nil, last: 0, now) {
            let id = add(gap.range, now)
            parts[id]?.failures = gap.failures
            return id
        }
        guard gate.limit == nil else { return takeByStartTime(now) }
        // What has no end of its own is cut again by who comes later, at no cost.
        return !options.isBounded && mostRunning < window ? takeHalf(now) ?? take(now) : take(now)
    }

    private mutating func take(_ now: Double) -> Int? {
        cutTail(by: medianRate() ?? 1, now).map { add($0, now) }
    }

    /// Takes the tail of the part that is expected to end last, so that it and all that are idle end together.
    ///
    /// - Parameters:
    ///   - own: What the one that takes it brings, in bytes a second.
    ///   - seconds: A part that ends sooner keeps it.
    ///   - wait: Seconds until its first byte; `nil` for a round trip.
    mutating func cutTail(
        by own: Double, _ now: Double, laterThan seconds: Double = 0, after wait: Double? = nil
    ) -> Range<Int>? {
        let usual = medianRate() ?? own
        let candidates = open.filter { $0.value.end - $0.value.position > options.leastTail }
        func expected(_ part: Part) -> Double { Double(part.end - part.position) / max(part.rate ?? usual, 1) }
        guard let (id, victim) = candidates.max(by: { (expected($0.value), $0.key) < (expected($1.value), $1.key) }),
            expected(victim) > seconds
        else { return nil }
        let length = Double(victim.end - victim.position), rate = victim.rate ?? usual
        // Another request costs a round trip, and what is on its way behind the cut is sent in vain: the victim must end
        // sooner by more.
        let least = max(Double(options.leastTail), rate * (roundTrip ?? 0) * (isEven ? 4 : 1))
        let free = length - rate * (wait ?? roundTrip ?? 0)
        // All that are idle share it, but no more of them than get something worth a request.
        let sharers = max(1, min(Double(wanted(now) - running), free / least - rate / own))
        let cut = free * own / (rate + own * sharers)
        guard cut >= least, length > cut else { return nil }
        return self.cut(id, at: victim.end - Int(cut))
    }

    /// Parts of which others may take.
    var open: [Int: Part] { parts.filter { $0.value.asked != nil && $0.value.doubledAt == nil } }

    /// Takes from a part what stands behind `start`.
    mutating func cut(_ id: Int, at start: Int) -> Range<Int> {
        let tail = start..<(parts[id]?.end ?? start)
        parts[id]?.end = start
        tell(.took(tail))
        return tail
    }
}
