import HarvestCore

/// What stands at one path of a Zarr v2 hierarchy: its metadata documents, as bytes.
struct ZarrNode: Sendable {
    let path: String
    var array: Bytes?
    var group: Bytes?
    var attributes: Bytes?

    var isEmpty: Bool { array == nil && group == nil && attributes == nil }

    init(path: String, array: Bytes? = nil, group: Bytes? = nil, attributes: Bytes? = nil) {
        self.path = path
        self.array = array
        self.group = group
        self.attributes = attributes
    }

    /// Reads the three documents at `path`, all at once: three requests, one round trip.
    ///
    /// - Throws: ``HarvestError`` `.denied` where all three are refused; a single refusal is how a bucket that may not
    ///   be listed says that a key is absent.
    init(reading path: String, in store: any Store) async throws {
        async let array = Self.read(".zarray", path, store)
        async let group = Self.read(".zgroup", path, store)
        async let attributes = Self.read(".zattrs", path, store)
        let answers = try await (array, group, attributes)
        if case (.failure(let error), .failure, .failure) = answers { throw error }
        self.init(
            path: path, array: (try? answers.0.get()) ?? nil, group: (try? answers.1.get()) ?? nil,
            attributes: (try? answers.2.get()) ?? nil)
    }

    private static func read(
        _ name: String, _ path: String, _ store: any Store
    ) async throws -> Result<Bytes?, HarvestError> {
        do { return .success(try await store.readIfPresent(Self.key(name, path))) } catch let error as HarvestError
            where error.kind == .denied
        { return .failure(error) }
    }

    /// The key of a document of the node at `path`.
    static func key(_ name: String, _ path: String) -> String { path.isEmpty ? name : "\(path)/\(name)" }
}
