import CCurl
import Glibc
import HarvestCore

/// The sockets that curl waits for, watched by epoll(7): an idle one costs nothing, however many there are.
///
/// Belongs to the loop's thread, but for ``ring()``.
final class SocketWatch: @unchecked Sendable {
    private let epoll: Int32
    private let bell = Bell()
    private var events = [epoll_event](repeating: epoll_event(), count: 64)
    /// When curl wants to be called though no socket stirs; `nil` is never.
    private var timer: Double?

    init(for multi: UnsafeMutableRawPointer?) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0 && bell.number >= 0, "no descriptors for the network")
        set(bell.number, EPOLLIN.rawValue)
        let me = Unmanaged.passUnretained(self).toOpaque()
        ccurl_multi_callbacks(
            multi,
            { _, socket, what, me, _ in
                Unmanaged<SocketWatch>.fromOpaque(me!).takeUnretainedValue().watch(socket, what)
                return 0
            },
            { _, milliseconds, me in
                let watch = Unmanaged<SocketWatch>.fromOpaque(me!).takeUnretainedValue()
                watch.timer = milliseconds < 0 ? nil : Monotonic.now + Double(milliseconds) / 1000
                return 0
            }, me)
    }

    deinit { close(epoll) }

    /// Wakes ``wait(_:atMost:)``; from any thread.
    func ring() { bell.ring() }

    /// Waits for sockets, the bell, curl's timer or `seconds`, and lets curl do what is due.
    func wait(_ multi: UnsafeMutableRawPointer?, atMost seconds: Double) {
        var running: Int32 = 0
        let left = max(0, min(seconds, (timer ?? .infinity) - Monotonic.now))
        let count = epoll_wait(epoll, &events, Int32(events.count), Int32((left * 1000).rounded(.up)))
        for event in events.prefix(Int(max(0, count))) {
            if event.data.fd == bell.number {
                bell.hear()
                continue
            }
            var mask: Int32 = 0
            if event.events & EPOLLIN.rawValue != 0 { mask |= CURL_CSELECT_IN }
            if event.events & EPOLLOUT.rawValue != 0 { mask |= CURL_CSELECT_OUT }
            if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { mask |= CURL_CSELECT_ERR }
            curl_multi_socket_action(multi, event.data.fd, mask, &running)
        }
        if let due = timer, Monotonic.now >= due {
            timer = nil
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
        }
    }

    private func watch(_ socket: Int32, _ what: Int32) {
        guard what != CURL_POLL_REMOVE else {
            epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
            return
        }
        set(
            socket,
            (what & CURL_POLL_IN != 0 ? EPOLLIN.rawValue : 0) | (what & CURL_POLL_OUT != 0 ? EPOLLOUT.rawValue : 0))
    }

    private func set(_ descriptor: Int32, _ events: UInt32) {
        var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        if epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) != 0 {
            epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        }
    }
}
