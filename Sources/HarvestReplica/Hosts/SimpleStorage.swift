/// Amazon S3 without signatures: the public bucket of OpenOrganelle, and one that lives in another region.
///
/// Both forms of address are answered: the bucket in the host name, and in the path.
struct SimpleStorage: Host {
    let names: [String]
    let routes = [
        "/?list-type=2&prefix=…&delimiter=/  listing, 1000 a page",
        "/jrc_mus-nacc-2/…  Zarr v2 pyramid, 17266 chunks", "replica-redirect: 301 to us-west-2 unless asked there",
    ]

    private static let home = "us-west-2"
    private let services = ["s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.us-west-2.amazonaws.com"]
    private let bucketNames = ["janelia-cosem-datasets", "replica-redirect"]

    init() {
        var names = services
        for bucket in bucketNames { names += services.map { "\(bucket).\($0)" } }
        self.names = names
    }

    func respond(to request: Request) -> Response {
        guard let address = address(of: request) else {
            return error(404, "NoSuchBucket", "The specified bucket does not exist", request)
        }
        let bucket: any Bucket
        switch address.bucket {
        case "janelia-cosem-datasets": bucket = NucleusAccumbens.shared
        case "replica-redirect" where address.service == "s3.us-west-2.amazonaws.com":
            bucket = NucleusAccumbens.redirected
        default: return permanentRedirect(address.bucket, request)
        }
        var response = answer(bucket, address.key, request)
        response.headers.append(("x-amz-bucket-region", Self.home))
        return response
    }

    func failure(_ status: Int, request: Request) -> Response {
        switch status {
        case 403: error(403, "AccessDenied", "Access Denied", request)
        case 404: error(404, "NoSuchKey", "The specified key does not exist.", request)
        case 405: error(405, "MethodNotAllowed", "This replica can only be read.", request)
        case 503: error(503, "SlowDown", "Please reduce your request rate.", request)
        case 429: error(429, "TooManyRequests", "Please reduce your request rate.", request)
        default: error(status, status < 500 ? "InvalidRequest" : "InternalError", Response.reason(status), request)
        }
    }

    private func answer(_ bucket: any Bucket, _ key: String, _ request: Request) -> Response {
        if key.isEmpty {
            if request.parameter("location") != nil { return location(request) }
            if request.method == "HEAD" { return amazon(.text(200, "application/xml", "")) }
            return StorageListing(bucket: bucket, request: request).map { amazon(xml(200, $0.document)) }
                ?? error(400, "InvalidArgument", "The listing's arguments are not understood.", request)
        }
        guard let found = bucket.object(key) else { return failure(404, request: request) }
        return amazon(
            .object(
                found.body, type: found.type, entityTag: "\"\(found.md5)\"", lastModified: bucket.lastModified,
                headers: [("x-amz-storage-class", "INTELLIGENT_TIERING")]))
    }

    /// Which bucket and key a request names, and the service it was sent to.
    private func address(of request: Request) -> (bucket: String, key: String, service: String)? {
        let path = (request.path ?? "/").dropFirst()
        for service in services {
            if request.host == service {
                let parts = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
                let bucket = String(parts[0])
                return bucketNames.contains(bucket)
                    ? (bucket, parts.count > 1 ? String(parts[1]) : "", service) : nil
            }
            for bucket in bucketNames where request.host == "\(bucket).\(service)" {
                return (bucket, String(path), service)
            }
        }
        return nil
    }

    private func permanentRedirect(_ bucket: String, _ request: Request) -> Response {
        let endpoint = "\(bucket).s3.\(Self.home).amazonaws.com"
        var response = error(
            301, "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. "
                + "Please send all future requests to this endpoint.", request,
            extra: "<Endpoint>\(endpoint)</Endpoint><Bucket>\(bucket)</Bucket>")
        response.headers.append(("x-amz-bucket-region", Self.home))
        return response
    }

    private func location(_ request: Request) -> Response {
        amazon(
            xml(
                200,
                "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(Self.home)</LocationConstraint>"
            ))
    }

    private func error(
        _ status: Int, _ code: String, _ message: String, _ request: Request, extra: String = ""
    ) -> Response {
        let key = code == "NoSuchKey" ? "<Key>\(MarkupText.escaped(address(of: request)?.key ?? ""))</Key>" : ""
        return amazon(
            xml(
                status,
                "<Error><Code>\(code)</Code><Message>\(message)</Message>\(key)\(extra)"
                    + "<RequestId>REPLICA000000001</RequestId><HostId>replica</HostId></Error>"))
    }

    private func xml(_ status: Int, _ body: String) -> Response {
        .text(status, "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body)
    }

    private func amazon(_ response: Response) -> Response {
        var response = response
        response.headers += [
            ("x-amz-id-2", "replica"), ("x-amz-request-id", "REPLICA000000001"), ("Server", "AmazonS3"),
        ]
        return response
    }
}
