import HarvestCore

/// Lets so many bytes a second pass: a bucket that fills at that rate. A pure value.
struct Pace {
    private let rate: Double
    private var tokens = 0.0
    private var at: Double?

    /// - Parameter rate: Bytes a second, more than 0.
    init(rate: Double) { self.rate = rate }

    /// Seconds until bytes may pass again; 0 for now.
    mutating func wait(_ now: Double) -> Double {
        // No more is saved up than a tenth of a second brings.
        tokens = min(rate / 10, tokens + rate * (now - (at ?? now)))
        at = now
        return tokens < 0 ? -tokens / rate : 0
    }

    /// So many bytes passed; what is over the bucket's content is waited for by those that follow.
    mutating func take(_ bytes: Int) { tokens -= Double(bytes) }
}

/// The paces of a loop: one over all connections, and one for each host that has its own. Belongs to the loop's thread.
final class Paces {
    private var all: Pace?
    private var hosts: [String: Pace]

    /// `nil` where nothing is limited.
    init?(_ limits: TransportOptions.Limits) {
        all = limits.bytesPerSecond.map(Pace.init)
        hosts = limits.hosts.compactMapValues { $0.bytesPerSecond.map(Pace.init) }
        if all == nil, hosts.isEmpty { return nil }
    }

    private func name(of host: String) -> String? { hosts.keys.first { host == $0 || host.hasSuffix("." + $0) } }

    /// Whether bytes of `host` may pass now.
    func admits(_ host: String, _ now: Double) -> Bool {
        let own = name(of: host).map { hosts[$0]!.wait(now) } ?? 0
        return max(all?.wait(now) ?? 0, own) == 0
    }

    func take(_ bytes: Int, of host: String) {
        all?.take(bytes)
        if let name = name(of: host) { hosts[name]?.take(bytes) }
    }
}
