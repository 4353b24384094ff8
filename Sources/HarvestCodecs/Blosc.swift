import CBlosc
public import HarvestCore

/// `blosc`: a 16-byte header, then blocks, each shuffled and compressed by an inner codec.
///
/// The header alone says how to decode: element size, shuffle and inner codec given in metadata are for writers. Both
/// sizes in the header are compared with what is there before the library sees the bytes; numcodecs, which does not,
/// returns uninitialised memory for a chunk that was cut.
///
/// - Specification: c-blosc `README_CHUNK_FORMAT.rst`, format version 2.
/// - Compatible with: numcodecs `blosc`, Zarr v3 `blosc`, N5 `blosc`, TensorStore.
/// - Aliases: none. Inner codecs: blosclz, lz4, lz4hc, snappy, zlib, zstd.
public struct Blosc: Codec {
    /// How bytes are rearranged before compression.
    public enum Shuffle: Int, Sendable {
        /// By bit for one-byte elements, by byte for wider ones (numcodecs' AUTOSHUFFLE).
        case automatic = -1
        case none, byte, bit
    }

    /// The inner codecs, as metadata spells them.
    public static let innerCodecs = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"]

    private let inner: String
    private let level: Int32
    private let shuffle: Shuffle
    private let blockSize: Int
    private let elementSize: Int

    /// Everything here is for encoding only.
    ///
    /// - Parameters:
    ///   - inner: One of ``innerCodecs``.
    ///   - level: 0 (none) … 9.
    ///   - blockSize: Bytes; 0 lets the library choose.
    ///   - elementSize: Bytes per number, which the shuffle works on.
    /// - Throws: ``HarvestError`` `.unsupported` for an inner codec that is not known.
    public init(
        inner: String = "lz4", level: Int = 5, shuffle: Shuffle = .byte, blockSize: Int = 0, elementSize: Int = 1
    ) throws(HarvestError) {
        guard Self.innerCodecs.contains(inner) else {
            throw .unsupported("blosc has no inner codec \"\(inner.displayed(limit: 40))\" here")
        }
        self.inner = inner
        self.level = Int32(min(max(level, 0), 9))
        self.shuffle = shuffle
        self.blockSize = max(blockSize, 0)
        self.elementSize = min(max(elementSize, 1), Int(BLOSC_MAX_TYPESIZE))
    }

    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int {
        let headerSize = Int(BLOSC_MIN_HEADER_LENGTH)
        guard bytes.count >= headerSize else {
            throw .malformed("a blosc chunk of \(bytes.count) bytes is shorter than its header")
        }
        func field(_ offset: Int) -> Int {
            Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        let decoded = field(4), encoded = field(12)
        guard encoded >= headerSize, encoded <= bytes.count else {
            throw .malformed("a blosc chunk says it is \(encoded) bytes long, but \(bytes.count) are there")
        }
        guard decoded <= destination.count else {
            throw .malformed("a blosc chunk holds \(decoded) bytes where \(destination.count) are expected")
        }
        guard decoded > 0 else { return 0 }
        var confirmed = 0
        guard blosc_cbuffer_validate(bytes.baseAddress, encoded, &confirmed) == 0, confirmed == decoded else {
            throw .malformed("a blosc chunk has a broken header")
        }
        let written = blosc_decompress_ctx(bytes.baseAddress, destination.baseAddress, decoded, 1)
        guard Int(written) == decoded else {
            throw .malformed("a blosc chunk is broken: error \(written) from the decoder")
        }
        return decoded
    }

    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] {
        guard bytes.count <= Int(Int32.max) - Int(BLOSC_MAX_OVERHEAD) else {
            throw .invalid("blosc holds at most 2 GiB in a chunk, not \(bytes.count) bytes")
        }
        let kind = shuffle == .automatic ? (elementSize == 1 ? Shuffle.bit : .byte) : shuffle
        let bound = bytes.count + Int(BLOSC_MAX_OVERHEAD)
        var written: Int32 = 0
        let encoded = [UInt8](unsafeUninitializedCapacity: bound) { out, count in
            written = blosc_compress_ctx(
                level, Int32(kind.rawValue), elementSize, bytes.count, bytes.baseAddress, out.baseAddress, bound, inner,
                blockSize, 1)
            count = Int(max(written, 0))
        }
        guard written > 0 else { throw HarvestError(.failed, "blosc could not encode: error \(written)") }
        return encoded
    }
}
