public import HarvestCore

/// A bucket of Google Cloud Storage, or a prefix in one.
///
/// Requests carry a token where ``AccessOptions`` has credentials, and are anonymous else, and where the bucket refuses
/// them. Where ``TransportOptions/gcsEndpoint`` names an emulator, they all go there, anonymously.
public struct GCSStore: WalkingStore, RangeStreamingStore {
    public let address: String
    private let bucket: String
    private let prefix: String
    private let transport: String
    private let reader: ObjectReader
    private let tokens: GoogleTokens?

    private var host: String { emulator ?? "\(transport)://storage.googleapis.com" }
    private var emulator: String? {
        reader.client.options.gcsEndpoint.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    }

    /// - Parameter address: `gs://bucket/prefix`.
    /// - Throws: `.invalid` if it is none, and what is wrong with the credentials that were named.
    public init(
        _ address: Address, client: HTTPClient, meter: Meter = Meter(), session: ProbeSession? = nil
    ) throws(HarvestError) {
        try self.init(address, client: client, meter: meter, session: session, transport: "https")
    }

    /// - Parameter transport: `http` for a server of a test.
    init(
        _ address: Address, client: HTTPClient, meter: Meter, session: ProbeSession? = nil, transport: String
    ) throws(HarvestError) {
        self.transport = transport
        (bucket, prefix) = try ObjectKey.split(address, scheme: "gs")
        self.address = address.location
        tokens = client.options.gcsEndpoint == nil ? try client.access.google() : nil
        // What only some may read is not kept.
        reader = ObjectReader(client: client, meter: meter, session: tokens == nil ? session : nil)
    }

    public var isRemote: Bool { true }
    public var knowsTails: Bool { true }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        try await asking { try await reader.read(try url(of: key), range, $0) }
    }

    public func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        try await asking { try await reader.stream(try url(of: key), $0, begins: begins, to: sink) }
    }

    public func webAddress(of key: String) throws -> String { try url(of: key).text }

    public var limits: TransportOptions.HostLimits { reader.limits(below: host) }

    public func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        do {
            return try await asking {
                let end = await reader.stream(try url(of: key), range, $0, on: line, facts: facts, to: sink)
                // Only an error that was thrown shows who may ask.
                if case .failed(let error) = end { throw error }
                return end
            }
        } catch { return .failed(error) }
    }

    /// - Complexity: One request per thousand names.
    public func list(_ prefix: String) async throws -> Listing { try await listing.oneLevel(self.prefix, prefix) }

    public func walk(_ prefix: String, _ page: (Listing) async throws -> Void) async throws {
        try await listing.walk(self.prefix, prefix, page)
    }

    private var listing: BucketListing { BucketListing { try await self.page($0, isDeep: $1, from: $2) } }

    /// JSON API, Objects: list.
    private func page(_ folder: String, isDeep: Bool, from start: BucketStart) async throws -> BucketPage {
        var query = ["prefix=\(WebAddress.percentEncoded(folder))"]
        if !isDeep { query.append("delimiter=%2F") }
        switch start {
        case .first: break
        case .token(let token): query.append("pageToken=\(WebAddress.percentEncoded(token))")
        case .behind(let key): query.append("startOffset=\(WebAddress.percentEncoded(key))")
        }
        let url = try WebAddress("\(host)/storage/v1/b/\(bucket)/o?" + query.joined(separator: "&"))
        let json = try JSON(parsing: try await asking { try await reader.page(url, $0) }, at: url.text)
        guard json.object != nil else { throw HarvestError.malformed("not a listing", at: url.text) }
        let keys = (json["items"]?.array ?? []).compactMap { $0["name"]?.string } + (json["prefixes"]?.strings ?? [])
        return BucketPage(
            listing: Self.listing(json, folder: folder),
            last: keys.max { $0.utf8.lexicographicallyPrecedes($1.utf8) }, next: json["nextPageToken"]?.string)
    }

    private static func listing(_ json: JSON, folder: String) -> Listing {
        let objects = (json["items"]?.array ?? []).compactMap { item -> Listing.Entry? in
            guard let key = item["name"]?.string, let name = ObjectKey.relative(key, to: folder) else { return nil }
            let md5 = item["md5Hash"]?.string.flatMap(OfferedDigest.hexadecimal).map { "md5:\($0)" }
            return Listing.Entry(
                name: name, bytes: item["size"]?.string.flatMap { Int($0) } ?? item["size"]?.int, checksum: md5,
                modified: item["updated"]?.string)
        }
        let folders = (json["prefixes"]?.strings ?? []).compactMap { key in
            key.hasSuffix("/") ? ObjectKey.relative(String(key.dropLast()), to: folder) : nil
        }
        let keys = (json["items"]?.array ?? []).compactMap { $0["name"]?.string }
        return Listing(
            objects: objects, folders: folders, refused: keys.filter { ObjectKey.isRefused($0, in: folder) })
    }

    /// Runs `body` as who we are to this bucket.
    private func asking<R: Sendable>(_ body: (Authorize?) async throws -> R) async throws -> R {
        let (client, meter) = (reader.client, reader.meter)
        let authorize = tokens.map { tokens -> Authorize in
            { _ in ["Authorization: Bearer \(try await tokens.token(client, meter).value)"] }
        }
        return try await client.access.ask("gs://\(bucket)", authorize, body)
    }

    private func url(of key: String) throws(HarvestError) -> WebAddress {
        _ = try Key.components(of: key)
        let whole = try ObjectKey.object(prefix, key, at: address)
        if let emulator {  // JSON API, Objects: get
            let name = WebAddress.percentEncoded(whole)
            return try WebAddress("\(emulator)/storage/v1/b/\(bucket)/o/\(name)?alt=media")
        }
        return try WebAddress("\(host)/\(bucket)/\(ObjectKey.path(whole))")
    }
}
