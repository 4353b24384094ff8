public import HarvestCore
internal import Synchronization

/// A store that notes every read of another one, and can pretend that each costs a round trip.
///
/// ```swift
/// let store = CountingStore(base, isRemote: true)
/// _ = try await TIFF().open(store, options: OpenOptions())
/// #expect(store.count <= 6)
/// ```
public final class CountingStore: Store {
    /// One request as it was asked for.
    public struct Read: Sendable, Hashable {
        public var key: String
        public var range: ByteRange
        /// Bytes that came back; 0 where the read failed.
        public var bytes: Int

        public init(key: String, range: ByteRange, bytes: Int) {
            self.key = key
            self.range = range
            self.bytes = bytes
        }
    }

    public let isRemote: Bool
    public let knowsTails: Bool
    private let base: any Store
    private let log = Mutex([Read]())

    /// - Parameters:
    ///   - isRemote: Whether to pretend that `base` is another machine: then nothing is mapped.
    ///   - knowsTails: Whether to pretend that it gives the end of an object whose length nobody knows.
    public init(_ base: any Store, isRemote: Bool = false, knowsTails: Bool = false) {
        self.base = base
        self.knowsTails = knowsTails
        self.isRemote = isRemote
    }

    public var address: String { base.address }

    /// The reads so far, in the order in which they ended.
    public var reads: [Read] { log.withLock { $0 } }

    /// How many reads there were.
    public var count: Int { reads.count }

    /// How many bytes came back.
    public var bytes: Int { reads.reduce(0) { $0 + $1.bytes } }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        do {
            let reply = try await base.read(key, range)
            note(key, range, reply.bytes.count)
            return reply
        } catch {
            note(key, range, 0)
            throw error
        }
    }

    public func list(_ prefix: String) async throws -> Listing { try await base.list(prefix) }

    /// `nil` where the store pretends to be remote; else the mapped object, which counts as no read.
    public func map(_ key: String) throws -> Bytes? { isRemote ? nil : try base.map(key) }

    private func note(_ key: String, _ range: ByteRange, _ bytes: Int) {
        log.withLock { $0.append(Read(key: key, range: range, bytes: bytes)) }
    }
}
