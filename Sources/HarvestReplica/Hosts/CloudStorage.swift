/// storage.googleapis.com without signatures: objects by the XML interface, listings and metadata by the JSON one.
struct CloudStorage: Host {
    let names = ["storage.googleapis.com"]
    let routes = [
        "/replica-bucket/KEY  object",
        "/storage/v1/b/replica-bucket/o?prefix=&delimiter=&pageToken=&maxResults=  listing",
        "/storage/v1/b/replica-bucket/o/KEY[?alt=media]  metadata or content",
        "/\(Hemibrain.bucket)/\(Hemibrain.folder)/{info,SCALE/SHARD.shard}  the hemibrain, sharded",
        "/\(Hemibrain.bucket)/v1.0/{segmentation/info,neuroglancer_demo_states/base.json}  beside it",
    ]

    private static let interface = "/storage/v1/b/replica-bucket/o"

    func respond(to request: Request) -> Response {
        let bucket = GoogleBucket.shared
        let path = request.path ?? "/"
        // In the JSON interface a key is one path segment, its slashes encoded.
        if request.rawPath == Self.interface || request.rawPath == Self.interface + "/" {
            return listing(bucket, request)
        }
        if request.rawPath.hasPrefix(Self.interface + "/") {
            let key = PercentEncoding.decode(request.rawPath.dropFirst(Self.interface.count + 1)) ?? ""
            if request.parameter("alt") == "media" { return object(bucket, key, request) }
            return bucket.entries.first { $0.key == key }.map { json(200, metadata($0, bucket)) }
                ?? failure(404, request: request)
        }
        if path.hasPrefix("/\(Hemibrain.bucket)/") {
            return hemibrain(String(path.dropFirst(Hemibrain.bucket.count + 2)), request)
        }
        guard path.hasPrefix("/\(bucket.name)/") else { return failure(404, request: request) }
        return object(bucket, String(path.dropFirst(bucket.name.count + 2)), request)
    }

    func failure(_ status: Int, request: Request) -> Response {
        if request.path?.hasPrefix("/storage/v1/") == true {
            let message = status == 404 ? "No such object." : Response.reason(status)
            return json(
                status,
                "{\"error\": {\"code\": \(status), \"message\": \"\(message)\", \"errors\": [{\"message\": \"\(message)\", "
                    + "\"domain\": \"global\", \"reason\": \"\(status == 404 ? "notFound" : "backendError")\"}]}}")
        }
        let code = [403: "AccessDenied", 404: "NoSuchKey", 429: "SlowDown", 503: "ServiceUnavailable"][status]
        let message = status == 404 ? "The specified key does not exist." : Response.reason(status)
        return google(
            .text(
                status, "application/xml; charset=UTF-8",
                "<?xml version='1.0' encoding='UTF-8'?><Error><Code>\(code ?? "InternalError")</Code>"
                    + "<Message>\(message)</Message></Error>"))
    }

    /// Objects too large, or too many, to have a checksum.
    private func hemibrain(_ key: String, _ request: Request) -> Response {
        guard let found = Hemibrain.object(key) else { return failure(404, request: request) }
        let tag = Digest.md5Hex(Array("\(key) \(found.body.size)".utf8))
        return google(
            .object(
                found.body, type: found.type, entityTag: "\"\(tag)\"", lastModified: GoogleBucket.shared.lastModified,
                headers: [("x-goog-generation", Self.generation), ("x-goog-stored-content-encoding", "identity")]))
    }

    private func object(_ bucket: GoogleBucket, _ key: String, _ request: Request) -> Response {
        guard let found = bucket.object(key) else { return failure(404, request: request) }
        let bytes = found.body.bytes()
        return google(
            .object(
                found.body, type: found.type, entityTag: "\"\(found.md5)\"", lastModified: bucket.lastModified,
                headers: [
                    ("x-goog-generation", Self.generation), ("x-goog-metageneration", "1"),
                    ("x-goog-stored-content-encoding", "identity"),
                    ("x-goog-stored-content-length", String(bytes.count)),
                    ("x-goog-hash", "crc32c=\(Self.checksum(bytes))"),
                    ("x-goog-hash", "md5=\(Base64.encode(Digest.md5(bytes)))"), ("x-goog-storage-class", "STANDARD"),
                ]))
    }

    private func listing(_ bucket: GoogleBucket, _ request: Request) -> Response {
        let asked = Int(request.parameter("maxResults") ?? "1000") ?? -1
        guard asked > 0 else { return failure(400, request: request) }
        var after = ""
        if let token = request.parameter("pageToken") {
            guard let resumed = ContinuationToken.decode(token) else { return failure(400, request: request) }
            after = resumed
        }
        let page = BucketPage(
            of: bucket, prefix: request.parameter("prefix") ?? "", delimiter: request.parameter("delimiter") ?? "",
            after: after, limit: min(asked, 1000))
        var members = ["\"kind\": \"storage#objects\""]
        if page.isTruncated, let last = page.items.last {
            members.append("\"nextPageToken\": \"\(ContinuationToken.encode(last.name))\"")
        }
        if !page.folders.isEmpty {
            members.append("\"prefixes\": [\(page.folders.map { JSONText.quoted($0) }.joined(separator: ", "))]")
        }
        if !page.entries.isEmpty {
            members.append("\"items\": [\(page.entries.map { metadata($0, bucket) }.joined(separator: ",\n"))]")
        }
        return json(200, "{" + members.joined(separator: ",\n") + "}\n")
    }

    private static let generation = "1709640000000000"

    private static func checksum(_ bytes: [UInt8]) -> String {
        let value = Digest.crc32c(bytes)
        return Base64.encode((0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) })
    }

    /// 64-bit numbers are strings, as Google has them.
    private func metadata(_ entry: BucketEntry, _ bucket: GoogleBucket) -> String {
        let encoded = PercentEncoding.encode(entry.key, keeping: "")
        let bytes = bucket.object(entry.key)?.body.bytes() ?? []
        let link = "https://www.googleapis.com/storage/v1/b/\(bucket.name)/o/\(encoded)"
        let date = HTTPDate.iso(bucket.lastModified)
        return """
            {"kind": "storage#object", "id": "\(bucket.name)/\(entry.key)/\(Self.generation)", "selfLink": "\(link)",
             "mediaLink": "https://storage.googleapis.com/download/storage/v1/b/\(bucket.name)/o/\(encoded)?alt=media",
             "name": \(JSONText.quoted(entry.key)), "bucket": "\(bucket.name)", "generation": "\(Self.generation)",
             "metageneration": "1", "contentType": "application/octet-stream", "storageClass": "STANDARD",
             "size": "\(entry.size)", "md5Hash": "\(Base64.encode(Digest.md5(bytes)))",
             "crc32c": "\(Self.checksum(bytes))", "etag": "CAE=", "timeCreated": "\(date)", "updated": "\(date)"}
            """
    }

    private func json(_ status: Int, _ body: String) -> Response {
        google(.text(status, "application/json; charset=UTF-8", body))
    }

    private func google(_ response: Response) -> Response {
        var response = response
        response.headers.append(("Server", "UploadServer"))
        return response
    }
}
