internal import Glibc
internal import Synchronization

/// Runs `body` on `count` threads of its own at once and returns what each gave, in order.
func inParallel<Output: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Output) -> [Output] {
    let outputs = Mutex([Output?](repeating: nil, count: count))
    withExtendedLifetime(outputs) {
        let threads = (0..<count).map { index in
            startThread(stackBytes: 1 << 20) {
                let output = body(index)
                outputs.withLock { $0[index] = output }
            }
        }
        for thread in threads { pthread_join(thread, nil) }
    }
    return outputs.withLock { $0.map { $0! } }
}

/// Starts a thread with a small stack; the caller joins or detaches it.
func startThread(stackBytes: Int, _ body: @escaping @Sendable () -> Void) -> pthread_t {
    final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stackBytes)
    defer { pthread_attr_destroy(&attributes) }
    var thread = pthread_t()
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(status == 0, "the system gives no more threads")
    return thread
}
