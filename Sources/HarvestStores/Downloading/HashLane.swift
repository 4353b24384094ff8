import HarvestCodecs
import HarvestCore
import Synchronization

/// Checksums of a file while it grows: what is whole from its first byte on is read back from the page cache.
final class HashLane: Sendable {
    private struct State: ~Copyable {
        var sha256 = Digest(.sha256)
        var other: PartedDigest
        var pieces: PieceSums
        var position = 0
        /// Seconds that ``take(_:at:)`` cost those who called it.
        var spent = 0.0

        mutating func update(_ bytes: UnsafeRawBufferPointer, withOther: Bool) {
            sha256.update(bytes)
            if withOther { other.update(bytes) }
            pieces.update(bytes)
            position += bytes.count
        }
    }

    /// What a lane found.
    struct Sums: Sendable {
        /// Lower-case hexadecimal, as ``other``.
        var sha256: String
        /// The other checksum that was wanted.
        var other: String?
        var pieces: PieceSums
    }

    private let part: PartFile
    private let withOther: Bool
    private let state: Mutex<State>
    /// Whether a thread reads and hashes: it holds the state for long, and nobody who brings bytes waits for that.
    private let isRunning = Atomic(false)
    /// The state's position, for those who only look.
    private let reached = Atomic(0)
    /// Bytes a second that a sha256 takes in on this machine.
    static let usualRate: Double = {
        let bytes = [UInt8](repeating: 0, count: 256 << 10)
        _ = Digest.hex(.sha256, of: [])  // loads the library
        let start = Monotonic.now
        _ = Digest.hex(.sha256, of: bytes)
        return Double(bytes.count) / max(Monotonic.now - start, 1e-6)
    }()
    /// Less than this is left for the next time.
    private static let worthwhile = 4 << 20
    private static let piece = 256 << 10
    private let began = Monotonic.now
    /// At most this share of the time that bytes come may pass with hashing them on the way.
    private static let share = 0.5

    /// - Parameters:
    ///   - total: Length of the whole file, in bytes.
    ///   - other: What is wanted beside the sha256.
    init(_ part: PartFile, total: Int, with other: OfferedDigest? = nil) {
        self.part = part
        withOther = other.map { $0.algorithm != .sha256 } ?? false
        let digest = PartedDigest(other?.algorithm ?? .md5, partLength: other?.partLength)
        state = Mutex(State(other: digest, pieces: PieceSums(total: total)))
    }

    /// Takes bytes in as they come, where they are the next: still in the processor's cache, they cost no reading.
    ///
    /// Who calls waits meanwhile; where that would hold up the network, ``follow(to:)`` does it later.
    func take(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        guard !isRunning.load(ordering: .acquiring), reached.load(ordering: .acquiring) == position else { return }
        state.withLockIfAvailable { state in
            let start = Monotonic.now
            guard state.position == position, state.spent <= Self.share * (start - began) else { return }
            state.update(bytes, withOther: withOther)
            state.spent += Monotonic.now - start
            reached.store(state.position, ordering: .releasing)
        }
    }

    /// Goes on to `front` on another thread, unless one is at it already or it is not worth it.
    func follow(to front: Int) {
        guard front - reached.load(ordering: .acquiring) >= Self.worthwhile,
            isRunning.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else { return }
        Task.detached { [self] in
            // A failure to read here is found again by `finish`.
            _ = try? await Workers.files.run { [self] in try advance(to: front) }
            isRunning.store(false, ordering: .releasing)
        }
    }

    /// The checksums of the whole file, of that length.
    func finish(_ count: Int) async throws -> Sums {
        while isRunning.load(ordering: .acquiring) { try await Task.sleep(for: .milliseconds(1)) }
        return try await Workers.files.run { [self] in
            try advance(to: count)
            return state.withLock { state in
                state.pieces.finish()
                return Sums(
                    sha256: state.sha256.hex, other: withOther ? state.other.finish() : nil, pieces: state.pieces)
            }
        }
    }

    private func advance(to end: Int) throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.piece, alignment: 64)
        defer { memory.deallocate() }
        while true {
            let position = state.withLock { $0.position }
            guard position < end else { return }
            let wanted = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(Self.piece, end - position)])
            let count = try part.read(into: wanted, at: position)
            guard count == wanted.count else {
                throw HarvestError(.storage, "the file is shorter than what was written", at: "")
            }
            state.withLock { state in
                state.update(UnsafeRawBufferPointer(wanted), withOther: withOther)
                reached.store(state.position, ordering: .releasing)
            }
        }
    }
}
