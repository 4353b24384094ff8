internal import CSSL  // its headers own `timeval`
internal import Glibc
internal import Synchronization

/// Listens on 127.0.0.1 and gives every connection a thread.
final class Server: Sendable {
    let port: UInt16
    private let listener: Int32
    private let tls: TLSContext?
    private let site: Site
    private let plan: FaultPlan
    private let log: RequestLog
    private let open = Mutex(Sockets())

    private struct Sockets {
        var live: Set<Int32> = []
        var accepted = 0
        var isStopped = false
    }

    private static let stackBytes = 512 << 10
    private static let idleSeconds = 60

    /// Begins to listen; `nil` if the port is taken. Plain HTTP without `tls`.
    init?(port wanted: UInt16 = 0, tls: TLSContext?, site: Site, plan: FaultPlan, log: RequestLog) {
        signal(SIGPIPE, SIG_IGN)
        guard let (socket, bound) = LoopbackSocket.listen(wanted) else { return nil }
        port = bound
        listener = socket
        self.tls = tls
        self.site = site
        self.plan = plan
        self.log = log
        pthread_detach(startThread(stackBytes: Self.stackBytes) { self.acceptAll() })
    }

    /// Ends all connections and stops listening.
    func stop() {
        // All under the lock: a number that has been closed may already be someone else's.
        open.withLock { sockets in
            guard !sockets.isStopped else { return }
            sockets.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            for socket in sockets.live { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            if open.withLock({ $0.isStopped }) {
                if socket >= 0 { close(socket) }
                break
            }
            guard socket >= 0 else {
                // Out of descriptors or a connection that went away: others may still come.
                usleep(1000)
                continue
            }
            let number = open.withLock { sockets in
                sockets.live.insert(socket)
                sockets.accepted += 1
                return sockets.accepted
            }
            pthread_detach(startThread(stackBytes: Self.stackBytes) { self.serve(socket, number) })
        }
        close(listener)
    }

    private func serve(_ socket: Int32, _ number: Int) {
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: Self.idleSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let forget: @Sendable () -> Void = { [self] in _ = open.withLock { $0.live.remove(socket) } }
        guard let connection = Connection(socket, tls, closing: forget) else { return }
        var exchange = Exchange(connection, number: number, site: site, plan: plan, log: log)
        exchange.run()
    }
}
