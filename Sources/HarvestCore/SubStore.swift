/// What lies at one key of another store, or below it, as a store of its own.
public struct SubStore: Store {
    private let store: any Store
    private let prefix: String

    /// - Parameter key: Of an object or a folder of `store`.
    public init(_ store: any Store, key: String) {
        self.store = store
        prefix = key
    }

    public var address: String {
        prefix.isEmpty
            ? store.address : store.address.hasSuffix("/") ? store.address + prefix : "\(store.address)/\(prefix)"
    }
    public var isRemote: Bool { store.isRemote }
    public var knowsTails: Bool { store.knowsTails }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply { try await store.read(join(key), range) }
    public func list(_ prefix: String) async throws -> Listing { try await store.list(join(prefix)) }
    public func map(_ key: String) throws -> Bytes? { try store.map(join(key)) }

    private func join(_ key: String) -> String { prefix.isEmpty ? key : key.isEmpty ? prefix : "\(prefix)/\(key)" }
}
