public import HarvestCore

/// A store that can hand an object on from its first byte to its last, without ranges and without holding it.
public protocol StreamingStore: Store {
    /// Hands on the whole object, piece by piece, in order; `sink` must not block for long.
    ///
    /// - Parameter begins: Called before the first byte, and again where a try broke off and another begins at the start.
    /// - Returns: How many bytes came since.
    /// - Throws: What `sink` throws, and what ``Store/read(_:_:)`` throws. Bytes may have been handed on by then.
    func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int

    /// The same of an object whose exact length a listing told: then the far side need not be asked for it first.
    func stream(
        _ key: String, listed bytes: Int?, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int
}

extension StreamingStore {
    /// What tells the length with the bytes has no use for another word on it.
    public func stream(
        _ key: String, listed bytes: Int?, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        try await stream(key, begins: begins, to: sink)
    }
}

/// A store that can name all it holds.
public protocol WalkingStore: Store {
    /// Hands on every object below `prefix`, at any depth, in pages of up to a thousand.
    ///
    /// Names are keys of the store. What cannot be a key (`a//b`, `..`) is among the refused names.
    ///
    /// - Complexity: One request per page.
    func walk(_ prefix: String, _ page: (Listing) async throws -> Void) async throws
}

extension WalkingStore {
    /// The objects alone.
    public func listAll(_ prefix: String, _ page: ([Listing.Entry]) async throws -> Void) async throws {
        try await walk(prefix) { if !$0.objects.isEmpty { try await page($0.objects) } }
    }
}

/// Puts keys and prefixes of buckets together.
enum ObjectKey {
    /// The prefix that a listing of the folder `prefix` below `root` asks for: empty, or with a slash at its end.
    static func folder(_ root: String, _ prefix: String) throws(HarvestError) -> String {
        _ = try Key.components(of: prefix)
        let joined = join(root, prefix)
        return joined.isEmpty ? "" : joined + "/"
    }

    static func join(_ root: String, _ key: String) -> String {
        root.isEmpty ? key : key.isEmpty ? root : "\(root)/\(key)"
    }

    /// The bucket's own key of an object.
    static func object(_ root: String, _ key: String, at address: String) throws(HarvestError) -> String {
        let whole = join(root, key)
        guard !whole.isEmpty else { throw .invalid("a bucket is not an object", at: address, next: "name a key in it") }
        return whole
    }

    /// A key as the path of an address.
    static func path(_ key: String) -> String {
        key.split(separator: "/", omittingEmptySubsequences: false).map { WebAddress.percentEncoded(String($0)) }
            .joined(separator: "/")
    }

    /// Whether `key` lies below `folder` under a name that can be no key; an empty one stands for the folder itself.
    static func isRefused(_ key: String, in folder: String) -> Bool {
        guard key.hasPrefix(folder), key.count > folder.count else { return false }
        // `a/` is how buckets keep an empty folder.
        let rest = key.dropFirst(folder.count)
        return (try? Key.components(of: String(rest.hasSuffix("/") ? rest.dropLast() : rest))) == nil
    }

    /// What stands behind `folder` in `key`, if it can be a key.
    static func relative(_ key: String, to folder: String) -> String? {
        guard key.hasPrefix(folder) else { return nil }
        let rest = String(key.dropFirst(folder.count))
        guard !rest.isEmpty, (try? Key.components(of: rest)) != nil else { return nil }
        return rest
    }

    /// Parts `bucket/prefix/` of an address; the prefix loses the slashes around it.
    static func split(_ address: Address, scheme: String) throws(HarvestError) -> (bucket: String, prefix: String) {
        let start = "\(scheme)://"
        guard address.location.lowercased().hasPrefix(start) else {
            throw .invalid("not an address that starts with \(start)", at: address.text)
        }
        let rest = address.location.dropFirst(start.count)
        let bucket = String(rest.prefix { $0 != "/" })
        // Bucket names: 3 to 63 (GCS with dots: 222) of a-z, 0-9, `-`, `.`, and `_` in old ones.
        let isName = bucket.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
        }
        guard isName, (3...222).contains(bucket.utf8.count), !bucket.hasPrefix("."), !bucket.contains("..") else {
            throw .invalid("\"\(bucket.displayed(limit: 80))\" is not a bucket's name", at: address.text)
        }
        var prefix = rest.dropFirst(bucket.count)
        while prefix.hasPrefix("/") { prefix = prefix.dropFirst() }
        while prefix.hasSuffix("/") { prefix = prefix.dropLast() }
        _ = try Key.components(of: String(prefix))
        return (bucket, String(prefix))
    }
}
