public import HarvestCore

/// `zlib`: a DEFLATE stream between a two-byte header and an Adler-32 checksum, which is verified.
///
/// What follows the stream is left alone, as Python's `zlib.decompress` and libtiff do.
///
/// - Specification: RFC 1950; preset dictionaries are refused.
/// - Compatible with: Python's `zlib`, numcodecs `zlib`, TIFF compression 8 and 32946, TensorStore `zlib`.
/// - Aliases: none.
public struct Zlib: Codec {
    private let deflate: Deflate

    /// - Parameter level: 0 (none) … 9, up to 12 for what libdeflate can do beyond zlib.
    public init(level: Int = 6) { deflate = Deflate(.zlib, level: level) }

    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int { try deflate.decode(bytes, into: destination).written }

    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] { try deflate.encode(bytes) }
}
