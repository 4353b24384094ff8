/// An answer before it meets the socket: the whole representation first, then the part of it that was asked for.
struct Response: Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: any VirtualObject
    /// With quotes; nil where the host gives none.
    var entityTag: String?
    /// Seconds since 1970.
    var lastModified: Int64?
    /// Whether a Range header is honoured.
    var servesRanges = false
    /// The part of `body` that is sent; nil means all.
    var part: Range<Int64>?
    /// What Content-Length says where it lies.
    var claimedLength: Int64?
    /// Bytes per second at which the body is sent; nil means as fast as it goes.
    var pace: Int?

    /// A representation that can be read in parts.
    static func object(
        _ body: any VirtualObject, type: String, entityTag: String?, lastModified: Int64?,
        headers: [(name: String, value: String)] = []
    ) -> Response {
        Response(
            headers: [("Content-Type", type)] + headers, body: body, entityTag: entityTag, lastModified: lastModified,
            servesRanges: true)
    }

    /// A body made for this request.
    static func text(
        _ status: Int, _ type: String, _ body: String, headers: [(name: String, value: String)] = []
    ) -> Response {
        Response(status: status, headers: [("Content-Type", type)] + headers, body: StoredObject(body))
    }

    static func redirect(to location: String, status: Int = 302) -> Response {
        .text(status, "text/html", "<a href=\"\(location)\">Moved</a>\n", headers: [("Location", location)])
    }

    mutating func setHeader(_ name: String, _ value: String) {
        headers.removeAll { $0.name.equalsIgnoringCase(name) }
        headers.append((name, value))
    }

    /// The bytes that are sent.
    var sent: Range<Int64> { part ?? 0..<body.size }

    /// Status line and headers, each with its line end.
    func head(keepsAlive: Bool, date: String) -> String {
        var lines = "HTTP/1.1 \(status) \(Self.reason(status))\r\nDate: \(date)\r\n"
        for (name, value) in headers { lines += "\(name): \(value)\r\n" }
        if let entityTag { lines += "ETag: \(entityTag)\r\n" }
        if let lastModified { lines += "Last-Modified: \(HTTPDate.format(lastModified))\r\n" }
        if servesRanges { lines += "Accept-Ranges: bytes\r\n" }
        if status != 304 { lines += "Content-Length: \(claimedLength ?? Int64(sent.count))\r\n" }
        return lines + "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
    }

    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 416: "Range Not Satisfiable"
        case 421: "Misdirected Request"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
