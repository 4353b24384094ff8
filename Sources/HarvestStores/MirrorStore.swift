public import HarvestCore
import Synchronization

/// One object that lies in several places, byte for byte the same.
///
/// Where a checksum of the whole will be looked at, ranges come from all places at once, each as much as it bears; else
/// from the first that answers, for two that are not the same would be put together. A place that is gone, says another
/// length or was found to be wrong is asked no more; while one is left, the others' troubles are not the object's.
public final class MirrorStore: RangeStreamingStore {
    private struct Place {
        var running = 0
        var failures = 0
        var notBefore = 0.0
        /// Why it is asked no more.
        var end: (any Error)?
        var facts: ObjectFacts?
        /// What it brought.
        var brought: [Range<Int>] = []
    }

    private struct State {
        var places: [Place]
        var total: Int?
        /// The one place that is used alone.
        var only: Int?
    }

    public let address: String
    private let stores: [any RangeStreamingStore]
    private let isPooled: Bool
    private let state: Mutex<State>
    /// So often in a row a place may break off without a byte.
    private static let patience = 3

    /// - Parameters:
    ///   - stores: The places, best first; the object is what each opens by an empty key. At least one.
    ///   - isPooled: Whether a checksum of the whole will be looked at.
    public init(_ stores: [any RangeStreamingStore], isPooled: Bool) {
        precondition(!stores.isEmpty, "an object lies somewhere")
        self.stores = stores
        self.isPooled = isPooled
        address = stores[0].address
        state = Mutex(State(places: stores.map { _ in Place() }))
    }

    public var isRemote: Bool { true }

    /// The places, best first; without secrets.
    public var addresses: [String] { stores.compactMap { try? $0.webAddress(of: "") } }

    public func webAddress(of key: String) throws -> String { try stores[0].webAddress(of: key) }

    public var limits: TransportOptions.HostLimits {
        let all = stores.map(\.limits)
        guard isPooled, all.count > 1 else { return all[0] }
        return TransportOptions.HostLimits(
            connections: all.reduce(0) { $0 + min($1.connections, 64) }, burst: all[0].burst)
    }

