import Synchronization

/// Lets so many requests at a time, and so many a second, go to each origin, first come first served.
final class Limiter: Sendable {
    private struct Gate {
        var running = 0
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
    }

    private struct State {
        var gates: [WebAddress.Origin: Gate] = [:]
        var tickets: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let limits: TransportOptions.Limits
    private let state = Mutex(State())

    init(_ limits: TransportOptions.Limits) { self.limits = limits }

    /// Runs `body` once the origin can bear another request.
    func run<R: Sendable>(at asked: WebAddress.Origin, _ body: () async throws -> R) async throws -> R {
        let origin = limits.gate(of: asked)
        try await enter(origin)
        defer { leave(origin) }
        let delay = delay(at: origin, for: asked)
        if delay > 0 { try await Task.sleep(for: .seconds(delay)) }
        return try await body()
    }

    /// Lets nothing start at `origin` for `seconds`: it said "later" to one, and means all.
    func pause(_ asked: WebAddress.Origin, seconds: Double) {
        let origin = limits.gate(of: asked)
        state.withLock {
            let until = Monotonic.now + seconds
            $0.gates[origin, default: Gate()].notBefore = max(until, $0.gates[origin]?.notBefore ?? 0)
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
                    var gate = state.gates[origin] ?? Gate()
                    defer { state.gates[origin] = gate }
                    if gate.running < max(1, limits.requests(at: origin)) {
                        gate.running += 1
                        return true
                    }
                    gate.queue.append(ticket)
                    gate.waiters[ticket] = continuation
                    return nil
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

    private func leave(_ origin: WebAddress.Origin) {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard var gate = state.gates[origin] else { return nil }
            defer { state.gates[origin] = gate }
            let next = gate.next()
            if next == nil { gate.running -= 1 }
            return next
        }
        next?.resume(returning: true)
    }

    private func delay(at origin: WebAddress.Origin, for asked: WebAddress.Origin) -> Double {
        state.withLock { state in
            var gate = state.gates[origin] ?? Gate()
            defer { state.gates[origin] = gate }
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
