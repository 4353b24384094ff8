/// A web site that publishes datasets.
///
/// An adapter turns the site's pages and APIs into a ``Dataset``; it opens no file and decodes no voxel.
public protocol Portal: Sendable {
    /// The short name scripts use: `epfl`, `openorganelle`.
    var name: String { get }
    /// The site's own name.
    var title: String { get }
    /// Addresses that it publishes, for help texts.
    var examples: [String] { get }

    /// Whether `url` is a page of this site that describes a dataset.
    func publishes(_ url: String) -> Bool

    /// Reads what the site says at `url`.
    ///
    /// - Throws: ``HarvestError`` `.malformed` naming what was expected where a page changed shape, `.notFound`,
    ///   `.unavailable`. What only one of several sources would have said is left out, with a finding.
    func describe(_ url: String, through web: any Web) async throws -> Dataset

    /// A short name for what is at `url`, without asking anybody: the table's row and the folder of `collect`.
    func shortName(of url: String) -> String
}

extension Portal {
    public func shortName(of url: String) -> String { name }
}
