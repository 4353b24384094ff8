import Synchronization

/// Which bytes of an object are wanted.
public enum ByteRange: Sendable, Hashable {
    case whole
    /// Half-open; may pass the end, then the reply is shorter.
    case bytes(Range<Int>)
    /// The last bytes.
    case tail(Int)
}

/// Bytes as a store gave them, and where they stand in the object.
public struct Reply: Sendable {
    public var bytes: Bytes
    /// Offset of the first byte in the object.
    public var offset: Int
    /// Length of the whole object; `nil` where the far side did not say.
    public var total: Int?

    public init(bytes: Bytes, offset: Int, total: Int?) {
        self.bytes = bytes
        self.offset = offset
        self.total = total
    }
}

/// One level of a listing.
public struct Listing: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        /// The name below the prefix that was asked for, without a slash.
        public var name: String
        /// Length in bytes where the listing says it exactly.
        public var bytes: Int?
        /// Length in bytes where the listing rounds it (`29M` in a web server's index); shown as `~`.
        public var roundedBytes: Int?
        /// A checksum as the listing gives it: `md5:…`, `etag:…`.
        public var checksum: String?
        /// When it was last changed, in the listing's own words: only good for being the same or not.
        public var modified: String?

        /// What tells this version of the object from another one; `nil` where the listing says nothing of that.
        public var version: String? { checksum ?? modified.map { "modified:\($0)" } }

        public init(
            name: String, bytes: Int? = nil, roundedBytes: Int? = nil, checksum: String? = nil, modified: String? = nil
        ) {
            self.name = name
            self.bytes = bytes
            self.roundedBytes = roundedBytes
            self.checksum = checksum
            self.modified = modified
        }
    }

    public var objects: [Entry]
    public var folders: [String]
    /// Names that the listing gives and that can be no keys (`..`, control characters): for a message, and nothing else.
    public var refused: [String]

    public init(objects: [Entry] = [], folders: [String] = [], refused: [String] = []) {
        self.objects = objects
        self.folders = folders
        self.refused = refused
    }
}

/// Bytes by key and range: a folder, a bucket, a web server, memory.
///
/// Keys are relative paths with `/` between components; the empty key is the object at the store's own address,
/// so that one file and a folder of chunks open alike. A store never knows what its bytes mean.
public protocol Store: Sendable {
    /// What the keys are relative to, as a person would type it.
    var address: String { get }

    /// Reads part of one object, in one request.
    ///
    /// - Returns: The bytes that exist in the range; none at all, and the total, where the range starts past the end.
    /// - Throws: ``HarvestError`` `.notFound`, `.denied`, `.changed` if the object is not the one read before,
    ///   `.unavailable` once retries are spent, `.invalid` for a key that would leave the store.
    func read(_ key: String, _ range: ByteRange) async throws -> Reply

    /// Names one level below `prefix` (`""` is the root; else without a slash at the end).
    ///
    /// - Throws: `.unsupported` where the store cannot list.
    func list(_ prefix: String) async throws -> Listing

    /// The whole object in memory where that costs nothing (a mapped file); `nil` anywhere else.
    func map(_ key: String) throws -> Bytes?

    /// Whether a read costs a round trip to another machine.
    var isRemote: Bool { get }

    /// Whether the last bytes of an object can be asked for before its length is known (HTTP does, FTP does not).
    var knowsTails: Bool { get }
}

extension Store {
    public func map(_ key: String) throws -> Bytes? { nil }
    public var isRemote: Bool { false }
    public var knowsTails: Bool { false }

    /// Length of an object, asked for by reading its first byte; `nil` where the far side does not say.
    public func size(of key: String) async throws -> Int? { try await read(key, .bytes(0..<1)).total }

    /// The whole object, or `nil` where nothing is there.
    public func readIfPresent(_ key: String) async throws -> Bytes? {
        do { return try await read(key, .whole).bytes } catch let error as HarvestError where error.kind == .notFound {
            return nil
        }
    }
}

