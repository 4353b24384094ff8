import Synchronization

/// Lets so many requests at a time, and so many a second, go to each origin, first come first served: downloads,
/// copies, probes and listings of one client all pass here.
final class Limiter: Sendable {
    private struct Gate {
        var running = 0
        var window: RequestWindow
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
        mutating func at<R>(_ origin: WebAddress.Origin, _ limits: TransportOptions.Limits, _ body: (inout Gate) -> R)
            -> R
        {
            body(&gates[origin, default: Gate(window: limits.window(at: origin))])
        }
    }

    private let limits: TransportOptions.Limits
    private let state = Mutex(State())

    init(_ limits: TransportOptions.Limits) { self.limits = limits }

    /// Sends a request by `body` once the origin can bear another.
    func run(
        at asked: WebAddress.Origin, _ body: () async throws -> TransferOutcome
    ) async throws -> TransferOutcome {
        let origin = limits.gate(of: asked)
        try await enter(origin)
        var received = 0, start = 0.0
        defer { leave(origin, received: received, since: start) }
        let delay = delay(at: origin, for: asked)
        if delay > 0 { try await Task.sleep(for: .seconds(delay)) }
        start = Monotonic.now
        let outcome = try await body()
        received = outcome.received
        return outcome
    }

    /// The origin said "later" to one, and means all: fewer at a time, and none for `seconds`.
    func refused(_ asked: WebAddress.Origin, pause seconds: Double) {
        let origin = limits.gate(of: asked), now = Monotonic.now
        state.withLock { state in
            state.at(origin, limits) { gate in
                gate.window.refused(now: now)
                gate.notBefore = max(now + seconds, gate.notBefore)
            }
        }
    }

    private func enter(_ origin: WebAddress.Origin) async throws {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let isAdmitted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return false }
                    return state.at(origin, limits) { gate in
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
    }

    private func leave(_ origin: WebAddress.Origin, received: Int, since start: Double) {
        let now = Monotonic.now
        let admitted = state.withLock { state in
            state.at(origin, limits) { gate in
                gate.running -= 1
                if start > 0 {
                    gate.window.ended(
                        bytes: received, seconds: now - start, others: !gate.waiters.isEmpty, now: now)
                }
                return gate.admit()
            }
        }
        for waiter in admitted { waiter.resume(returning: true) }
    }

    private func delay(at origin: WebAddress.Origin, for asked: WebAddress.Origin) -> Double {
        state.withLock { state in
            state.at(origin, limits) { gate in
                let now = Monotonic.now
                var delay = max(0, gate.notBefore - now)
                if let rate = limits.rate(at: asked), rate > 0 {
                    let burst = limits.burst(at: asked)
                    let tokens = min(burst, (gate.tokens ?? burst) + (now - gate.tokensAt) * rate) - 1
                    (gate.tokens, gate.tokensAt) = (tokens, now)
                    delay = max(delay, -tokens / rate)
                }
                return delay
            }
        }
    }
}
