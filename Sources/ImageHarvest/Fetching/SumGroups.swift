import HarvestCodecs
import HarvestCore
import Synchronization

/// The sha256 of many small files, which as many tasks bring: several are hashed side by side (``SHA256Lanes``).
///
/// A group begins when it is full, when its first file has waited for a moment, or when nobody else is on the way; it is
/// hashed on threads that stand back behind those for the network.
final class SumGroups: Sendable {
    /// Fills the memory with a file's bytes from an offset on.
    typealias Read = @Sendable (UnsafeMutableRawBufferPointer, Int) throws -> Void

    private struct Waiting: Sendable {
        var count: Int
        var read: Read
        var continuation: CheckedContinuation<String, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        /// Tasks that may bring another file.
        var members = 0
        /// Groups that were taken.
        var groups = 0

        /// What is to be hashed now: enough, or all that can be waited for.
        mutating func takeGroup() -> [Waiting] {
            guard waiting.count >= min(SHA256Lanes.count, max(1, members)) else { return [] }
            return takeAll()
        }

        mutating func takeAll() -> [Waiting] {
            groups += 1
            defer { waiting = [] }
            return waiting
        }
    }

    private let state = Mutex(State())
    /// A file waits no longer for others, where they are slow.
    private static let patience = Duration.milliseconds(20)

    /// Runs `body` for 0 ..< `total`, so many at a time, each of which may bring a file.
    ///
    /// - Throws: The first error; the others are cancelled.
    func forEach(
        _ total: Int, atMost window: Int, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let next = Atomic(0), window = min(window, total)
        state.withLock { $0.members += window }
        // A task for every object, and one that waits for them all, would cost as much as a small object itself.
        let goOn: @Sendable () async throws -> Void = { [self] in
            defer { leave() }
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < total else { return }
                try await body(index)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<window { group.addTask(operation: goOn) }
            try await group.waitForAll()
        }
    }

    private func leave() {
        hash(
            state.withLock {
                $0.members -= 1
                return $0.takeGroup()
            })
    }

    /// The sha256 of a file of so many bytes, lower-case hexadecimal.
    ///
    /// - Throws: What `read` throws.
    func sha256(of count: Int, read: @escaping Read) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let (group, first) = state.withLock { state -> ([Waiting], Int?) in
                state.waiting.append(Waiting(count: count, read: read, continuation: continuation))
                let isFirst = state.waiting.count == 1
                let group = state.takeGroup()
                return (group, isFirst && group.isEmpty ? state.groups : nil)
            }
            hash(group)
            if let first { hashSoon(first) }
        }
    }

    /// The sha256 of a file that is here, of so many bytes.
    func sha256(ofFile path: String, _ count: Int) async throws -> String {
        let file = try InputFile(path)
        return try await sha256(of: count) { try file.read(into: $0, at: $1) }
    }

    /// Hashes what waits when the patience is over, unless that group went before.
    private func hashSoon(_ group: Int) {
        Task(executorPreference: Workers.files) { [self] in
            try? await Task.sleep(for: Self.patience)
            hash(state.withLock { $0.groups == group ? $0.takeAll() : [] })
        }
    }

    private func hash(_ group: [Waiting]) {
        if !group.isEmpty { Workers.sums.start { Self.hash(group) } }
    }

    private static func hash(_ group: [Waiting]) {
        func sums(_ group: [Waiting]) throws -> [String] {
            try SHA256Lanes.hex(of: group.map(\.count)) { try group[$0].read($1, $2) }
        }
        do {
            for (waiting, sum) in zip(group, try sums(group)) { waiting.continuation.resume(returning: sum) }
        } catch {
            // One cannot be read: each is told what is so of it.
            for waiting in group { waiting.continuation.resume(with: Result { try sums([waiting])[0] }) }
        }
    }
}
