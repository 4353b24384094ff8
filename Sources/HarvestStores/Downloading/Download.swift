import HarvestCodecs
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
    /// The checksum that the bytes must have; `nil` is what the server offers, if it does.
    public var expected: OfferedDigest?
    /// The checksum to go by where nothing is expected and the server offers none.
    public var hint: OfferedDigest?
    /// Told what happens meanwhile, from any thread; must not block.
    public var events: @Sendable (TransferEvent) -> Void = { _ in }

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
                    events(.changed(error.message))
                    journal.clear()
                } catch {
                    // Bytes of another checksum are of no use to the next run.
                    if run.hasNothing || (error as? HarvestError)?.underlying is OfferedDigest.Mismatch {
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
        let expected = self.expected ?? (hashes ? hint : nil), isHashed = hashes || expected != nil
        let sums = isHashed ? try await HashLane(part, withMD5: expected?.algorithm == .md5).finish(count) : nil
        try check(sums, expected, at: store.place(of: key))
        try await Workers.files.run { try part.publish(count: count) }
        return Result(
            bytes: count, sha256: sums?.sha256, verifiedBy: sums == nil ? nil : expected?.source, fetched: count)
    }

    /// - Throws: `.changed` if a checksum is expected and another one was found.
    func check(_ sums: (sha256: String, md5: String?)?, _ expected: OfferedDigest?, at url: String) throws {
        guard let sums, let expected else { return }
        let fault = expected.fault(expected.algorithm == .sha256 ? sums.sha256 : sums.md5 ?? "", at: url)
        events(.verified(expected.text, by: expected.source, isRight: fault == nil))
        if let fault { throw fault }
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

extension Store {
    /// Where an object is, for people.
    func place(of key: String) -> String {
        key.isEmpty ? address : address.hasSuffix("/") ? address + key : "\(address)/\(key)"
    }
}
