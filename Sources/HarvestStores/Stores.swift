public import HarvestCore

/// The kinds of store there are, and how an address becomes one.
public struct Stores: Sendable {
    /// One way to store bytes: the schemes of its addresses, and how one is opened.
    public struct Kind: Sendable {
        public let schemes: [String]
        /// What a person reads about it.
        public let summary: String
        let open: @Sendable (Address, HTTPClient, Meter, ProbeSession?) throws -> any Store
    }

    /// All kinds, one line each.
    public static let kinds = [
        Kind(schemes: ["file"], summary: "a file or folder here") { address, _, meter, _ in
            FileStore(address.location, meter: meter)
        },
        Kind(schemes: ["https", "http"], summary: "a web server") {
            try HTTPStore($0.location, client: $1, meter: $2, session: $3)
        },
        Kind(schemes: ["ftp", "ftps", "ftpes"], summary: "an FTP server") { address, client, meter, _ in
            try FTPStore(address.location, client: client, meter: meter)
        },
        Kind(schemes: ["s3"], summary: "an Amazon S3 bucket") {
            try S3Store($0, client: $1, meter: $2, session: $3)
        },
        Kind(schemes: ["gs"], summary: "a Google Cloud bucket") {
            try GCSStore($0, client: $1, meter: $2, session: $3)
        },
    ]

    /// The schemes that can be opened.
    public static let schemes = kinds.flatMap(\.schemes)

    /// The connections that all stores of this set share.
    public let client: HTTPClient

    /// - Throws: `.invalid` if an entry of `connectTo` is none.
    public init(options: TransportOptions = TransportOptions()) throws(HarvestError) {
        client = try HTTPClient(options: options)
    }

    /// One probe's use of what earlier ones kept; `nil` where nothing is kept.
    public func session(meter: Meter) -> ProbeSession? {
        let options = client.options
        return options.probes.map { ProbeSession(ProbeCache(folder: $0, connectTo: options.connectTo), meter: meter) }
    }

    /// Opens what an address leads to; no byte is read yet.
    ///
    /// - Parameter session: Keeps what is read in ranges, and gives what was kept; web servers and buckets alone.
    /// - Throws: `.invalid` for an address that breaks its scheme's rules, `.unsupported` for a scheme without a store.
    public func open(
        _ address: Address, meter: Meter = Meter(), session: ProbeSession? = nil
    ) throws -> any Store {
        guard let kind = Self.kinds.first(where: { $0.schemes.contains(address.scheme) }) else {
            throw HarvestError.unsupported(
                "addresses that start with \(address.scheme):// are not read", at: address.text.displayed(limit: 300),
                next: "use one of \(Self.schemes.joined(separator: ", "))")
        }
        return try kind.open(address, client, meter, session)
    }
}
