import Synchronization

/// A store of which some objects are asked for before anybody reads them, all at once: one round trip for all the
/// documents that may stand at an address.
///
/// Each answer is handed to whoever reads its object first, failures included; every other read goes to the store below.
public final class AheadStore: Store {
    private struct Answer {
        let task: Task<Reply, any Error>
        var isRead = false
    }

    private let base: any Store
    private let keepsAnswers: Bool
    private let answers: Mutex<[String: Answer]>

    /// Sends the requests.
    ///
    /// - Parameter keepsAnswers: Whether an answer is handed to those who read its object later, too.
    public init(_ base: any Store, asking keys: [String], keepsAnswers: Bool = false) {
        (self.base, self.keepsAnswers) = (base, keepsAnswers)
        var asked: [String: Answer] = [:]
        for key in keys where asked[key] == nil {
            asked[key] = Answer(task: Task { try await base.read(key, .whole) })
        }
        answers = Mutex(asked)
    }

    deinit { finish() }

    /// Gives up what nobody has read yet.
    public func finish() {
        let left = answers.withLock { answers in
            let left = answers.values.filter { !$0.isRead }
            answers = answers.filter(\.value.isRead)
            return left
        }
        for answer in left { answer.task.cancel() }
    }

    /// Whether any of the objects asked for is there.
    ///
    /// - Throws: What stands in the way of an answer, where no object is there: a host that is not reached, say.
    ///   Absence, refusal and a page instead of an object are answers.
    public func hasAny() async throws -> Bool {
        var obstacle: (any Error)?
        for task in answers.withLock({ $0.values.map(\.task) }) {
            do {
                _ = try await Self.value(of: task)
                return true
            } catch let error as HarvestError where [.notFound, .denied, .malformed].contains(error.kind) {
            } catch { obstacle = obstacle ?? error }
        }
        if let obstacle { throw obstacle }
        return false
    }

    public var address: String { base.address }
    public var isRemote: Bool { base.isRemote }
    public var knowsTails: Bool { base.knowsTails }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        guard range == .whole, let task = take(key) else { return try await base.read(key, range) }
        return try await Self.value(of: task)
    }

    private func take(_ key: String) -> Task<Reply, any Error>? {
        answers.withLock { answers in
            guard keepsAnswers else { return answers.removeValue(forKey: key)?.task }
            answers[key]?.isRead = true
            return answers[key]?.task
        }
    }

    public func list(_ prefix: String) async throws -> Listing { try await base.list(prefix) }
    public func map(_ key: String) throws -> Bytes? { try base.map(key) }

    private static func value(of task: Task<Reply, any Error>) async throws -> Reply {
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
