import Synchronization

/// The parts of one object that a header's reader has asked for, each fetched once.
///
/// A mapped file costs nothing. A remote object is read in pieces of at least `readAhead` bytes, so that a header
/// whose parts lie together costs one request.
public final class Window: Sendable {
    private struct Part {
        var offset: Int
        var bytes: Bytes
    }

    private struct State {
        var parts: [Part] = []
        var total: Int?
        var fetched = 0
    }

    public let store: any Store
    public let key: String
    private let readAhead: Int
    private let state: Mutex<State>

    /// More header than this is no header (FAULTS: metadata ≤ 64 MiB).
    private static let budget = 64 << 20

    /// What comes in one round trip on a new connection: a server sends ten segments of 1,448 bytes (RFC 6928 §2), its
    /// own header among them, before it waits for the first answer.
    public static let firstFlight = 12 << 10

    public init(_ store: any Store, key: String = "", readAhead: Int = firstFlight) throws {
        self.store = store
        self.key = key
        self.readAhead = readAhead
        var first = State()
        if let whole = try store.map(key) {
            first.parts = [Part(offset: 0, bytes: whole)]
            first.total = whole.count
        }
        state = Mutex(first)
    }

    /// Length of the object; known after the first read.
    public var total: Int? { state.withLock { $0.total } }

    /// `count` bytes at `offset`.
    ///
    /// - Throws: ``HarvestError`` `.malformed` where the range leaves the object.
    public func bytes(at offset: Int, count: Int) async throws -> Bytes {
        guard let found = try await bytesIfPresent(at: offset, count: count), found.count == count else {
            throw HarvestError.malformed(
                "\(count) bytes at \(offset) are wanted, but the file ends at \(total ?? 0)", at: store.address)
        }
        return found
    }

    /// Up to `count` bytes at `offset`; fewer where the object ends before, `nil` where it ends before `offset`.
    public func bytesIfPresent(at offset: Int, count: Int) async throws -> Bytes? {
        guard offset >= 0, count >= 0, !offset.addingReportingOverflow(count).overflow else { return nil }
        if let known = cached(offset, count) { return known }
        let wanted = max(count, readAhead)
        try spend(wanted)
        let end = min(offset.addingReportingOverflow(wanted).partialValue, total ?? Int.max)
        guard offset < end else { return nil }
        let reply = try await store.read(key, .bytes(offset..<end))
        add(reply)
        return cached(offset, count) ?? reply.bytes.slice(0..<min(count, reply.bytes.count))
    }

    /// Asks for the head and the last `tail` bytes of a remote object at once, where the store knows tails: one round
    /// trip, whichever end the metadata stands at.
    ///
    /// A server that refuses the tail costs nothing more: what is missing is asked for by offset later.
    public func prime(head: Int? = nil, tail: Int) async throws {
        guard store.isRemote, store.knowsTails, state.withLock({ $0.parts.isEmpty }) else { return }
        async let end = store.read(key, .tail(tail))
        add(try await store.read(key, .bytes(0..<(head ?? readAhead))))
        do { add(try await end) } catch let error as HarvestError where error.kind != .changed {}
    }

    /// Fetches what is missing of `spans`, all at once: one round trip. What lies past the end is left out; spans less
    /// than 4 KiB apart are one request.
    ///
    /// - Parameter divides: Whether what is missing in one piece, if it takes several round trips, is asked for in two
    ///   halves: ``prime(head:tail:)`` has opened two connections, and each still starts slowly.
    /// - Throws: ``HarvestError`` `.malformed` where that is more than a header may be.
    public func need(_ spans: [Range<Int>], divides: Bool = false) async throws {
        let total = total ?? Int.max
        var missing: [Range<Int>] = []
        for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard let span = uncached(span.clamped(to: 0..<max(0, total))) else { continue }
            if let last = missing.last, span.lowerBound - last.upperBound < 4 << 10 {
                missing[missing.count - 1] = last.lowerBound..<max(last.upperBound, span.upperBound)
            } else {
                missing.append(span)
            }
        }
        let size = missing.reduce(0) { $0.addingReportingOverflow($1.count).partialValue }
        try spend(size)
        if divides, missing.count == 1, size > 3 * Self.firstFlight {
            let whole = missing[0], middle = whole.lowerBound + size / 2
            missing = [whole.lowerBound..<middle, middle..<whole.upperBound]
        }
        for reply in try await missing.concurrently(atMost: 16, { try await self.store.read(self.key, .bytes($0)) }) {
            add(reply)
        }
    }

    /// `count` bytes at `offset` where they cost no request; else `nil`.
    public func held(at offset: Int, count: Int) -> Bytes? {
        guard offset >= 0, !offset.addingReportingOverflow(count).overflow else { return nil }
        return cached(offset, count).flatMap { $0.count == count ? $0 : nil }
    }

    /// Whether `count` bytes at `offset` cost no request.
    public func holds(_ offset: Int, count: Int) -> Bool {
        offset >= 0 && !offset.addingReportingOverflow(count).overflow && cached(offset, count) != nil
    }

    /// How many bytes of `span` would have to be fetched, in one piece.
    public func missing(_ span: Range<Int>) -> Int { uncached(span)?.count ?? 0 }

    /// What of `span` no part holds, cut at both ends; `nil` where all of it is there.
    private func uncached(_ span: Range<Int>) -> Range<Int>? {
        state.withLock { state in
            var (lower, upper) = (span.lowerBound, span.upperBound)
            for part in state.parts {
                let end = part.offset + part.bytes.count
                if part.offset <= lower, lower < end { lower = min(end, upper) }
                if part.offset < upper, upper <= end { upper = max(part.offset, lower) }
            }
            return lower < upper ? lower..<upper : nil
        }
    }

    private func spend(_ count: Int) throws {
        let isOver = state.withLock { state in
            let (sum, overflow) = state.fetched.addingReportingOverflow(count)
            state.fetched = overflow ? Int.max >> 1 : sum
            return state.fetched > Self.budget
        }
        guard !isOver else {
            throw HarvestError.malformed("the header wants more than \(Self.budget >> 20) MiB", at: store.address)
        }
    }

    /// Takes a part in; one that touches others becomes one with them, so that what lies across a border is found.
    private func add(_ reply: Reply) {
        state.withLock { state in
            state.total = reply.total ?? state.total
            var new = Part(offset: reply.offset, bytes: reply.bytes)
            guard new.bytes.count > 0 else { return }
            for index in state.parts.indices.reversed() {
                let old = state.parts[index]
                let (first, second) = old.offset <= new.offset ? (old, new) : (new, old)
                let shared = first.offset + first.bytes.count - second.offset
                guard shared >= 0 else { continue }
                state.parts.remove(at: index)
                guard shared < second.bytes.count, let rest = second.bytes.slice(shared..<second.bytes.count) else {
                    new = first
                    continue
                }
                new = Part(offset: first.offset, bytes: Bytes(first.bytes.array + rest.array))
            }
            state.parts.append(new)
        }
    }

    private func cached(_ offset: Int, _ count: Int) -> Bytes? {
        state.withLock { state in
            let end = min(offset + count, state.total ?? Int.max)
            guard offset <= end else { return nil }
            for part in state.parts where part.offset <= offset && end <= part.offset + part.bytes.count {
                return part.bytes.slice(offset - part.offset..<end - part.offset)
            }
            return nil
        }
    }
}
