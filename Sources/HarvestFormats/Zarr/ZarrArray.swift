import HarvestCodecs
import HarvestCore

/// One Zarr v2 array: chunks of full size on a grid, each an object of its own.
struct ZarrArray: ChunkedArray {
    let grid: Grid
    let dataType: DataType
    let store: any Store
    let fill: [UInt8]
    private let path: String
    private let place: String
    private let metadata: ZarrMetadata
    private let codec: (any Codec)?
    private let layout: ChunkLayout

    /// - Throws: what hinders reading the voxels although `metadata` is valid.
    init(_ metadata: ZarrMetadata, path: String, in store: any Store) throws(HarvestError) {
        place = store.place(path)
        if let obstacle = metadata.obstacle { throw obstacle }
        guard let dataType = metadata.type.dataType else { throw .unsupported("no numbers", at: place) }
        self.dataType = dataType
        self.store = store
        grid = try Grid(shape: metadata.shape, chunk: metadata.chunk, at: place)
        fill = metadata.fill
        self.path = path
        self.metadata = metadata
        codec = metadata.codec
        // Zarr v2 §"Chunks": chunks at the edge are stored full size, whatever lies outside the array.
        let shape = Coordinate(metadata.chunk)
        layout = ChunkLayout(
            shape: shape, strides: metadata.order == "F" ? shape.stridesF : shape.stridesC,
            byteOrder: metadata.type.byteOrder)
    }

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        cells.map { ChunkLocation(key: metadata.key(of: $0, path: path), range: .whole) }
    }

    func layout(of cell: Coordinate) -> ChunkLayout { layout }

    func isStoredPlain(_ cell: Coordinate) -> Bool { codec == nil }

    func decode(
        _ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer
    ) throws {
        guard let codec else { throw HarvestError(.failed, "a plain chunk has nothing to decode", at: place) }
        let count: Int
        do { count = try codec.decode(bytes, into: destination) } catch {
            throw error.located(at: "\(place), chunk \(metadata.key(of: cell, path: ""))")
        }
        guard count == destination.count else {
            throw HarvestError.malformed(
                "a chunk holds \(count) bytes where \(destination.count) are needed",
                at: "\(place), chunk \(metadata.key(of: cell, path: ""))")
        }
    }

    /// A chunk that is not there holds the fill value. A bucket that may not be listed says 403 for what is absent,
    /// and that is believed because this array's own metadata was readable there.
    func isAbsence(_ error: HarvestError) -> Bool {
        error.kind == .notFound || error.kind == .denied && store.isRemote
    }
}

extension Store {
    /// The address of something at `path`, for messages.
    func place(_ path: String) -> String {
        path.isEmpty ? address : address.hasSuffix("/") ? address + path : "\(address)/\(path)"
    }
}
