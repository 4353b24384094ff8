import HarvestCodecs
import HarvestCore

/// One scale: chunks clipped at the volume's edge, each an object of its own or part of a shard.
struct PrecomputedArray: ChunkedArray {
    let grid: Grid
    let store: any Store
    let fill: [UInt8]
    let scale: PrecomputedScale
    private let keepsChannel: Bool
    private let reader: PrecomputedReader

    var dataType: DataType { scale.dataType }

    /// - Parameter keepsChannel: Whether the axes are c,z,y,x; else z,y,x, of one channel.
    /// - Throws: ``HarvestError`` `.unsupported` for an encoding that is not read here.
    init(_ scale: PrecomputedScale, keepsChannel: Bool, in store: any Store) throws(HarvestError) {
        self.scale = scale
        self.store = store
        self.keepsChannel = keepsChannel
        let lead = keepsChannel ? [scale.channels] : []
        grid = try Grid(shape: lead + scale.size, chunk: lead + scale.chunk, at: scale.place)
        fill = [UInt8](repeating: 0, count: scale.dataType.size)
        switch scale.encoding {
        case "raw": break
        case "jpeg":
            guard scale.dataType == .uint8, scale.channels == 1 || scale.channels == 3 else {
                throw .malformed("JPEG chunks hold uint8 of 1 or 3 channels", at: scale.place)
            }
        default:
            throw .unsupported(
                "the encoding \"\(scale.encoding.displayed(limit: 60))\" is not read here", at: scale.place)
        }
        reader = try PrecomputedReader(scale, in: store)
    }

    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?] {
        try await reader.locate(cells.map { Coordinate(spatial($0)) })
    }

    /// Chunks are x,y,z,c in Fortran order, which is c,z,y,x in C order; at the edge they are clipped.
    func layout(of cell: Coordinate) -> ChunkLayout { ChunkLayout(shape: grid.box(of: cell).shape) }

    func decode(
        _ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer
    ) throws {
        do throws(HarvestError) {
            // A shard says whether its chunks are gzipped; a plain one shows it, by its name on a disk or by itself.
            let isGzipped =
                scale.sharding?.isDataGzipped
                ?? (Gzip.isMarked(bytes) && !(scale.encoding == "raw" && bytes.count == destination.count))
            if isGzipped {
                // JPEG data is never longer than a few times its pixels.
                let limit = scale.encoding == "raw" ? destination.count : 4 * destination.count + 65_536
                let plain = try Gzip().decode(bytes, atMost: limit)
                try plain.withUnsafeBytes { plain throws(HarvestError) in try decodePlain(plain, into: destination) }
            } else {
                try decodePlain(bytes, into: destination)
            }
        } catch {
            throw error.located(at: "\(store.place(scale.key)), chunk \(scale.chunkName(of: spatial(cell)))")
        }
    }

    private func decodePlain(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) {
        if scale.encoding == "raw" {
            guard bytes.count == destination.count else {
                throw .malformed("a chunk holds \(bytes.count) bytes where \(destination.count) are needed")
            }
            destination.copyMemory(from: bytes)
            return
        }
        guard scale.channels == 3 else {
            _ = try JPEG().decode(bytes, into: destination)
            return
        }
        // The image interleaves the channels; the chunk has one after the other.
        let pixels = UnsafeMutableRawBufferPointer.allocate(byteCount: destination.count, alignment: 16)
        defer { pixels.deallocate() }
        _ = try JPEG(channels: 3).decode(bytes, into: pixels)
        let count = destination.count / 3
        for channel in 0..<3 { for i in 0..<count { destination[channel * count + i] = pixels[3 * i + channel] } }
    }

    /// A chunk that is not there is zero; a bucket that may not be listed says 403 for it, and is believed because
    /// the info was readable there.
    func isAbsence(_ error: HarvestError) -> Bool {
        error.kind == .notFound || error.kind == .denied && store.isRemote
    }

    private func spatial(_ cell: Coordinate) -> [Int] { Array(cell.array.suffix(3)) }
}

extension PrecomputedScale {
    /// Number of chunks along x, y, z.
    var gridXYZ: [Int] { zip(size, chunk).map { $0 == 0 ? 0 : ($0 - 1) / $1 + 1 }.reversed() }

    /// `x0-x1_y0-y1_z0-z1`, absolute, clipped at the volume's end.
    ///
    /// - Parameter cell: z,y,x.
    func chunkName(of cell: [Int]) -> String {
        (0..<3).reversed().map { axis in
            let start = cell[axis] * chunk[axis]
            return "\(offset[axis] + start)-\(offset[axis] + min(start + chunk[axis], size[axis]))"
        }.joined(separator: "_")
    }
}
