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
    /// Starts that are free now; below zero those that wait.
    private(set) var tokens: Double
    private var tokensAt: Double
    /// Whether the host is one that may count: then it is felt for.
    private let isFelt: Bool
    /// From a request to its first byte where nothing held it back, login included.
    private var latency: Double?
    private var starts: (count: Int, first: Double, last: Double)?
    /// Times between starts of requests that waited.
    private var gaps: [Double] = []
    /// Requests that may wait for their first byte at a time.
    private var pace = 2, unhindered = 0

    init(_ limit: Limit?, isFelt: Bool, now: Double) {
        (self.limit, self.isFelt) = (limit, isFelt)
        tokens = limit?.burst ?? 0
        tokensAt = now
    }

    mutating func refill(_ now: Double) {
        guard let limit else { return }
        tokens = min(limit.burst, tokens + max(0, now - tokensAt) * limit.perSecond)
        tokensAt = now
    }

    mutating func spend(_ now: Double) {
        refill(now)
        if limit != nil { tokens -= 1 }
    }

    /// Whether another request may be sent.
    ///
    /// - Parameters:
    ///   - waiting: Requests that wait for their first byte.
    ///   - isNew: Whether it needs a connection of its own: what logs in first is sent ahead of its time.
    func admits(waiting: Int, isNew: Bool) -> Bool {
        guard let limit else { return !isFelt || waiting < pace }
        return tokens + (latency ?? 0) * (isNew ? 0.7 : 0.3) * limit.perSecond >= 1
    }

    /// Takes in that a request's first byte came, after `waited` seconds.
    ///
    /// - Returns: Whether it shows for the first time that starts are held back.
    mutating func began(waited: Double, waiting: Int, now: Double) -> Bool {
        let before = starts
        starts = ((before?.count ?? 0) + 1, before?.first ?? now, now)
        let usual = min(latency ?? waited, max(waited, 0.001))
        latency = usual
        guard isFelt, let before else { return false }
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
        if let known = limit {
            limit = Limit(perSecond: max(0.2, known.perSecond * 0.7), burst: known.burst)
        } else {
            let count = Double(starts?.count ?? 0), span = max(0.5, now - (starts?.first ?? now))
            limit = Limit(perSecond: max(0.5, min(10, 0.5 * count / span)), burst: max(1, count))
        }
        (tokens, tokensAt) = (0, now)
    }
}
