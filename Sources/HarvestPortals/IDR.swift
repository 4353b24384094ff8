public import HarvestCore

/// The Image Data Resource: OMERO's JSON interfaces, and files on the EBI's servers.
///
/// An image's own interface says sizes and units; where its file lies is in one of two places; study, licence and
/// sample are map annotations of the image and its project; how it was acquired stands only in the study's text.
public struct IDR: Portal {
    public let name = "idr"
    public let title = "Image Data Resource"
    public let examples = ["https://idr.openmicroscopy.org/webclient/img_detail/9846137/?dataset=10740"]

    public init() {}

    public func publishes(_ url: String) -> Bool { IDRSubject(url) != nil }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard let subject = IDRSubject(url) else {
            throw HarvestError.invalid("this is no address of \(title)", at: url)
        }
        var account = IDRAccount(address: url, web: web)
        return try await account.describe(subject)
    }
}
