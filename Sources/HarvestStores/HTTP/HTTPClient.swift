import CCurl
public import HarvestCore
import Synchronization

/// What a server answered, at last.
struct HTTPResponse: Sendable {
    var head: HTTPHead
    var body: Bytes
    /// The address that answered, after redirects.
    var address: WebAddress
    /// Bytes of body that came, kept or not.
    var received: Int
}

/// One GET, redirects and retries included; or a form that is posted, which follows no redirect.
struct HTTPGet: Sendable {
    var address: WebAddress
    /// The caller's headers: they stay with the origin of `address`.
    var headers: [String: String] = [:]
    /// `Name: value` lines of our own that go along on every hop: `Range`, `If-Range`.
    var conditions: [String] = []
    /// `Name: value` lines that prove who asks, made anew for each request; they stay with the origin of `address`.
    var authorize: Authorize?
    /// What is posted, as `application/x-www-form-urlencoded`; `nil` gets.
    var form: Secret?
    var decodesBody = false
    /// Whether many MiB may come.
    var isLong = false
    /// Whether it is one of many small objects, and may be asked for ahead of the answers to others.
    var goesAhead = false
    /// The requests that it follows.
    var line: RequestLine?
    /// Whether to stop at a redirect whose target's fragment is a Neuroglancer state (`#!`): it exists nowhere else.
    var stopsAtState = false
    /// What to do with the body of the final answer.
    var plan: @Sendable (HTTPHead) -> BodyPlan
    /// Whether the body is as long as the head promised, where curl cannot tell.
    var isWhole: @Sendable (HTTPHead, Int) -> Bool = { _, _ in true }
}

/// Gives the header lines that prove who asks for an address.
typealias Authorize = @Sendable (WebAddress) async throws -> [String]

/// Gets bytes over HTTP: redirects, retries, deadlines and limits per host stand here, once for all that ask.
///
/// One client is one pool of connections and one set of limits; a program needs one. TLS is always verified. Proxies
/// are taken from the variables curl reads (`https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`).
public final class HTTPClient: Sendable {
    public let options: TransportOptions
    let connectMap: ConnectMap
    let access: Access
    private let ahead: AheadLane
    private let limiter: Limiter
    private let budgets = Mutex<[WebAddress.Origin: RetryBudget]>([:])
    private let started = Mutex<CurlLoop?>(nil)

    /// Begins what the first request of the process would wait for: curl is loaded and starts, in some 10 ms, while
    /// connections to the host of a web or FTP address are opened.
    ///
    /// - Parameter environment: As ``TransportOptions`` takes it; where it leads elsewhere, none is opened.
    public static func prepare(for url: String, connections: Int, environment: [String: String]) {
        Task.detached { _ = CurlLoop.isReady }
        guard environment["HARVEST_CONNECT_TO", default: ""].isEmpty else { return }
        Task.detached(executorPreference: Workers.files) {
            EarlyConnections.shared.open(connections, to: url, proxies: ProxySettings(environment))
        }
    }

    /// - Throws: `.invalid` if an entry of `connectTo` is none.
    public init(options: TransportOptions = TransportOptions()) throws(HarvestError) {
        self.options = options
        connectMap = try ConnectMap(options.connectTo)
        access = Access(options.access)
        ahead = AheadLane(options: options, connectMap: connectMap)
        // What a host that is mapped elsewhere bears says nothing of the true one.
        limiter = Limiter(options.limits, HostProfiles(file: options.connectTo.isEmpty ? options.profiles : nil))
    }

    /// Starts with the first request: what reads local files alone does not load curl.
    private var loop: CurlLoop {
        started.withLock { loop in
            let running = loop ?? CurlLoop(options: options)
            loop = running
            return running
        }
    }

    deinit {
        started.withLock { $0?.stop() }
        ahead.stop()
    }

    /// Gets one answer. Statuses that say "later" are tried again; any other comes back as it is.
    ///
    /// - Throws: `.unavailable` once retries are spent, `.denied` for a redirect that policy refuses or a certificate
    ///   that is not trusted, `CancellationError`.
    func get(_ get: HTTPGet, meter: Meter) async throws -> HTTPResponse {
        try Self.check(get.headers)
        var retries = RetryPolicy(options.retry)
        while true {
            let attempt = try await attempt(get, meter: meter)
            let origin = attempt.address.origin
            let (event, retryAfter) = judge(attempt, get)
            let action = budgets.withLock {
                retries.record(
                    event, random: .random(in: 0..<1),
                    budget: &$0[origin, default: RetryBudget(capacity: options.retry.budget)], now: Monotonic.now)
            }
            switch action {
            case .finish:
                if let head = attempt.outcome.head {
                    return HTTPResponse(
                        head: head, body: attempt.outcome.body, address: attempt.address,
                        received: attempt.outcome.received)
                }
                throw HarvestError(.failed, "an answer without a head", at: attempt.address.text)
            case .retry(let seconds):
                _ = holdBack(attempt, retryAfter)
                try await Task.sleep(for: .seconds(seconds))
            case .giveUp: throw error(attempt, tries: retries.attempts)
            }
        }
    }

