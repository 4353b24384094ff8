public import HarvestCore

/// `gzip`: one or more members, each a DEFLATE stream with a header, a CRC-32 (verified) and a length.
///
/// The optional header fields (extra, name, comment, header CRC) are skipped. Zeros after the last member are padding,
/// anything else there is an error, as in Python's `gzip`.
///
/// - Specification: RFC 1952.
/// - Compatible with: Python's `gzip`, numcodecs `gzip`, Zarr v3 `gzip`, N5 `gzip`, TensorStore.
/// - Aliases: none.
public struct Gzip: Codec {
    private let deflate: Deflate

    /// - Parameter level: 0 (none) … 9, up to 12 for what libdeflate can do beyond zlib.
    public init(level: Int = 6) { deflate = Deflate(.gzip, level: level) }

    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int {
        var source = bytes
        var written = 0
        repeat {
            let rest = UnsafeMutableRawBufferPointer(rebasing: destination[written...])
            let step = try deflate.decode(source, into: rest)
            written += step.written
            source = UnsafeRawBufferPointer(rebasing: source[step.taken...])
        } while source.contains { $0 != 0 }
        return written
    }

    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] { try deflate.encode(bytes) }
}
