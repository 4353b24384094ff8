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
        /// FIPS 180-4. Not safe against forgers; Metalinks use it.
        case sha1
        /// RFC 1321. Not safe against forgers; portals and S3 ETags use it.
        case md5
        /// RFC 3720 §12.1. Finds damage, no forgers; Google's buckets use it.
        case crc32c

        /// Hexadecimal digits of a checksum.
        public var digits: Int {
            switch self {
            case .sha256: 64
            case .sha1: 40
            case .md5: 32
            case .crc32c: 8
            }
        }

        fileprivate var function: OpaquePointer? {
            switch self {
            case .sha256: EVP_sha256()
            case .sha1: EVP_sha1()
            case .md5: EVP_md5()
            case .crc32c: nil
            }
        }
    }

    /// OpenSSL's; `nil` where ``crc`` is all there is to it.
    private let context: OpaquePointer?
    private var crc: UInt32 = 0

    public init(_ algorithm: Algorithm) {
        guard algorithm != .crc32c else {
            context = nil
            return
        }
        guard let context = EVP_MD_CTX_new() else { fatalError("no memory for a checksum") }
        self.context = context
        let isReady = EVP_DigestInit_ex(context, algorithm.function, nil)
        precondition(isReady == 1, "OpenSSL has no \(algorithm.rawValue)")
    }

    deinit { if let context { EVP_MD_CTX_free(context) } }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty { return }
        if let context {
            _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        } else {
            crc = CRC32C.update(crc, bytes)
        }
    }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The checksum of all bytes so far; more bytes may follow.
    public var bytes: [UInt8] {
        guard let context else { return withUnsafeBytes(of: crc.bigEndian) { Array($0) } }
        guard let copy = EVP_MD_CTX_new() else { fatalError("no memory for a checksum") }
        defer { EVP_MD_CTX_free(copy) }
        var length: UInt32 = 0
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        EVP_MD_CTX_copy_ex(copy, context)
        EVP_DigestFinal_ex(copy, &bytes, &length)
        return Array(bytes.prefix(Int(length)))
    }

    /// The checksum of all bytes so far, lower-case hexadecimal; more bytes may follow.
    public var hex: String { Self.hex(bytes) }

    /// A checksum's bytes, lower-case hexadecimal.
    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
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
