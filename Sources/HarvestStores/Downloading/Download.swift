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
    /// Checksums of the object's pieces: of a file that is found to be wrong only the wrong ones are brought again.
    public var pieces: OfferedPieces?
    /// Whether it is the only one, and connections may log in before it is known how many are of use.
    public var logsInAhead = false
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
        /// What tells the version that came from another one (see ``ObjectFacts/version``); `nil` where nothing does.
        public var version: String?
        /// By which damage is found later; `nil` without checksums.
        public var pieces: PieceSums?
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
            for attempt in 0... {
                let run = DownloadRun(self, key, store, part, journal, progress)
                do {
                    let result = try await run.run()
                    journal.remove()
                    return result
                } catch is DownloadRun.RangesIgnored {
                    journal.remove()
                    break
                } catch let error as HarvestError where error.kind == .changed {
                    let isWrong = error.underlying is OfferedDigest.Mismatch
                    let mirrors = store as? MirrorStore
                    // Another version is begun anew once; with mirrors once for each, as each has versions of its own.
                    var startsAnew: Bool {
                        isWrong ? mirrors?.blame(for: []) ?? (attempt == 0) : attempt < mirrors?.addresses.count ?? 1
                    }
                    if isWrong, attempt < Self.corrections, let facts = run.facts, let total = facts.total,
                        let wrong = try await wrong(of: part, total), !wrong.isEmpty, mirrors?.blame(for: wrong) ?? true
                    {
                        let right = IntervalSet(IntervalSet(wrong).gaps(in: 0..<total))
                        try journal.begin(Journal.Identity(url: store.place(of: key), facts: facts), done: right)
                    } else if startsAnew {
                        journal.clear()
                    } else {
                        // Bytes of another checksum are of no use to the next run.
                        if isWrong {
                            journal.remove()
                            part.remove()
                        }
                        throw error
                    }
                    events(.changed(error.message))
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
        let expected = self.expected ?? (hashes ? hint : nil), isHashed = hashes || expected != nil
        let lane = isHashed ? HashLane(part, total: count, with: expected) : nil
        let sums = try await lane?.finish(count)
        try check(sums, expected, at: store.place(of: key))
        try await Workers.files.run { try part.publish(count: count) }
        return Result(
            bytes: count, sha256: sums?.sha256, verifiedBy: sums == nil ? nil : expected?.source, fetched: count,
            pieces: sums?.pieces)
    }

    /// So often pieces that are wrong are brought again.
    private static let corrections = 4

    /// Which bytes are wrong, where that is known.
    private func wrong(of part: PartFile, _ total: Int) async throws -> [Range<Int>]? {
        guard let pieces else { return nil }
        return try await Workers.files.run { try pieces.wrong(in: part, total: total) }
    }

    /// Brings again what is damaged of a file that is here whole, and writes it in place.
    ///
    /// A run that ends early leaves the file as damaged as it was, or less.
    ///
    /// - Parameters:
    ///   - good: What of it is right.
    ///   - facts: What its source says of it now, all of it the same version.
    /// - Throws: As ``fetch(_:of:to:progress:)``.
    public func mend(
        _ path: String, keeping good: [Range<Int>], as facts: ObjectFacts, _ key: String,
        of store: any RangeStreamingStore
    ) async throws -> Result {
        let part = try PartFile(path, isInPlace: true)
        let journal = try Journal(path + ".part.j")
        defer {
            journal.remove()
            journal.release()
        }
        try journal.begin(Journal.Identity(url: store.place(of: key), facts: facts), done: IntervalSet(good))
        return try await DownloadRun(self, key, store, part, journal, { _, _ in }).run()
    }

    /// - Throws: `.changed` if a checksum is expected and another one was found.
    func check(_ sums: HashLane.Sums?, _ expected: OfferedDigest?, at url: String) throws {
        guard let sums, let expected else { return }
        let fault = expected.fault(expected.algorithm == .sha256 ? sums.sha256 : sums.other ?? "", at: url)
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
