/// ListObjectsV2 (and the first ListObjects) as S3 words it.
struct StorageListing {
    let document: String

    private static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    private static let pageLimit = 1000

    /// `nil` where S3 would answer 400 InvalidArgument.
    init?(bucket: any Bucket, request: Request) {
        let isSecond = request.parameter("list-type") == "2"
        let prefix = request.parameter("prefix") ?? "", delimiter = request.parameter("delimiter") ?? ""
        guard let limit = Int(request.parameter("max-keys") ?? "1000"), limit >= 0 else { return nil }
        let encoding = request.parameter("encoding-type")
        guard encoding == nil || encoding == "url" else { return nil }
        let start = request.parameter(isSecond ? "start-after" : "marker")
        var after = start ?? ""
        let token = isSecond ? request.parameter("continuation-token") : nil
        if let token {
            guard let resumed = ContinuationToken.decode(token) else { return nil }
            after = resumed
        }
        let count = min(limit, Self.pageLimit)
        let page = BucketPage(of: bucket, prefix: prefix, delimiter: delimiter, after: after, limit: count)
        let last = page.items.last?.name ?? ""

        let escape: (String) -> String = { text in
            MarkupText.escaped(encoding == nil ? text : PercentEncoding.encode(text))
        }
        func element(_ name: String, _ text: String?) -> String { text.map { "<\(name)>\($0)</\(name)>" } ?? "" }
        var body = element("Name", bucket.name) + element("Prefix", escape(prefix))
        if isSecond {
            body += element("StartAfter", start.map(escape)) + element("ContinuationToken", token)
            body += element("NextContinuationToken", page.isTruncated ? ContinuationToken.encode(last) : nil)
            body += element("KeyCount", String(page.items.count))
        } else {
            body += element("Marker", escape(after))
            body += element("NextMarker", page.isTruncated && !delimiter.isEmpty ? escape(last) : nil)
        }
        body += element("MaxKeys", String(count)) + element("Delimiter", delimiter.isEmpty ? nil : escape(delimiter))
        body += element("EncodingType", encoding) + element("IsTruncated", page.isTruncated ? "true" : "false")
        let date = HTTPDate.iso(bucket.lastModified)
        for entry in page.entries {
            body += "<Contents><Key>\(escape(entry.key))</Key><LastModified>\(date)</LastModified>"
            body += "<ETag>&quot;\(entry.md5)&quot;</ETag><Size>\(entry.size)</Size>"
            body += "<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>"
        }
        for folder in page.folders { body += "<CommonPrefixes><Prefix>\(escape(folder))</Prefix></CommonPrefixes>" }
        document = "<ListBucketResult xmlns=\"\(Self.namespace)\">\(body)</ListBucketResult>"
    }
}

/// Where a listing goes on, in a form that nobody should read: base64 of the last item's name.
enum ContinuationToken {
    private static let mark: [UInt8] = [0xD4]

    static func encode(_ name: String) -> String { Base64.encode(mark + name.utf8) }

    static func decode(_ token: String) -> String? {
        guard let bytes = Base64.decode(token), bytes.starts(with: mark) else { return nil }
        return String(validating: bytes.dropFirst(), as: UTF8.self)
    }
}
