import CCurl
import Glibc
import HarvestCore

/// The lane's connections. Belongs to its thread.
struct AheadLines {
    /// One connection.
    private final class Line {
        let socket: Int32
        let origin: WebAddress.Origin
        /// Whose requests it carries, where these are ranges of a long object.
        var owner: RequestLine?
        var isConnected = false
        var unsent: [UInt8] = []
        /// In the order in which they were sent.
        var sent: [Ahead] = []
        /// The line of a head that has come so far, and bytes of body still to come; `nil` within a head.
        var line: [UInt8] = [], rest: Int?
        var endsHere = false
        /// Whether it is told when more can be sent.
        var awaitsSending = true
        var isHTTP11 = false
        var stirredAt: Double
        var answered = 0

        init(_ socket: Int32, _ origin: WebAddress.Origin, _ now: Double) {
            (self.socket, self.origin, stirredAt) = (socket, origin, now)
        }
    }

    private struct Host {
        var lines: [Line] = []
        var waiting: [Ahead] = [], head = 0
        /// Requests on a connection at a time.
        var depth = 1
        /// Answers since the depth was set.
        var answered = 0
        /// All answers, and their bytes.
        var total = (answers: 0, bytes: 0)

        /// What stands behind long answers waits long, while other connections are done.
        var deepest: Int { total.bytes > total.answers * (256 << 10) ? 6 : 12 }
        /// Not to be asked in this way.
        var isOff = false

        var next: Ahead? {
            mutating get {
                guard head < waiting.count else { return nil }
                defer {
                    head += 1
                    if head == waiting.count { (waiting, head) = ([], 0) }
                }
                return waiting[head]
            }
        }
    }

    private let epoll: Int32
    private let options: TransportOptions
    private var hosts: [WebAddress.Origin: Host] = [:]
    private var lines: [Int32: Line] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var sweptAt = 0.0

    private static let connections = 16

    init(epoll: Int32, options: TransportOptions) { (self.epoll, self.options) = (epoll, options) }

    /// Origins that turned out not to be asked in this way.
    mutating func takeOff() -> [WebAddress.Origin] {
        let gone = hosts.filter { $0.value.isOff && $0.value.lines.isEmpty }.map(\.key)
        for origin in gone { hosts[origin] = nil }
        return gone
    }

    var isIdle: Bool { lines.values.allSatisfy(\.sent.isEmpty) }

    func end() {
        for line in lines.values {
            close(line.socket)
            for ahead in line.sent { ahead.resume(TransferOutcome(failure: .cancelled)) }
        }
        for host in hosts.values {
            for ahead in host.waiting[host.head...] { ahead.resume(TransferOutcome(failure: .cancelled)) }
        }
        buffer.deallocate()
    }

    mutating func take(_ new: [Ahead]) {
        var touched: Set<WebAddress.Origin> = []
        for ahead in new {
            let origin = ahead.transfer.request.address.origin
            if hosts[origin, default: Host()].isOff {
                ahead.resume(nil)
            } else if let owner = ahead.transfer.request.line {
                put(ahead, of: owner)
            } else {
                hosts[origin, default: Host()].waiting.append(ahead)
                touched.insert(origin)
            }
        }
        for origin in touched { feed(origin) }
    }

    mutating func cancel(_ ahead: Ahead) {
        guard ahead.waiter != nil else { return }
        ahead.resume(TransferOutcome(failure: .cancelled))
        // Its answer would come all the same: the connection goes, and the others on it are sent again.
        if let line = lines.values.first(where: { $0.sent.contains { $0 === ahead } }) { drop(line, isFault: false) }
    }

    /// Sends a request behind the one that it follows, or where nothing is on its way.
    private mutating func put(_ ahead: Ahead, of owner: RequestLine) {
        let origin = ahead.transfer.request.address.origin
        let open = hosts[origin, default: Host()].lines.filter { !$0.endsHere }
        var line = open.first { $0.owner === owner } ?? open.first(where: \.sent.isEmpty)
        if line == nil, let made = self.open(ahead.place, origin) {
            hosts[origin, default: Host()].lines.append(made)
            line = made
        }
        guard let line else { return ahead.resume(nil) }
        line.owner = owner
        send(ahead, on: line)
    }

    private func send(_ ahead: Ahead, on line: Line) {
        ahead.isEarly = !line.sent.isEmpty
        if line.sent.isEmpty { line.stirredAt = Monotonic.now }
        line.sent.append(ahead)
        line.unsent += Self.text(of: ahead.transfer.request, options.userAgent).utf8
        if line.isConnected { send(line) }
    }

