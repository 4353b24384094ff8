internal import Glibc

/// One connection from its first request to its end.
struct Exchange: ~Copyable {
    private let connection: Connection
    private let number: Int
    private let site: Site
    private let plan: FaultPlan
    private let log: RequestLog
    private var parser = RequestParser()

    private static let pieceBytes = 256 << 10
    /// How long a stalled answer is held.
    private static let patience = 600

    init(_ connection: consuming Connection, number: Int, site: Site, plan: FaultPlan, log: RequestLog) {
        self.connection = connection
        self.number = number
        self.site = site
        self.plan = plan
        self.log = log
    }

    /// Answers until either side ends.
    mutating func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            switch parser.next() {
            case .request(let request):
                guard answer(request) else { return }
            case .refused(let status, let reason):
                refuse(status, reason)
                return
            case .incomplete:
                let count = connection.read(buffer)
                guard count > 0 else { return }
                parser.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    private borrowing func refuse(_ status: Int, _ reason: String) {
        let response = Response.text(status, "text/plain", reason + "\n")
        let head = response.head(keepsAlive: false, date: HTTPDate.now()) + reason + "\n"
        _ = Array(head.utf8).withUnsafeBytes { connection.write($0) }
        log.write(
            RequestLog.Entry(
                host: "", method: "", path: "", range: nil, status: status, bytes: Int64(reason.utf8.count + 1),
                seconds: 0, fault: nil, connection: number))
        connection.linger()
    }

    /// Returns whether the connection goes on.
    private borrowing func answer(_ request: Request) -> Bool {
        let start = monotonicSeconds()
        let treatment = plan.treatment(of: request, now: start)
        if treatment.delayMilliseconds > 0 { usleep(UInt32(clamping: treatment.delayMilliseconds * 1000)) }
        var entry = RequestLog.Entry(
            host: request.host, method: request.method, path: request.target, range: request.header("Range"),
            status: 0, bytes: 0, seconds: 0, fault: nil, connection: number)
        if treatment.stallAfter == -1 {
            entry.fault = Ending.stalled.fault
            entry.seconds = monotonicSeconds() - start
            log.write(entry)
            hold()
            return false
        }
        let response = response(to: request, treatment)
        entry.status = response.status
        var keepsAlive = request.keepsAlive
        if let claimed = response.claimedLength, claimed != Int64(response.sent.count) { keepsAlive = false }
        // Logged before the last piece leaves: who has read an answer finds its line.
        let isHead = request.method == "HEAD"
        let ending = send(response, isHead: isHead, keepsAlive: keepsAlive, treatment) { ending, bytes in
            entry.bytes = bytes
            entry.seconds = monotonicSeconds() - start
            entry.fault = ending.fault
            log.write(entry)
        }
        switch ending {
        case .whole: return keepsAlive
        case .failed: break
        case .cut: connection.breakOff()
        case .stalled: hold()
        }
        return false
    }

    /// Says nothing more until the other side gives up.
    private borrowing func hold() {
        connection.waitForHangUp(seconds: Self.patience)
        connection.breakOff()
    }

    private borrowing func response(to request: Request, _ treatment: Treatment) -> Response {
        if let status = treatment.status {
            var refusal = site.failure(status, request: request)
            if let after = treatment.retryAfter { refusal.setHeader("Retry-After", after) }
            return treatment.applied(to: refusal)
        }
        return treatment.applied(to: site.respond(to: request)).selecting(for: request)
    }

    private enum Ending {
        case whole, cut, stalled, failed

        /// As the log names it.
        var fault: String? {
            switch self {
            case .whole: nil
            case .cut: "cut"
            case .stalled: "stall"
            case .failed: "client gone"
            }
        }
    }

    /// Sends head and body, the first piece of the body together with the head. `record` is told how it ends and the
    /// bytes of body, once.
    private borrowing func send(
        _ response: Response, isHead: Bool, keepsAlive: Bool, _ treatment: Treatment,
        record: (Ending, Int64) -> Void
    ) -> Ending {
        let head = Array(response.head(keepsAlive: keepsAlive, date: HTTPDate.now()).utf8)
        let hasBody = !isHead && response.status != 304
        let range = response.sent
        let whole = hasBody ? range.upperBound : range.lowerBound
        var end = whole, ending = Ending.whole
        func stop(after count: Int64?, as other: Ending) {
            guard let count, hasBody, range.lowerBound + count < end else { return }
            end = range.lowerBound + count
            ending = other
        }
        stop(after: treatment.cutAfter, as: .cut)
        stop(after: treatment.stallAfter, as: .stalled)

        let piece = min(Self.pieceBytes, response.pace.map { max(1, $0 / 20) } ?? Self.pieceBytes)
        let room = head.count + min(piece, Int(end - range.lowerBound))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: head)
        var filled = head.count, offset = range.lowerBound
        repeat {
            let count = max(0, min(Int64(min(piece, room - filled)), end - offset))
            if count > 0 {
                response.body.fill(offset..<(offset + count), into: buffer.baseAddress! + filled)
            }
            if offset + count == end { record(ending, end - range.lowerBound) }
            guard connection.write(UnsafeRawBufferPointer(rebasing: buffer[..<(filled + Int(count))])) else {
                if offset + count < end { record(.failed, offset - range.lowerBound) }
                return .failed
            }
            offset += count
            filled = 0
            if let pace = response.pace, count > 0 { usleep(UInt32(clamping: count * 1_000_000 / Int64(pace))) }
        } while offset < end
        return ending
    }
}

/// Seconds on a clock that only runs forwards.
func monotonicSeconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
