import Glibc
import Synchronization

/// Threads for blocking work (decoding, reading files), so that Swift's own pool never waits for a disk.
///
/// A task that prefers them as its executor stays on them between its waits, and may block there.
public final class Workers: TaskExecutor {
    /// For reading and writing files: more than there are cores, since a disk keeps them waiting.
    public static let files = Workers(count: 4)

    /// For decoding: one thread per core.
    public static let shared = Workers(count: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))

    /// For checksums: what the network brings goes first, and waits for them only where they fall far behind.
    public static let sums = Workers(count: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), niceness: 10)

    private final class Queue: @unchecked Sendable {
        var mutex = pthread_mutex_t()
        var condition = pthread_cond_t()
        var jobs: [(@Sendable () -> Void)?] = []
        var head = 0
        /// Threads that wait, and whether one of them was woken and has not come yet: it takes what is there by then.
        var waiting = 0, isWoken = false
        let niceness: Int32

        init(niceness: Int32) {
            self.niceness = niceness
            pthread_mutex_init(&mutex, nil)
            pthread_cond_init(&condition, nil)
        }

        func push(_ job: @escaping @Sendable () -> Void) {
            pthread_mutex_lock(&mutex)
            jobs.append(job)
            wake()
        }

        /// Unlocks, and wakes one of those that wait, unless one is on its way.
        private func wake() {
            let isNeeded = waiting > 0 && !isWoken && head < jobs.count
            isWoken = isWoken || isNeeded
            pthread_mutex_unlock(&mutex)
            if isNeeded { pthread_cond_signal(&condition) }
        }

        func pop() -> @Sendable () -> Void {
            pthread_mutex_lock(&mutex)
            // Where more is left than this one takes, the next one is woken.
            defer { wake() }
            while head == jobs.count {
                waiting += 1
                pthread_cond_wait(&condition, &mutex)
                waiting -= 1
                isWoken = false
            }
            let job = jobs[head]
            jobs[head] = nil  // what the job holds must not outlive it while others wait behind
            head += 1
            if head == jobs.count || head > 1024 {
                jobs.removeFirst(head)
                head = 0
            }
            return job ?? {}
        }
    }

    public let count: Int
    private let queue: Queue

    /// - Parameter niceness: How far its threads stand back behind others (`setpriority`).
    public init(count: Int, niceness: Int = 0) {
        self.count = count
        queue = Queue(niceness: Int32(niceness))
        for _ in 0..<count {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(queue).toOpaque()
            pthread_create(
                &thread, nil,
                {
                    let queue = Unmanaged<Queue>.fromOpaque($0!).takeRetainedValue()
                    // On Linux the calling thread's alone.
                    if queue.niceness != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, queue.niceness) }
                    while true { queue.pop()() }
                }, argument)
            pthread_detach(thread)
        }
    }

    /// Runs `body` on one of the threads.
    public func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            queue.push { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Runs `body` on one of the threads, some time.
    public func start(_ body: @escaping @Sendable () -> Void) { queue.push(body) }

    /// Runs a piece of a task that prefers these threads.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.push { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Runs `body` for 0 ..< `total` on all threads; the first error stops what has not begun.
    public func forEach(_ total: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
        let next = Atomic(0)
        let step: @Sendable () throws -> Void = {
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < total else { return }
                do { try body(index) } catch {
                    next.store(total, ordering: .relaxed)
                    throw error
                }
            }
        }
        guard total > 1 else { return try await run(step) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(count, total) { group.addTask { try await self.run(step) } }
            try await group.waitForAll()
        }
    }
}
