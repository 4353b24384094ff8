public import HarvestCore
import Synchronization

/// One probe's use of a cache: what it reads in ranges is kept, and what an earlier one kept is given once the server
/// has said that it still holds.
public final class ProbeSession: Sendable {
    private enum Proof {
        /// Nothing was kept, or of another version.
        case none
        case missing(KeptObject)
        /// One request is on its way to prove it.
        case asked(KeptObject, Task<Reply?, any Error>)
        case given(KeptObject)
    }

    private struct State {
        var proof: Proof
        /// What came in this run.
        var seen: KeptObject?
    }

    /// What to do about one read.
    private enum Step {
        case give(Reply)
        case wait(Task<Reply?, any Error>, isMine: Bool)
        case ask
    }

    private let cache: ProbeCache
    private let meter: Meter
    private let objects = Mutex<[String: State]>([:])
    private let isFinished = Mutex(false)

    public init(_ cache: ProbeCache, meter: Meter) {
        self.cache = cache
        self.meter = meter
    }

    /// A range of the object at `address`, from what was kept or by `ask`.
    ///
    /// - Parameter ask: Asks the server, with what was kept where that can be proven by a condition; `nil` says that the
    ///   server still has that version.
    func reply(
        _ address: WebAddress, _ range: ByteRange, ask: @escaping @Sendable (KeptObject?) async throws -> Reply?
    ) async throws -> Reply {
        while let name = cache.name(of: address), !isFinished.withLock({ $0 }) {
            switch step(name, range, ask) {
            case .ask: return try await plain(ask, address)
            case .give(let reply):
                meter.spared(bytes: reply.bytes.count)
                return reply
            case .wait(let task, let isMine):
                let answer = try await withTaskCancellationHandler {
                    try await task.value
                } onCancel: {
                    if isMine { task.cancel() }
                }
                if isMine, let answer { return answer }
            }
        }
        return try await plain(ask, address)
    }

    private func plain(
        _ ask: @Sendable (KeptObject?) async throws -> Reply?, _ address: WebAddress
    ) async throws -> Reply {
        guard let reply = try await ask(nil) else {
            throw HarvestError.malformed("an answer that does not fit the question (HTTP 304)", at: address.text)
        }
        return reply
    }

    private func step(
        _ name: String, _ range: ByteRange, _ ask: @escaping @Sendable (KeptObject?) async throws -> Reply?
    ) -> Step {
        objects.withLock { objects in
            var state =
                objects[name]
                ?? State(proof: cache.object(named: name).map { .missing($0) } ?? .none)
            defer { objects[name] = state }
            switch state.proof {
            case .given(let kept): return kept.reply(range).map { .give($0) } ?? .ask
            case .asked(let kept, let task) where kept.reply(range) != nil: return .wait(task, isMine: false)
            case .missing(let kept) where kept.reply(range) != nil:
                let task = Task { [self] in
                    do {
                        let reply = try await ask(kept)
                        if reply == nil { settle(name, .given(kept)) }
                        return reply
                    } catch {
                        settle(name, .none)
                        throw error
                    }
                }
                state.proof = .asked(kept, task)
                return .wait(task, isMine: true)
            case .none, .missing, .asked: return .ask
            }
        }
    }

    private func settle(_ name: String, _ proof: Proof) { objects.withLock { $0[name]?.proof = proof } }

    /// Takes in a part that the server sent.
    func note(_ address: WebAddress, _ validator: Validator, _ bytes: Bytes, at offset: Int) {
        guard let name = cache.name(of: address), !isFinished.withLock({ $0 }) else { return }
        objects.withLock { objects in
            guard var state = objects[name] else { return }
            switch state.proof {
            case .missing(let kept), .asked(let kept, _):
                state.proof = kept.isProven(by: validator) ? .given(kept) : .none
            case .none, .given: break
            }
            var seen = state.seen ?? KeptObject(name: name, validator: validator)
            seen.add(bytes, at: offset)
            state.seen = seen
            objects[name] = state
        }
    }

    /// Keeps what was read; from now on nothing more is.
    public func finish() {
        guard
            !isFinished.withLock({ isFinished in
                defer { isFinished = true }
                return isFinished
            })
        else { return }
        for (name, state) in objects.withLock({ $0 }) {
            switch (state.proof, state.seen) {
            case (.given(var kept), let seen?):
                for part in seen.parts { kept.add(part.bytes, at: part.offset) }
                cache.keep(kept)
            case (.given, nil): cache.touch(name)
            case (_, let seen?): cache.keep(seen)
            case (_, nil): break
            }
        }
    }
}
