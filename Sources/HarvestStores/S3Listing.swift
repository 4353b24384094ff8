import Glibc
import HarvestCore
import HarvestMarkup

/// One page of ListObjectsV2 (Amazon S3 API reference, 2006-03-01).
struct S3Listing {
    private(set) var page = BucketPage()

    /// - Throws: `.malformed` for anything but a `ListBucketResult`.
    init(_ body: Bytes, folder: String, at place: String) throws {
        let root = try XMLDocument.parse(bytes: body, at: place)
        guard root.name == "ListBucketResult" else {
            throw HarvestError.malformed("not a listing but <\(root.name.displayed(limit: 40))>", at: place)
        }
        let isEncoded = root.child("EncodingType")?.text == "url"
        func name(_ node: MarkupNode?) -> String? {
            guard let text = node?.text else { return nil }
            return isEncoded ? text.formDecoded : text
        }
        var listing = Listing(), last = ""
        func reach(_ key: String) { if last.utf8.lexicographicallyPrecedes(key.utf8) { last = key } }
        for child in root.children {
            if let key = name(child.child("Key") ?? (child.name == "CommonPrefixes" ? child.child("Prefix") : nil)) {
                reach(key)
            }
            if child.name == "Contents", let key = name(child.child("Key")), ObjectKey.isRefused(key, in: folder) {
                listing.refused.append(key)
            } else if child.name == "Contents", let key = name(child.child("Key")),
                let rest = ObjectKey.relative(key, to: folder)
            {
                let tag = child.child("ETag")?.text.filter { $0 != "\"" }
                listing.objects.append(
                    Listing.Entry(
                        name: rest, bytes: child.child("Size").flatMap { Int($0.text) },
                        checksum: tag.map { "etag:\($0)" }, modified: child.child("LastModified")?.text))
            } else if child.name == "CommonPrefixes", let key = name(child.child("Prefix")), key.hasSuffix("/"),
                let rest = ObjectKey.relative(String(key.dropLast()), to: folder)
            {
                listing.folders.append(rest)
            }
        }
        page.listing = listing
        page.last = last.isEmpty ? nil : last
        page.next = root.child("IsTruncated")?.text == "true" ? root.child("NextContinuationToken")?.text : nil
    }
}

/// What S3 says about a request it did not carry out.
struct S3Error {
    var code: String?
    /// When S3 said so, in seconds since 1970 by its own clock.
    private var time: Int?
    /// The region that the bucket is in.
    var region: String?

    init(_ status: UnexpectedStatus, at place: String?) {
        let root = try? XMLDocument.parse(bytes: status.body, at: place)
        code = root?.first("Code")?.text
        time = status.head["date"].flatMap(HTTPDate.seconds)
        region = status.head["x-amz-bucket-region"] ?? root?.first("Region")?.text
        if region == nil, let endpoint = root?.first("Endpoint")?.text { region = Self.region(ofHost: endpoint) }
        if let found = region, !Self.isRegion(found) { region = nil }
    }

    /// Whether it is a temporary key's token that S3 does not take: it says so as if the request made no sense.
    var isOfToken: Bool { code == "ExpiredToken" || code == "InvalidToken" }

    /// The same error, said with S3's own code.
    ///
    /// - Parameter isSigned: Whether keys were shown.
    func explaining(_ error: HarvestError, bucket: String, isSigned: Bool) -> HarvestError {
        guard let code else { return error }
        var copy = error
        if isSigned { (copy.kind, copy.next) = advice(error) }
        copy.message =
            switch code {
            case "NoSuchBucket": "there is no bucket \"\(bucket)\""
            case "NoSuchKey": "nothing is there (NoSuchKey)"
            case "AccessDenied" where isSigned: "the bucket does not hand it out to these keys (AccessDenied)"
            case "RequestTimeTooSkewed": "\(clock) (RequestTimeTooSkewed)"
            case "ExpiredToken": "the keys have expired (ExpiredToken)"
            case "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch": "the keys are not taken (\(code))"
            case "AccessDenied": "the bucket does not hand it out to everyone (AccessDenied)"
            default: "\(error.message): \(code.displayed(limit: 60))"
            }
        return copy
    }

    /// What an error about keys is, and what helps.
    private func advice(_ error: HarvestError) -> (HarvestError.Kind, next: String?) {
        switch code {
        case "RequestTimeTooSkewed": (.denied, "set this machine's clock")
        case "ExpiredToken": (.denied, "get fresh ones")
        case "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch":
            (.denied, "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile")
        default: (error.kind, error.next)
        }
    }

    /// How far off this machine's clock is.
    private var clock: String {
        guard let time else { return "this machine's clock is off by more than 15 minutes" }
        let minutes = Int((Double(Glibc.time(nil) - time) / 60).rounded())
        return "this machine's clock is \(abs(minutes)) minutes \(minutes < 0 ? "slow" : "fast")"
    }

    /// `us-west-2` of `bucket.s3.us-west-2.amazonaws.com` and `bucket.s3-us-west-2.amazonaws.com`.
    private static func region(ofHost host: String) -> String? {
        guard host.hasSuffix(".amazonaws.com"), let start = host.lastRange(of: "s3") else { return nil }
        let middle = host[start.upperBound...].dropLast(".amazonaws.com".count).drop { $0 == "." || $0 == "-" }
        return middle.isEmpty ? nil : String(middle)
    }

    /// It becomes part of a host's name.
    static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}

extension String {
    /// As forms encode: `+` is a space, `%XX` a byte.
    fileprivate var formDecoded: String {
        String(decoding: utf8.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }, as: UTF8.self).percentDecoded
    }

    fileprivate func lastRange(of text: String) -> Range<Index>? { ranges(of: text).last }
}
