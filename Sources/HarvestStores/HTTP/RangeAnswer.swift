import HarvestCore

/// Judges what a server answers to a range request, from its head alone.
enum RangeAnswer {
    /// A server that ignores ranges is read from the start this far, then hung up on.
    private static let nearStart = 4 << 20

    enum Verdict {
        case success(ContentRange)
        /// Why the answer is not for what was asked.
        case failure(String)

        func get(at address: WebAddress) throws(HarvestError) -> ContentRange {
            switch self {
            case .success(let content): return content
            case .failure(let why): throw .malformed(why, at: address.text)
            }
        }
    }

    /// Whether a 206 holds exactly the bytes that were asked for, as far as the object has them.
    static func content(_ head: HTTPHead, _ range: ByteRange) -> Verdict {
        if head.contentType == "multipart/byteranges" { return .failure("a multipart answer to one range") }
        if let encoding = head.contentEncoding {
            return .failure("a range of \(encoding.displayed(limit: 40)) bytes: the server encodes what it sends")
        }
        guard let text = head["content-range"] else { return .failure("a 206 that does not say its range") }
        guard let content = ContentRange(text), let found = content.range else {
            return .failure("the range \"\(text.displayed(limit: 80))\" is none")
        }
        if let length = head.contentLength, length != found.count {
            return .failure("\(length) bytes announced for a range of \(found.count)")
        }
        guard isAsked(found, range, total: content.total) else {
            return .failure("other bytes than asked: \"\(text.displayed(limit: 80))\"")
        }
        return .success(content)
    }

    private static func isAsked(_ found: Range<Int>, _ range: ByteRange, total: Int?) -> Bool {
        switch range {
        case .whole: return false
        case .bytes(let wanted):
            guard let total else { return found == wanted }
            return found == range.clamped(to: total) && found.lowerBound == wanted.lowerBound
        case .tail: return total.map { found == range.clamped(to: $0) } ?? false
        }
    }

    /// What to do with the body of a 206.
    static func plan(_ head: HTTPHead, _ range: ByteRange) -> BodyPlan {
        guard case .success(let content) = content(head, range), let found = content.range else { return .stop }
        return .collect(atMost: found.count)
    }

    /// What to do with the body of a 200: all of a small object, the start of a large one, else nothing.
    static func planUnranged(_ head: HTTPHead, _ range: ByteRange, limit: Int) -> BodyPlan {
        if head.contentEncoding != nil { return .stop }
        if let length = head.contentLength, length <= limit { return .collect(atMost: limit) }
        guard case .bytes(let wanted) = range, wanted.upperBound <= nearStart else { return .stop }
        return .window(skip: wanted.lowerBound, count: wanted.count)
    }
}
