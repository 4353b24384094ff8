/// Where the encoded bytes of a chunk stand in the array's store.
public struct ChunkLocation: Sendable, Hashable {
    public var key: String
    public var range: ByteRange

    public init(key: String, range: ByteRange) {
        self.key = key
        self.range = range
    }
}

/// What a format hands back per level: a grid, and a way to decode one cell of it.
///
/// The block reader fetches what ``locate(_:)`` names, joins neighbours, decodes on worker threads and scatters into
/// the caller's memory; an array does none of that itself.
public protocol ChunkedArray: Sendable {
    var grid: Grid { get }
    var dataType: DataType { get }
    var store: any Store { get }
    /// One voxel of the fill value, native byte order; what was never stored reads as this.
    var fill: [UInt8] { get }

    /// Where the bytes of each cell stand; `nil` for a cell known to be unstored.
    ///
    /// - Throws: ``HarvestError`` `.malformed` where the format's own index is broken.
    func locate(_ cells: [Coordinate]) async throws -> [ChunkLocation?]

    /// How the decoded chunk lies in memory.
    func layout(of cell: Coordinate) -> ChunkLayout

    /// Whether the encoded bytes are the decoded ones, so that they need no copy before the scatter.
    func isStoredPlain(_ cell: Coordinate) -> Bool

    /// Decodes `bytes` into `destination`, which has exactly the size that ``layout(of:)`` spans.
    func decode(_ bytes: UnsafeRawBufferPointer, cell: Coordinate, into destination: UnsafeMutableRawBufferPointer)
        throws

    /// Whether `error` says that a chunk was never stored, rather than that it could not be read.
    func isAbsence(_ error: HarvestError) -> Bool
}

extension ChunkedArray {
    public func isStoredPlain(_ cell: Coordinate) -> Bool { false }
    public func isAbsence(_ error: HarvestError) -> Bool { false }

    public var shape: [Int] { grid.shape.array }
    /// Bytes of the whole array, decoded; `nil` past `Int.max`.
    public var byteCount: Int? {
        guard let count = grid.shape.product else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: dataType.size)
        return overflow ? nil : bytes
    }
}
