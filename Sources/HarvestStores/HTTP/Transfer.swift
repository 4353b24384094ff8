import CCurl
import Glibc
import HarvestCore

/// What to do with a body, decided once its head is known.
enum BodyPlan {
    /// Keep all of it; longer than this is an error.
    case collect(atMost: Int)
    /// Keep these bytes and hang up.
    case window(skip: Int, count: Int)
    /// Hand each piece on.
    case stream(@Sendable (UnsafeRawBufferPointer) throws -> Void)
    /// None of it is of use.
    case stop
}

/// One request to one address, without redirects and retries.
struct TransferRequest: Sendable {
    var address: WebAddress
    /// `Name: value` lines.
    var headers: [String] = []
    /// `user:password`, percent-encoded as in the address.
    var credentials: String?
    /// What is posted; `nil` gets.
    var form: Secret?
    /// Whether a `Content-Encoding` is undone; never for ranges.
    var decodesBody = false
    /// Where the name turns out to be an address further inside than this, the request ends before anything is sent.
    var limit: NetworkAddress.Depth?
    /// What is asked of an FTP server; `nil` speaks HTTP.
    var ftp: FTPCommand?
    /// Whether many MiB may come: a larger buffer saves calls then, and costs memory for every request.
    var isLong = false
    /// The requests that it follows.
    var line: RequestLine?
    /// Whether it is to have a connection that was opened early.
    var isEarly = false
    var plan: @Sendable (HTTPHead) -> BodyPlan
}

/// What is asked of an FTP server at an address.
struct FTPCommand: Sendable {
    /// `0-99`, `100-`, `-16`; `nil` is the whole file.
    var range: String?
    /// `MLSD` or `LIST`; the address is a folder then.
    var listing: String?
    /// Whether nothing is asked about the file first, neither size nor date: of what comes in one piece the server's last
    /// reply tells that it is whole (226, RFC 959 §5.4).
    var isBare = false
    /// Whether nothing is asked for but to log in, and what ``asksDate`` says.
    var isLogin = false
    /// Whether the file's date is asked for.
    var asksDate = true
    /// Called with the replies so far once what is asked of size and date is known, and before each piece; what it throws
    /// ends the transfer.
    var begins: (@Sendable ([String]) throws -> Void)?
}

/// How a transfer ended.
struct TransferOutcome: Sendable {
    var head: HTTPHead?
    var body = Bytes.empty
    /// Bytes of body that came, kept or not.
    var received = 0
    /// The numeric address that answered.
    var peer: String?
    var failure: TransferFailure?
    /// Whether it came over a connection that others share.
    var isAhead = false
    /// Lines that an FTP server answered, over the whole connection's part in this transfer.
    var replies: [String] = []
    /// Seconds since 1970 at which an FTP server says that the file was changed; `nil` if it does not.
    var modified: Int?
}

/// A transfer on its way. Belongs to the loop's thread once submitted, but for `isCancelled` (the inbox's).
final class Transfer: @unchecked Sendable {
    let request: TransferRequest
    var waiter: CheckedContinuation<TransferOutcome, Never>?
    var isCancelled = false
    var handle: UnsafeMutableRawPointer?
    var headerList: UnsafeMutablePointer<curl_slist>?
    let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    /// What bytes have to wait for; `nil` for nothing.
    var paces: Paces?
    /// Whether bytes are held back for their pace.
    var isHeld = false

    private let headerLimit: Int
    private var parser = HeadParser()
    private var plan = BodyPlan.stop
    private var replies: [String] = []
    private var replyBytes = 0
    private var body: BodyBuffer
    private(set) var received = 0
    private(set) var failure: TransferFailure?
    /// Everything wanted is here; how the transfer ends no longer matters.
    private(set) var isSatisfied = false

    let started = Monotonic.now
    private(set) var lastProgress = Monotonic.now
    private(set) var hasAnswered = false
    var head: HTTPHead? { parser.head }
    /// For the drip check: when the current window began, and what had come by then.
    var window: (start: Double, received: Int) = (Monotonic.now, 0)

    /// A rest shorter than this is read to the end, to keep the connection.
    private static let drained = 64 << 10

