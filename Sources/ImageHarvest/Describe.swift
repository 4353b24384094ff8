public import HarvestCore
import HarvestPortals
import Synchronization

extension Context {
    /// What a portal publishes at `address`.
    ///
    /// A data address (`s3://…`, `https://….tif`, a path) is a dataset of one link without claims.
    /// - Throws: ``HarvestError`` `.unsupported` for a web page that no portal knows, and what the portal says.
    public func describe(_ address: String) async throws -> Dataset { try await describeCounting(address).dataset }

    /// The description, and how many pages and API answers it took.
    func describeCounting(_ address: String) async throws -> (dataset: Dataset, requests: Int) {
        guard let portal = portal(publishing: address) else { return (try bareDataset(address), 0) }
        let counted = CountingWeb(web)
        let dataset = try await portal.describe(address, through: counted)
        return (dataset, counted.pages.count)
    }

    /// What an address is.
    enum Resolved: Sendable {
        /// A portal's page, which took so many requests.
        case page(Dataset, requests: Int)
        /// Data, opened as it is, and what was asked of it on the way.
        case data(Address, AheadStore?)
    }

    /// Asks the portal that publishes `address`. Where only the rule for any page would, the address may as well be a
    /// folder of chunks: a page that is none, or links to no data, is taken for data.
    ///
    /// - Parameters:
    ///   - web: Keeps the pages that were asked for.
    ///   - meter: Counts what is asked of a name without an extension before it is read as a page: whether it is a
    ///     folder of chunks; `nil` does not ask.
    func resolve(
        _ address: String, through web: CountingWeb? = nil, meter: Meter? = nil
    ) async throws -> Resolved {
        guard let portal = portal(publishing: address) else { return .data(Address(address), nil) }
        var ahead: AheadStore?
        if let meter, portal is WebPage, Address(address).fileExtension.isEmpty {
            let asked = try askAhead(Address(address), meter: meter)
            if try await asked.hasAny() { return .data(Address(address), asked) }
            ahead = asked
        }
        let web = web ?? CountingWeb(self.web)
        do {
            let dataset = try await portal.describe(address, through: web)
            return .page(dataset, requests: web.pages.count)
        } catch  where portal is WebPage && !(error is CancellationError) {
            return .data(Address(address), ahead)
        }
    }
}

extension Context {
    /// A data address as a dataset of one link, about which nobody says anything.
    private func bareDataset(_ text: String) throws -> Dataset {
        let address = Address(text)
        let suggested = formats.first { $0.fileExtensions.contains(address.fileExtension) }
        let isWebPage = ["http", "https"].contains(address.scheme) && suggested == nil && address.format == nil
        guard !isWebPage, !address.name.isEmpty else {
            throw HarvestError(
                .unsupported, "no portal here publishes this address", at: text,
                next:
                    "portals: \(portals.map(\.name).joined(separator: ", ")); ADDRESS|format: names the format of data")
        }
        var dataset = Dataset(address: text, id: address.name)
        dataset.links = [
            Link(url: address.location, format: address.format ?? suggested?.name, isPrimary: true, name: address.name)
        ]
        return dataset
    }
}

/// Keeps every page that was asked for, to count them and to store them beside the results.
public final class CountingWeb: Web {
    private let web: any Web
    private let kept = Mutex([Page]())

    public init(_ web: any Web) { self.web = web }

    public var pages: [Page] { kept.withLock { $0 } }

    public func page(at url: String, headers: [String: String]) async throws -> Page {
        let page = try await web.page(at: url, headers: headers)
        kept.withLock { $0.append(page) }
        return page
    }

    public func renderedPage(at url: String, until marker: String) async throws -> Page? {
        guard let page = try await web.renderedPage(at: url, until: marker) else { return nil }
        kept.withLock { $0.append(page) }
        return page
    }

    public func setting(_ name: String) -> String? { web.setting(name) }
}

extension Dataset {
    /// What a portal publishes at `address`.
    public static func describe(_ address: String, in context: Context = .standard) async throws -> Dataset {
        try await context.describe(address)
    }
}
