import Glibc
import HarvestCore

/// Memory that grows as a body comes in, and becomes ``Bytes`` without a copy.
struct BodyBuffer: ~Copyable {
    private let pool: BufferPool
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    /// The most that is reserved before a byte has come: a header may lie.
    private static let trust = 8 << 20

    init(pool: BufferPool) { self.pool = pool }

    deinit { if let memory { pool.give(memory, capacity: capacity) } }

    /// Makes room for a body of this length, as far as a length that was only announced is trusted.
    mutating func expect(_ length: Int) { grow(to: min(length, Self.trust)) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        if count + bytes.count > capacity { grow(to: max(count + bytes.count, capacity * 2, 16 << 10)) }
        memcpy(memory! + count, source, bytes.count)
        count += bytes.count
    }

    /// Hands the memory over; the buffer is empty afterwards.
    mutating func take() -> Bytes {
        guard count > 0, let memory else { return .empty }
        defer {
            (self.memory, capacity, count) = (nil, 0, 0)
        }
        let filled = UnsafeRawBufferPointer(start: memory, count: count)
        if count < capacity / 2 {  // small in a large piece: the piece is worth more
            defer { pool.give(memory, capacity: capacity) }
            return Bytes(filled)
        }
        nonisolated(unsafe) let taken = memory
        return Bytes(filled, owner: Bytes.Owner { [pool, capacity] in pool.give(taken, capacity: capacity) })
    }

    private mutating func grow(to size: Int) {
        guard size > capacity else { return }
        if capacity > BufferPool.longest {  // the system moves large pieces without copying them
            guard let grown = realloc(memory, size) else { fatalError("out of memory for \(size) bytes") }
            (memory, capacity) = (grown, size)
            return
        }
        let (grown, length) = pool.take(size)
        if let memory {
            memcpy(grown, memory, count)
            pool.give(memory, capacity: capacity)
        }
        (memory, capacity) = (grown, length)
    }
}