/// Checks keys that come from outside before they are joined to an address.
public enum Key {
    /// The components of `key`, refused (`.denied`) where one is empty, `.`, `..`, holds a control character or a
    /// backslash, or where the key is absolute: a listing, a Zarr path or a precomputed key must not leave its store.
    public static func components(of key: String) throws(HarvestError) -> [String] {
        if key.isEmpty { return [] }
        let parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for part in parts {
            let isControl = part.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
            guard !part.isEmpty, part != ".", part != "..", !isControl, !part.contains("\\") else {
                throw HarvestError(
                    .denied, "the name \"\(key.displayed(limit: 200))\" would leave its folder or cannot be a file name"
                )
            }
        }
        return parts
    }
}

/// Counts what a store costs, and keeps it within a budget: requests, bytes, and round trips (requests that waited for an
/// earlier one's answer).
public final class Meter: Sendable {
    public struct Cost: Sendable, Hashable {
        public var requests = 0
        public var bytes = 0
        public var roundTrips = 0
        /// Reads that cost no request, because an earlier run had kept what they ask for, and their bytes.
        public var cachedRequests = 0
        public var cachedBytes = 0
        public init() {}
    }

    /// How much may be asked for.
    public struct Budget: Sendable, Hashable {
        public var requests: Int
        /// Bytes of bodies.
        public var bytes: Int

        /// What no header needs that is in order.
        public init(requests: Int = 2000, bytes: Int = 64 << 20) { (self.requests, self.bytes) = (requests, bytes) }
    }

    /// Why a request was not sent: what may be asked for was asked for.
    public struct Spent: Error, Sendable { public var budget: Budget }

    private struct State {
        var cost = Cost()
        var running = 0
        /// Bytes that are on their way at the most.
        var reserved = 0
    }

    private let state = Mutex(State())
    private let budget: Budget?

    /// - Parameter budget: `nil` lets everything pass.
    public init(budget: Budget? = nil) { self.budget = budget }

    /// Asks for leave to send a request, and counts it.
    ///
    /// - Throws: `.invalid`, with ``Spent`` behind it, where all requests or bytes are spent.
    public func admit() throws(HarvestError) {
        let isAdmitted = state.withLock { state in
            if let budget, state.cost.requests >= budget.requests || state.cost.bytes >= budget.bytes { return false }
            Self.start(&state)
            return true
        }
        if !isAdmitted { throw spent }
    }

    /// Sets bytes aside for an answer that is on its way, until ``release(bytes:)``.
    ///
    /// - Throws: As ``admit()``, where so many are not left.
    public func reserve(bytes: Int) throws(HarvestError) {
        let isLeft = state.withLock { state in
            if let budget, bytes > budget.bytes - state.cost.bytes - state.reserved { return false }
            state.reserved += bytes
            return true
        }
        if !isLeft { throw spent }
    }

    public func release(bytes: Int) { state.withLock { $0.reserved -= bytes } }

    /// Bytes that may still come; `nil` for any number.
    public var bytesLeft: Int? {
        state.withLock { state in budget.map { max(0, $0.bytes - state.cost.bytes - state.reserved) } }
    }

    /// The error that says so.
    public var spent: HarvestError {
        let budget = budget ?? Budget()
        return HarvestError(
            .invalid, "the budget of \(budget.requests) requests and \(budget.bytes) bytes is spent",
            next: "raise --max-requests or --max-bytes", underlying: Spent(budget: budget))
    }

    public var cost: Cost { state.withLock { $0.cost } }

    /// A request is on its way. One that starts while none is running opens a new round trip.
    public func started() { state.withLock { Self.start(&$0) } }

    private static func start(_ state: inout State) {
        state.cost.requests += 1
        if state.running == 0 { state.cost.roundTrips += 1 }
        state.running += 1
    }

    /// A read cost no request.
    public func spared(bytes: Int) {
        state.withLock {
            $0.cost.cachedRequests += 1
            $0.cost.cachedBytes += bytes
        }
    }

    /// A request ended, well or not, after `bytes` of body.
    public func ended(bytes: Int) {
        state.withLock {
            $0.running -= 1
            $0.cost.bytes += bytes
        }
    }
}
