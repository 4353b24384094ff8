import HarvestCore
import Synchronization

/// What tells one version of an object from another.
struct Validator: Sendable, Equatable {
    /// A strong entity tag, quotes included; a weak one says nothing about bytes.
    var tag: String?
    /// A weak tag: that it is the same says nothing about bytes, that it is another one does.
    var weakTag: String?
    var modified: String?
    var total: Int?

    init(tag: String? = nil, modified: String? = nil, total: Int? = nil) {
        self.tag = tag.flatMap { $0.hasPrefix("\"") ? $0 : nil }
        weakTag = tag.flatMap { $0.hasPrefix("W/") ? $0 : nil }
        self.modified = modified
        self.total = total
    }

    /// Whether `other` can be the same bytes, by what both of them say.
    func agrees(with other: Validator) -> Bool {
        if let total, let theirs = other.total, total != theirs { return false }
        if let tag, let theirs = other.tag { return tag == theirs }
        if let modified, let theirs = other.modified { return modified == theirs }
        if let weakTag, let theirs = other.weakTag { return weakTag == theirs }
        return true
    }

    /// This, with what only `other` says.
    func completed(by other: Validator) -> Validator {
        var copy = self
        copy.tag = tag ?? other.tag
        copy.weakTag = weakTag ?? other.weakTag
        copy.modified = modified ?? other.modified
        copy.total = total ?? other.total
        return copy
    }

    var display: String {
        let parts = [tag.map { "ETag \($0)" }, modified.map { "of \($0)" }, total.map { "\($0) bytes" }]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}

/// Reads objects and ranges of them over HTTP, and believes a server nothing that can be checked.
///
/// HTTP, S3 and GCS stores share it: they differ in addresses and listings only.
final class ObjectReader: Sendable {
    private struct State {
        var validators: [WebAddress: Validator] = [:]
        /// The last object that had to be taken whole because its server ignores ranges.
        var whole: (address: WebAddress, bytes: Bytes)?
    }

    let client: HTTPClient
    let meter: Meter
    /// Keeps what is read in ranges, where a probe reads.
    private let session: ProbeSession?
    private let state = Mutex(State())

    init(client: HTTPClient, meter: Meter, session: ProbeSession? = nil) {
        self.client = client
        self.meter = meter
        self.session = session
    }

    /// Reads part of the object at `address`, in one request where the server knows ranges.
    ///
    /// - Parameter authorize: Proves who asks; `nil` asks as nobody.
    func read(_ address: WebAddress, _ range: ByteRange, _ authorize: Authorize? = nil) async throws -> Reply {
        guard let line = try Self.line(of: range) else {
            if case .bytes(let empty) = range { return Reply(bytes: .empty, offset: empty.lowerBound, total: nil) }
            guard case .tail = range else { return try await readWhole(address, authorize) }
            return Reply(bytes: .empty, offset: 0, total: nil)
        }
        if let kept = state.withLock({ $0.whole?.address == address ? $0.whole?.bytes : nil }) {
            return Self.cut(kept, range)
        }
        // What only some may read is not kept.
        guard let session, authorize == nil else { return try await ask(address, range, line, authorize) }
        return try await session.reply(address, range) { [self] kept in
            try await ask(address, range, line, unless: kept)
        }
    }

    /// Asks for a range; `nil` where the server says that it still has the version of which parts were kept.
    private func ask(_ address: WebAddress, _ range: ByteRange, _ line: String, unless kept: KeptObject?) async throws
        -> Reply?
    {
        guard let kept, let tag = kept.validator.tag else { return try await ask(address, range, line) }
        let answer = try await response(address, range, line, ["If-None-Match: \(tag)"])
        guard answer.head.status == 304 else { return try reply(answer, address, range) }
        // RFC 9110 §15.4.5: a 304 names the ETag that a 200 would.
        guard answer.head["etag"].map({ $0 == tag }) ?? true else { return try await ask(address, range, line) }
        try pin(address, kept.validator)
        return nil
    }

