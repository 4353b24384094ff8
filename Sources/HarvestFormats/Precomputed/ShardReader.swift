import HarvestCodecs
import HarvestCore
import Synchronization

/// Finds chunks in the shards of one scale: reads the shards' indices and the minishards' indices that are wanted, each
/// once, all that are wanted at the same time.
final class ShardReader: Sendable {
    /// Chunk ids and byte ranges of one minishard; ids ascend as a rule, but nothing relies on it.
    typealias Minishard = [UInt64: Range<Int>]

    private struct State {
        /// Ranges of the minishards' indices, by shard; `nil` for a shard that is not there.
        var shards: [UInt64: [Int: Range<Int>]?] = [:]
        var minishards: [Sharding.Place: Minishard] = [:]
        var entries = 0
    }

    private let sharding: Sharding
    private let folder: String
    /// Chunks of the whole grid.
    private let chunks: Int
    private let store: any Store
    private let state = Mutex(State())

    /// A whole shard index up to this is read at once; of a longer one the entry alone.
    private static let wholeIndex = 64 << 10
    /// A minishard index is no longer than this once decoded: 2^20 chunks.
    private static let longestIndex = 24 << 20
    /// Chunks that are remembered; then all are forgotten.
    private static let mostEntries = 2_000_000

    init(_ sharding: Sharding, folder: String, chunks: Int, in store: any Store) {
        self.chunks = chunks
        self.sharding = sharding
        self.folder = folder
        self.store = store
    }

    func key(_ shard: UInt64) -> String { "\(folder)/\(sharding.fileName(shard))" }

    /// Where each chunk stands; `nil` for one that was never stored.
    ///
    /// - Throws: ``HarvestError`` `.malformed` where an index is broken.
    func locate(_ chunks: [UInt64]) async throws -> [ChunkLocation?] {
        let places = chunks.map(sharding.place(of:))
        let wanted = Set(places)
        var known: [Sharding.Place: Minishard] = [:]
        state.withLock { state in for place in wanted { known[place] = state.minishards[place] } }
        let missing = wanted.filter { known[$0] == nil }
        if !missing.isEmpty {
            let ranges = try await ranges(of: missing)
            // An index may unpack to 24 MiB: so many at a time that they fit.
            let read = try await ranges.concurrently(atMost: 8) { place, range in
                (place, try await self.minishard(place, range))
            }
            for (place, minishard) in read { known[place] = minishard }
            for place in missing where known[place] == nil { known[place] = [:] }
            let found = known
            state.withLock { state in
                let count = missing.reduce(0) { $0 + (found[$1]?.count ?? 0) + 1 }
                if state.entries + count > Self.mostEntries { (state.minishards, state.entries) = ([:], 0) }
                for place in missing { state.minishards[place] = found[place] }
                state.entries += count
            }
        }
        return zip(chunks, places).map { chunk, place in
            known[place]?[chunk].map { ChunkLocation(key: key(place.shard), range: .bytes($0)) }
        }
    }

    /// The byte ranges of minishards' indices; those that are not stored are left out.
    private func ranges(of places: Set<Sharding.Place>) async throws -> [Sharding.Place: Range<Int>] {
        var wanted: [UInt64: Set<Int>] = [:]
        for place in places { wanted[place.shard, default: []].insert(place.minishard) }
        let known = state.withLock { $0.shards }
        let missing = wanted.filter { shard, minishards in
            guard let index = known[shard] else { return true }
            return index.map { index in !minishards.allSatisfy { index[$0] != nil } } ?? false
        }
        let read = try await missing.concurrently(atMost: 32) { shard, minishards in
            (shard, try await self.index(of: shard, minishards))
        }
        state.withLock { state in
            if state.shards.count > 4096 { state.shards = [:] }
            for (shard, index) in read {
                if let index, let before = state.shards[shard], let before {
                    state.shards[shard] = .some(before.merging(index) { $1 })
                } else {
                    state.shards[shard] = .some(index)
                }
            }
        }
        let all = Dictionary(read) { $1 }
        var found: [Sharding.Place: Range<Int>] = [:]
        for place in places {
            let index = all[place.shard] ?? known[place.shard] ?? nil
            if let range = index?[place.minishard], !range.isEmpty { found[place] = range }
        }
        return found
    }

    /// A shard's index, or the entries of the wanted minishards alone; `nil` where there is no such shard.
    private func index(of shard: UInt64, _ minishards: Set<Int>) async throws -> [Int: Range<Int>]? {
        var index: [Int: Range<Int>] = [:]
        let isWhole = sharding.indexBytes <= Self.wholeIndex
        let spans = isWhole ? [0..<sharding.indexBytes] : minishards.map { 16 * $0..<16 * $0 + 16 }
        for span in spans {
            let bytes: Bytes
            do { bytes = try await store.read(key(shard), .bytes(span)).bytes } catch let error as HarvestError
                where error.kind == .notFound || error.kind == .denied && store.isRemote
            { return nil }
            guard bytes.count == span.count else { throw broken(shard, "its index is cut short") }
            for entry in 0..<span.count / 16 {
                let (start, end) = (bytes.number(at: 16 * entry), bytes.number(at: 16 * entry + 8))
                // Both count from the end of the shard's index.
                guard let start, let end, start <= end, end <= 1 << 60, end - start <= Self.longestIndex else {
                    throw broken(shard, "its index names bytes \(start ?? -1) to \(end ?? -1)")
                }
                let base = sharding.indexBytes
                index[span.lowerBound / 16 + entry] = base + start..<base + end
            }
        }
        return index
    }

    private func minishard(_ place: Sharding.Place, _ range: Range<Int>) async throws -> Minishard {
        let stored = try await store.read(key(place.shard), .bytes(range)).bytes
        guard stored.count == range.count else { throw broken(place.shard, "a minishard's index is cut short") }
        let bytes: Bytes
        if sharding.isIndexGzipped {
            do {
                bytes = try stored.withUnsafeBytes { raw throws(HarvestError) in
                    try Gzip().decode(raw, atMost: Self.longestIndex)
                }
            } catch { throw error.located(at: store.place(key(place.shard))) }
        } else {
            bytes = stored
        }
        guard bytes.count % 24 == 0 else {
            throw broken(place.shard, "a minishard's index of \(bytes.count) bytes is no table of three rows")
        }
        let count = bytes.count / 24
        guard count <= chunks else {
            throw broken(place.shard, "a minishard's index names \(count) chunks of a grid of \(chunks)")
        }
        var minishard = Minishard(minimumCapacity: count)
        var id: UInt64 = 0
        var start = sharding.indexBytes
        for entry in 0..<count {
            id = id &+ bytes.word(at: 8 * entry)
            guard let gap = bytes.number(at: 8 * (count + entry)), let size = bytes.number(at: 8 * (2 * count + entry)),
                gap <= 1 << 60, size <= 1 << 40, start <= 1 << 60
            else { throw broken(place.shard, "a minishard's index names bytes past every file") }
            start += gap
            minishard[id] = start..<start + size
            start += size
        }
        return minishard
    }

    private func broken(_ shard: UInt64, _ why: String) -> HarvestError {
        .malformed("a shard is broken: \(why)", at: store.place(key(shard)))
    }
}

extension Bytes {
    /// The little-endian 64-bit number at `offset`, which must be inside.
    fileprivate func word(at offset: Int) -> UInt64 {
        withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    /// The same as an `Int`; `nil` past its range.
    fileprivate func number(at offset: Int) -> Int? { Int(exactly: word(at: offset)) }
}
