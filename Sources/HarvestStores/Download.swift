public import HarvestCore
import Synchronization

/// Brings one object to a file: parallel ranges into `PATH.part`, which gets its name once it is whole.
public struct Download: Sendable {
    /// Ranges on their way at a time.
    public var connections: Int
    /// Length of one range, in bytes.
    public var segment: Int

    public init(connections: Int = 8, segment: Int = 8 << 20) {
        self.connections = max(1, connections)
        self.segment = max(1, segment)
    }

    /// Fetches the object `key` of `store` to `path`.
    ///
    /// The file never stands under its name before it is whole and synced; after an error or a cancellation
    /// `path.part` stays.
    ///
    /// - Parameter progress: Bytes written, and of how many if that is known; called in order, never at once.
    /// - Returns: The object's length.
    /// - Throws: `.changed` if it changed meanwhile, `.storage` if the disk is full, as ``Store/read(_:_:)`` else.
    /// - Complexity: One request per segment; one segment per connection in memory.
    public func fetch(
        _ key: String, of store: any Store, to path: String,
        progress: @escaping @Sendable (_ done: Int, _ total: Int?) -> Void = { _, _ in }
    ) async throws -> Int {
        let part = try PartFile(path)
        let count: Int
        do {
            if let first = try await firstSegment(key, of: store) {
                count = try await fetchRanges(key, of: store, first: first, into: part, progress)
            } else {
                count = try await stream(key, of: store, into: part, progress)
            }
        } catch let error as HarvestError where error.kind == .unsupported && store is any StreamingStore {
            // A server that ignores ranges gives the start of an object all the same.
            count = try await stream(key, of: store, into: part, progress)
        }
        try await Workers.files.run { try part.publish(count: count) }
        return count
    }

    /// The first range, which tells the length as well; `nil` where the object can only be had in one piece.
    private func firstSegment(_ key: String, of store: any Store) async throws -> (bytes: Bytes, total: Int)? {
        let reply = try await store.read(key, .bytes(0..<segment))
        if let total = reply.total, reply.bytes.count == min(segment, total) { return (reply.bytes, total) }
        if reply.total == nil, store is any StreamingStore { return nil }
        throw HarvestError.malformed("the server does not say how long the object is", at: store.address)
    }

    private func fetchRanges(
        _ key: String, of store: any Store, first: (bytes: Bytes, total: Int), into part: PartFile,
        _ progress: (Int, Int?) -> Void
    ) async throws -> Int {
        let total = first.total
        try part.checkSpace(for: total)
        try await Workers.files.run { try part.write(first.bytes, at: 0) }
        var done = first.bytes.count
        var next = done
        progress(done, total)
        // One writes while many read: a file system lets one at a time into a file anyway.
        try await withThrowingTaskGroup(of: Reply.self) { group in
            func add() {
                guard next < total else { return }
                let range = next..<min(total, next + segment)
                next = range.upperBound
                group.addTask { try await fetch(range, of: key, in: store, total: total) }
            }
            for _ in 0..<connections { add() }
            while let reply = try await group.next() {
                try await Workers.files.run { try part.write(reply.bytes, at: reply.offset) }
                done += reply.bytes.count
                progress(done, total)
                add()
            }
        }
        return total
    }

    private func fetch(_ range: Range<Int>, of key: String, in store: any Store, total: Int) async throws -> Reply {
        let reply = try await store.read(key, .bytes(range))
        guard reply.offset == range.lowerBound, reply.bytes.count == range.count, reply.total == total else {
            throw HarvestError(.changed, "the object's length changed while it was read", at: store.address)
        }
        return reply
    }

    private func stream(
        _ key: String, of store: any Store, into part: PartFile, _ progress: @escaping @Sendable (Int, Int?) -> Void
    ) async throws -> Int {
        guard let store = store as? any StreamingStore else {
            throw HarvestError.unsupported("the store reads ranges only", at: store.address)
        }
        var tries = 0
        while true {
            tries += 1
            let written = Mutex(0)
            do {
                let count = try await store.stream(key) { piece in
                    try written.withLock { written in
                        try part.write(piece, at: written)
                        written += piece.count
                        progress(written, nil)
                    }
                }
                return count
            } catch let error as HarvestError where error.kind == .unavailable && tries < 3 {
                continue  // from the start: this server knows no other place
            }
        }
    }
}
