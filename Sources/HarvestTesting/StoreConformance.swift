public import HarvestCore

/// The promises every ``Store`` makes, checked on one that holds exactly `objects`.
///
/// ```swift
/// try await StoreConformance(["a/b": [1, 2, 3]]).check(MemoryStore(["a/b": [1, 2, 3]]))
/// ```
public struct StoreConformance: Sendable {
    /// Every object that the store holds, by key.
    public var objects: [String: [UInt8]]
    /// Whether the store can list.
    public var lists = true

    public init(_ objects: [String: [UInt8]], lists: Bool = true) {
        self.objects = objects
        self.lists = lists
    }

    /// Runs every check.
    ///
    /// - Throws: ``ConformanceFailure`` naming the first promise that is not kept.
    public func check(_ store: any Store) async throws {
        for (key, bytes) in objects { try await check(key, bytes, store) }
        try await require(.notFound, "not/there", store)
        guard try await store.readIfPresent("not/there") == nil else {
            throw ConformanceFailure("an object that is not there was read")
        }
        for key in ["../x", "/etc/passwd", "a//b", "a/../../x", "a/\u{1B}[2J", "a\\b"] {
            try await require(.denied, key, store)
        }
        if lists { try await checkListings(store) }
    }

    private func check(_ key: String, _ bytes: [UInt8], _ store: any Store) async throws {
        let whole = try await store.read(key, .whole)
        guard whole.bytes.array == bytes, whole.offset == 0, whole.total == nil || whole.total == bytes.count else {
            throw ConformanceFailure("\(key), read whole, is not what it holds")
        }
        let middle = bytes.count / 3..<bytes.count / 3 + bytes.count / 2
        try await check(key, bytes, .bytes(middle), gives: middle, store)
        try await check(key, bytes, .bytes(0..<bytes.count + 100), gives: 0..<bytes.count, store)
        try await check(key, bytes, .tail(5), gives: bytes.count - min(5, bytes.count)..<bytes.count, store)
        let past = try await store.read(key, .bytes(bytes.count + 7..<bytes.count + 9))
        guard past.bytes.isEmpty, past.total == bytes.count else {
            throw ConformanceFailure("past the end of \(key) there are no bytes, only its length")
        }
        guard try await store.read(key, .bytes(1..<1)).bytes.isEmpty else {
            throw ConformanceFailure("an empty range of \(key) gave bytes")
        }
        guard try store.map(key).map({ $0.array == bytes }) ?? true else {
            throw ConformanceFailure("\(key), mapped, is not what it holds")
        }
    }

    private func check(
        _ key: String, _ bytes: [UInt8], _ range: ByteRange, gives expected: Range<Int>, _ store: any Store
    ) async throws {
        let reply = try await store.read(key, range)
        let isPlaced = expected.isEmpty || reply.offset == expected.lowerBound && reply.total == bytes.count
        guard reply.bytes.array == Array(bytes[expected]), isPlaced else {
            throw ConformanceFailure("\(range) of \(key) is not bytes \(expected) of \(bytes.count)")
        }
    }

    private func require(_ kind: HarvestError.Kind, _ key: String, _ store: any Store) async throws {
        do { _ = try await store.read(key, .whole) } catch let error as HarvestError where error.kind == kind { return }
        throw ConformanceFailure("reading \"\(key.displayed())\" should be .\(kind.rawValue)")
    }

    private func checkListings(_ store: any Store) async throws {
        var prefixes: Set = [""]
        for key in objects.keys {
            let parts = key.split(separator: "/")
            for count in 1..<max(parts.count, 1) { prefixes.insert(parts.prefix(count).joined(separator: "/")) }
        }
        for prefix in prefixes.sorted() {
            let start = prefix.isEmpty ? "" : prefix + "/"
            let below = objects.keys.filter { $0.hasPrefix(start) }.map { $0.dropFirst(start.count) }
            let listing = try await store.list(prefix)
            let files = below.filter { !$0.contains("/") }.map(String.init)
            let folders = Set(below.filter { $0.contains("/") }.map { String($0.prefix { $0 != "/" }) })
            guard listing.objects.map(\.name).sorted() == files.sorted(), listing.folders.sorted() == folders.sorted()
            else {
                throw ConformanceFailure("the listing of \"\(prefix)\" is not what lies there")
            }
            for entry in listing.objects where entry.bytes != nil && entry.bytes != objects[start + entry.name]?.count {
                throw ConformanceFailure("the listing of \"\(prefix)\" has a wrong length for \(entry.name)")
            }
        }
    }
}
