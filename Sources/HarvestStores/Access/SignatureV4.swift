import Glibc
import HarvestCodecs
import HarvestCore

/// AWS Signature Version 4 in an `Authorization` header, of a GET of S3 (Amazon S3 API Reference, "Signature
/// Calculations for the Authorization Header").
struct SignatureV4: Sendable {
    var keys: AWSKeys
    var region: String

    /// SHA-256 of no bytes: a GET has no body.
    private static let noBody = Digest.hex(.sha256, of: [])

    /// The header lines that sign a GET of `address`; `Host` is curl's to send.
    ///
    /// - Parameters:
    ///   - headers: Further headers to sign, names in lower case; they are not among the lines.
    ///   - seconds: Since 1970; S3 refuses what is more than 15 minutes off.
    func lines(for address: WebAddress, signing headers: [String: String] = [:], at seconds: Int) -> [String] {
        let time = Self.text(of: seconds)
        var own = ["x-amz-content-sha256": Self.noBody, "x-amz-date": time]
        if let session = keys.session { own["x-amz-security-token"] = session.value }
        let signed = headers.merging(own) { $1 }.merging(["host": address.hostHeader]) { $1 }
            .sorted { $0.key < $1.key }
        let names = signed.map(\.key).joined(separator: ";")
        let request = [
            "GET", Self.canonical(address.path), Self.canonicalQuery(address.query),
            signed.map { "\($0.key):\($0.value)\n" }.joined(), names, Self.noBody,
        ].joined(separator: "\n")
        let scope = "\(time.prefix(8))/\(region)/s3/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(Digest.hex(.sha256, of: Array(request.utf8)))"
        // The secret, narrowed to a day, a region and a service.
        let key = scope.split(separator: "/").reduce(Array("AWS4\(keys.secret.value)".utf8)) {
            MessageAuthentication.hmacSHA256($0, Array($1.utf8))
        }
        let signature = MessageAuthentication.hmacSHA256(key, Array(text.utf8)).hexadecimal
        return own.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" } + [
            "Authorization: AWS4-HMAC-SHA256 Credential=\(keys.id)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
        ]
    }

    /// `20130524T000000Z`.
    private static func text(of seconds: Int) -> String {
        var (time, parts) = (time_t(seconds), tm())
        gmtime_r(&time, &parts)
        return String(unsafeUninitializedCapacity: 32) { memory in
            memory.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress!, $0.count, "%Y%m%dT%H%M%SZ", &parts) }
        }
    }

    /// Sorted by name, then value; a name alone gets an empty value.
    private static func canonicalQuery(_ query: String?) -> String {
        let pairs = (query ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (canonical(parts[0], slash: false), parts.count > 1 ? canonical(parts[1], slash: false) : "")
        }
        return pairs.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Encoded as S3 encodes what it decoded: all but RFC 3986's unreserved characters, and slashes of a path.
    private static func canonical(_ text: some StringProtocol, slash: Bool = true) -> String {
        let bytes = String(text).percentDecodedBytes
        guard slash else { return WebAddress.percentEncoded(bytes) }
        return bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { WebAddress.percentEncoded($0) }.joined(separator: "/")
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
