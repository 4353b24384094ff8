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

    public init(_ store: any Store, key: String = "", readAhead: Int = 16 << 10) throws {
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
        let isOver = state.withLock { state in
            state.fetched += wanted
            return state.fetched > Self.budget
        }
        guard !isOver else {
            throw HarvestError.malformed("the header wants more than \(Self.budget >> 20) MiB", at: store.address)
        }
        let end = min(offset.addingReportingOverflow(wanted).partialValue, total ?? Int.max)
        guard offset < end else { return nil }
        let reply = try await store.read(key, .bytes(offset..<end))
        state.withLock { state in
            state.total = reply.total ?? state.total
            state.parts.append(Part(offset: reply.offset, bytes: reply.bytes))
        }
        return cached(offset, count) ?? reply.bytes.slice(0..<min(count, reply.bytes.count))
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
