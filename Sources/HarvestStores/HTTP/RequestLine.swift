import Synchronization

/// Requests of one object that follow one another: over plain HTTP/1.1 on one connection, the next one ahead of the answer to
/// the one before (RFC 9112 §9.3.2), so that no round trip passes between two ranges.
public final class RequestLine: Sendable {
    private let isAhead = Atomic(false)

    public init() {}

    /// Whether the last answer came over a connection on which the next request may be sent ahead.
    public internal(set) var takesAhead: Bool {
        get { isAhead.load(ordering: .relaxed) }
        set { isAhead.store(newValue, ordering: .relaxed) }
    }
}
