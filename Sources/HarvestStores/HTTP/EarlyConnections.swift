import CCurl
import Glibc
import HarvestCore
import Synchronization

/// Connections to the host that a command line names, opened while curl, which will use them, is still being loaded: the
/// handshake's round trip and the loading pass at the same time.
///
/// Nothing is sent on them before curl has them, and where they lead is checked as with any other.
final class EarlyConnections: Sendable {
    private enum Stage { case resolving, connecting, over }

    private struct State {
        var stage = Stage.resolving
        /// What is opened; `nil` before that.
        var origin: WebAddress.Origin?
        var place: SocketAddress?
        var sockets: [Int32] = []
        /// As many requests may still wait for one.
        var unclaimed = 0
        var openedAt = 0.0
    }

    /// Those of the process: it has one command line.
    static let shared = EarlyConnections()

    private let state = Mutex(State())
    /// A handshake that takes longer is left to curl, which tries the host's other addresses too. Milliseconds.
    private static let patience: Int32 = 1000
    /// Seconds after which one is closed that nobody took: a server may have given it up by then.
    private static let lifetime = 2.0

    private init() {}

    /// Opens connections to the host of an address, and waits until they are; once.
    ///
    /// Does nothing where the host is not asked directly, or the address is an odd one. That one fails is found by curl.
    func open(_ count: Int, to url: String, proxies: ProxySettings) {
        guard let origin = Self.origin(of: url), proxies.proxy(for: origin) == nil else { return }
        let isFirst = state.withLock { state in
            guard state.origin == nil else { return false }
            state.origin = origin
            return true
        }
        guard isFirst, let place = SocketAddress(host: origin.host, port: origin.port) else { return }
        let opened = state.withLock { state -> [Int32] in
            guard state.stage == .resolving else { return [] }  // a request did not wait for the name
            let opened = (0..<count).compactMap { _ in place.connecting() }
            (state.stage, state.place, state.unclaimed) = (.connecting, place, opened.count)
            return opened
        }
        let connected = Self.connected(opened)
        state.withLock { state in
            guard state.stage == .connecting else { return }
            (state.stage, state.sockets, state.openedAt) = (.over, connected, Monotonic.now)
        }
    }

    /// Waits for one that was begun to an origin, where none of the requests before was to have it.
    ///
    /// - Returns: Whether the request is to have it; another opens a connection of its own at once.
    func claim(at origin: WebAddress.Origin) async -> Bool {
        let isMine = state.withLock { state in
            guard state.origin == origin else { return false }
            if state.stage == .resolving { state.stage = .over }
            guard state.unclaimed > 0 else { return false }
            state.unclaimed -= 1
            return true
        }
        while isMine, state.withLock({ $0.stage == .connecting }), !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(1))
        }
        return isMine
    }

    /// Lets a transfer use what was opened.
    func offer(to handle: UnsafeMutableRawPointer) {
        ccurl_opensocket(handle) { _, _, address in
            guard let address, let start = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return -1 }
            let wanted = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(address) + start, count: Int(address.pointee.addrlen))
            let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
            return EarlyConnections.shared.take(to: wanted)
                ?? socket(address.pointee.family, kind, address.pointee.protocol)
        }
    }

    /// One that leads to an address of the system's form.
    private func take(to wanted: UnsafeRawBufferPointer) -> Int32? {
        state.withLock { state in
            guard let place = state.place, place.isSame(as: wanted), Self.isFresh(state) else { return nil }
            return state.sockets.popLast()
        }
    }

    /// Closes what nobody took in time.
    func closeUnused() {
        state.withLock { state in
            guard !state.sockets.isEmpty, !Self.isFresh(state) else { return }
            for socket in state.sockets { close(socket) }
            state.sockets = []
        }
    }

    private static func isFresh(_ state: borrowing State) -> Bool { Monotonic.now - state.openedAt < lifetime }

    /// Those of them that are connected in time; the others are closed.
    private static func connected(_ sockets: [Int32]) -> [Int32] {
        let end = Monotonic.now + Double(patience) / 1000
        return sockets.filter { number in
            var waiting = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
            let left = Int32(max(0, (end - Monotonic.now) * 1000))
            let isConnected = poll(&waiting, 1, left) == 1 && SocketAddress.isSound(number)
            if !isConnected { close(number) }
            return isConnected
        }
    }

    /// The origin of a plain web or FTP address, without curl's help, which is not there yet.
    private static func origin(of url: String) -> WebAddress.Origin? {
        guard let colon = url.firstRange(of: "://") else { return nil }
        let scheme = String(url[..<colon.lowerBound])
        guard ["http", "https", "ftp"].contains(scheme) else { return nil }
        let authority = url[colon.upperBound...].prefix { !"/?#".contains($0) }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        let isName = parts[0].utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
        }
        guard parts.count <= 2, !parts[0].isEmpty, isName,
            let port = parts.count == 2 ? UInt16(parts[1]).map(Int.init) : WebAddress.usualPort(scheme), port > 0
        else { return nil }
        return WebAddress.Origin(scheme: scheme, host: String(parts[0]), port: port)
    }
}
