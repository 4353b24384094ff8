/// Bytes ⇄ bytes: one step of how a chunk is stored.
public protocol Codec: Sendable {
    /// Undoes the encoding of `bytes` into `destination`, which has exactly the decoded size.
    ///
    /// - Returns: How many bytes were written; never more than `destination` holds. A stream that would give more
    ///   is an error, not a larger buffer.
    /// - Throws: ``HarvestError`` `.malformed`.
    func decode(_ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer) throws(HarvestError)
        -> Int

    /// Encodes `bytes`.
    func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8]
}