    private func ask(
        _ address: WebAddress, _ range: ByteRange, _ line: String, _ authorize: Authorize? = nil
    ) async throws -> Reply {
        let condition = validator(of: address)?.tag.map { ["If-Range: \($0)"] } ?? []
        return try reply(try await response(address, range, line, condition, authorize), address, range)
    }

    private func response(
        _ address: WebAddress, _ range: ByteRange, _ line: String, _ conditions: [String],
        _ authorize: Authorize? = nil
    ) async throws -> HTTPResponse {
        // No answer is longer than what is asked for, but for that of a server which ignores ranges.
        let wanted = range.length ?? 0
        let limit = min(client.options.limits.unrangedBytes, meter.bytesLeft ?? .max)
        try meter.reserve(bytes: wanted)
        defer { meter.release(bytes: wanted) }
        var get = HTTPGet(address: address) { head in
            switch head.status {
            case 206: RangeAnswer.plan(head, range)
            case 200: RangeAnswer.planUnranged(head, range, limit: limit)
            default: .window(skip: 0, count: 64 << 10)
            }
        }
        get.authorize = authorize
        get.conditions = ["Range: \(line)"] + conditions
        get.isWhole = { head, received in
            guard head.status == 206, case .success(let content) = RangeAnswer.content(head, range) else { return true }
            return content.range?.count == received
        }
        return try await client.get(get, meter: meter)
    }

    /// The first validator seen, so that a caller can pin its own work to it.
    func validator(of address: WebAddress) -> Validator? { state.withLock { $0.validators[address] } }

    /// Hands the whole object on, piece by piece.
    ///
    /// - Parameter begins: Called before the first byte of each try.
    /// - Returns: Its length as it came.
    /// - Throws: As ``read(_:_:)``.
    func stream(
        _ address: WebAddress, _ authorize: Authorize? = nil, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        var get = HTTPGet(address: address) { head in
            guard head.status == 200, head.contentEncoding == nil else { return .window(skip: 0, count: 64 << 10) }
            begins()
            return .stream(sink)
        }
        get.authorize = authorize
        (get.isLong, get.goesAhead) = (true, true)
        let response = try await client.get(get, meter: meter)
        try checkStatus(response, address, expected: [200])
        try checkData(response, address)
        try pin(address, Self.validator(of: response.head, total: response.received))
        return response.received
    }

    /// Hands a range on as it comes, in one try; see ``RangeStreamingStore``.
    ///
    /// - Returns: How it ended, and the answer behind a failure that has one.
    func stream(
        _ address: WebAddress, _ range: Range<Int>, _ authorize: Authorize? = nil, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        let refusal = Mutex<(any Error)?>(nil)
        var get = HTTPGet(address: address) { head in
            guard head.status == 206, head.contentType != "text/html",
                case .success(let content) = RangeAnswer.content(head, .bytes(range)), content.range != nil
            else { return .window(skip: 0, count: 64 << 10) }
            do {
                var found = ObjectFacts(total: content.total, tag: head["etag"], modified: head["last-modified"])
                found.digest = OfferedDigest(head)
                found.digestOfParts = OfferedDigest.OfParts(head)
                try facts(found)
            } catch {
                refusal.withLock { $0 = error }
                return .stop
            }
            return .stream(sink)
        }
        get.authorize = authorize
        get.conditions = ["Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"]
        (get.isLong, get.line) = (range.count >= 1 << 20, line)
        get.isWhole = { head, received in
            guard head.status == 206, case .success(let content) = RangeAnswer.content(head, .bytes(range)) else {
                return true
            }
            return content.range?.count == received
        }
        let outcome = await client.once(get, meter: meter)
        if let error = refusal.withLock({ $0 }) { return .stopped(error) }
        switch outcome {
        case .failed(let error):
            return error is HarvestError || error is CancellationError ? .failed(error) : .stopped(error)
        case .broke(let error): return .broke(error)
        case .refused(let after, let error): return .refused(after: after, .any, error)
        case .answered(let response):
            do {
                if response.head.status == 416,
                    let total = response.head["content-range"].flatMap(ContentRange.init)?.total
                {
                    try facts(ObjectFacts(total: total, tag: response.head["etag"]))
                    guard total <= range.lowerBound else {
                        throw HarvestError.malformed(
                            "the server refuses a range that it holds (HTTP 416)", at: address.text)
                    }
                    return .complete
                }
                try checkStatus(response, address, expected: [200, 206])
                try checkData(response, address)
                if response.head.status == 200 { throw DownloadRun.RangesIgnored() }
                _ = try RangeAnswer.content(response.head, .bytes(range)).get(at: address)
                return .complete
            } catch { return .failed(error) }
        }
    }

