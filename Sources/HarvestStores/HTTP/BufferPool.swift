import Glibc
import Synchronization

/// Memory for bodies, used again: fresh pages cost more than the copy into them.
final class BufferPool: Sendable {
    /// Addresses of what is free, by length.
    private struct State {
        var free: [Int: [UInt]] = [:]
        var held = 0
    }

    /// Longer pieces are not kept.
    static let longest = 16 << 20
    /// Lengths that are kept: powers of two in these bounds.
    private static let lengths = 64 << 10...longest
    /// The most that is kept for later, in bytes.
    private static let most = 64 << 20

    private let state = Mutex(State())

    init() {}

    deinit {
        for memory in state.withLock({ Array($0.free.values.joined()) }) {
            free(UnsafeMutableRawPointer(bitPattern: memory))
        }
    }

    /// Memory of at least `count` bytes, and its true length.
    func take(_ count: Int) -> (memory: UnsafeMutableRawPointer, capacity: Int) {
        let capacity = Self.lengths.contains(count) ? 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount) : count
        let kept = state.withLock { state -> UInt? in
            guard let memory = state.free[capacity]?.popLast() else { return nil }
            state.held -= capacity
            return memory
        }
        guard let memory = kept.flatMap(UnsafeMutableRawPointer.init(bitPattern:)) ?? malloc(capacity) else {
            fatalError("out of memory for \(count) bytes")
        }
        return (memory, capacity)
    }

    /// Takes memory back that ``take(_:)`` gave.
    func give(_ memory: UnsafeMutableRawPointer, capacity: Int) {
        let address = UInt(bitPattern: memory)
        let isKept = state.withLock { state in
            guard Self.lengths.contains(capacity), state.held + capacity <= Self.most else { return false }
            state.free[capacity, default: []].append(address)
            state.held += capacity
            return true
        }
        if !isKept { free(memory) }
    }
}
