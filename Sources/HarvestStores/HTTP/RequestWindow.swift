/// How many requests at a time one host is sent while others wait, found by what it brings: a pure value.
///
/// Looks at the speed over some round trips. As long as more requests bring clearly more, there are more; where they do
/// not, the last number that did is kept for a while. A refusal takes a third away. What a known host is said to bear is
/// both where it begins and the most.
struct RequestWindow: Sendable {
    /// Requests that may be on their way now.
    private(set) var size: Int
    private let most: Int
    /// The look that is on: since when, and what came.
    private var since: Double?
    private var came = 0.0, requests = 0, bytes = 0
    /// The largest number whose speed is known, in bytes a second.
    private var proven: (size: Int, speed: Double)?
    private var holdsUntil = 0.0, refusedAt = -Double.infinity
    /// Whether the number still doubles; later it creeps.
    private var isSearching = true
    /// The shortest answer, in seconds.
    private var latency = Double.infinity

    /// More bytes than this on their way at once fill the queues between, not the link: 2 Gb/s over 250 ms.
    private static let inFlight = 64 << 20
    /// Twice as many must bring at least so much more.
    private static let gain = 1.15
    private static let holdSeconds = 30.0
    private static let refusalSeconds = 10.0
    /// What a request costs beside its bytes, as bytes.
    private static let overhead = 4096

    init(size: Int, most: Int) {
        self.size = max(1, min(size, most))
        self.most = max(1, most)
    }

    /// Takes in that a request ended.
    ///
    /// - Parameters:
    ///   - bytes: Of its body.
    ///   - seconds: From its start.
    ///   - others: Whether more wait: only then the number is what holds them up.
    ///   - isAhead: Whether it shared a connection with others, so that a larger number needs no new ones.
    mutating func ended(bytes: Int, seconds: Double, others: Bool, isAhead: Bool = false, now: Double) {
        latency = min(latency, max(seconds, 0.001))
        guard others, now >= holdsUntil else {
            since = nil
            return
        }
        guard let since else {
            // What a new number brings shows once the connections are there.
            self.since = now + (isAhead ? min(1, latency) : max(0.03, min(1, 3 * latency)))
            (requests, self.bytes) = (0, 0)
            return
        }
        guard now >= since else { return }
        requests += 1
        self.bytes += bytes
        let look = isAhead ? max(0.05, min(1, 2 * latency)) : max(0.1, min(2, 4 * latency))
        guard now - since >= look, requests >= 2 * size else { return }
        judge(Double(self.bytes + requests * Self.overhead) / (now - since), now)
        self.since = nil
    }

    private mutating func judge(_ speed: Double, _ now: Double) {
        let mean = max(1, bytes / requests)
        if let proven, size > proven.size {
            let growth = Double(size) / Double(proven.size)
            guard speed > proven.speed * (1 + (Self.gain - 1) * (growth - 1)) else {
                (size, isSearching, holdsUntil) = (proven.size, false, now + Self.holdSeconds)
                return
            }
        }
        proven = (size, speed)
        let next = isSearching ? size * 2 : size + max(1, size / 4)
        let bound = min(most, max(size, Self.inFlight / mean))
        guard next <= bound || bound >= size + max(1, size / 4) else { return }
        size = min(next, bound)
    }

    /// Whether the number was found, and is worth remembering.
    var isFound: Bool { proven != nil && (!isSearching || size == most) }

    /// The host said "later". Of refusals that come together only the first counts.
    mutating func refused(now: Double) {
        guard now - refusedAt >= 1 else { return }
        size = max(1, size * 7 / 10)
        (isSearching, proven, since) = (false, nil, nil)
        (refusedAt, holdsUntil) = (now, now + Self.refusalSeconds)
    }
}
