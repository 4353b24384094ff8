import Synchronization

/// Contexts of a C library that were made before and wait to be used again, so that a chunk costs no allocation.
final class ContextPool: Sendable {
    /// A context; one thread at a time holds it.
    struct Context: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let idle = Mutex<[Context]>([])
    private let make: @Sendable () -> OpaquePointer?
    private let free: @Sendable (OpaquePointer) -> Void

    init(make: @escaping @Sendable () -> OpaquePointer?, free: @escaping @Sendable (OpaquePointer) -> Void) {
        self.make = make
        self.free = free
    }

    deinit {
        for context in idle.withLock({ $0 }) { free(context.pointer) }
    }

    /// Calls `body` with a context of its own; `nil` where there is no memory for one.
    func withContext<R, E: Error>(_ body: (OpaquePointer) throws(E) -> R) throws(E) -> R? {
        guard let context = idle.withLock({ $0.popLast() }) ?? make().map(Context.init(pointer:)) else { return nil }
        defer { idle.withLock { $0.append(context) } }
        return try body(context.pointer)
    }
}
