/// A checksum of a whole, or of the checksums of its parts: what S3 calls the entity tag of a multipart upload.
///
/// The latter is the checksum of the parts' checksums, one behind the other as bytes, then a hyphen and their number
/// (Amazon S3 User Guide, "Checking object integrity"). All parts but the last have one length.
public struct PartedDigest: ~Copyable, Sendable {
    private let algorithm: Digest.Algorithm
    private let partLength: Int?
    /// Of the whole, or of the part that is not whole yet.
    private var current: Digest
    /// Of the checksums of the parts before; `nil` for a checksum of the whole.
    private var parts: Digest?
    private var count = 0, room: Int

    /// - Parameter partLength: Of each part but the last, in bytes; `nil` for a checksum of the whole.
    public init(_ algorithm: Digest.Algorithm, partLength: Int? = nil) {
        precondition(partLength ?? 1 > 0, "a part has bytes")
        (self.algorithm, self.partLength) = (algorithm, partLength)
        current = Digest(algorithm)
        parts = partLength == nil ? nil : Digest(algorithm)
        room = partLength ?? .max
    }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let partLength else { return current.update(bytes) }
        var rest = bytes
        while !rest.isEmpty {
            if room == 0 {
                parts?.update(current.bytes)
                current = Digest(algorithm)
                (room, count) = (partLength, count + 1)
            }
            let step = min(rest.count, room)
            current.update(UnsafeRawBufferPointer(rebasing: rest[..<step]))
            room -= step
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
        }
    }

    /// The checksum of all bytes, lower-case hexadecimal, of parts with their number behind it; no more may follow.
    public mutating func finish() -> String {
        guard var parts = parts.take() else { return current.hex }
        parts.update(current.bytes)
        return "\(parts.hex)-\(count + 1)"
    }
}
