public import HarvestCore
import Synchronization

/// What is known of an object before its first byte comes.
public struct ObjectFacts: Sendable, Equatable {
    /// Length in bytes; `nil` where the far side does not say.
    public var total: Int?
    /// An entity tag as the far side gives it.
    public var tag: String?
    /// When it was last changed, in the far side's own spelling.
    public var modified: String?

    /// A checksum of all bytes that the far side offers.
    var digest: OfferedDigest?
    /// One that wants the length of the object's parts first; see ``RangeStreamingStore/partLength(of:)``.
    var digestOfParts: OfferedDigest.OfParts?

    public init(total: Int? = nil, tag: String? = nil, modified: String? = nil) {
        (self.total, self.tag, self.modified) = (total, tag, modified)
    }

    /// What tells this version from another one, in the spelling of ``Listing/Entry/version``; the strongest there is.
    public var version: String? {
        if let tag = validator.tag { return "etag:\(tag.filter { $0 != "\"" })" }
        return digest?.text ?? modified.map { "modified:\($0)" } ?? validator.weakTag.map { "etag:\($0)" }
    }

    /// Whether two answers can be told to be parts of one version, before the last byte.
    var tellsVersions: Bool { tag?.hasPrefix("\"") == true || modified != nil }

    /// Whether both say something by which their versions can be compared; two weak tags that differ leave that open.
    func sharesWord(with other: ObjectFacts) -> Bool {
        let (mine, theirs) = (validator, other.validator)
        if let tag = mine.weakTag, let other = theirs.weakTag, tag != other { return false }
        return mine.tag != nil && theirs.tag != nil || mine.modified != nil && theirs.modified != nil
            || digest != nil && digest == other.digest
    }

    var validator: Validator { Validator(tag: tag, modified: modified, total: total) }
}

/// How a request for a range ended.
public enum StreamEnd: Sendable {
    /// All of it came.
    case complete
    /// Who took the bytes wanted no more.
    case stopped(any Error)
    /// It broke on the way and may be tried again.
    case broke(HarvestError)
    /// The host says "later", in so many seconds if it says that too.
    case refused(after: Double?, RefusalCause, HarvestError)
    /// Trying again would not help.
    case failed(any Error)
}

/// What a host has too much of when it says "later".
public enum RefusalCause: Sendable {
    /// Connections at a time (FTP 421).
    case connections
    /// Transfers that start in a second (FTP 450).
    case starts
    /// It does not say.
    case any
}

/// A store that hands on ranges as they come, without holding them.
public protocol RangeStreamingStore: StreamingStore {
    /// Whether a request's end can be named: FTP's cannot, and is cut off.
    var asksBoundedRanges: Bool { get }

    /// What the far side is said to bear.
    var limits: TransportOptions.HostLimits { get }

    /// The web or FTP address of an object, for other tools; without secrets.
    func webAddress(of key: String) throws -> String

    /// Logs in so often for requests of an object to come, where that takes time and nothing else is on its way there.
    ///
    /// - Returns: Whether it does.
    func logIn(_ connections: Int, for key: String) -> Bool

    /// Takes in what showed of the far side, for later and for others.
    func learned(_ limits: TransportOptions.HostLimits)

    /// The length of the parts that an object was uploaded in, in bytes; `nil` where nobody says.
    ///
    /// - Complexity: At most one request, of which only the head is read.
    func partLength(of key: String) async -> Int?

    /// Hands on the bytes of a range in order, in one try.
    ///
    /// - Parameters:
    ///   - line: The requests that it follows, where the way there has use for that.
    ///   - facts: Called before the first byte; what it throws ends the request.
    ///   - sink: Must not block for long; what it throws ends the request.
    func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd
}

extension RangeStreamingStore {
    /// What is said of an object now.
    ///
    /// - Returns: `nil` where the far side cannot be asked, or only gives the whole.
    /// - Complexity: One request for the first byte, in one try.
    public func facts(of key: String) async -> ObjectFacts? {
        let found = Mutex<ObjectFacts?>(nil)
        _ = await stream(key, 0..<1, facts: { facts in found.withLock { $0 = facts } }, to: { _ in })
        return found.withLock { $0 }
    }

    /// Hands on the bytes of a range that follows no other.
    public func stream(
        _ key: String, _ range: Range<Int>, facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        await stream(key, range, on: nil, facts: facts, to: sink)
    }

    public var asksBoundedRanges: Bool { true }

    public func logIn(_ connections: Int, for key: String) -> Bool { false }

    public func partLength(of key: String) async -> Int? { nil }

    /// What refuses or holds back says so to each; only where requests are counted is it worth remembering.
    public func learned(_ limits: TransportOptions.HostLimits) {}
}