    /// The length of the first of the parts that S3 keeps an object in (`GetObject`, `partNumber`); `nil` where it does
    /// not say, or the address has a query of its own.
    func partLength(_ address: WebAddress, _ authorize: Authorize? = nil) async -> Int? {
        guard address.query == nil, let asked = try? WebAddress(address.text + "?partNumber=1") else {
            return nil
        }
        let found = Mutex<Int?>(nil)
        var get = HTTPGet(address: asked) { head in
            if head.status == 206, let range = head["content-range"].flatMap(ContentRange.init)?.range,
                range.lowerBound == 0
            {
                found.withLock { $0 = range.count }
            }
            return .stop
        }
        get.authorize = authorize
        _ = await client.once(get, meter: meter)
        return found.withLock { $0 }
    }

    /// What is asked of the host of objects below `root`.
    func limits(below root: String) -> TransportOptions.HostLimits {
        let origin = (try? WebAddress(root))?.origin ?? WebAddress.Origin(scheme: "", host: "", port: 0)
        return client.limits(at: origin)
    }

    /// A page of a listing.
    func page(_ address: WebAddress, _ authorize: Authorize? = nil) async throws -> Bytes {
        let limit = client.options.limits.pageBytes
        var get = HTTPGet(address: address) { _ in .collect(atMost: limit) }
        get.authorize = authorize
        get.decodesBody = true
        let response = try await client.get(get, meter: meter)
        try checkStatus(response, address, expected: [200])
        return response.body
    }

    /// Objects that are read at once may together be longer than what is left of a budget; none of them is.
    private func readWhole(_ address: WebAddress, _ authorize: Authorize?) async throws -> Reply {
        let limit = min(client.options.limits.objectBytes, meter.bytesLeft ?? .max)
        var get = HTTPGet(address: address) { head in
            head.status == 200 ? .collect(atMost: limit) : .window(skip: 0, count: 64 << 10)
        }
        get.authorize = authorize
        (get.decodesBody, get.goesAhead) = (true, true)
        let response: HTTPResponse
        do { response = try await client.get(get, meter: meter) } catch let error as HarvestError {
            if case .tooLong = error.underlying as? TransferFailure, limit < client.options.limits.objectBytes {
                throw meter.spent.located(at: address.text)
            }
            throw error
        }
        try checkStatus(response, address, expected: [200])
        try checkData(response, address, isDecoded: true)
        // Of an encoded body the length on the wire is not the object's.
        let total = response.head.contentEncoding == nil ? response.body.count : nil
        try pin(address, Self.validator(of: response.head, total: total), remembers: false)
        return Reply(bytes: response.body, offset: 0, total: response.body.count)
    }

    /// Turns an answer to a range request into a reply.
    private func reply(_ response: HTTPResponse, _ address: WebAddress, _ range: ByteRange) throws -> Reply {
        let head = response.head
        if head.status == 416 { return try unsatisfied(head, address, range) }
        try checkStatus(response, address, expected: [200, 206])
        try checkData(response, address)
        if head.status == 206 {
            let content = try RangeAnswer.content(head, range).get(at: address)
            guard let found = content.range, found.count == response.body.count else {
                throw HarvestError.malformed("the answer is not as long as its range", at: address.text)
            }
            let validator = Self.validator(of: head, total: content.total)
            try pin(address, validator)
            session?.note(address, validator, response.body, at: found.lowerBound)
            return Reply(bytes: response.body, offset: found.lowerBound, total: content.total)
        }
        try pin(address, Self.validator(of: head, total: head.contentLength))
        switch RangeAnswer.planUnranged(head, range, limit: client.options.limits.unrangedBytes) {
        case .collect: return keep(response.body, address, range)
        case .window(let skip, _):
            return Reply(bytes: response.body, offset: skip, total: head.contentLength)
        case .stop, .stream:
            throw HarvestError.unsupported(
                "the server ignores ranges and the object is large", at: address.text, next: "fetch it whole first")
        }
    }