    /// Sends what waits, to the connection with the fewest requests on it.
    private mutating func feed(_ origin: WebAddress.Origin) {
        guard var host = hosts.removeValue(forKey: origin) else { return }
        defer { hosts[origin] = host }
        let most = min(Self.connections, options.limits.shown(at: origin).connections)
        while host.head < host.waiting.count {
            var line: Line?
            for other in host.lines where !other.endsHere && (other.owner == nil || other.sent.isEmpty) {
                if other.sent.count < line?.sent.count ?? .max { line = other }
            }
            if line == nil || line?.sent.isEmpty == false, host.lines.count < most {
                guard let made = open(host.waiting[host.head].place, origin) else {
                    host.isOff = true
                    while let ahead = host.next { ahead.resume(nil) }
                    return
                }
                host.lines.append(made)
                line = made
            }
            guard let line, line.sent.count < (line.answered == 0 ? 1 : host.depth), let ahead = host.next else {
                return
            }
            guard ahead.waiter != nil else { continue }
            line.owner = nil
            send(ahead, on: line)
        }
    }

    private static func text(of request: TransferRequest, _ agent: String) -> String {
        let address = request.address
        let lines = [
            "GET \(address.path)\(address.query.map { "?\($0)" } ?? "") HTTP/1.1", "Host: \(address.hostHeader)",
            "User-Agent: \(agent)", "Accept: */*", "Accept-Encoding: identity",
        ]
        return (lines + request.headers).joined(separator: "\r\n") + "\r\n\r\n"
    }

