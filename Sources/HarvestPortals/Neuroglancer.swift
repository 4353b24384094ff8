public import HarvestCore

/// Neuroglancer: any public link to the viewer, short links to one included.
///
/// A link's fragment *is* the dataset: layers, each with the address of its data, and where the viewer looks. It may
/// stand in the link, in a JSON document that the link names, or only in the `Location` of a short link's redirect.
public struct Neuroglancer: Portal {
    public let name = "neuroglancer"
    public let title = "Neuroglancer"
    public let examples = ["https://tinyurl.com/hemibrain-ng"]

    public init() {}

    /// Services that make short links, and under which nothing else is published.
    private static let shorteners: Set = ["tinyurl.com", "bit.ly", "goo.gl", "is.gd", "t.ly", "rb.gy"]

    public func publishes(_ url: String) -> Bool {
        let address = Address(url)
        guard address.scheme == "https" || address.scheme == "http", let host = address.host, !host.isEmpty else {
            return false
        }
        if let hash = url.firstIndex(of: "#") { return url[hash...].hasPrefix("#!") }
        return Self.shorteners.contains(host) && address.path.split(separator: "/").count == 1
    }

    /// The short link's own word without the `-ng` that says nothing of the dataset; else the viewer's name.
    public func shortName(of url: String) -> String {
        guard !url.contains("#!"), let alias = Address(url).path.split(separator: "/").first else { return name }
        return String(alias.hasSuffix("-ng") && alias.count > 3 ? alias.dropLast(3) : alias)
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard publishes(url) else { throw HarvestError.invalid("this is no link to \(title)", at: url) }
        var link = url
        if !url.contains("#!") {
            let page = try await web.page(at: url)
            link = page.finalURL
            if !link.contains("#!") {
                _ = try page.accepted(as: "the short link")
                throw HarvestError.unsupported(
                    "the short link leads to no \(title) state", at: url,
                    next: "if \(Address(link).location.displayed(limit: 200)) publishes data, give that address")
            }
        }
        let state: JSON
        var place = "\(url)#state"
        switch try Self.fragment(of: link, at: url) {
        case .state(let json): state = json
        case .remote(let address):
            place = address
            state = try await Self.document(at: address, in: web)
        }
        var viewer = ViewerState(state, at: place, dataset: Dataset(address: url, id: shortName(of: url), portal: name))
        return try viewer.described()
    }

    private static func fragment(of link: String, at url: String) throws(HarvestError) -> ViewerFragment {
        do throws(HarvestError) {
            guard let fragment = try ViewerFragment(of: link) else { throw .malformed("the link has no state") }
            return fragment
        } catch { throw error.located(at: url.displayed(limit: 200)) }
    }

    /// A state that stands in a bucket or on a server.
    private static func document(at address: String, in web: any Web) async throws -> JSON {
        guard let source = DataSource(address), source.obstacle == nil else {
            throw HarvestError(
                .unsupported, "the state stands at an address that is not followed, or needs a login",
                at: address.displayed(limit: 200))
        }
        let page = try await web.page(at: Href.normalised(httpsURL(of: source.url)))
            .accepted(as: "the viewer's state")
        let json = try JSON(parsing: page.body, at: page.url)
        guard json.object != nil else {
            throw HarvestError.malformed("the viewer's state is no JSON object", at: page.url)
        }
        return json
    }

    /// The address by which a bucket's object is asked for over HTTPS, anonymously.
    static func httpsURL(of url: String) -> String {
        let address = Address(url)
        let bucket = address.host ?? ""
        switch address.scheme {
        case "gs": return "https://storage.googleapis.com/\(bucket)\(address.path)"
        case "s3": return "https://\(bucket).s3.amazonaws.com\(address.path)"
        default: return url
        }
    }
}
