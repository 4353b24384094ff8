import CSSL

/// A checksum over bytes that arrive piece by piece, by OpenSSL.
///
/// ```swift
/// var digest = Digest(.sha256)
/// for piece in pieces { digest.update(piece) }
/// print(digest.hex)
/// ```
public struct Digest: ~Copyable, @unchecked Sendable {
    public enum Algorithm: String, Sendable {
        /// FIPS 180-4.
        case sha256
        /// RFC 1321. Not safe against forgers; portals and S3 ETags use it.
        case md5
    }

    private let context: OpaquePointer

    public init(_ algorithm: Algorithm) {
        guard let context = EVP_MD_CTX_new() else { fatalError("no memory for a checksum") }
        self.context = context
        let isReady = EVP_DigestInit_ex(context, algorithm == .sha256 ? EVP_sha256() : EVP_md5(), nil)
        precondition(isReady == 1, "OpenSSL has no \(algorithm.rawValue)")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if !bytes.isEmpty { _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }
    }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The checksum of all bytes so far, lower-case hexadecimal; more bytes may follow.
    public var hex: String {
        guard let copy = EVP_MD_CTX_new() else { fatalError("no memory for a checksum") }
        defer { EVP_MD_CTX_free(copy) }
        var length: UInt32 = 0
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        EVP_MD_CTX_copy_ex(copy, context)
        EVP_DigestFinal_ex(copy, &bytes, &length)
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.prefix(Int(length)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The checksum of `bytes`, lower-case hexadecimal.
    public static func hex(_ algorithm: Algorithm, of bytes: UnsafeRawBufferPointer) -> String {
        var digest = Digest(algorithm)
        digest.update(bytes)
        return digest.hex
    }

    /// The checksum of `bytes`, lower-case hexadecimal.
    public static func hex(_ algorithm: Algorithm, of bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { hex(algorithm, of: $0) }
    }
}
