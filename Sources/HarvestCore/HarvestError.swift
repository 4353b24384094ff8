/// What went wrong, in one sentence a person can act on: what · where · why · what next.
///
/// The kind decides the exit status, whether a retry makes sense, and what other surfaces answer.
public struct HarvestError: Error, Sendable {
    /// The closed set of meanings an error can have.
    public enum Kind: String, Sendable, CaseIterable {
        /// The request makes no sense.
        case invalid
        /// The bytes break their format.
        case malformed
        /// Nothing is there.
        case notFound
        /// No portal, format, codec or type here knows it.
        case unsupported
        /// A bug; please report.
        case failed
        /// The local disk refused.
        case storage
        /// The source changed while it was read, or a checksum differs.
        case changed
        /// The far side failed after all retries.
        case unavailable
        /// Not permitted.
        case denied
    }

    public var kind: Kind
    /// One sentence, without the place.
    public var message: String
    /// Where: a URL, a path, an offset, a tag; `nil` where the message says it all.
    public var place: String?
    /// What to do next; `nil` where nothing helps.
    public var next: String?
    /// What caused it, for the log.
    public var underlying: (any Error)?
    /// How long the far side asked to wait, in seconds (`Retry-After`).
    public var retryAfter: Double?

    public init(
        _ kind: Kind, _ message: String, at place: String? = nil, next: String? = nil, underlying: (any Error)? = nil,
        retryAfter: Double? = nil
    ) {
        self.kind = kind
        self.message = message
        self.place = place
        self.next = next
        self.underlying = underlying
        self.retryAfter = retryAfter
    }
}

extension HarvestError {
    /// The bytes break their format.
    public static func malformed(_ message: String, at place: String? = nil) -> HarvestError {
        HarvestError(.malformed, message, at: place)
    }

    /// No portal, format, codec or type here knows it.
    public static func unsupported(_ message: String, at place: String? = nil, next: String? = nil) -> HarvestError {
        HarvestError(.unsupported, message, at: place, next: next)
    }

    /// The request makes no sense.
    public static func invalid(_ message: String, at place: String? = nil, next: String? = nil) -> HarvestError {
        HarvestError(.invalid, message, at: place, next: next)
    }

    /// Nothing is there.
    public static func notFound(_ message: String, at place: String? = nil, next: String? = nil) -> HarvestError {
        HarvestError(.notFound, message, at: place, next: next)
    }

    /// The same error, said to stand at `place` unless it names a place already.
    public func located(at place: String) -> HarvestError {
        guard self.place == nil else { return self }
        var copy = self
        copy.place = place
        return copy
    }

    /// Whether it ends what a budget allowed, and nothing else is wrong.
    public var isBudgetSpent: Bool { underlying is Meter.Spent }

    /// Any error as one of ours; what is not known is a bug (`.failed`).
    public static func wrapping(_ error: any Error, at place: String? = nil) -> HarvestError {
        if let known = error as? HarvestError { return place.map(known.located(at:)) ?? known }
        if error is CancellationError { return HarvestError(.unavailable, "the work was cancelled", at: place) }
        return HarvestError(.failed, "unexpected error: \(error)", at: place, next: "please report this")
    }
}

extension HarvestError.Kind {
    /// The exit status of a command that ends with this error (sysexits.h, where it has a word).
    public var exitCode: Int32 {
        switch self {
        case .invalid: 64
        case .malformed: 65
        case .notFound: 66
        case .unsupported: 69
        case .failed: 70
        case .storage: 73
        case .changed: 74
        case .unavailable: 75
        case .denied: 77
        }
    }

    /// Whether the same request may succeed later.
    public var isRetried: Bool { self == .unavailable }
}

extension HarvestError: CustomStringConvertible {
    /// The sentence: message, place and next step.
    public var description: String {
        var text = Self.oneLine(message)
        if let place { text += " (\(Self.oneLine(place)))" }
        if let next { text += "; \(Self.oneLine(next))" }
        return text
    }

    private static func oneLine(_ text: String) -> String { text.displayed(limit: 600) }
}
