import CZstd
public import HarvestCore

/// `zstd`: one or more Zstandard frames; skippable frames are passed over, checksums verified where they stand.
///
/// Decoding is one pass straight into the destination, which serves as the window: the memory it takes does not depend
/// on what a frame says. Frames that want a dictionary are refused.
///
/// - Specification: RFC 8878.
/// - Compatible with: numcodecs `zstd`, Zarr v3 `zstd`, N5 `zstd`, TensorStore, libtiff's compression 50000.
/// - Aliases: none.
public struct Zstd: Codec {
    private let level: Int32
    private let hasChecksum: Bool
    private let decoders = ContextPool(make: ZSTD_createDCtx, free: { ZSTD_freeDCtx($0) })

    /// - Parameters:
    ///   - level: 1 … 22, negative for faster ones; 0 is the library's default, 3.
    ///   - hasChecksum: Whether encoded frames end with a checksum of the content.
    public init(level: Int = 0, hasChecksum: Bool = false) {
        self.level = Int32(min(max(level, -1000), Int(ZSTD_maxCLevel())))
        self.hasChecksum = hasChecksum
    }

    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int {
        guard !bytes.isEmpty else { throw .malformed("a zstd stream is empty") }
        let result = decoders.withContext { context in
            ZSTD_decompressDCtx(context, destination.baseAddress, destination.count, bytes.baseAddress, bytes.count)
        }
        guard let result else { throw HarvestError(.failed, "no memory for a zstd decoder") }
        guard ZSTD_isError(result) != 0 else { return result }
        switch ZSTD_getErrorCode(result) {
        case ZSTD_error_dstSize_tooSmall:
            throw .malformed("a zstd stream holds more than the \(destination.count) bytes expected")
        case ZSTD_error_dictionary_wrong: throw .unsupported("a zstd frame wants a dictionary")
        default: throw .malformed("a zstd stream is broken: \(String(cString: ZSTD_getErrorName(result)))")
        }
    }

    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] {
        guard let context = ZSTD_createCCtx() else { throw HarvestError(.failed, "no memory for a zstd encoder") }
        defer { ZSTD_freeCCtx(context) }
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, hasChecksum ? 1 : 0)
        let bound = ZSTD_compressBound(bytes.count)
        var result = 0
        let encoded = [UInt8](unsafeUninitializedCapacity: bound) { out, count in
            result = ZSTD_compress2(context, out.baseAddress, bound, bytes.baseAddress, bytes.count)
            count = ZSTD_isError(result) == 0 ? result : 0
        }
        guard ZSTD_isError(result) == 0 else {
            throw HarvestError(.failed, "zstd could not encode: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return encoded
    }
}
