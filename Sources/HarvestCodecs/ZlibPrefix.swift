import CZlib
public import HarvestCore

extension Zlib {
    /// Like ``decode(_:into:)``, but a stream that holds more than `destination` is cut there instead of refused.
    ///
    /// For containers whose writers store more than the header promises (the last strip of a TIFF). The checksum is
    /// verified only where the stream ends within `destination`.
    public func decodePrefix(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int {
        do { return try decode(bytes, into: destination) } catch {
            guard let count = Self.inflatePrefix(bytes, into: destination) else { throw error }
            return count
        }
    }

    /// `nil` where the stream is broken before `destination` is full.
    private static func inflatePrefix(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(clamping: bytes.count)
        stream.next_out = destination.bindMemory(to: UInt8.self).baseAddress
        stream.avail_out = UInt32(clamping: destination.count)
        let status = inflate(&stream, Z_SYNC_FLUSH)
        let count = Int(stream.total_out)
        if status == Z_STREAM_END { return count }
        guard stream.avail_out == 0 else { return nil }
        return isSound(&stream) ? count : nil
    }

    /// Whether the stream goes on without an error, as far as 1 MiB beyond what was wanted.
    private static func isSound(_ stream: inout z_stream) -> Bool {
        var discarded = [UInt8](repeating: 0, count: 64 << 10)
        for _ in 0..<16 {
            let status = discarded.withUnsafeMutableBufferPointer { buffer in
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                return inflate(&stream, Z_SYNC_FLUSH)
            }
            if status == Z_STREAM_END { return true }
            if status != Z_OK { return false }
        }
        return true
    }
}
