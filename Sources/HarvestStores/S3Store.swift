import Glibc
public import HarvestCore
import Synchronization

/// A bucket of Amazon S3, or of a server that speaks like it, or a prefix in one.
///
/// Requests are signed where ``AccessOptions`` has keys, and are anonymous else, and where the bucket refuses the keys.
/// Requests go to the bucket's own host; where S3 says that it lives in another region, they go there from then on. Where
/// ``TransportOptions/s3Endpoint`` names a server, they all go there.
public final class S3Store: WalkingStore, RangeStreamingStore {
    public let address: String
    private let bucket: String
    private let prefix: String
    private let transport: String
    private let reader: ObjectReader
    private let settings: AWSSettings
    private let region: Mutex<String?>

    /// What a request is signed for while nobody said where the bucket lives.
    private static let usualRegion = "us-east-1"

    /// - Parameter address: `s3://bucket/prefix`.
    /// - Throws: `.invalid` if it is none, and what is wrong with the keys that were named.
    public convenience init(
        _ address: Address, client: HTTPClient, meter: Meter = Meter(), session: ProbeSession? = nil
    ) throws(HarvestError) {
        try self.init(address, client: client, meter: meter, session: session, transport: "https")
    }

    /// - Parameter transport: `http` for a server of a test.
    init(
        _ address: Address, client: HTTPClient, meter: Meter, session: ProbeSession? = nil, transport: String
    ) throws(HarvestError) {
        self.transport = transport
        (bucket, prefix) = try ObjectKey.split(address, scheme: "s3")
        self.address = address.location
        settings = try client.access.aws()
        region = Mutex(settings.keys == nil ? nil : settings.region)
        // What only some may read is not kept.
        reader = ObjectReader(client: client, meter: meter, session: settings.keys == nil ? session : nil)
    }

    public var isRemote: Bool { true }
    public var knowsTails: Bool { true }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        _ = try Key.components(of: key)
        return try await asking { try await reader.read(try url(of: key), range, $0) }
    }

    public func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        _ = try Key.components(of: key)
        return try await asking { try await reader.stream(try url(of: key), $0, begins: begins, to: sink) }
    }

    public func webAddress(of key: String) throws -> String { try url(of: key).text }

    public func partLength(of key: String) async -> Int? {
        try? await asking { await reader.partLength(try url(of: key), $0) }
    }

    public var limits: TransportOptions.HostLimits { reader.limits(below: root(withBucket: "/")) }

    public func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        do {
            return try await asking {
                let end = await reader.stream(try url(of: key), range, $0, on: line, facts: facts, to: sink)
                // Only an error that was thrown shows who may ask, and where.
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

    private func page(_ folder: String, isDeep: Bool, from start: BucketStart) async throws -> BucketPage {
        var query = ["list-type=2", "encoding-type=url", "prefix=\(WebAddress.percentEncoded(folder))"]
        if !isDeep { query.append("delimiter=%2F") }
        switch start {
        case .first: break
        case .token(let token): query.append("continuation-token=\(WebAddress.percentEncoded(token))")
        case .behind(let key): query.append("start-after=\(WebAddress.percentEncoded(key))")
        }
        let line = query.joined(separator: "&")
        let (body, place) = try await asking {
            let url = try WebAddress(root(withBucket: "/") + "?" + line)
            return (try await reader.page(url, $0), url.text)
        }
        return try S3Listing(body, folder: folder, at: place).page
    }

    // MARK: - Where it lives

    /// `https://bucket.s3.amazonaws.com`; a name with dots does not fit the certificate and goes into the path.
    private func root(withBucket slash: String) -> String {
        if let endpoint = reader.client.options.s3Endpoint ?? settings.endpoint {
            return "\(endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint)/\(bucket)\(slash)"
        }
        let host = region.withLock { $0.map { "s3.\($0).amazonaws.com" } ?? "s3.amazonaws.com" }
        let isPlain = !bucket.contains(".") && !bucket.contains("_") && bucket == bucket.lowercased()
        return isPlain ? "\(transport)://\(bucket).\(host)\(slash)" : "\(transport)://\(host)/\(bucket)\(slash)"
    }

    private func url(of key: String) throws(HarvestError) -> WebAddress {
        let whole = try ObjectKey.object(prefix, key, at: address)
        return try WebAddress(root(withBucket: "/") + ObjectKey.path(whole))
    }

    /// Runs `body` as who we are to this bucket, where it lives.
    private func asking<R: Sendable>(_ body: (Authorize?) async throws -> R) async throws -> R {
        let signer = settings.keys.map { keys -> Authorize in
            { [self] address in
                let signature = SignatureV4(keys: keys, region: region.withLock { $0 } ?? Self.usualRegion)
                return signature.lines(for: address, at: time(nil))
            }
        }
        return try await reader.client.access.ask("s3://\(bucket)", signer) { authorize in
            try await inRegion(isSigned: authorize != nil) { try await body(authorize) }
        }
    }

    /// Runs `body`, and once more if S3 says that the bucket lives in another region.
    private func inRegion<R: Sendable>(isSigned: Bool, _ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch let error as HarvestError {
            guard let status = error.underlying as? UnexpectedStatus else { throw error }
            let answer = S3Error(status, at: error.place)
            guard status.head.status == 301 || status.head.status == 400, let found = answer.region else {
                throw answer.explaining(error, bucket: bucket, isSigned: isSigned)
            }
            let isNew = region.withLock { known in
                defer { known = found }
                return known != found
            }
            guard isNew else { throw answer.explaining(error, bucket: bucket, isSigned: isSigned) }
            do { return try await body() } catch let error as HarvestError {
                guard let status = error.underlying as? UnexpectedStatus else { throw error }
                throw S3Error(status, at: error.place).explaining(error, bucket: bucket, isSigned: isSigned)
            }
        }
    }
}
