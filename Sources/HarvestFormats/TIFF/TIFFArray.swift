import HarvestCore
import Synchronization

/// Pages of one geometry as one array: leading axes (pages), then planes, depth, rows, columns, samples.
///
/// The strips and tiles are the chunks; nothing is copied before the scatter where they are stored plain.
struct TIFFArray: ChunkedArray {
    let grid: Grid
    let geometry: TIFFGeometry
    /// For each index over the leading axes, in C order, the page; `nil` for a plane that the file does not hold.
    let pageOf: [Int?]
    let pages: TIFFPages
    private let leading: Int
    private let segments = Segments()

    /// Where the segments of a page stand, read once.
    private final class Segments: Sendable {
        let known = Mutex([Int: [Range<Int>?]]())
    }

    var store: any Store { pages.reader.window.store }
    var dataType: DataType { geometry.dataType }
    var fill: [UInt8] { [UInt8](repeating: 0, count: dataType.size) }

    /// - Parameter leadingShape: Lengths of the axes over pages, slowest first; their product is `pageOf.count`.
    init(_ pages: TIFFPages, _ geometry: TIFFGeometry, leadingShape: [Int], pageOf: [Int?]) throws {
        if let obstacle = geometry.obstacle {
            throw HarvestError.unsupported(
                "this TIFF holds \(obstacle), which is not read here", at: pages.reader.place)
        }
        self.pages = pages
        self.geometry = geometry
        self.pageOf = pageOf
        leading = leadingShape.count
        grid = try Grid(
            shape: leadingShape + geometry.shape, chunk: leadingShape.map { _ in 1 } + geometry.chunk,
            at: pages.reader.place)
        // A header alone may not claim memory: no scheme stores voxels in fewer bytes than this. Tiles may be sparse.
        if !geometry.isTiled, let total = pages.reader.window.total {
            let (most, overflow) = total.multipliedReportingOverflow(
                by: TIFFCompression.greatestRatio(geometry.compression))
            guard overflow || byteCount.map({ $0 / 8 * min(8, geometry.bits) <= most }) == true else {
                throw HarvestError.malformed(
                    "\(grid.shape) \(dataType.rawValue) voxels cannot stand in a file of \(total) bytes",
                    at: pages.reader.place)
            }
        }
    }

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        let wanted = Set(cells.compactMap { pageOf[pageIndex($0)] })
        try await load(wanted.sorted())
        return segments.known.withLock { known in
            cells.map { cell in
                guard let page = pageOf[pageIndex(cell)], let range = known[page]?[segmentIndex(cell)] else {
                    return nil
                }
                return ChunkLocation(key: pages.reader.window.key, range: .bytes(range))
            }
        }
    }

    /// Reads the segment tables of `wanted`; predicted pages are proven first, a few at a time.
    private func load(_ wanted: [Int]) async throws {
        let missing = segments.known.withLock { known in wanted.filter { known[$0] == nil } }
        try await withThrowingTaskGroup(of: (Int, [Range<Int>?]).self) { group in
            func keep(_ found: (Int, [Range<Int>?])?) {
                if let found { segments.known.withLock { $0[found.0] = found.1 } }
            }
            for (index, page) in missing.enumerated() {
                if index >= 16 { keep(try await group.next()) }
                group.addTask {
                    try await pages.prove(page)
                    // A predicted page has the first one's table, moved; `segments` adds the shift.
                    return (page, try await pages[page].segments(pages.reader))
                }
            }
            while let found = try await group.next() { keep(found) }
        }
    }

    private func pageIndex(_ cell: Coordinate) -> Int {
        var index = 0
        for axis in 0..<leading { index = index * grid.shape[axis] + cell[axis] }
        return index
    }

    private func segmentIndex(_ cell: Coordinate) -> Int {
        var axis = leading
        var plane = 0
        if geometry.isPlanar && geometry.samples > 1 {
            plane = cell[axis]
            axis += 1
        }
        var depth = 0
        if geometry.depth > 1 {
            depth = cell[axis]
            axis += 1
        }
        let counts = geometry.segmentGrid
        return plane * geometry.segmentsPerPlane + (depth * counts[1] + cell[axis]) * counts[2] + cell[axis + 1]
    }

    /// Tiles are stored full; the last strip of a plane holds the rows that are left.
    func layout(of cell: Coordinate) -> ChunkLayout {
        var shape = grid.chunk
        if !geometry.isTiled { shape = grid.box(of: cell).shape }
        return ChunkLayout(shape: shape, byteOrder: isSwapped ? .big : .little)
    }

    /// Whether decoded samples are still in the file's big-endian order.
    private var isSwapped: Bool {
        pages.reader.dialect.byteOrder == .big && geometry.predictor == 1 && geometry.bits % 8 == 0 && geometry.bits > 8
    }

    func isStoredPlain(_ cell: Coordinate) -> Bool {
        geometry.compression == 1 && geometry.bits % 8 == 0 && !geometry.isBitReversed && geometry.predictor == 1
    }

    func decode(_ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer)
        throws
    {
        let layout = layout(of: cell)
        let rows = layout.shape.product.map { $0 / (geometry.segment[2] * geometry.interleaved) } ?? 0
        let place = pages.reader.place
        let stored = rows * geometry.bytesPerRow
        if geometry.bits % 8 == 0 {
            try decompress(bytes, into: UnsafeMutableRawBufferPointer(rebasing: destination[..<stored]), place)
        } else {
            let packed = UnsafeMutableRawBufferPointer.allocate(byteCount: stored, alignment: 16)
            defer { packed.deallocate() }
            try decompress(bytes, into: packed, place)
            TIFFSamples.unpack(
                UnsafeRawBufferPointer(packed), rows: rows, bytesPerRow: geometry.bytesPerRow,
                perRow: geometry.segment[2] * geometry.interleaved, bits: geometry.bits, size: dataType.size,
                into: destination)
        }
        TIFFSamples.undo(
            predictor: geometry.predictor, destination, rows: rows, columns: geometry.segment[2],
            samples: geometry.interleaved, size: dataType.swapSize, byteOrder: pages.reader.dialect.byteOrder)
    }

    private func decompress(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer, _ place: String
    ) throws {
        do {
            if geometry.isBitReversed {
                let copy = bytes.map { TIFFSamples.reversedBits[Int($0)] }
                try copy.withUnsafeBytes { try TIFFCompression.decode(geometry.compression, $0, into: destination) }
            } else {
                try TIFFCompression.decode(geometry.compression, bytes, into: destination)
            }
        } catch let error as HarvestError { throw error.located(at: place) }
    }
}
