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
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard let bound = Self.bindLoopback(socket, wanted), listen(socket, 512) == 0 else {
            close(socket)
            return nil
        }
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
        let sockets = open.withLock { sockets in
            sockets.isStopped = true
            return sockets.live
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    private static func bindLoopback(_ socket: Int32, _ port: UInt16) -> UInt16? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(socket, generic, length) == 0, getsockname(socket, generic, &length) == 0 else { return nil }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
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
        // Forgotten before it is closed, so that `stop` never meets a number that is already someone else's.
        defer { _ = open.withLock { $0.live.remove(socket) } }
        guard let connection = Connection(socket, tls) else { return }
        var exchange = Exchange(connection, number: number, site: site, plan: plan, log: log)
        exchange.run()
    }
}
