import HarvestCore

/// The data of one image: stored plain from its first voxel to its last, so that any run of planes is one range.
struct DMArray: ChunkedArray {
    let grid: Grid
    let dataType: DataType
    let store: any Store
    let fill: [UInt8]
    /// Whether the last axis holds R, G, B, A, which the file keeps as B, G, R, A.
    let isColour: Bool
    private let byteOrder: ByteOrder
    private let offset: Int

    /// A cell is as many whole planes, or rows of the last plane, as fit this.
    private static let cellLimit = 256 << 10

    var spatialRank: Int { isColour ? grid.rank - 1 : grid.rank }

    /// `ImageData.DataType`, as DigitalMicrograph numbers them.
    private static let types: [Int: DataType] = [
        1: .int16, 2: .float32, 3: .complex64, 6: .uint8, 7: .int32, 8: .uint8, 9: .int8, 10: .uint16, 11: .uint32,
        12: .float64, 13: .complex128, 14: .bool, 23: .uint8, 39: .int64, 40: .uint64,
    ]

    /// - Parameter shape: Slowest axis first, without the colours.
    init(
        _ shape: [Int], type: Int, stored: TagTree.Stored, byteOrder: ByteOrder, in store: any Store, at place: String
    ) throws(HarvestError) {
        isColour = type == 8 || type == 23
        // Fourier transforms of real images, of which the other half would only repeat this one: some are stored whole.
        let isHalf = type == 27 || type == 28 || type == 5
        let whole = isHalf ? (type == 28 ? DataType.complex128 : .complex64) : Self.types[type]
        guard let dataType = whole else {
            throw .unsupported("images of DataType \(type) are not read here", at: place)
        }
        let full = isColour ? shape + [4] : shape
        guard full.count <= Coordinate.maximumRank, let count = Coordinate(full).product else {
            throw .malformed("the shape \(shape) is past every memory", at: place)
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: dataType.size)
        guard !overflow else { throw .malformed("the shape \(shape) is past every memory", at: place) }
        guard stored.bytes >= bytes else {
            if isHalf {
                throw .unsupported("a Fourier transform of which only one half is stored", at: place)
            }
            throw .malformed("the data has \(stored.bytes) bytes where \(bytes) are needed", at: place)
        }
        self.dataType = dataType
        self.store = store
        self.byteOrder = byteOrder
        offset = stored.offset
        fill = [UInt8](repeating: 0, count: dataType.size)
        var chunk = full.map { max(1, $0) }
        // Whole rows of one plane.
        let inner = isColour ? 2 : 1
        let row = chunk.suffix(inner).reduce(dataType.size) { $0.multipliedReportingOverflow(by: $1).partialValue }
        for axis in 0..<max(0, chunk.count - inner - 1) { chunk[axis] = 1 }
        if chunk.count > inner {
            let axis = chunk.count - inner - 1
            chunk[axis] = min(chunk[axis], max(1, Self.cellLimit / max(1, row)))
        }
        grid = try Grid(shape: full, chunk: chunk, at: place)
    }

    private func byteRange(of cell: Coordinate) -> Range<Int> {
        let box = grid.box(of: cell)
        let strides = grid.shape.stridesC
        var first = 0
        for axis in 0..<box.rank { first += box.origin[axis] * strides[axis] }
        let count = box.count ?? 0
        return offset + first * dataType.size..<offset + (first + count) * dataType.size
    }

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        cells.map { ChunkLocation(key: "", range: .bytes(byteRange(of: $0))) }
    }

    func layout(of cell: Coordinate) -> ChunkLayout {
        ChunkLayout(shape: grid.box(of: cell).shape, byteOrder: byteOrder)
    }

    func isStoredPlain(_ cell: Coordinate) -> Bool { !isColour && dataType != .bool }

    func decode(
        _ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer
    ) throws {
        guard bytes.count >= destination.count else {
            throw HarvestError.malformed("the data is cut short", at: store.address)
        }
        if isColour {
            for i in stride(from: 0, to: destination.count - 3, by: 4) {
                (destination[i], destination[i + 1]) = (bytes[i + 2], bytes[i + 1])
                (destination[i + 2], destination[i + 3]) = (bytes[i], bytes[i + 3])
            }
        } else {
            for i in destination.indices { destination[i] = bytes[i] == 0 ? 0 : 1 }
        }
    }
}
