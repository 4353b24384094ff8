public import HarvestCore

/// `deflate`: a DEFLATE stream without any wrapper.
///
/// - Specification: RFC 1951.
/// - Compatible with: zlib with negative window bits, zip members of method 8, libdeflate.
/// - Aliases: none.
public struct RawDeflate: Codec {
    private let deflate: Deflate

    /// - Parameter level: 0 (none) … 9, up to 12 for what libdeflate can do beyond zlib.
    public init(level: Int = 6) { deflate = Deflate(.raw, level: level) }

    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int { try deflate.decode(bytes, into: destination).written }

    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] { try deflate.encode(bytes) }
}