    /// How a single try ended.
    enum Try: Sendable {
        case answered(HTTPResponse)
        case refused(after: Double?, HarvestError)
        case broke(HarvestError)
        case failed(any Error)
    }

    /// Gets one answer in one try, redirects included; whoever asks decides about another one.
    func once(_ get: HTTPGet, meter: Meter) async -> Try {
        do {
            try Self.check(get.headers)
            let attempt = try await attempt(get, meter: meter)
            let (event, retryAfter) = judge(attempt, get)
            switch event {
            case .answered:
                guard let head = attempt.outcome.head else { break }
                return .answered(
                    HTTPResponse(
                        head: head, body: attempt.outcome.body, address: attempt.address,
                        received: attempt.outcome.received))
            case .refused:
                let error = HarvestError.wrapping(error(attempt, tries: 1))
                return holdBack(attempt, retryAfter) ? .refused(after: retryAfter, error) : .broke(error)
            case .broke: return .broke(HarvestError.wrapping(error(attempt, tries: 1)))
            case .hopeless: break
            }
            return .failed(error(attempt, tries: 1))
        } catch { return .failed(error) }
    }

    /// One attempt: the outcome of its last hop, and where that was.
    private struct Attempt {
        var outcome: TransferOutcome
        var address: WebAddress
    }

    /// Follows redirects until an answer is none.
    private func attempt(_ get: HTTPGet, meter: Meter) async throws -> Attempt {
        var redirects = RedirectPolicy(get.address, mapped: connectMap)
        while true {
            let outcome = try await hop(get, redirects, meter: meter)
            redirects.answered(
                from: outcome.peer, throughProxy: options.proxies.proxy(for: redirects.current.origin) != nil)
            if case .cancelled = outcome.failure { throw CancellationError() }
            guard outcome.failure == nil, let head = outcome.head, head.isRedirect, get.form == nil,
                let location = head["location"]
            else {
                return Attempt(outcome: outcome, address: redirects.current)
            }
            try redirects.follow(location)
            if get.stopsAtState, redirects.current.fragment?.hasPrefix("!") == true {
                return Attempt(outcome: outcome, address: redirects.current)
            }
        }
    }

