import HarvestCore
import Synchronization

/// One slice, opened.
struct Slice: Sendable {
    let name: String
    let volume: Volume
    let array: any ChunkedArray

    init(_ name: String, _ format: any Format, _ store: any Store, _ options: OpenOptions = OpenOptions()) async throws
    {
        self.name = name
        guard let contents = try await format.open(SubStore(store, key: name), options: options),
            let volume = contents.images.first
        else { throw HarvestError.malformed("the slice is no \(format.title)", at: store.place(name)) }
        self.volume = volume
        array = try await volume.array()
    }
}

/// Slices one behind the other along z. Its cells are those of the slices, which locate and decode them.
///
/// A slice's header is read when a box first meets it, and must have the shape, type and grid of the first.
struct SliceArray: ChunkedArray {
    let names: [String]
    let grid: Grid
    let dataType: DataType
    let store: any Store
    let fill: [UInt8]
    private let slices: OpenedSlices

    /// - Throws: ``HarvestError`` `.unsupported` for slices that are volumes themselves.
    init(_ names: [String], _ first: Slice, _ format: any Format, _ store: any Store) throws {
        guard first.volume.metadata.axes?.contains("z") != true, first.array.grid.rank < Coordinate.maximumRank else {
            throw HarvestError.unsupported(
                "the files hold volumes, not slices: \(first.array.shape)", at: store.place(first.name),
                next: "give the address of one of them")
        }
        self.names = names
        let inner = first.array.grid
        grid = try Grid(shape: [names.count] + inner.shape.array, chunk: [1] + inner.chunk.array, at: store.address)
        dataType = first.array.dataType
        self.store = store
        fill = [UInt8](repeating: 0, count: dataType.size)
        slices = OpenedSlices(first, format, store)
    }

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        var bySlice: [Int: [Int]] = [:]
        for (index, cell) in cells.enumerated() { bySlice[cell[0], default: []].append(index) }
        let found = try await bySlice.concurrently(atMost: 16) { slice, indices in
            let array = try await slices.array(names[slice])
            return (indices, try await array.locate(indices.map { Self.inner(cells[$0]) }))
        }
        var locations = [ChunkLocation?](repeating: nil, count: cells.count)
        for (indices, own) in found {
            for (index, location) in zip(indices, own) {
                // A slice's own store is rooted at it.
                locations[index] = location.map { ChunkLocation(key: names[cells[index][0]], range: $0.range) }
            }
        }
        return locations
    }

    func layout(of cell: Coordinate) -> ChunkLayout {
        let inner = slices.known(names[cell[0]]).layout(of: Self.inner(cell))
        return ChunkLayout(
            shape: Coordinate([1] + inner.shape.array),
            strides: Coordinate([inner.shape.product ?? 1] + inner.strides.array), byteOrder: inner.byteOrder)
    }

    func isStoredPlain(_ cell: Coordinate) -> Bool { slices.known(names[cell[0]]).isStoredPlain(Self.inner(cell)) }

    func decode(
        _ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer
    ) throws {
        try slices.known(names[cell[0]]).decode(bytes, cell: Self.inner(cell), into: destination)
    }

    private static func inner(_ cell: Coordinate) -> Coordinate { Coordinate(cell.array.dropFirst()) }
}

/// The arrays of slices that were opened.
private final class OpenedSlices: Sendable {
    private let first: any ChunkedArray
    private let format: any Format
    private let store: any Store
    /// By the bytes of their names: texts that look alike (é, e and an accent) are one key, and two files.
    private let arrays: Mutex<[[UInt8]: any ChunkedArray]>

    init(_ first: Slice, _ format: any Format, _ store: any Store) {
        self.first = first.array
        self.format = format
        self.store = store
        arrays = Mutex([Array(first.name.utf8): first.array])
    }

    /// The array of a slice that was located before; geometry is the same for all.
    func known(_ name: String) -> any ChunkedArray { arrays.withLock { $0[Array(name.utf8)] } ?? first }

    func array(_ name: String) async throws -> any ChunkedArray {
        if let array = arrays.withLock({ $0[Array(name.utf8)] }) { return array }
        let array = try await Slice(name, format, store).array
        try SliceFolder.check(array, against: first, at: store.place(name))
        arrays.withLock { $0[Array(name.utf8)] = array }
        return array
    }
}

extension SliceFolder {
    /// - Throws: ``HarvestError`` `.malformed` where a slice has not the shape and type of the first, `.unsupported`
    ///   where it is stored in other parts.
    static func check(_ array: any ChunkedArray, against first: any ChunkedArray, at place: String) throws(HarvestError)
    {
        guard array.shape == first.shape, array.dataType == first.dataType else {
            throw .malformed(
                "the slice is \(array.dataType.rawValue) \(array.shape), the first one \(first.dataType.rawValue) \(first.shape)",
                at: place)
        }
        guard array.grid == first.grid else {
            throw .unsupported("the slice is stored in other parts than the first one", at: place)
        }
    }
}
