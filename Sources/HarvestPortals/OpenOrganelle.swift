public import HarvestCore
public struct OpenOrganelle: Portal {
    public let name = "openorganelle"
    public let title = "OpenOrganelle"
    public let examples = ["https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2"]
    public init() {}
    public func publishes(_ url: String) -> Bool { false }
    public func describe(_ url: String, through web: any Web) async throws -> Dataset { throw HarvestError.invalid("") }
}