    /// Sends one request and counts it.
    private func hop(_ get: HTTPGet, _ redirects: RedirectPolicy, meter: Meter) async throws -> TransferOutcome {
        var lines = get.conditions
        if redirects.keepsHeaders { lines += get.headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" } }
        let plan = get.plan
        let address = redirects.current
        let request = TransferRequest(
            address: address, headers: lines,
            credentials: redirects.keepsHeaders ? redirects.first.credentials : nil, form: get.form,
            decodesBody: get.decodesBody,
            limit: options.proxies.proxy(for: address.origin) == nil ? redirects.limit : nil,
            isLong: get.isLong, line: get.line,
            plan: { head in
                let isPassed = head.isRedirect && head["location"] != nil || RetryPolicy.isRetried(status: head.status)
                return isPassed ? .stop : plan(head)
            })
        return try await limiter.run(at: address.origin, on: get.line) {
            try Task.checkCancellation()
            var request = request
            // Only now: a signature tells the time.
            if redirects.keepsHeaders, let authorize = get.authorize { request.headers += try await authorize(address) }
            let mayGoAhead = get.line != nil || get.goesAhead && limiter.isBusy(address.origin)
            if mayGoAhead, get.authorize == nil, ahead.takes(request) {
                try meter.admit()
                let outcome = await ahead.perform(request)
                meter.ended(bytes: outcome?.received ?? 0)
                if let outcome { return outcome }
                try Task.checkCancellation()
            }
            get.line?.takesAhead = false
            try meter.admit()
            let outcome = await send(request)
            meter.ended(bytes: outcome.received)
            return outcome
        }
    }

    /// Hands a request to curl.
    private func send(_ request: TransferRequest) async -> TransferOutcome {
        var request = request
        request.isEarly = await EarlyConnections.shared.claim(at: request.address.origin)
        return await loop.perform(request)
    }

    /// What is asked of an origin, for whoever plans by it.
    func limits(at origin: WebAddress.Origin) -> TransportOptions.HostLimits { limiter.limits(at: origin) }

    /// Seconds that so many bytes from a web or FTP address will take, by what earlier transfers brought from its host; `nil`
    /// where there were none.
    public func expectedSeconds(_ bytes: Int, from url: String) -> Double? {
        guard let origin = try? WebAddress(url).origin else { return nil }
        return limiter.speed(at: origin).map { Double(bytes) / $0 }
    }

    /// Takes in what a transfer brought.
    public func brought(_ bytes: Int, in seconds: Double, from url: String) {
        if let origin = try? WebAddress(url).origin { limiter.brought(bytes, in: seconds, from: origin) }
    }

    /// Takes in what showed of an origin.
    func learned(_ limits: TransportOptions.HostLimits, at origin: WebAddress.Origin) {
        limiter.learned(limits, at: origin)
    }

    /// Asks an FTP server once.
    ///
    /// - Parameter isPlanned: Whether the caller counts starts itself, and sends a request ahead by its login.
    func ftpOnce(
        _ address: WebAddress, _ command: FTPCommand, isPlanned: Bool = false, meter: Meter,
        plan: @escaping @Sendable (HTTPHead) -> BodyPlan
    ) async throws -> TransferOutcome {
        let request = TransferRequest(
            address: address, credentials: address.credentials, ftp: command, isLong: command.listing == nil, plan: plan
        )
        return try await limiter.run(at: address.origin, ahead: isPlanned ? 1 : 0) {
            try Task.checkCancellation()
            try meter.admit()
            let outcome = await send(request)
            meter.ended(bytes: outcome.received)
            return outcome
        }
    }

    /// Opens connections to an FTP server, logs in and leaves them to requests to come.
    ///
    /// That one fails is found by who needs it.
    ///
    /// - Parameter date: Told the date of `file`, for which the last of them asks meanwhile.
    /// - Returns: `false`, and nothing happens, where something is on its way there already.
    func logIn(
        _ connections: Int, at root: WebAddress, file: WebAddress, date: @escaping @Sendable (String) -> Void
    ) -> Bool {
        guard connections > 0, limiter.isIdle(root.origin) else { return false }
        for number in 1...connections {
            let isLast = number == connections
            let command = FTPCommand(isLogin: true, asksDate: isLast) { replies in
                if let found = FTPAnswer.facts(replies).modified { date(found) }
            }
            let address = isLast ? file : root
            let request = TransferRequest(address: address, credentials: root.credentials, ftp: command) { _ in
                .collect(atMost: 4096)  // curl hands on what it heard as lines of HTTP
            }
            Task { [limiter, loop] in
                // An early connection is for a request that asks for something.
                _ = try? await limiter.run(at: root.origin, ahead: nil) { await loop.perform(request) }
            }
        }
        return true
    }

    /// Asks an FTP server, again where it says "later" or the connection breaks.
    ///
    /// - Returns: The last outcome; what a refusal means is the caller's to say.
    func ftp(
        _ address: WebAddress, _ command: FTPCommand, meter: Meter,
        plan: @escaping @Sendable (HTTPHead) -> BodyPlan
    ) async throws -> TransferOutcome {
        var retries = RetryPolicy(options.retry)
        while true {
            let outcome = try await ftpOnce(address, command, meter: meter, plan: plan)
            if case .cancelled = outcome.failure { throw CancellationError() }
            let event = FTPAnswer(outcome).event
            let action = budgets.withLock {
                retries.record(
                    event, random: .random(in: 0..<1),
                    budget: &$0[address.origin, default: RetryBudget(capacity: options.retry.budget)],
                    now: Monotonic.now)
            }
            guard case .retry(let seconds) = action else { return outcome }
            try await Task.sleep(for: .seconds(seconds))
        }
    }

    private func judge(_ attempt: Attempt, _ get: HTTPGet) -> (RetryPolicy.Event, retryAfter: Double?) {
        if let failure = attempt.outcome.failure { return (failure.event, nil) }
        guard let head = attempt.outcome.head else { return (.broke, nil) }
        if RetryPolicy.isRetried(status: head.status) {
            return (.refused(retryAfter: head.retryAfter), head.retryAfter)
        }
        return (get.isWhole(head, attempt.outcome.received) ? .answered : .broke, nil)
    }

    /// "Too many", or "later": the host means all. Other failures are this request's own.
    private func holdBack(_ attempt: Attempt, _ retryAfter: Double?) -> Bool {
        guard retryAfter != nil || [429, 503].contains(attempt.outcome.head?.status ?? 0) else { return false }
        limiter.refused(attempt.address.origin, pause: min(retryAfter ?? 0, options.retry.longestRetryAfter))
        return true
    }

    private func error(_ attempt: Attempt, tries: Int) -> any Error {
        let place = attempt.address.text.displayed(limit: 500)
        if let failure = attempt.outcome.failure { return failure.error(at: place) }
        let times = tries == 1 ? "" : " after \(tries) tries"
        guard let head = attempt.outcome.head, RetryPolicy.isRetried(status: head.status) else {
            return HarvestError(.unavailable, "the answer was cut short\(times)", at: place, next: "try again later")
        }
        let said = head.status == 429 ? "too many requests" : "the server fails"
        return HarvestError(
            .unavailable, "\(said) (HTTP \(head.status))\(times)", at: place, next: "try again later",
            retryAfter: head.retryAfter)
    }

    /// A header that smuggles a line would be another header.
    private static func check(_ headers: [String: String]) throws(HarvestError) {
        for (name, value) in headers {
            let isName = !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x3A }
            let isValue = value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
            guard isName, isValue else { throw .invalid("\"\(name.displayed(limit: 60))\" is not a header") }
        }
    }
}
