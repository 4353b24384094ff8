/// What a portal publishes at one address: title, links and claims.
public struct Dataset: Sendable, Hashable {
    /// The address as the user gave it.
    public var address: String
    /// The portal's own name for it: `jrc_mus-nacc-2`, `data-em`.
    public var id: String
    /// The portal's short name; `nil` for a bare data address.
    public var portal: String?
    public var title: String?
    public var description: String?
    public var authors: [String] = []
    /// As published (`CC BY 4.0`); `nil` where the portal states none.
    public var licence: String?
    /// Bare DOIs, without `https://doi.org/`.
    public var dois: [String] = []
    /// Everything else the portal says, each value with its place.
    public var claims: [Claim] = []
    public var links: [Link] = []
    /// What the adapter noticed: sources that did not answer, values that contradict each other.
    public var findings: [Finding] = []

    public init(address: String, id: String, portal: String? = nil) {
        self.address = address
        self.id = id
        self.portal = portal
    }

    /// What its row of a table is called: the portal, where a portal is one collection; else the dataset's own name.
    public var rowName: String {
        guard let portal, !["neuroglancer", "page"].contains(portal) else { return id }
        return portal
    }

    /// The page's main image: the link it marks, else the largest image, else the first one.
    public var primaryLink: Link? {
        if let marked = links.first(where: \.isPrimary) { return marked }
        let images = links.filter { $0.role == .image }
        return images.max { ($0.bytes ?? -1) < ($1.bytes ?? -1) } ?? images.first
    }

    /// The first claim about `field`.
    public func claim(_ field: String) -> Claim? { claims.first { $0.field == field } }
}

extension Dataset: JSONCodable {
    public var json: JSON {
        [
            "schema": "harvest.dataset/1", "address": .string(address), "ok": true, "id": .string(id),
            "portal": JSON(portal), "title": JSON(title), "description": JSON(description), "authors": JSON(authors),
            "licence": JSON(licence), "dois": JSON(dois), "claims": .array(claims.map(\.json)),
            "links": .array(links.map(\.json)), "findings": .array(findings.map(\.json)),
        ]
    }

    public init(json: JSON) throws {
        guard let address = json["address"]?.string, let id = json["id"]?.string else {
            throw HarvestError.malformed("a dataset without \"address\" or \"id\"")
        }
        self.init(address: address, id: id, portal: json["portal"]?.string)
        title = json["title"]?.string
        description = json["description"]?.string
        authors = json["authors"]?.strings ?? []
        licence = json["licence"]?.string
        dois = json["dois"]?.strings ?? []
        claims = try (json["claims"]?.array ?? []).map(Claim.init(json:))
        links = try (json["links"]?.array ?? []).map(Link.init(json:))
        findings = try (json["findings"]?.array ?? []).map(Finding.init(json:))
    }
}
