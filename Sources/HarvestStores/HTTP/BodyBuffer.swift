import Glibc
import HarvestCore

/// Memory that grows as a body comes in, and becomes ``Bytes`` without a copy.
struct BodyBuffer: ~Copyable {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    /// The most that is reserved before a byte has come: a header may lie.
    private static let trust = 8 << 20

    init() {}

    deinit { free(memory) }

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
        guard count > 0, let owned = memory else { return .empty }
        nonisolated(unsafe) let taken = count < capacity / 2 ? realloc(owned, count) ?? owned : owned
        defer { (memory, capacity, count) = (nil, 0, 0) }
        return Bytes(UnsafeRawBufferPointer(start: taken, count: count), owner: Bytes.Owner { free(taken) })
    }

    private mutating func grow(to size: Int) {
        guard size > capacity else { return }
        guard let grown = realloc(memory, size) else { fatalError("out of memory for \(size) bytes") }
        (memory, capacity) = (grown, size)
    }
}
