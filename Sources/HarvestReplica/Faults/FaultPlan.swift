internal import Synchronization

/// What is done to one request.
struct Treatment: Equatable, Sendable {
    var delayMilliseconds = 0
    /// Bytes per second.
    var pace: Int?
    /// The connection ends after so many bytes of body.
    var cutAfter: Int64?
    /// Nothing more comes after so many bytes of body; -1: not even the headers.
    var stallAfter: Int64?
    var status: Int?
    var retryAfter: String?
    var ignoresRange = false
    /// Whether somebody has replaced the object.
    var isChanged = false
    var dropsEntityTag = false
    var weakensEntityTag = false
}

/// All rules, and what they remember: how often each was met, and the dice.
///
/// The dice are seeded: the n-th request that meets a rule always falls the same way.
final class FaultPlan: Sendable {
    private struct Memory {
        var met = 0
        var perPath: [String: Int] = [:]
        var tokens: Double?
        var refilledAt = 0.0
    }

    let rules: [FaultRule]
    private let seed: UInt64
    private let memories: Mutex<[Memory]>

    init(rules: [FaultRule] = [], seed: UInt64 = 1) {
        self.rules = rules
        self.seed = seed
        memories = Mutex([Memory](repeating: Memory(), count: rules.count))
    }

    /// - Parameter now: Seconds on any clock that does not run backwards.
    func treatment(of request: Request, now: Double) -> Treatment {
        var treatment = Treatment()
        for (index, rule) in rules.enumerated() where rule.matches(request) {
            memories.withLock { apply(rule, index, to: &treatment, &$0[index], request, now) }
        }
        return treatment
    }

    private func apply(
        _ rule: FaultRule, _ index: Int, to treatment: inout Treatment, _ memory: inout Memory, _ request: Request,
        _ now: Double
    ) {
        let turn = memory.met
        memory.met += 1
        let address = request.host + request.target
        let turnOfPath = memory.perPath[address, default: 0]
        memory.perPath[address] = turnOfPath + 1
        for (place, fault) in rule.faults.enumerated() {
            func happens(_ probability: Double) -> Bool { dice(index, turn, place) < probability }
            func refuse(_ code: Int, _ retryAfter: String?) {
                treatment.status = code
                treatment.retryAfter = retryAfter
            }
            switch fault {
            case .latency(let milliseconds): treatment.delayMilliseconds += milliseconds
            case .bandwidth(let bytes): treatment.pace = min(treatment.pace ?? bytes, bytes)
            case .rate(let perSecond): if !takeToken(&memory, perSecond, now) { refuse(429, "1") }
            case .cut(let bytes, let probability): if happens(probability) { treatment.cutAfter = bytes }
            case .stall(let probability): if happens(probability) { treatment.stallAfter = -1 }
            case .stallAfter(let bytes, let probability): if happens(probability) { treatment.stallAfter = bytes }
            case .status(let code, let probability, let after): if happens(probability) { refuse(code, after) }
            case .statusFirst(let code, let count, let after): if turn < count { refuse(code, after) }
            case .statusEach(let code, let count, let after): if turnOfPath < count { refuse(code, after) }
            case .rangeIgnored: treatment.ignoresRange = true
            case .changed(let after): treatment.isChanged = turnOfPath >= after
            case .entityTagNone: treatment.dropsEntityTag = true
            case .entityTagWeak: treatment.weakensEntityTag = true
            }
        }
    }

    /// A bucket that holds one second's worth.
    private func takeToken(_ memory: inout Memory, _ perSecond: Double, _ now: Double) -> Bool {
        let capacity = max(1, perSecond)
        var tokens = min(capacity, (memory.tokens ?? capacity) + (now - memory.refilledAt) * perSecond)
        defer {
            memory.tokens = tokens
            memory.refilledAt = now
        }
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    private func dice(_ rule: Int, _ turn: Int, _ place: Int) -> Double {
        let key = PatternObject.word(seed) ^ UInt64(rule) << 48 ^ UInt64(place) << 40 ^ UInt64(turn)
        return Double(PatternObject.word(key) >> 11) / Double(1 << 53)
    }
}

extension Treatment {
    /// The representation as the treated host gives it, before ranges and conditions.
    func applied(to response: Response) -> Response {
        var response = response
        if let pace { response.pace = min(response.pace ?? pace, pace) }
        if ignoresRange { response.servesRanges = false }
        if isChanged, response.status == 200 {
            response.body = response.body.replaced()
            response.entityTag = response.entityTag.map { "\"changed-\($0.dropFirst())" }
            response.lastModified = response.lastModified.map { $0 + 86_400 }
        }
        if dropsEntityTag { response.entityTag = nil }
        if weakensEntityTag { response.entityTag = response.entityTag.map { "W/\($0)" } }
        return response
    }
}
