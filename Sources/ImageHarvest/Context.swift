import Glibc
@_exported public import HarvestCore
import HarvestFormats
import HarvestPortals
@_exported public import HarvestStores

/// What calls share: portals, formats, stores and how they may use the network.
public struct Context: Sendable {
    public var portals: [any Portal]
    public var formats: [any Format]
    public var stores: Stores
    public var web: any Web

    /// The registries' portals and formats, and the network as `transport` allows it.
    ///
    /// - Parameter settings: Values that a portal needs and only the user can give, by name (`openorganelle-key`).
    /// - Throws: ``HarvestError`` `.invalid` for network options that make no sense.
    public init(
        transport: TransportOptions = TransportOptions(), settings: [String: String] = [:],
        browser: @escaping @autoclosure @Sendable () -> Browser? = nil
    ) throws {
        portals = Portals.all
        formats = Formats.all
        stores = try Stores(options: transport)
        web = HTTPWeb(client: stores.client, settings: settings, browser: browser())
    }

    /// As the process's environment says: `HARVEST_CONNECT_TO`, `HARVEST_CA`, proxies, `HARVEST_OPENORGANELLE_KEY`, and
    /// the keys of <doc:Access>.
    public init(environment: [String: String]) throws {
        var settings: [String: String] = [:]
        settings["openorganelle-key"] = environment["HARVEST_OPENORGANELLE_KEY"]
        try self.init(
            transport: TransportOptions(environment: environment), settings: settings,
            browser: Browser.installed(environment: environment))
    }

    /// What the verbs use where no context is given: the process's environment, or plain defaults where that makes
    /// no sense.
    public static let standard: Context = {
        do { return try Context(environment: TransportOptions.processEnvironment) } catch {
            preconditionFailure("HARVEST_CONNECT_TO or HARVEST_CA: \(error)")
        }
    }()

    /// The portal that publishes a dataset at `address`: a page's URL, or an accession (`idr0086`, `EMPIAR-11759`) where
    /// no file of that name is here. `nil` for a bare data address.
    public func portal(publishing address: String) -> (any Portal)? {
        guard Address(address).isRemote || access(address, F_OK) != 0 else { return nil }
        return portals.first { $0.publishes(address) }
    }
}

extension Context {
    /// Opens what lies at `address`, whatever its format: the one named, the one its extension suggests, or the first
    /// that knows the bytes.
    ///
    /// - Parameters:
    ///   - ahead: What was asked of the address already, counted by `meter`.
    ///   - session: Keeps what is read of headers, and gives what an earlier probe kept.
    /// - Throws: ``HarvestError`` `.notFound`, `.unsupported` where no format knows the bytes, and what the format says.
    public func open(
        _ address: Address, format: String? = nil, options: OpenOptions = OpenOptions(), meter: Meter = Meter(),
        ahead: AheadStore? = nil, session: ProbeSession? = nil
    ) async throws -> Contents {
        let store = try ahead ?? askAhead(address, format: format, meter: meter, session: session)
        defer {
            store.finish()
            session?.finish()
        }
        var missing: HarvestError?
        for candidate in try candidates(address, named: format ?? address.format) {
            do {
                if let contents = try await candidate.open(store, options: options) { return contents }
            } catch let error as HarvestError where error.kind == .notFound {
                missing = missing ?? error
            }
        }
        if let missing { throw missing.located(at: address.text) }
        let known = formats.map(\.name).joined(separator: ", ")
        throw HarvestError(
            .unsupported, "no format here knows what lies there", at: address.text,
            next: "formats: \(known); name one with ADDRESS|format: if it is hidden behind an odd name")
    }

    /// The store at `address`, with the documents of the formats that are most likely there already asked for.
    ///
    /// Where the answer to a question costs more than the wait for it (FTP), or nothing, nothing is asked ahead.
    func askAhead(
        _ address: Address, format: String? = nil, meter: Meter, session: ProbeSession? = nil,
        keepsAnswers: Bool = false
    ) throws -> AheadStore {
        let store = try stores.open(address, meter: meter, session: session)
        let isAsked = store.isRemote && store.knowsTails
        let likely = try candidates(address, named: format ?? address.format).prefix { !$0.documents.isEmpty }
        return AheadStore(store, asking: isAsked ? likely.flatMap(\.documents) : [], keepsAnswers: keepsAnswers)
    }

    private func candidates(_ address: Address, named name: String?) throws -> [any Format] {
        if let name {
            let named = formats.filter {
                $0.name == name || $0.fileExtensions.contains(name) || (name == "zarr" && $0.name.hasPrefix("zarr"))
            }
            guard !named.isEmpty else {
                throw HarvestError(
                    .unsupported, "the format \(name) is not read here", at: address.text,
                    next: "formats: " + formats.map(\.name).joined(separator: ", "))
            }
            return named
        }
        let suggested = formats.filter { $0.fileExtensions.contains(address.fileExtension) }
        let others = formats.filter { format in !suggested.contains { $0.name == format.name } }
        // An address without an extension is more often a folder of chunks than a file.
        let isFolder = address.isRemote && address.fileExtension.isEmpty
        let folders = others.filter { $0 is any FolderFormat }
        let files = others.filter { !($0 is any FolderFormat) }
        return suggested + (isFolder ? folders + files : files + folders)
    }
}

extension Volume {
    /// Opens the first image of a link: a few KB over the wire.
    public static func open(_ link: Link, in context: Context = .standard) async throws -> Volume {
        let contents = try await context.open(Address(link.url), format: link.format)
        guard let volume = contents.images.first else {
            throw HarvestError(.notFound, "the link holds no image", at: link.url)
        }
        return volume
    }

    /// Opens the first image at an address: a path, `s3://…`, `https://….tif`.
    public static func open(_ address: String, in context: Context = .standard) async throws -> Volume {
        let address = Address(address)
        return try await open(Link(url: address.location, format: address.format), in: context)
    }
}
