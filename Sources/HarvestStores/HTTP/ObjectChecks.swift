import HarvestCore

/// The answer behind an error, for those who can read more out of it: where a bucket lives, which code it gives.
struct UnexpectedStatus: Error {
    var head: HTTPHead
    var body: Bytes
}

extension ObjectReader {
    /// Turns a status that is no answer into the error it means.
    func checkStatus(_ response: HTTPResponse, _ address: WebAddress, expected: Set<Int>) throws(HarvestError) {
        let status = response.head.status
        if expected.contains(status) { return }
        let place = address.text.displayed(limit: 500)
        let (kind, message): (HarvestError.Kind, String) =
            switch status {
            case 404, 410: (.notFound, "nothing is there")
            case 401, 403, 407, 451: (.denied, "the server refuses to hand it out")
            case 501, 505: (.unsupported, "the server cannot do this")
            case 200..<400: (.malformed, "an answer that does not fit the question")
            default: (.invalid, "the server does not take the request")
            }
        throw HarvestError(
            kind, "\(message) (HTTP \(status))", at: place,
            underlying: UnexpectedStatus(head: response.head, body: response.body))
    }

    /// Refuses what is not the object's own bytes: a page about it, or a compressed form of it.
    func checkData(_ response: HTTPResponse, _ address: WebAddress, isDecoded: Bool = false) throws(HarvestError) {
        lazy var place = address.text.displayed(limit: 500)
        if let encoding = response.head.contentEncoding, !(isDecoded && ["gzip", "x-gzip"].contains(encoding)) {
            throw .malformed(
                "the server encodes the bytes (Content-Encoding: \(encoding.displayed(limit: 40))) though none was asked for",
                at: place)
        }
        if let length = response.head["content-length"], response.head.contentLength == nil {
            throw .malformed(
                "the server says two lengths of one answer, or none that is one (\(length.displayed(limit: 60)))",
                at: place)
        }
        let startsAtZero = response.head.status == 200 || response.head["content-range"]?.hasPrefix("bytes 0-") == true
        guard response.head.contentType == "text/html" || startsAtZero && Self.looksLikeHTML(response.body) else {
            return
        }
        let path = address.path.lowercased()
        if path.hasSuffix(".html") || path.hasSuffix(".htm") { return }
        throw HarvestError(
            .malformed, "an HTML page instead of data (a login or error page?)", at: address.text.displayed(limit: 500),
            next: "open the address in a browser to see what it says")
    }

    private static func looksLikeHTML(_ bytes: Bytes) -> Bool {
        guard let start = bytes.slice(0..<min(bytes.count, 64)) else { return false }
        // Only what can be the first letter of a tag is looked at closer: this runs for every chunk.
        let isMarkup = start.withUnsafeBytes { $0.first { $0 != 0x20 && !(0x09...0x0D).contains($0) } == 0x3C }
        guard isMarkup else { return false }
        let text = start.text.trimmed.lowercased()
        return text.hasPrefix("<!doctype html") || text.hasPrefix("<html")
    }
}
