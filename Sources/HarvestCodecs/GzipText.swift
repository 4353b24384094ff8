public import HarvestCore

extension Gzip {
    /// Whether `bytes` begin as a gzip member does (RFC 1952 §2.3.1).
    public static func isMarked(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 18 && bytes[0] == 0x1F && bytes[1] == 0x8B && bytes[2] == 8
    }

    /// Decodes a stream whose decoded length nobody says, of at most `limit` bytes.
    ///
    /// - Throws: ``HarvestError`` `.malformed` for a broken stream, and for one that holds more.
    public func decode(_ bytes: UnsafeRawBufferPointer, atMost limit: Int) throws(HarvestError) -> Bytes {
        guard Self.isMarked(bytes) else { throw .malformed("a gzip stream does not begin as one") }
        // RFC 1952 §2.3.1: ISIZE, the decoded length modulo 2^32, of the last member.
        let told = (0..<4).reduce(0) { $0 | Int(bytes[bytes.count - 4 + $1]) << (8 * $1) }
        var capacity = min(limit, max(told, 1))
        // DEFLATE makes at most 1032 bytes of one.
        let most = min(limit, bytes.count.multipliedReportingOverflow(by: 1032).partialValue &+ 64)
        capacity = min(capacity, most)
        while true {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, capacity), alignment: 16)
            do {
                let count = try decode(bytes, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity]))
                nonisolated(unsafe) let taken = buffer
                return Bytes(
                    UnsafeRawBufferPointer(rebasing: buffer[..<count]), owner: Bytes.Owner { taken.deallocate() })
            } catch {
                buffer.deallocate()
                guard capacity < most else { throw error }
                capacity = min(most, max(64, capacity.multipliedReportingOverflow(by: 4).partialValue))
            }
        }
    }
}