    private mutating func open(_ place: SocketAddress, _ origin: WebAddress.Origin) -> Line? {
        guard let socket = place.connecting() else { return nil }
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &yes, socklen_t(MemoryLayout<Int32>.size))
        let line = Line(socket, origin, Monotonic.now)
        lines[socket] = line
        var event = epoll_event(events: EPOLLIN.rawValue | EPOLLOUT.rawValue, data: epoll_data_t(fd: socket))
        epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
        return line
    }

    private func send(_ line: Line) {
        while !line.unsent.isEmpty {
            let count = line.unsent.withUnsafeBytes {
                Glibc.send(line.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }  // full, or broken: then reading says so
            line.unsent.removeFirst(count)
        }
        watch(line)
    }

    private func watch(_ line: Line) {
        guard line.awaitsSending == line.unsent.isEmpty else { return }
        line.awaitsSending.toggle()
        let events = EPOLLIN.rawValue | (line.unsent.isEmpty ? 0 : EPOLLOUT.rawValue)
        var event = epoll_event(events: events, data: epoll_data_t(fd: line.socket))
        epoll_ctl(epoll, EPOLL_CTL_MOD, line.socket, &event)
    }

    mutating func stirred(_ socket: Int32, _ events: UInt32) {
        guard let line = lines[socket] else { return }
        if !line.isConnected {
            guard SocketAddress.isSound(socket), events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) == 0 else {
                return drop(line, isFault: true)
            }
            line.isConnected = true
            line.stirredAt = Monotonic.now
            send(line)
        } else if events & EPOLLOUT.rawValue != 0 {
            send(line)
        }
        guard events & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 else { return }
        let count = recv(socket, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return drop(line, isFault: !line.sent.isEmpty) }
        line.stirredAt = Monotonic.now
        take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), line)
    }

    /// Reads answers, in the order of their requests.
    private mutating func take(_ bytes: UnsafeRawBufferPointer, _ line: Line) {
        var bytes = bytes
        var isDone = false
        while !bytes.isEmpty {
            guard let ahead = line.sent.first else { return drop(line, isFault: true) }  // more than was asked for
            if let rest = line.rest {
                let piece = UnsafeRawBufferPointer(rebasing: bytes[..<min(rest, bytes.count)])
                bytes = UnsafeRawBufferPointer(rebasing: bytes[piece.count...])
                line.rest = rest - piece.count
                // Who wants no more of it is done; what comes of it all the same is not taken.
                guard ahead.transfer.takeBody(piece) else { return giveUp(ahead, line) }
                if line.rest == 0 {
                    finish(ahead, line)
                    isDone = true
                }
                continue
            }
            let end = bytes.firstIndex(of: 10).map { $0 + 1 } ?? bytes.count
            line.line += bytes[..<end]
            bytes = UnsafeRawBufferPointer(rebasing: bytes[end...])
            guard line.line.last == 10 else {
                if line.line.count > options.limits.headerBytes { return turnOff(line) }
                continue
            }
            if line.line.starts(with: "HTTP/".utf8) { line.isHTTP11 = line.line.starts(with: "HTTP/1.1 ".utf8) }
            let goesOn = line.line.withUnsafeBytes { ahead.transfer.takeHeader($0) }
            line.line.removeAll(keepingCapacity: true)
            guard let head = ahead.transfer.head else {
                guard goesOn else { return giveUp(ahead, line) }
                continue
            }
            // What does not say its length, or is encoded, is curl's business.
            let isPlain = line.isHTTP11 && head["transfer-encoding"] == nil && head.contentEncoding == nil
            guard isPlain, let length = head.status == 204 || head.status == 304 ? 0 : head.contentLength else {
                return turnOff(line)
            }
            line.endsHere = head["connection"]?.lowercased().contains("close") ?? false
            guard goesOn else { return giveUp(ahead, line) }
            line.owner?.takesAhead = head.status == 206 && !line.endsHere
            line.rest = length
            if length == 0 {
                finish(ahead, line)
                isDone = true
            }
        }
        if isDone { feed(line.origin) }
    }

    /// An answer is whole.
    private mutating func finish(_ ahead: Ahead, _ line: Line) {
        line.rest = nil
        line.sent.removeFirst()
        line.answered += 1
        ahead.resume(outcome(of: ahead))
        if line.endsHere { return drop(line, isFault: false) }
        guard line.owner == nil else { return }
        hosts[line.origin]?.answered += 1
        hosts[line.origin]?.total.answers += 1
        hosts[line.origin]?.total.bytes += ahead.transfer.received
        // Four times as many ahead once so many answers came in order.
        if let host = hosts[line.origin], host.depth < host.deepest, host.answered >= host.lines.count * host.depth {
            hosts[line.origin]?.depth = min(host.deepest, host.depth * 4)
            hosts[line.origin]?.answered = 0
        }
    }

    private func outcome(of ahead: Ahead) -> TransferOutcome {
        var outcome = ahead.transfer.outcome()
        outcome.peer = ahead.place.text
        outcome.isAhead = true
        return outcome
    }

    /// Its reader wants no more of it: the connection goes, and the others on it are sent again.
    private mutating func giveUp(_ ahead: Ahead, _ line: Line) {
        line.sent.removeFirst()
        ahead.resume(outcome(of: ahead))
        drop(line, isFault: false)
    }

    /// This host is not asked in this way any more.
    private mutating func turnOff(_ line: Line) {
        hosts[line.origin]?.isOff = true
        drop(line, isFault: true)
    }

    private static let broken = TransferFailure.curl(
        CURLE_RECV_ERROR.rawValue, "the connection ended before the answer")

    /// Ends a connection. What was on it is sent again, or, where it broke without a word, left to curl; but a range of which
    /// bytes were handed on cannot begin again.
    private mutating func drop(_ line: Line, isFault: Bool, _ failure: TransferFailure = Self.broken) {
        guard lines.removeValue(forKey: line.socket) != nil else { return }
        close(line.socket)
        var left = line.sent
        line.sent = []
        line.owner?.takesAhead = false
        guard var host = hosts.removeValue(forKey: line.origin) else { return }
        host.lines.removeAll { $0 === line }
        // Of a connection that has answered before, the end between two answers is only its age.
        let isAge =
            line.answered > 0 && line.rest == nil && line.line.isEmpty && left.first?.transfer.hasAnswered != true
        if isFault, !isAge || left.count > 1 { host.isOff = host.isOff || host.depth > 1 || line.answered == 0 }
        if isFault, line.owner != nil, left.contains(where: \.isEarly) { host.isOff = true }
        if let first = left.first, first.transfer.hasAnswered {
            // Half of an answer is there, and the other half will not come: who can, begins anew.
            left.removeFirst()
            if line.owner != nil, first.transfer.received > 0 {
                first.transfer.fail(failure)
                first.resume(outcome(of: first))
            } else {
                first.resume(nil)
            }
        }
        if isFault || host.isOff {
            for ahead in left { ahead.resume(nil) }
            left = []
        }
        host.waiting = left.filter { $0.transfer.request.line == nil } + host.waiting[host.head...]
        host.head = 0
        if host.isOff { while let ahead = host.next { ahead.resume(nil) } }
        hosts[line.origin] = host
        if !host.isOff { feed(line.origin) }
        for ahead in left where ahead.waiter != nil {
            if let owner = ahead.transfer.request.line { put(ahead, of: owner) }
        }
    }

    /// Ends what is late.
    mutating func sweep(_ now: Double) {
        guard now - sweptAt >= 0.25 else { return }
        sweptAt = now
        let limits = options.deadlines
        for line in Array(lines.values) {
            guard let ahead = line.sent.first else {
                if now - line.stirredAt > 30 { drop(line, isFault: false) }
                continue
            }
            let limit = !line.isConnected ? limits.connect : ahead.transfer.hasAnswered ? limits.idle : limits.firstByte
            if now - line.stirredAt > limit { drop(line, isFault: true, .late("the answer stalled: no byte", limit)) }
        }
    }
}
