import Synchronization

/// Lets so many requests at a time, and so many a second, go to each origin, first come first served: downloads,
/// copies, probes and listings of one client all pass here.
final class Limiter: Sendable {
    private struct Gate {
        var running = 0
        /// Requests of a line, and how many of them count: those that follow one that does need no place of their own.
        var lines: [ObjectIdentifier: (requests: Int, places: Int)] = [:]
        var window: RequestWindow
        /// Its size as it was written down last.
        var noted: Int?
        /// Tickets in the order in which they came; one whose task was cancelled has no waiter any more.
        var queue: [UInt64] = []
        var head = 0
        var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
        /// Before this moment none may start.
        var notBefore = 0.0
        /// Starts that are free now, below zero those that wait; `nil` before the first.
        var tokens: Double?
        var tokensAt = 0.0

        mutating func next() -> CheckedContinuation<Bool, Never>? {
            while head < queue.count {
                let ticket = queue[head]
                head += 1
                if let waiter = waiters.removeValue(forKey: ticket) { return waiter }
            }
            (queue, head) = ([], 0)
            return nil
        }

        /// Takes in that a request ended; its place is kept for one that follows it.
        mutating func left(_ line: ObjectIdentifier?) {
            guard let line, let (requests, places) = lines[line] else {
                running -= 1
                return
            }
            let kept = min(requests - 1, places)
            running -= places - kept
            lines[line] = requests > 1 ? (requests - 1, kept) : nil
        }

        /// Those that may start now.
        mutating func admit() -> [CheckedContinuation<Bool, Never>] {
            var admitted: [CheckedContinuation<Bool, Never>] = []
            while running < window.size, let waiter = next() {
                running += 1
                admitted.append(waiter)
            }
            return admitted
        }
    }

    private struct State {
        var gates: [WebAddress.Origin: Gate] = [:]
        var tickets: UInt64 = 0
        var cancelled: Set<UInt64> = []

        /// Changes the gate of `origin` in place.
        mutating func at<R>(
            _ origin: WebAddress.Origin, _ limits: TransportOptions.Limits, _ profiles: HostProfiles,
            _ body: (inout Gate) -> R
        ) -> R {
            if gates[origin] == nil {
                gates[origin] = Gate(
                    window: limits.window(at: origin, learnt: limits.isSaid(of: origin) ? nil : profiles[origin]))
            }
            return body(&gates[origin]!)
        }
    }

    private let limits: TransportOptions.Limits
    private let profiles: HostProfiles
    private let state = Mutex(State())

    init(_ limits: TransportOptions.Limits, _ profiles: HostProfiles = HostProfiles(file: nil)) {
        (self.limits, self.profiles) = (limits, profiles)
    }

    /// What is asked of an origin: as is said, else as was learnt, else as is usual.
    func limits(at origin: WebAddress.Origin) -> TransportOptions.HostLimits {
        var found = limits.shown(at: origin)
        guard !limits.isSaid(of: origin), let profile = profiles[origin] else { return found }
        found.connections = profile.connections ?? found.connections
        if let (rate, burst) = profile.starts {
            found.retrievesPerSecond = min(rate, found.retrievesPerSecond ?? rate)
            found.burst = burst
        }
        return found
    }

    /// Takes in what a download learnt of an origin.
    func learned(_ found: TransportOptions.HostLimits, at origin: WebAddress.Origin) {
        guard !limits.isSaid(of: origin) else { return }
        profiles.update(origin) {
            $0.connections = found.connections
            // Measured anew each time: small differences are none.
            if let rate = found.retrievesPerSecond, abs(rate / ($0.starts?.0 ?? .infinity) - 1) > 0.05 {
                $0.starts = ((rate * 100).rounded() / 100, found.burst)
            }
        }
        let admitted = state.withLock { state in
            state.at(origin, limits, profiles) { gate in
                gate.window = RequestWindow(size: found.connections, most: found.connections)
                return gate.admit()
            }
        }
        for waiter in admitted { waiter.resume(returning: true) }
    }

    /// Bytes a second that earlier transfers of some length brought from an origin; `nil` where there were none.
    func speed(at origin: WebAddress.Origin) -> Double? { profiles[origin]?.speed }

    /// Takes in what a transfer brought: the last one counts as much as all before.
    func brought(_ bytes: Int, in seconds: Double, from origin: WebAddress.Origin) {
        guard bytes >= 8 << 20, seconds > 0 else { return }
        profiles.update(origin) { profile in
            let speed = Double(bytes) / seconds
            profile.speed = (profile.speed.map { ($0 + speed) / 2 } ?? speed).rounded()
        }
    }

