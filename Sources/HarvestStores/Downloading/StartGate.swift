/// How many requests a host lets start: as it is known to count them, or as it shows. A pure value.
///
/// Some servers count how many transfers start in a second, and hold back or refuse the rest (FTP's `RETR`). Held back,
/// those that wait begin one after the other, and the time between two of them is what the host allows. While nothing is
/// known, only a few requests wait for their first byte at a time: twice as many after each round that was not held back.
struct StartGate: Sendable {
    struct Limit: Sendable, Equatable {
        var perSecond: Double
        /// How many may start at once after a rest.
        var burst: Double
    }

    /// `nil` while none shows.
    private(set) var limit: Limit?
    /// Starts that are free once the last request has arrived there; below zero those that wait.
    private var tokens: Double
    private var tokensAt: Double
    /// Whether the host is one that may count: then it is felt for, until it is known or refuses what is too much.
    private var isFelt: Bool
    /// From a request to its first byte where nothing held it back, in seconds: of those that log in first, and of others.
    private var loginLatency: Double?, latency: Double?
    /// The very first request's: it starts at the file's beginning, and needs a command less.
    private var firstLatency: Double?
    private var starts: (count: Int, first: Double, last: Double)?
    /// Times between starts of requests that waited.
    private var gaps: [Double] = []
    /// Requests that are sent at once where nothing is known, and how many of them were; the next ones follow when all have
    /// begun, so that no second one is on its way when the first is too much.
    private var pace = 2, sent = 0, unhindered = 0

    init(_ limit: Limit?, isFelt: Bool, now: Double) {
        (self.limit, self.isFelt) = (limit, isFelt && limit == nil)
        tokens = limit?.burst ?? 0
        tokensAt = now
    }

    /// Starts that are free at a time.
    private func tokens(at time: Double, _ limit: Limit) -> Double {
        min(limit.burst, tokens + (time - tokensAt) * limit.perSecond)
    }

    /// Takes in that a request is sent; `nil` is the first, which has been let start by now.
    mutating func spend(isNew: Bool?, waiting: Int = 0, _ now: Double) {
        guard let limit else {
            sent = waiting == 0 ? 1 : sent + 1
            return
        }
        let arrival = now + (isNew.map(travel) ?? 0)
        (tokens, tokensAt) = (tokens(at: arrival, limit) - 1, arrival)
    }

    /// Seconds from a request to where the host counts it: near the end of what it waits for its first byte.
    private func travel(isNew: Bool) -> Double { 0.9 * (latency(isNew: isNew) ?? 0) }

    /// Whether another request may be sent.
    ///
    /// - Parameters:
    ///   - waiting: Requests that wait for their first byte.
    ///   - isNew: Whether it needs a connection of its own: what logs in first is sent ahead of its time.
    func admits(waiting: Int, isNew: Bool, _ now: Double) -> Bool {
        guard limit != nil else { return !isFelt || waiting == 0 || sent < pace }
        return pause(after: 0, isNew: isNew, now) <= 0
    }

    /// Seconds until one may be sent after `others` that are sent as soon as they may.
    func pause(after others: Int, isNew: Bool, _ now: Double) -> Double {
        guard let limit else { return 0 }
        let arrival = tokensAt + (Double(others) + 1 - tokens) / limit.perSecond
        return max(0, arrival - travel(isNew: isNew) - now)
    }

    /// From a request to its first byte where nothing holds it back, in seconds.
    func latency(isNew: Bool) -> Double? {
        isNew ? loginLatency ?? firstLatency : latency ?? firstLatency.map { $0 / 2 }
    }

    /// Takes in that a request's first byte came, after `waited` seconds.
    ///
    /// - Returns: Whether it shows for the first time that starts are held back.
    mutating func began(waited: Double, isNew: Bool, waiting: Int, now: Double) -> Bool {
        let before = starts
        starts = ((before?.count ?? 0) + 1, before?.first ?? now, now)
        let least = max(waited, 0.001)
        guard let before else {
            firstLatency = least
            return false
        }
        let usual = min(latency(isNew: isNew) ?? least, least)
        if isNew { loginLatency = min(loginLatency ?? least, least) } else { latency = min(latency ?? least, least) }
        guard isFelt else { return false }
        let gap = now - before.last
        // It was there already when the one before it began, and still had to wait.
        guard now - waited + 0.9 * usual <= before.last, gap > max(0.03, 0.2 * usual) else {
            unhindered += 1
            if unhindered >= pace { (pace, unhindered) = (min(64, pace * 2), 0) }
            return false
        }
        gaps = gaps.suffix(6) + [gap]
        guard gaps.count >= 2 || limit != nil else { return false }
        let median = gaps.sorted()[gaps.count / 2], isFirst = limit == nil
        if isFirst {
            tokens = -Double(waiting)
            tokensAt = now
        }
        limit = Limit(perSecond: 1 / median, burst: limit?.burst ?? Double(max(1, before.count - gaps.count + 1)))
        return isFirst
    }

    /// Takes in that a start was refused: there were too many.
    mutating func refused(_ now: Double) {
        isFelt = false
        if let known = limit {
            limit = Limit(perSecond: max(0.2, known.perSecond * 0.7), burst: known.burst)
        } else {
            let count = Double(starts?.count ?? 0), span = max(0.5, now - (starts?.first ?? now))
            // As if it let one second's worth start at once.
            limit = Limit(perSecond: max(0.5, min(10, count / (1 + span))), burst: max(1, min(4, count)))
        }
        (tokens, tokensAt) = (0, now)
    }
}
