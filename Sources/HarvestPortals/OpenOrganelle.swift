public import HarvestCore

/// OpenOrganelle: Janelia's volumes of cells and tissues.
///
/// The page is an empty shell that its scripts fill from a database, so the sources are asked themselves, in this
/// order: the bucket (what there is), the database (who, how, at which voxel size; it wants the site's public key),
/// figshare (title, authors, licence). Where the database says nothing, the manifests that were published until 2023
/// and, last, the page as a browser shows it take its place.
public struct OpenOrganelle: Portal {
    public let name = "openorganelle"
    public let title = "OpenOrganelle"
    public let examples = ["https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2"]

    public init() {}

    public func publishes(_ url: String) -> Bool { Self.id(in: url) != nil }

    /// `jrc_mus-nacc-2` in `https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2/?…`.
    private static func id(in url: String) -> String? {
        let address = Address(url)
        guard address.scheme == "https" || address.scheme == "http", address.host == "openorganelle.janelia.org" else {
            return nil
        }
        let path = address.path.split(separator: "/")
        guard path.count == 2, path[0] == "datasets", path[1].count <= 100, path[1].first != "." else { return nil }
        let isName = path[1].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
        return isName ? String(path[1]) : nil
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard let id = Self.id(in: url) else { throw HarvestError.invalid("this is no dataset of \(title)", at: url) }
        var sources = OrganelleSources(dataset: Dataset(address: url, id: id, portal: name))
        let bucket = try await sources.ask("the bucket's listing") {
            try await OrganelleBucket.account(of: id, in: web)
        }
        let database = try await sources.ask("the portal's database") {
            try await OrganelleDatabase.account(of: id, in: web)
        }
        if !sources.isKnown(bucket), !sources.isKnown(database), bucket == .nothing || database == .nothing {
            if case .failed(let error) = bucket { throw error }
            throw HarvestError.notFound(
                "\(title) has no dataset \"\(id)\"", at: url, next: "see https://openorganelle.janelia.org/datasets")
        }
        if !sources.isKnown(database) {
            _ = try await sources.ask("the manifest") { try await OrganelleManifest.account(of: id, in: web) }
            // The page reads the same database: what is not in it is not on the page.
            if !sources.hasAcquisition, database != .nothing {
                _ = try await sources.ask("the rendered page") { try await OrganellePage.account(of: id, in: web) }
            }
        }
        if let number = sources.articleNumber {
            _ = try await sources.ask("figshare") { try await FigshareArticle.account(number, in: web) }
        }
        if sources.dataset.links.isEmpty {
            if case .failed(let error) = bucket { throw error }
            throw HarvestError.notFound("\(title) gives no file of \"\(id)\"", at: url)
        }
        return sources.finished()
    }
}
