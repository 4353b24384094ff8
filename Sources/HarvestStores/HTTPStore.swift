public import HarvestCore

/// Objects of a web server, read by range.
///
/// The empty key is the address itself; other keys are components below it. A server that ignores ranges is read as
/// far as that is cheap (small objects, starts of large ones), else refused.
public struct HTTPStore: Store {
    public let address: String
    private let root: WebAddress
    private let reader: ObjectReader

    /// - Throws: `.invalid` if `url` is no `http` or `https` address.
    public init(
        _ url: String, client: HTTPClient, meter: Meter = Meter(), session: ProbeSession? = nil
    ) throws(HarvestError) {
        root = try client.access.address(url)
        address = root.display
        reader = ObjectReader(client: client, meter: meter, session: session)
    }

    public var isRemote: Bool { true }
    public var knowsTails: Bool { true }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        try await reader.read(try root.appending(try Key.components(of: key)), range)
    }

    /// One level of what the server's own index page of a folder shows.
    ///
    /// - Throws: ``HarvestError`` `.unsupported` where the server makes no such page.
    /// - Complexity: One request.
    public func list(_ prefix: String) async throws -> Listing {
        let folder = try root.appending(try Key.components(of: prefix) + [""])  // a slash at its end
        let page: Bytes
        do { page = try await reader.page(folder) } catch let error as HarvestError where error.kind == .denied {
            throw HarvestError.unsupported(
                "the web server does not list what it holds", at: address, next: "give the address of the file itself")
        }
        return try IndexPage(page, at: folder).listing
    }
}

extension HTTPStore: RangeStreamingStore {
    public func webAddress(of key: String) throws -> String { try root.appending(try Key.components(of: key)).text }

    public var limits: TransportOptions.HostLimits { reader.client.limits(at: root.origin) }

    public func partLength(of key: String) async -> Int? {
        guard let components = try? Key.components(of: key), let url = try? root.appending(components) else {
            return nil
        }
        return await reader.partLength(url)
    }

    public func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        do {
            return await reader.stream(
                try root.appending(try Key.components(of: key)), range, on: line, facts: facts, to: sink)
        } catch { return .failed(error) }
    }

    public func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        try await reader.stream(
            try root.appending(try Key.components(of: key)), begins: begins, to: sink)
    }
}
