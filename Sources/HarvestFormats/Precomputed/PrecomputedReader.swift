import HarvestCore
import Synchronization

/// Where the chunks of one scale stand, whatever their encoding.
final class PrecomputedReader: Sendable {
    private let scale: PrecomputedScale
    private let store: any Store
    private let shards: ShardReader?
    /// Names of chunks that CloudVolume stored gzipped on a disk, under names that say so.
    private let gzipped = Mutex<Set<String>?>(nil)

    /// - Throws: ``HarvestError`` `.malformed` for a grid that 64-bit chunk ids cannot count.
    init(_ scale: PrecomputedScale, in store: any Store) throws(HarvestError) {
        guard scale.sharding == nil || Sharding.isAddressable(grid: scale.gridXYZ) else {
            throw .malformed("the grid of chunks is too large for 64-bit chunk ids", at: scale.place)
        }
        self.scale = scale
        self.store = store
        let chunks = scale.gridXYZ.reduce(1) { product, count in
            let (value, overflow) = product.multipliedReportingOverflow(by: count)
            return overflow ? Int.max : value
        }
        shards = scale.sharding.map { ShardReader($0, folder: scale.key, chunks: chunks, in: store) }
    }

    /// - Parameter cells: z,y,x.
    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        if let shards {
            let grid = scale.gridXYZ
            return try await shards.locate(cells.map { Sharding.mortonCode([$0[2], $0[1], $0[0]], grid: grid) })
        }
        let suffixed = try await suffixedNames()
        return cells.map { cell in
            let name = scale.chunkName(of: cell.array)
            return ChunkLocation(
                key: "\(scale.key)/\(name)\(suffixed.contains(name) ? ".gz" : "")", range: .whole)
        }
    }

    /// What a copied chunk's name keeps behind the box.
    func suffix(of source: ChunkLocation) -> String { source.key.hasSuffix(".gz") ? ".gz" : "" }

    private func suffixedNames() async throws -> Set<String> {
        if store.isRemote { return [] }  // a server undoes it, or says Content-Encoding
        if let names = gzipped.withLock({ $0 }) { return names }
        let listing: Listing
        do { listing = try await store.list(scale.key) } catch let error as HarvestError where error.kind == .notFound {
            return []
        }
        let names = Set(listing.objects.compactMap { $0.name.hasSuffix(".gz") ? String($0.name.dropLast(3)) : nil })
        gzipped.withLock { $0 = names }
        return names
    }
}
