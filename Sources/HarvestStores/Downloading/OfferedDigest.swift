public import HarvestCodecs
public import HarvestCore

/// A checksum of a whole object, offered by its server beside the bytes or said elsewhere.
public struct OfferedDigest: Sendable, Hashable {
    public let algorithm: Digest.Algorithm
    /// Lower-case hexadecimal.
    public let hex: String
    /// Where it was offered: `Repr-Digest`, `x-goog-hash`, `md5sum.txt`, …
    public let source: String
    /// Of a checksum of the parts' checksums the length of each part but the last, in bytes; ``hex`` ends with `-N` then.
    public let partLength: Int?

    /// Reads `sha256:…`, `sha1:…`, `md5:…` or `crc32c:…`, as links and listings write it; `nil` for anything else.
    public init?(_ text: String, source: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let algorithm = Digest.Algorithm(rawValue: parts[0].lowercased()) else { return nil }
        self.init(algorithm: algorithm, hex: String(parts[1]).trimmingSpaces().lowercased(), source: source)
        guard Self.isHex(hex), hex.utf8.count == algorithm.digits else { return nil }
    }

    /// `sha256:…`, `md5:…`, …
    public var text: String { "\(algorithm.rawValue):\(hex)" }

    private static func isHex(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// What marks an error as a checksum that differs: of this object alone, whatever else is fetched.
    public struct Mismatch: Error {}

    /// Nothing, or what is wrong with bytes of another checksum.
    ///
    /// - Parameter found: Lower-case hexadecimal, of the same algorithm.
    public func fault(_ found: String, at url: String) -> HarvestError? {
        guard found != hex else { return nil }
        return HarvestError(
            .changed, "the bytes that came have the \(algorithm.rawValue) \(found), and \(source) says \(hex)", at: url,
            next: "run the command again; if it stays so, the file is damaged where it lies", underlying: Mismatch())
    }

    /// Nothing, or what is wrong with these bytes.
    public func fault(of bytes: UnsafeRawBufferPointer, at url: String) -> HarvestError? {
        var digest = PartedDigest(algorithm, partLength: partLength)
        digest.update(bytes)
        return fault(digest.finish(), at: url)
    }

    /// The strongest that a head offers; `nil` where there is none that says something about all bytes.
    ///
    /// `Repr-Digest` (RFC 9530 §3), `Digest` (RFC 3230 §4.3.2), `x-amz-checksum-sha256` and `x-goog-hash` (their providers'
    /// documentation), and S3's ETag where it is an MD5: no key of the customer's, no multipart upload, of which see ``OfParts``.
    init?(_ head: HTTPHead) {
        for name in ["repr-digest", "digest"] {
            for item in (head[name] ?? "").split(separator: ",") {
                let pair = item.split(separator: "=", maxSplits: 1)
                guard pair.count == 2, pair[0].trimmingSpaces().lowercased() == "sha-256" else { continue }
                let text = pair[1].trimmingSpaces().filter { $0 != ":" }
                guard let hex = Self.hexadecimal(ofBase64: text), hex.utf8.count == 64 else { continue }
                self.init(algorithm: .sha256, hex: hex, source: name == "digest" ? "Digest" : "Repr-Digest")
                return
            }
        }
        if head["x-amz-checksum-type"]?.uppercased() != "COMPOSITE", let text = head["x-amz-checksum-sha256"],
            let hex = Self.hexadecimal(ofBase64: text), hex.utf8.count == 64
        {
            self.init(algorithm: .sha256, hex: hex, source: "x-amz-checksum-sha256")
            return
        }
        // An object that was put together from others has no MD5.
        for (name, algorithm) in [("md5", Digest.Algorithm.md5), ("crc32c", .crc32c)] {
            for item in (head["x-goog-hash"] ?? "").split(separator: ",") {
                let pair = item.split(separator: "=", maxSplits: 1)
                guard pair.count == 2, pair[0].trimmingSpaces() == name,
                    let hex = Self.hexadecimal(ofBase64: pair[1].trimmingSpaces()),
                    hex.utf8.count == algorithm.digits
                else { continue }
                self.init(algorithm: algorithm, hex: hex, source: "x-goog-hash")
                return
            }
        }
        guard let tag = Self.amazonTag(head), tag.utf8.count == 32, Self.isHex(tag) else { return nil }
        self.init(algorithm: .md5, hex: tag, source: "ETag")
    }

    init(algorithm: Digest.Algorithm, hex: String, source: String, partLength: Int? = nil) {
        (self.algorithm, self.hex, self.source, self.partLength) = (algorithm, hex, source, partLength)
    }

    /// The ETag of S3, where it is a checksum of the bytes as they are sent.
    private static func amazonTag(_ head: HTTPHead) -> String? {
        guard head["server"] == "AmazonS3", head["x-amz-server-side-encryption"].map({ $0 == "AES256" }) ?? true,
            head["x-amz-server-side-encryption-customer-algorithm"] == nil
        else { return nil }
        return (head["etag"] ?? "").filter { $0 != "\"" }
    }

    /// What says something about all bytes once the length of the parts is known that they were uploaded in.
    struct OfParts: Sendable, Equatable {
        /// `MD5-N`, lower-case hexadecimal.
        let hex: String
        let count: Int

        /// S3's ETag of a multipart upload.
        init?(_ head: HTTPHead) {
            guard let tag = OfferedDigest.amazonTag(head) else { return nil }
            let halves = tag.split(separator: "-", omittingEmptySubsequences: false)
            guard halves.count == 2, halves[0].utf8.count == 32, OfferedDigest.isHex(String(halves[0])),
                let count = Int(halves[1]), (1...10_000).contains(count), String(count) == halves[1]
            else { return nil }
            (hex, self.count) = (tag, count)
        }

        /// The checksum of an object of `total` bytes; `nil` where parts of this length are not so many.
        func digest(partLength: Int, total: Int) -> OfferedDigest? {
            guard partLength > 0, total > 0, (total - 1) / partLength + 1 == count else { return nil }
            return OfferedDigest(algorithm: .md5, hex: hex, source: "ETag", partLength: partLength)
        }
    }

    /// The bytes of a base64 text, in hexadecimal; `nil` for what is none.
    static func hexadecimal(ofBase64 text: String) -> String? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let digits = Array("0123456789abcdef")
        var out = ""
        var (bits, count) = (0, 0)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                let octet = bits >> count & 0xFF
                out += [digits[octet >> 4], digits[octet & 15]]
            }
        }
        return out
    }
}
