import CCurl
import Glibc

/// Wakes a thread that waits for sockets: an eventfd(2) that is watched beside them.
final class Bell: Sendable {
    /// -1 where the system gives none.
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    deinit { close(number) }

    /// From any thread.
    func ring() {
        var one: UInt64 = 1
        // A bell that is not heard would be a wait for nothing.
        for _ in 0..<10 where write(number, &one, 8) == 8 || errno == EAGAIN { return }
    }

    /// Takes in that it rang.
    func hear() {
        var rings: UInt64 = 0
        _ = read(number, &rings, 8)
    }
}