    /// Sends a request by `body` once the origin can bear another.
    ///
    /// - Parameters:
    ///   - line: The requests that it follows; while one of them is on its way, it takes no place of its own.
    ///   - ahead: How many starts it may be ahead of its time; `nil` for what is no start.
    func run(
        at asked: WebAddress.Origin, on line: RequestLine? = nil, ahead: Double? = 0,
        _ body: () async throws -> TransferOutcome
    ) async throws -> TransferOutcome {
        let origin = limits.gate(of: asked), line = line.map { ObjectIdentifier($0) }
        if !follows(line, at: origin) { try await enter(origin, line) }
        var received = 0, isAhead = false, start = 0.0
        defer { leave(origin, line, received: received, isAhead: isAhead, since: start) }
        let delay = delay(at: origin, for: asked, ahead: ahead)
        if delay > 0 { try await Task.sleep(for: .seconds(delay)) }
        start = Monotonic.now
        let outcome = try await body()
        (received, isAhead) = (outcome.received, outcome.isAhead)
        return outcome
    }

    /// Whether so many requests are on their way there that few connections would do better.
    func isBusy(_ asked: WebAddress.Origin) -> Bool {
        let origin = limits.gate(of: asked)
        return state.withLock { $0.gates[origin]?.running ?? 0 >= Self.busy }
    }

    private static let busy = 8

    /// Whether nothing is on its way there.
    func isIdle(_ asked: WebAddress.Origin) -> Bool {
        let origin = limits.gate(of: asked)
        return state.withLock { $0.gates[origin]?.running ?? 0 == 0 }
    }

    /// The origin said "later" to one, and means all: fewer at a time, and none for `seconds`.
    func refused(_ asked: WebAddress.Origin, pause seconds: Double) {
        let origin = limits.gate(of: asked), now = Monotonic.now
        state.withLock { state in
            state.at(origin, limits, profiles) { gate in
                gate.window.refused(now: now)
                gate.notBefore = max(now + seconds, gate.notBefore)
            }
        }
    }

    /// Lets a request in behind those of its line.
    private func follows(_ line: ObjectIdentifier?, at origin: WebAddress.Origin) -> Bool {
        guard let line else { return false }
        return state.withLock { state in
            guard state.gates[origin]?.lines[line] != nil else { return false }
            state.gates[origin]?.lines[line]?.requests += 1
            return true
        }
    }

    private func enter(_ origin: WebAddress.Origin, _ line: ObjectIdentifier?) async throws {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let isAdmitted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return false }
                    return state.at(origin, limits, profiles) { gate in
                        if gate.running < gate.window.size {
                            gate.running += 1
                            return true
                        }
                        gate.queue.append(ticket)
                        gate.waiters[ticket] = continuation
                        return nil
                    }
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.gates[origin]?.waiters.removeValue(forKey: ticket)
                if waiter == nil { state.cancelled.insert(ticket) }
                return waiter
            }
            waiter?.resume(returning: false)
        }
        // A cancellation that came after admission leaves its mark behind; take it away.
        _ = state.withLock { $0.cancelled.remove(ticket) }
        guard isAdmitted else { throw CancellationError() }
        guard let line else { return }
        state.withLock {
            let now = $0.gates[origin]?.lines[line] ?? (0, 0)
            $0.gates[origin]?.lines[line] = (now.requests + 1, now.places + 1)
        }
    }

    private func leave(
        _ origin: WebAddress.Origin, _ line: ObjectIdentifier?, received: Int, isAhead: Bool, since start: Double
    ) {
        let now = Monotonic.now
        let (admitted, found) = state.withLock { state in
            state.at(origin, limits, profiles) { gate in
                gate.left(line)
                if start > 0 {
                    gate.window.ended(
                        bytes: received, seconds: now - start, others: !gate.waiters.isEmpty, isAhead: isAhead, now: now
                    )
                }
                let found = gate.window.isFound && gate.noted != gate.window.size ? gate.window.size : nil
                gate.noted = found ?? gate.noted
                return (gate.admit(), found)
            }
        }
        for waiter in admitted { waiter.resume(returning: true) }
        if let found, !limits.isSaid(of: origin) { profiles.update(origin) { $0.window = found } }
    }

    private func delay(at origin: WebAddress.Origin, for asked: WebAddress.Origin, ahead: Double?) -> Double {
        let limits = self.limits(at: asked)
        return state.withLock { state in
            state.at(origin, self.limits, profiles) { gate in
                let now = Monotonic.now
                var delay = max(0, gate.notBefore - now)
                if let ahead, let rate = limits.retrievesPerSecond, rate > 0 {
                    let burst = limits.burst
                    let tokens = min(burst, (gate.tokens ?? burst) + (now - gate.tokensAt) * rate) - 1
                    (gate.tokens, gate.tokensAt) = (tokens, now)
                    delay = max(delay, -(tokens + ahead) / rate)
                }
                return delay
            }
        }
    }
}
