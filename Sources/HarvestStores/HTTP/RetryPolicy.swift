/// Decides whether and when a request is sent again: a pure value, told what happened, that answers what to do.
///
/// Full-jitter exponential backoff: before retry *n* a random time up to `base × 2ⁿ` (at most `cap`) passes, and no
/// less than the far side asked for in `Retry-After`. Only idempotent requests come here.
public struct RetryPolicy: Sendable {
    /// What a policy can be told to do.
    public struct Options: Sendable {
        /// Requests sent for one answer, the first included.
        public var attempts = 5
        /// The first backoff's upper bound, in seconds.
        public var base = 0.2
        /// Every backoff's upper bound, in seconds.
        public var cap = 20.0
        /// The longest `Retry-After` that is waited for, in seconds.
        public var longestRetryAfter = 60.0
        /// How many retries an origin may owe before it has to answer something well.
        public var budget = 20.0

        public init() {}
    }

    /// How an attempt ended.
    public enum Event: Sendable, Equatable {
        /// With a status other than those that are tried again.
        case answered
        /// With a status that says "later", and the seconds that `Retry-After` names.
        case refused(retryAfter: Double?)
        /// Without a whole answer: connection, name, deadline, or a body cut short.
        case broke
        /// In a way that will not change: a certificate that is not trusted, an answer too large.
        case hopeless
    }

    /// What to do now.
    public enum Action: Sendable, Equatable {
        case finish
        /// Send again after this many seconds.
        case retry(after: Double)
        case giveUp
    }

    private let options: Options
    /// Requests that have ended.
    public private(set) var attempts = 0

    public init(_ options: Options = Options()) { self.options = options }

    /// Whether a status is worth another try: 408, 425, 429 and the 5xx but 501.
    public static func isRetried(status: Int) -> Bool {
        status == 408 || status == 425 || status == 429 || (500...599).contains(status) && status != 501
    }

    /// Takes in how an attempt ended.
    ///
    /// - Parameters:
    ///   - random: 0 up to 1, the jitter.
    ///   - budget: The origin's, shared by all requests to it.
    ///   - now: Seconds on a monotonic clock.
    public mutating func record(
        _ event: Event, random: @autoclosure () -> Double, budget: inout RetryBudget, now: Double
    ) -> Action {
        attempts += 1
        var least = 0.0
        switch event {
        case .answered:
            budget.succeeded(now: now)
            return .finish
        case .hopeless: return .giveUp
        case .broke: break
        case .refused(let retryAfter): least = min(max(retryAfter ?? 0, 0), options.longestRetryAfter)
        }
        guard attempts < options.attempts, budget.take(now: now) else { return .giveUp }
        let bound = min(options.cap, options.base * Double(1 << min(attempts - 1, 30)))
        return .retry(after: max(random() * bound, least))
    }
}

/// Retries an origin may cost, so that many requests failing at once cannot become a storm.
///
/// A bucket that starts full: a retry takes one, each good answer gives a fifth back, and so does every half second.
public struct RetryBudget: Sendable {
    private let capacity: Double
    private var tokens: Double
    private var refilled: Double?

    public init(capacity: Double) {
        self.capacity = capacity
        tokens = capacity
    }

    mutating func succeeded(now: Double) {
        refill(now: now)
        tokens = min(capacity, tokens + 0.2)
    }

    mutating func take(now: Double) -> Bool {
        refill(now: now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    private mutating func refill(now: Double) {
        if let last = refilled, now > last { tokens = min(capacity, tokens + (now - last) * 0.4) }
        refilled = now
    }
}
