import CCurl
import Glibc
import Synchronization

/// Wakes a thread that waits for sockets: an eventfd(2) that is watched beside them.
final class Bell: Sendable {
    /// -1 where the system gives none.
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    /// Whether it rang and was not heard yet.
    private let isRinging = Atomic(false)

    deinit { close(number) }

    /// From any thread.
    func ring() {
        guard !isRinging.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        // A bell that is not heard would be a wait for nothing.
        for _ in 0..<10 where write(number, &one, 8) == 8 || errno == EAGAIN { return }
        isRinging.store(false, ordering: .releasing)
    }

    /// Takes in that it rang; what it rang for is looked at after this.
    func hear() {
        var rings: UInt64 = 0
        _ = read(number, &rings, 8)
        isRinging.store(false, ordering: .sequentiallyConsistent)
    }
}