    public func list(_ prefix: String) async throws -> Listing {
        throw HarvestError.unsupported("mirrors of one file list nothing", at: address)
    }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        try await first { try await $0.read(key, range) }
    }

    public func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        try await first { try await $0.stream(key, begins: begins, to: sink) }
    }

    /// Asks one place after the other.
    private func first<Found>(_ body: (any RangeStreamingStore) async throws -> Found) async throws -> Found {
        while true {
            guard case .use(let index) = choose() else { throw lastError }
            let found: Result<Found, any Error>
            do { found = .success(try await body(stores[index])) } catch { found = .failure(error) }
            state.withLock { $0.places[index].running -= 1 }
            switch found {
            case .success(let found): return found
            case .failure(let error):
                if error is CancellationError || (error as? HarvestError)?.kind == .storage { throw error }
                state.withLock { $0.places[index].end = error }
                guard hasOther else { throw error }
            }
        }
    }

    public func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        while true {
            switch choose() {
            case .use(let index):  // a line has one connection, and the next range may come from elsewhere
                if let end = await stream(key, range, of: index, facts: facts, to: sink) { return end }
            case .wait(let seconds):
                return .refused(
                    after: seconds, .any, HarvestError(.unavailable, "all mirrors say \"later\"", at: address))
            case .none: return .failed(lastError)
            }
        }
    }

    /// Asks one place.
    ///
    /// - Returns: `nil` where it brought nothing and another may.
    private func stream(
        _ key: String, _ range: Range<Int>, of index: Int, facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd? {
        let count = Mutex(0), foul = Mutex<HarvestError?>(nil)
        let end = await stores[index].stream(
            key, range,
            facts: { found in
                do throws(HarvestError) { try self.check(found, of: index) } catch {
                    foul.withLock { $0 = error }
                    throw error
                }
                var told = found
                // Each place has tags and dates of its own; what tells versions apart here is the checksum at the end.
                if self.isPooled, self.stores.count > 1 { (told.tag, told.modified) = ("\"mirrors\"", nil) }
                try facts(told)
            },
            to: { bytes in
                try sink(bytes)
                count.withLock { $0 += bytes.count }
            })
        let came = count.withLock { $0 }
        return state.withLock { state in
            state.places[index].running -= 1
            if came > 0 {
                state.places[index].failures = 0
                state.places[index].brought.append(range.lowerBound..<min(range.upperBound, range.lowerBound + came))
            }
            if let error = foul.withLock({ $0 }) { return ended(error, index, came, &state) }
            switch end {
            case .complete, .stopped: return end
            case .broke(let error):
                if came > 0 { return end }
                state.places[index].failures += 1
                if state.places[index].failures >= Self.patience { return ended(error, index, came, &state) }
                state.places[index].notBefore = Monotonic.now + 0.2 * Double(state.places[index].failures)
                return hasOther(than: index, state) ? nil : end
            case .refused(let after, _, let error):
                state.places[index].notBefore = Monotonic.now + max(1, after ?? 1)
                guard hasOther(than: index, state) else { return end }
                return came == 0 ? nil : .broke(error)
            case .failed(let error):
                return error is CancellationError ? end : ended(error, index, came, &state)
            }
        }
    }

    /// A place is asked no more: that is the object's own failure only where none is left.
    private func ended(_ error: any Error, _ index: Int, _ came: Int, _ state: inout State) -> StreamEnd? {
        state.places[index].end = error
        if hasOther(than: index, state) {
            return came == 0 ? nil : .broke(HarvestError.wrapping(error))
        }
        // One that knows no ranges can still be taken whole.
        let whole = state.places.indices.filter { state.places[$0].end is DownloadRun.RangesIgnored }
        for place in whole { state.places[place].end = nil }
        return .failed(whole.isEmpty ? error : DownloadRun.RangesIgnored())
    }

    private func hasOther(than index: Int, _ state: State) -> Bool {
        state.places.indices.contains { $0 != index && isOpen($0, state) }
    }

    /// Whether two answers are of one object: each place by its own word, and all by their lengths.
    private func check(_ found: ObjectFacts, of index: Int) throws(HarvestError) {
        let fault: HarvestError? = state.withLock { state in
            if let total = found.total {
                guard state.total ?? total == total else {
                    return HarvestError(
                        .changed, "the mirror has \(total) bytes, others have \(state.total ?? 0)",
                        at: stores[index].address)
                }
                state.total = total
            }
            guard let known = state.places[index].facts else {
                state.places[index].facts = found
                return nil
            }
            guard known.validator.agrees(with: found.validator) else {
                return HarvestError(
                    .changed, "the mirror changed while it was read", at: stores[index].address,
                    next: "run the command again")
            }
            return nil
        }
        if let fault { throw fault }
    }

    // MARK: Which place

    private enum Choice {
        case use(Int)
        case wait(Double)
        case none
    }

    private func isOpen(_ index: Int, _ state: State) -> Bool {
        state.places[index].end == nil && state.only.map { $0 == index } ?? true
    }

    /// The place that is the least busy by what it bears, or the first that is left.
    private func choose() -> Choice {
        let now = Monotonic.now
        let weights = stores.map { Double(max(1, $0.limits.connections)) }
        return state.withLock { state in
            let open = state.places.indices.filter { isOpen($0, state) }
            guard let best = open.first else { return .none }
            let ready = open.filter { state.places[$0].notBefore <= now }
            guard !ready.isEmpty else {
                return .wait(open.map { state.places[$0].notBefore - now }.min() ?? 1)
            }
            let index =
                isPooled
                ? ready.min { a, b in
                    (state.places[a].failures, Double(state.places[a].running + 1) / weights[a], a)
                        < (state.places[b].failures, Double(state.places[b].running + 1) / weights[b], b)
                } ?? best : ready[0]
            state.places[index].running += 1
            return .use(index)
        }
    }

    private var hasOther: Bool { state.withLock { state in state.places.indices.contains { isOpen($0, state) } } }

    private var lastError: any Error {
        state.withLock { $0.places.lazy.compactMap(\.end).first }
            ?? HarvestError(.unavailable, "no mirror answers", at: address)
    }

    /// The bytes have another checksum than they should: a place that alone brought one of these pieces is asked no more,
    /// or, where nobody can tell which bytes are wrong, one place after the other is used alone.
    ///
    /// - Returns: Whether it is worth another try.
    func blame(for bad: [Range<Int>]) -> Bool {
        state.withLock { state in
            if bad.isEmpty {
                let next = (state.only ?? -1) + 1
                guard stores.count > 1 else { return false }
                if let last = state.only {
                    state.places[last].end = HarvestError(.changed, "the bytes are wrong", at: stores[last].address)
                }
                guard let index = (next..<stores.count).first(where: { state.places[$0].end == nil }) else {
                    return false
                }
                state.only = index
                return true
            }
            for piece in bad {
                // Of a piece that two had a part in nobody can say whose fault it is: it is only brought again.
                let whose = state.places.indices.filter { place in
                    state.places[place].brought.contains { $0.overlaps(piece) }
                }
                guard whose.count == 1, let index = whose.first else { continue }
                state.places[index].end = HarvestError(
                    .changed, "a piece of it has another checksum than it should", at: stores[index].address)
            }
            for index in state.places.indices { state.places[index].brought = [] }
            return state.places.contains { $0.end == nil }
        }
    }
}
