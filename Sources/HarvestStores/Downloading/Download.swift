public import HarvestCore
import Synchronization

/// Brings one object to a file: parallel ranges straight into `PATH.part`, which gets its name once it is whole.
///
/// A run that ends early, however it ends, leaves `PATH.part` and its journal; the next one asks for what is missing.
public struct Download: Sendable {
    /// Requests on their way at a time, at the most; `nil` is what the far side is said to bear.
    public var connections: Int?
    /// Length of the first range, in bytes.
    public var segment: Int
    /// Whether the sha256 is computed on the way.
    public var hashes = true

    public init(connections: Int? = nil, segment: Int = 8 << 20) {
        self.connections = connections.map { max(1, $0) }
        self.segment = max(1, segment)
    }

    /// What a download brought.
    public struct Result: Sendable {
        public var bytes: Int
        /// Lower-case hexadecimal; `nil` where none was asked for.
        public var sha256: String?
        /// Where the checksum was offered that the bytes were held against; `nil` where none was.
        public var verifiedBy: String?
        /// Bytes that this run brought, those that came twice included.
        public var fetched: Int
    }

    /// Fetches the object `key` of `store` to `path`.
    ///
    /// The file never stands under its name before it is whole and synced.
    ///
    /// - Parameter progress: Bytes here, and of how many if that is known; called in order, never at once.
    /// - Throws: `.changed` if it changed twice meanwhile, `.storage` if the disk is full, `.unavailable` once tries
    ///   without progress are spent or another run is at it, as ``Store/read(_:_:)`` else.
    /// - Complexity: A request per connection and some seconds of its speed; half a MiB per connection in memory.
    public func fetch(
        _ key: String, of store: any Store, to path: String,
        progress: @escaping @Sendable (_ done: Int, _ total: Int?) -> Void = { _, _ in }
    ) async throws -> Result {
        let part = try PartFile(path)
        if let store = store as? any RangeStreamingStore {
            let journal = try Journal(path + ".part.j")
            defer { journal.release() }
            for attempt in 0..<2 {
                let run = DownloadRun(self, key, store, part, journal, progress)
                do {
                    let result = try await run.run()
                    journal.remove()
                    return result
                } catch is DownloadRun.RangesIgnored {
                    journal.remove()
                    break
                } catch let error as HarvestError where error.kind == .changed && attempt == 0 {
                    journal.clear()
                } catch {
                    if run.hasNothing {
                        journal.remove()
                        part.remove()
                    }
                    throw error
                }
            }
        }
        try part.clear()
        let count =
            store is any StreamingStore
            ? try await stream(key, of: store, into: part, progress)
            : try await copy(key, of: store, into: part, progress)
        let sha256 = hashes ? try await HashLane(part).finish(count).sha256 : nil
        try await Workers.files.run { try part.publish(count: count) }
        return Result(bytes: count, sha256: sha256, fetched: count)
    }

    /// An object that is here or in memory, piece by piece.
    private func copy(
        _ key: String, of store: any Store, into part: PartFile, _ progress: (Int, Int?) -> Void
    ) async throws -> Int {
        var position = 0
        while true {
            let reply = try await store.read(key, .bytes(position..<position + segment))
            guard let total = reply.total, reply.bytes.count == min(segment, max(0, total - position)) else {
                throw HarvestError(.changed, "the object's length changed while it was read", at: store.address)
            }
            if position == 0 { try part.checkSpace(for: total) }
            try await Workers.files.run { [position] in try part.write(reply.bytes, at: position) }
            position += reply.bytes.count
            progress(position, total)
            if position >= total { return total }
        }
    }

    /// A server that knows no ranges: from the start to the end, and once more from the start if it breaks.
    private func stream(
        _ key: String, of store: any Store, into part: PartFile, _ progress: @escaping @Sendable (Int, Int?) -> Void
    ) async throws -> Int {
        guard let store = store as? any StreamingStore else {
            throw HarvestError.unsupported("the store reads ranges only", at: store.address)
        }
        let written = Mutex(0)
        return try await store.stream(key) {
            written.withLock { $0 = 0 }  // this server knows no other place to go on from
        } to: { piece in
            try written.withLock { written in
                try part.write(piece, at: written)
                written += piece.count
                progress(written, nil)
            }
        }
    }
}
