internal import CSSL
internal import Glibc

/// A socket of our own, perhaps with TLS on it; closed when it goes.
struct Connection: ~Copyable {
    let socket: Int32
    private let tls: OpaquePointer?
    private let closing: @Sendable () -> Void

    /// Linux's POLLRDHUP, which Glibc's headers hide without _GNU_SOURCE.
    private static let hangUp: Int16 = 0x2000

    /// Takes the socket over and shakes hands; `nil` if that fails.
    ///
    /// - Parameter closing: Called while the number of the socket still is its own, just before it is closed.
    init?(_ socket: Int32, _ context: TLSContext?, closing: @escaping @Sendable () -> Void) {
        self.socket = socket
        self.closing = closing
        guard let context else {
            tls = nil
            return
        }
        tls = SSL_new(context.pointer)
        SSL_set_fd(tls, socket)
        // A failing initialiser still runs `deinit`, which frees both.
        guard SSL_accept(tls) == 1 else { return nil }
    }

    deinit {
        if let tls {
            SSL_shutdown(tls)
            SSL_free(tls)
        }
        closing()
        close(socket)
    }

    /// How many bytes came; 0 or less at the end or after the time limit.
    borrowing func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        if let tls { return Int(SSL_read(tls, buffer.baseAddress, Int32(clamping: buffer.count))) }
        while true {
            let count = recv(socket, buffer.baseAddress, buffer.count, 0)
            // A socket with a time limit is not taken up again by itself after a signal (signal(7)).
            if count >= 0 || errno != EINTR { return count }
        }
    }

    /// Whether all of it was taken.
    borrowing func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let sent =
                tls.map { Int(SSL_write($0, rest.baseAddress, Int32(clamping: rest.count))) }
                ?? send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if sent < 0, tls == nil, errno == EINTR { continue }
            guard sent > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[sent...])
        }
        return true
    }

    /// Ends without the farewell of TLS, as a broken line would.
    borrowing func breakOff() {
        if let tls { SSL_set_quiet_shutdown(tls, 1) }
        shutdown(socket, Int32(SHUT_RDWR))
    }

    /// Says that no more will be sent, then waits briefly for the other side, so that a last answer is not lost to a
    /// reset.
    borrowing func linger() {
        if let tls { SSL_shutdown(tls) }
        shutdown(socket, Int32(SHUT_WR))
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var waste = [UInt8](repeating: 0, count: 16 << 10)
        var budget = 64
        while budget > 0, recv(socket, &waste, waste.count, 0) > 0 { budget -= 1 }
    }

    /// Returns when the other side has hung up, or after `seconds`.
    borrowing func waitForHangUp(seconds: Int) {
        var poller = pollfd(fd: socket, events: Self.hangUp, revents: 0)
        poll(&poller, 1, Int32(seconds * 1000))
    }
}

/// The certificate and key that all connections share.
struct TLSContext: @unchecked Sendable {  // OpenSSL counts references to SSL_CTX atomically
    let pointer: OpaquePointer

    init?(certificate: String, key: String) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { return nil }
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
            SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
        else {
            SSL_CTX_free(context)
            return nil
        }
        pointer = context
    }
}
