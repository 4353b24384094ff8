import Synchronization

/// A store of which some objects are asked for before anybody reads them, all at once: one round trip for all the
/// documents that may stand at an address.
///
/// Each answer is handed to whoever reads its object first, failures included; every other read goes to the store below.
public final class AheadStore: Store {
    private let base: any Store
    private let answers: Mutex<[String: Task<Reply, any Error>]>

    /// Sends the requests.
    public init(_ base: any Store, asking keys: [String]) {
        self.base = base
        var tasks: [String: Task<Reply, any Error>] = [:]
        for key in keys where tasks[key] == nil { tasks[key] = Task { try await base.read(key, .whole) } }
        answers = Mutex(tasks)
    }

    deinit { finish() }

    /// Gives up what nobody has read yet.
    public func finish() {
        let left = answers.withLock { answers in
            defer { answers = [:] }
            return answers
        }
        for task in left.values { task.cancel() }
    }

    /// Whether any of the objects asked for is there.
    ///
    /// - Throws: What stands in the way of an answer, where no object is there: a host that is not reached, say.
    ///   Absence, refusal and a page instead of an object are answers.
    public func hasAny() async throws -> Bool {
        var obstacle: (any Error)?
        for task in answers.withLock({ Array($0.values) }) {
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
        guard range == .whole, let task = answers.withLock({ $0.removeValue(forKey: key) }) else {
            return try await base.read(key, range)
        }
        return try await Self.value(of: task)
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
