import CCurl
import Glibc
import HarvestCore
import Synchronization

/// Many small objects of one plain HTTP server over few connections, each with requests sent ahead of their answers (RFC 9112
/// §9.3.2, pipelining), which curl does not do; and ranges of long ones, each line of them on a connection of its own.
///
/// It handles nothing but what goes right: HTTP/1.1, answers with a `Content-Length`, no TLS, no proxy, no secrets. Whatever
/// else comes is not its business: it says so, and curl asks for that object again. A host has to prove that it answers in
/// order: each connection begins with one request at a time, and one that breaks with requests on it ends the matter.
final class AheadLane: Sendable {
    private struct Inbox {
        var new: [Ahead] = []
        var cancelled: [Ahead] = []
        var isStarted = false
        var isStopped = false
    }

    private let options: TransportOptions
    private let connectMap: ConnectMap
    private let inbox = Mutex(Inbox())
    private let places = Mutex<[WebAddress.Origin: SocketAddress?]>([:])
    /// Origins that are not asked in this way any more.
    private let off = Mutex<Set<WebAddress.Origin>>([])
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let bell = Bell()
    private let pool = BufferPool()

    init(options: TransportOptions, connectMap: ConnectMap) { (self.options, self.connectMap) = (options, connectMap) }

    deinit { close(epoll) }

    /// Ends the thread, and with it every request.
    func stop() {
        inbox.withLock { $0.isStopped = true }
        bell.ring()
    }

    /// Whether a request is of the kind that it carries out.
    func takes(_ request: TransferRequest) -> Bool {
        let origin = request.address.origin
        return origin.scheme == "http" && request.ftp == nil && request.form == nil && request.limit == nil
            && request.credentials == nil
            && options.proxies.proxy(for: origin) == nil && !options.limits.isPaced && epoll >= 0 && bell.number >= 0
            && !off.withLock { $0.contains(origin) }
    }

    /// Carries out one request; `nil` where it is to be asked for otherwise. Bytes may have been handed on by then.
    func perform(_ request: TransferRequest) async -> TransferOutcome? {
        let origin = request.address.origin
        guard let place = await place(of: origin) else {
            off.withLock { _ = $0.insert(origin) }
            return nil
        }
        let ahead = Ahead(Transfer(request, headerLimit: options.limits.headerBytes, pool: pool), to: place)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isTaken, isFirst) = inbox.withLock { inbox in
                    if ahead.isCancelled || inbox.isStopped { return (false, false) }
                    // Only now: one that is not taken has no waiter, whoever cancels it.
                    ahead.waiter = continuation
                    inbox.new.append(ahead)
                    defer { inbox.isStarted = true }
                    return (true, !inbox.isStarted)
                }
                if isFirst { start() }
                if isTaken { bell.ring() } else { continuation.resume(returning: TransferOutcome(failure: .cancelled)) }
            }
        } onCancel: {
            inbox.withLock {
                ahead.isCancelled = true
                $0.cancelled.append(ahead)
            }
            bell.ring()
        }
    }

    /// Where an origin is: looked up once.
    private func place(of origin: WebAddress.Origin) async -> SocketAddress? {
        if let known = places.withLock({ $0[origin] }) { return known }
        let target = connectMap.target(of: origin)
        let found = try? await Workers.files.run { SocketAddress(host: target.host, port: target.port) }
        places.withLock { $0[origin] = .some(found ?? nil) }
        return found ?? nil
    }

    private func start() {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<AheadLane>.fromOpaque(me!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "no thread for the network")
        pthread_detach(thread)
    }

    private func run() {
        var lines = AheadLines(epoll: epoll, options: options)
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: bell.number))
        epoll_ctl(epoll, EPOLL_CTL_ADD, bell.number, &event)
        while true {
            let mail = inbox.withLock { inbox in
                defer { (inbox.new, inbox.cancelled) = ([], []) }
                return inbox
            }
            lines.take(mail.new)
            for ahead in mail.cancelled { lines.cancel(ahead) }
            if mail.isStopped { break }
            let count = epoll_wait(epoll, &events, Int32(events.count), lines.isIdle ? 60_000 : 250)
            for event in events.prefix(Int(max(0, count))) {
                if event.data.fd == bell.number {
                    bell.hear()
                } else {
                    lines.stirred(event.data.fd, event.events)
                }
            }
            lines.sweep(Monotonic.now)
            let gone = lines.takeOff()
            if !gone.isEmpty { off.withLock { $0.formUnion(gone) } }
        }
        lines.end()
    }
}

/// A request on its way through the lane. Belongs to the lane's thread once submitted, but for `isCancelled` (the inbox's).
private final class Ahead: @unchecked Sendable {
    let transfer: Transfer
    let place: SocketAddress
    var waiter: CheckedContinuation<TransferOutcome?, Never>?
    var isCancelled = false
    /// Whether it was sent before the answer to the one that it follows had come.
    var isEarly = false

    init(_ transfer: Transfer, to place: SocketAddress) { (self.transfer, self.place) = (transfer, place) }

    func resume(_ outcome: TransferOutcome?) {
        waiter?.resume(returning: outcome)
        waiter = nil
    }
}

/// The lane's connections. Belongs to its thread.
private struct AheadLines {
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
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(place.family, kind, 0)
        guard socket >= 0 else { return nil }
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard place.connect(socket) == 0 || errno == EINPROGRESS else {
            close(socket)
            return nil
        }
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
        let events = EPOLLIN.rawValue | (line.unsent.isEmpty ? 0 : EPOLLOUT.rawValue)
        var event = epoll_event(events: events, data: epoll_data_t(fd: line.socket))
        epoll_ctl(epoll, EPOLL_CTL_MOD, line.socket, &event)
    }

    mutating func stirred(_ socket: Int32, _ events: UInt32) {
        guard let line = lines[socket] else { return }
        if !line.isConnected {
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length)
            guard code == 0, events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) == 0 else {
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
        // Twice as many ahead once so many answers came in order.
        if let host = hosts[line.origin], host.depth < host.deepest, host.answered >= 2 * host.lines.count * host.depth
        {
            hosts[line.origin]?.depth = min(host.deepest, host.depth * 2)
            hosts[line.origin]?.answered = 0
        }
    }

    private func outcome(of ahead: Ahead) -> TransferOutcome {
        var outcome = ahead.transfer.outcome()
        outcome.peer = ahead.place.text
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

/// An address of a socket, and how people write it.
private struct SocketAddress: Sendable {
    private let bytes: [UInt8]
    let family: Int32
    let text: String

    /// The first that the system names; waits for it.
    init?(host: String, port: Int) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let name = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" }) : host
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, "\(port)", &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(found) }
        family = first.pointee.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen)))
        var numeric = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(
                first.pointee.ai_addr, first.pointee.ai_addrlen, &numeric, socklen_t(numeric.count), nil, 0,
                NI_NUMERICHOST)
                == 0
        else { return nil }
        text = String(decoding: numeric.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func connect(_ socket: Int32) -> Int32 {
        bytes.withUnsafeBytes { memory in
            Glibc.connect(socket, memory.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(memory.count))
        }
    }
}
