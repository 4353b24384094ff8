import HarvestCore
import Synchronization

/// Objects in memory, as from this machine or from another.
struct Shelf: Store {
    var objects: [String: Bytes]
    var isRemote = false
    var address: String { "memory://shelf" }

    init(_ objects: [String: [UInt8]], isRemote: Bool = false) {
        self.objects = objects.mapValues { Bytes($0) }
        self.isRemote = isRemote
    }

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        let bytes = try object(key)
        let found: Range<Int> =
            switch range {
            case .whole: 0..<bytes.count
            case .bytes(let wanted): wanted.clamped(to: 0..<bytes.count)
            case .tail(let count): max(0, bytes.count - count)..<bytes.count
            }
        return Reply(bytes: bytes.slice(found) ?? .empty, offset: found.lowerBound, total: bytes.count)
    }

    func map(_ key: String) throws -> Bytes? { isRemote ? nil : try object(key) }

    func list(_ prefix: String) async throws -> Listing { Listing() }

    private func object(_ key: String) throws -> Bytes {
        guard let bytes = objects[key] else { throw HarvestError.notFound("nothing is there", at: key) }
        return bytes
    }
}

/// An array in memory whose chunks are whatever a test wants.
struct ShelfArray: ChunkedArray {
    var grid: Grid
    var dataType: DataType
    var store: any Store
    var fill: [UInt8]
    var places: [Coordinate: ChunkLocation] = [:]
    /// Chunks at the edge keep their full shape.
    var isFull = false
    var isFOrder = false
    var byteOrder = ByteOrder.little
    /// `nil`: stored plain; else every stored byte is the voxel's, combined with this by exclusive or.
    var mask: UInt8?
    var absence: HarvestError.Kind?

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] { cells.map { places[$0] } }

    func layout(of cell: Coordinate) -> ChunkLayout {
        let shape = isFull ? grid.chunk : grid.box(of: cell).shape
        return ChunkLayout(shape: shape, strides: isFOrder ? shape.stridesF : shape.stridesC, byteOrder: byteOrder)
    }

    func isStoredPlain(_ cell: Coordinate) -> Bool { mask == nil }
    func isAbsence(_ error: HarvestError) -> Bool { error.kind == absence }

    func decode(_ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer)
        throws
    {
        guard bytes.count == destination.count else { throw HarvestError.malformed("a chunk of \(bytes.count) bytes") }
        for i in 0..<bytes.count { destination[i] = bytes[i] ^ (mask ?? 0) }
    }
}