    /// The range starts past the end: no bytes, and the length.
    private func unsatisfied(_ head: HTTPHead, _ address: WebAddress, _ range: ByteRange) throws -> Reply {
        let total = head["content-range"].flatMap(ContentRange.init)?.total
        if let total { try pin(address, Self.validator(of: head, total: total)) }
        switch range {
        case .bytes(let wanted):
            guard total.map({ wanted.lowerBound >= $0 }) ?? true else {
                throw HarvestError.malformed("the server refuses a range that it holds (HTTP 416)", at: address.text)
            }
            return Reply(bytes: .empty, offset: wanted.lowerBound, total: total)
        case .tail, .whole: return Reply(bytes: .empty, offset: total ?? 0, total: total)
        }
    }

    private func keep(_ bytes: Bytes, _ address: WebAddress, _ range: ByteRange) -> Reply {
        state.withLock { $0.whole = (address, bytes) }
        return Self.cut(bytes, range)
    }

    /// Remembers the first validator, and refuses any other.
    ///
    /// - Parameter remembers: Not for objects read whole: there may be millions of chunks.
    private func pin(_ address: WebAddress, _ new: Validator, remembers: Bool = true) throws(HarvestError) {
        let first: Validator? = state.withLock { state in
            guard let first = state.validators[address] else {
                if remembers { state.validators[address] = new }
                return nil
            }
            guard first.agrees(with: new) else { return first }
            state.validators[address] = first.completed(by: new)
            return nil
        }
        if let first {
            throw HarvestError(
                .changed, "the object changed while it was read: first \(first.display), now \(new.display)",
                at: address.text, next: "run the command again")
        }
    }

    private static func validator(of head: HTTPHead, total: Int?) -> Validator {
        Validator(tag: head["etag"], modified: head["last-modified"], total: total)
    }

    /// The value of a `Range` header; `nil` where there is nothing to ask for, or all.
    private static func line(of range: ByteRange) throws(HarvestError) -> String? {
        switch range {
        case .whole: return nil
        case .bytes(let wanted):
            guard wanted.lowerBound >= 0 else { throw .invalid("a range that starts before the first byte") }
            return wanted.isEmpty ? nil : "bytes=\(wanted.lowerBound)-\(wanted.upperBound - 1)"
        case .tail(let count):
            guard count >= 0 else { throw .invalid("a tail of \(count) bytes") }
            return count == 0 ? nil : "bytes=-\(count)"
        }
    }

    private static func cut(_ bytes: Bytes, _ range: ByteRange) -> Reply {
        let found = range.clamped(to: bytes.count)
        return Reply(
            bytes: bytes.slice(found) ?? .empty, offset: found.isEmpty ? range.start ?? bytes.count : found.lowerBound,
            total: bytes.count)
    }
}

extension ByteRange {
    /// What there is of it in an object of `total` bytes.
    func clamped(to total: Int) -> Range<Int> {
        switch self {
        case .whole: 0..<total
        case .bytes(let wanted): min(wanted.lowerBound, total)..<min(wanted.upperBound, total)
        case .tail(let count): max(0, total - max(0, count))..<total
        }
    }

    /// How many bytes it has at the most; `nil` for all there are.
    var length: Int? {
        switch self {
        case .whole: nil
        case .bytes(let wanted): wanted.count
        case .tail(let count): max(0, count)
        }
    }

    /// Where it starts, if that does not depend on the object's length.
    var start: Int? {
        switch self {
        case .whole: 0
        case .bytes(let wanted): wanted.lowerBound
        case .tail: nil
        }
    }
}
