internal import CSSL

/// The checksums that stores publish.
enum Digest {
    static func md5(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 16)
        var length: UInt32 = 0
        let status = EVP_Digest(bytes, bytes.count, &digest, &length, EVP_md5(), nil)
        precondition(status == 1 && length == 16, "OpenSSL has no MD5")
        return digest
    }

    static func md5Hex(_ bytes: [UInt8]) -> String { hex(md5(bytes)) }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// CRC-32C (Castagnoli), as Google Cloud Storage gives it.
    static func crc32c(_ bytes: [UInt8]) -> UInt32 { crc(bytes, table: castagnoli) }

    /// CRC-32 of gzip (RFC 1952 §8).
    static func crc32(_ bytes: [UInt8]) -> UInt32 { crc(bytes, table: gzip) }

    private static func crc(_ bytes: [UInt8], table: [UInt32]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
    }

    private static let castagnoli = table(polynomial: 0x82F6_3B78)
    private static let gzip = table(polynomial: 0xEDB8_8320)

    private static func table(polynomial: UInt32) -> [UInt32] {
        (0..<256).map { index in
            (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? polynomial ^ (value >> 1) : value >> 1 }
        }
    }
}

/// RFC 4648 §4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let six = Int(word >> UInt32(18 - 6 * place)) & 63
                out.append(place <= group.count ? alphabet[six] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `nil` if the text is not base64.
    static func decode(_ text: String) -> [UInt8]? {
        let body = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard text.utf8.count % 4 == 0, text.utf8.count - body.count <= 2 else { return nil }
        var out: [UInt8] = [], word: UInt32 = 0, bits = 0
        for character in body {
            guard let six = alphabet.firstIndex(of: character) else { return nil }
            word = word << 6 | UInt32(six)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
            }
        }
        return out
    }
}