    init(_ request: TransferRequest, headerLimit: Int, pool: BufferPool) {
        body = BodyBuffer(pool: pool)
        self.request = request
        self.headerLimit = headerLimit
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        if request.ftp != nil { plan = request.plan(HTTPHead(status: 200)) }
    }

    deinit { message.deallocate() }

    /// Takes a header line; `false` ends the transfer.
    func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        hasAnswered = true
        lastProgress = Monotonic.now
        if request.ftp != nil {
            replyBytes += line.count
            guard replyBytes <= headerLimit else {
                failure = .headersTooLong(headerLimit)
                return false
            }
            let reply = String(decoding: line, as: UTF8.self).trimmed
            replies.append(reply)
            // Size and date are there before the file is asked for.
            guard reply.hasPrefix("213 "), let ftp = request.ftp, let begins = ftp.begins else { return true }
            let facts = FTPAnswer.facts(replies)
            let isKnown = (facts.total != nil || ftp.isLogin) && (facts.modified != nil || !ftp.asksDate)
            return isKnown ? taking { try begins(replies) } : true
        }
        let hadHead = parser.head != nil
        guard parser.take(line, limit: headerLimit) else {
            failure = .headersTooLong(headerLimit)
            return false
        }
        guard !hadHead, let head = parser.head else { return true }
        window = (lastProgress, 0)
        plan = request.plan(head)
        let length = head.contentLength
        switch plan {
        case .collect(let limit):
            if let length, length > limit {
                failure = .tooLong(limit)
                return false
            }
            if let length { body.expect(length) }
        case .window(let skip, let count):
            if let length { body.expect(min(count, max(0, length - skip))) }
        case .stream: break
        case .stop:
            isSatisfied = true
            return length.map { $0 <= Self.drained } ?? false
        }
        return true
    }

    /// Whether bytes may pass now; else they come again.
    func passes(_ count: Int) -> Bool {
        guard let paces else { return true }
        guard paces.admits(request.address.origin.host, Monotonic.now) else {
            isHeld = true
            return false
        }
        paces.take(count, of: request.address.origin.host)
        return true
    }

    /// Who is held back is neither late nor slow.
    func heldOn(_ now: Double) {
        lastProgress = now
        window = (now, received)
    }

    /// Takes a piece of the body; `false` ends the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let before = received
        received += bytes.count
        lastProgress = Monotonic.now
        switch plan {
        case .collect(let limit):
            guard body.count + bytes.count <= limit else {
                failure = .tooLong(limit)
                return false
            }
            body.append(bytes)
        case .window(let skip, let count):
            let first = min(max(0, skip - before), bytes.count)
            let last = min(bytes.count, first + count - body.count)
            body.append(UnsafeRawBufferPointer(rebasing: bytes[first..<last]))
            if body.count == count { return satisfied() }
        case .stream(let sink):
            return taking {
                if let begins = request.ftp?.begins { try begins(replies) }
                try sink(bytes)
            }
        case .stop: return satisfied()
        }
        return true
    }

    func fail(_ failure: TransferFailure) { if self.failure == nil { self.failure = failure } }

    /// Does what ends the transfer where it throws.
    private func taking(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            failure = .refused(error)
            return false
        }
    }

    /// The outcome, once; takes the body's memory.
    func outcome() -> TransferOutcome {
        var outcome = TransferOutcome(head: parser.head, received: received, failure: isSatisfied ? nil : failure)
        outcome.body = body.take()
        if let handle, let peer = ccurl_info_string(handle, CURLINFO_PRIMARY_IP) {
            outcome.peer = String(cString: peer)
        }
        outcome.replies = replies
        if let handle, request.ftp != nil {
            let time = Int(ccurl_info_offset(handle, CURLINFO_FILETIME_T))
            outcome.modified = time > 0 ? time : nil
        }
        return outcome
    }

    /// All that was wanted has come: go on only where the rest is short.
    private func satisfied() -> Bool {
        isSatisfied = true
        guard let length = parser.head?.contentLength else { return false }
        return length - received <= Self.drained
    }
}

/// A clock that no one sets.
enum Monotonic {
    /// Seconds since some fixed moment.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
