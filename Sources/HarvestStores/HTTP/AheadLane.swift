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
final class Ahead: @unchecked Sendable {
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
