import CDeflate
import HarvestCore

/// The three wrappers around one compressed stream, decoded by libdeflate in one pass into memory of known size.
///
/// libdeflate never writes past the destination, so a bomb costs what the destination costs, and it checks the
/// wrapper's checksum. zlib itself would be needed only for streams that arrive piece by piece.
struct Deflate: Sendable {
    enum Wrapper: String, Sendable {
        /// RFC 1951, no wrapper.
        case raw = "deflate"
        /// RFC 1950: two bytes before, an Adler-32 after.
        case zlib
        /// RFC 1952: one member: a header before, a CRC-32 and the length after.
        case gzip
    }

    let wrapper: Wrapper
    let level: Int32
    private let pool = ContextPool(make: libdeflate_alloc_decompressor, free: libdeflate_free_decompressor)

    init(_ wrapper: Wrapper, level: Int) {
        self.wrapper = wrapper
        self.level = Int32(min(max(level, 0), 12))
    }

    /// Decodes the stream that `bytes` begins with; what follows it is left alone.
    ///
    /// - Returns: Bytes taken and bytes written.
    func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> (taken: Int, written: Int) {
        var taken = 0, written = 0
        guard let source = bytes.baseAddress, !bytes.isEmpty else {
            throw .malformed("a \(wrapper.rawValue) stream is empty")
        }
        // libdeflate wants an address also where nothing may be written.
        let result = withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { spare in
            let target = destination.baseAddress ?? spare.baseAddress!
            return pool.withContext { context in
                switch wrapper {
                case .raw:
                    libdeflate_deflate_decompress_ex(
                        context, source, bytes.count, target, destination.count, &taken, &written)
                case .zlib:
                    libdeflate_zlib_decompress_ex(
                        context, source, bytes.count, target, destination.count, &taken, &written)
                case .gzip:
                    libdeflate_gzip_decompress_ex(
                        context, source, bytes.count, target, destination.count, &taken, &written)
                }
            }
        }
        switch result {
        case LIBDEFLATE_SUCCESS: return (taken, written)
        case LIBDEFLATE_INSUFFICIENT_SPACE:
            throw .malformed("a \(wrapper.rawValue) stream holds more than the \(destination.count) bytes expected")
        case nil: throw HarvestError(.failed, "no memory for a \(wrapper.rawValue) decoder")
        default: throw .malformed("a \(wrapper.rawValue) stream is broken or cut short")
        }
    }

    func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] {
        guard let compressor = libdeflate_alloc_compressor(level) else {
            throw HarvestError(.failed, "no memory for a \(wrapper.rawValue) encoder")
        }
        defer { libdeflate_free_compressor(compressor) }
        let bound =
            switch wrapper {
            case .raw: libdeflate_deflate_compress_bound(compressor, bytes.count)
            case .zlib: libdeflate_zlib_compress_bound(compressor, bytes.count)
            case .gzip: libdeflate_gzip_compress_bound(compressor, bytes.count)
            }
        let empty: [UInt8] = [0]
        return empty.withUnsafeBytes { spare in
            let source = bytes.baseAddress ?? spare.baseAddress!
            return [UInt8](unsafeUninitializedCapacity: bound) { out, count in
                count =
                    switch wrapper {
                    case .raw: libdeflate_deflate_compress(compressor, source, bytes.count, out.baseAddress, bound)
                    case .zlib: libdeflate_zlib_compress(compressor, source, bytes.count, out.baseAddress, bound)
                    case .gzip: libdeflate_gzip_compress(compressor, source, bytes.count, out.baseAddress, bound)
                    }
            }
        }
    }
}
