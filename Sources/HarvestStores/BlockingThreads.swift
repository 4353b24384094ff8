import Glibc
import Synchronization

/// Threads of our own for calls that block (a slow disk, a wait for a child), so that Swift's few never do.
final class BlockingThreads: Sendable {
    /// The process's threads for files; they sleep while there is nothing to do.
    static let shared = BlockingThreads(count: 4)

    private let queue = Mutex<(jobs: [@Sendable () -> Void], idle: Int, threads: Int)>(([], 0, 0))
    private nonisolated(unsafe) let wakeUps = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private let count: Int

    init(count: Int) {
        self.count = count
        sem_init(wakeUps, 0, 0)
    }

    /// Runs `body` on one of the threads.
    func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            submit { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    private func submit(_ job: @escaping @Sendable () -> Void) {
        let needsThread = queue.withLock { queue in
            queue.jobs.append(job)
            guard queue.idle < queue.jobs.count, queue.threads < count else { return false }
            queue.threads += 1
            return true
        }
        if needsThread { startThread() }
        sem_post(wakeUps)
    }

    private func startThread() {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<BlockingThreads>.fromOpaque(me!).takeRetainedValue().loop()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "no thread for files")
        pthread_detach(thread)
    }

    private func loop() {
        while true {
            queue.withLock { $0.idle += 1 }
            while sem_wait(wakeUps) != 0 {}  // EINTR
            let job = queue.withLock { queue in
                queue.idle -= 1
                return queue.jobs.isEmpty ? nil : queue.jobs.removeFirst()
            }
            job?()
        }
    }
}
