public import HarvestCore
internal import Synchronization

/// A store whose chosen reads fail, by plan and not by chance.
///
/// A mapping of a whole object counts as a read too, so that local and remote paths fail alike.
public final class FlakyStore: Store {
    /// The error for a read, or `nil` to let it pass. Reads are numbered from 0 in the order in which they begin.
    public typealias Plan = @Sendable (_ number: Int, _ key: String) -> HarvestError?

    private let base: any Store
    private let plan: Plan
    private let begun = Atomic(0)

    public init(_ base: any Store, plan: @escaping Plan) {
        self.base = base
        self.plan = plan
    }

    /// Fails the reads with those numbers.
    public convenience init(_ base: any Store, failing numbers: Set<Int>, with error: HarvestError) {
        self.init(base) { number, _ in numbers.contains(number) ? error : nil }
    }

    public var address: String { base.address }
    public var isRemote: Bool { base.isRemote }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        try fail(key)
        return try await base.read(key, range)
    }

    public func list(_ prefix: String) async throws -> Listing { try await base.list(prefix) }

    public func map(_ key: String) throws -> Bytes? {
        guard let bytes = try base.map(key) else { return nil }
        try fail(key)
        return bytes
    }

    private func fail(_ key: String) throws(HarvestError) {
        let number = begun.add(1, ordering: .relaxed).oldValue
        if let error = plan(number, key) { throw error }
    }
}
