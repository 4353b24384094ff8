public import HarvestCore
internal import HarvestMarkup

/// Any web page with links to data files, where no adapter knows the site.
///
/// What it says is the little that every page says: a title, a description, a licence link, and the files. A finding
/// marks it as such. A folder's index with several slices of one format offers the folder as a volume.
public struct WebPage: Portal {
    public let name = "page"
    public let title = "any page with links to data files"
    public let examples = ["https://example.org/dataset.html"]

    public init() {}

    private static let pageExtensions: Set = ["", "html", "htm", "xhtml", "php", "asp", "aspx", "jsp"]
    private static let stores = [".zarr", ".n5", ".precomputed", ".h5", ".zip"]

    /// Pages over HTTP; no address whose name says that it is data.
    public func publishes(_ url: String) -> Bool {
        let address = Address(url)
        guard address.scheme == "https" || address.scheme == "http", address.format == nil,
            let host = address.host, host.contains(".")
        else { return false }
        let parts = address.path.split(separator: "/").map { $0.lowercased() }
        guard Self.pageExtensions.contains(address.fileExtension) else { return false }
        return !parts.contains { part in Self.stores.contains { part.hasSuffix($0) } }
    }

    public func shortName(of url: String) -> String {
        let address = Address(url)
        return address.name.isEmpty ? address.host ?? name : address.name
    }

    /// - Throws: ``HarvestError`` `.unsupported` where the address is no page, or has no link to data.
    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        let page = try await web.page(at: url).accepted(as: "the page")
        let place = page.finalURL
        guard page.contentType.map({ $0.contains("html") }) ?? true else {
            throw HarvestError.unsupported("no web page (\((page.contentType ?? "").displayed(limit: 60)))", at: url)
        }
        let html = try HTMLDocument.parse(bytes: page.body, at: place)
        let base = html.first("base")?.attributes["href"].flatMap { Href.resolve($0, against: place) } ?? place
        var dataset = Dataset(address: url, id: shortName(of: url), portal: name)
        dataset.title = (html.first("h1") ?? html.first("title")).flatMap { Published.line($0.text) }
        dataset.description = Self.meta("description", in: html) ?? Self.meta("og:description", in: html)
        dataset.licence = Self.licence(in: html)
        dataset.authors = [Self.meta("author", in: html)].compactMap(\.self)
        if let doi = DOI.bare(in: Self.meta("citation_doi", in: html) ?? "") { dataset.dois = [doi] }
        let found = DataLinks.all(in: html, base: base)
        dataset.links = found.map { link in
            Link(url: link.url, format: link.format, role: Self.role(of: link), name: link.name)
        }
        if let folder = Self.slices(found, of: place) { dataset.links.insert(folder, at: 0) }
        guard !dataset.links.isEmpty else {
            throw HarvestError.unsupported(
                "no portal here knows this page, and it links to no data file", at: url,
                next: "ADDRESS|format: names the format of data")
        }
        if let first = dataset.links.firstIndex(where: { $0.role == .image }) { dataset.links[first].isPrimary = true }
        dataset.findings.append(
            Finding(
                .note, rule: "plain-page",
                "no adapter knows this site: only its title and its links to data files were read"))
        if dataset.licence == nil {
            dataset.findings.append(
                Finding(
                    .note, rule: "licence-missing", field: Field.Name.licence,
                    "the page states no licence that could be read: ask its authors before passing the data on"))
        }
        return dataset
    }

    private static func meta(_ name: String, in html: MarkupNode) -> String? {
        html.first { node in
            node.name == "meta" && (node.attributes["name"] ?? node.attributes["property"])?.lowercased() == name
        }?.attributes["content"].flatMap(Published.line)
    }

    /// `rel="license"`, or the licence of a JSON-LD block.
    private static func licence(in html: MarkupNode) -> String? {
        let link = html.first { node in
            (node.name == "a" || node.name == "link")
                && node.attributes["rel"].map { $0.lowercased().split(separator: " ").contains("license") } ?? false
        }
        if let link { return Published.line(link.text) ?? link.attributes["href"].flatMap(Published.line) }
        for script in html.all("script") where script.attributes["type"]?.lowercased() == "application/ld+json" {
            guard let json = try? JSON(parsing: script.text) else { continue }
            for item in json.array ?? [json] {
                if let text = Published.text(item["license"]) ?? Published.text(item["license"]?["name"]) {
                    return text
                }
            }
        }
        return nil
    }

    private static func role(of link: DataLinks) -> Link.Role {
        guard link.format != nil else { return .other }
        let name = Address(link.url).name.lowercased()
        return ["groundtruth", "ground_truth", "label", "mask", "segmentation"].contains { name.contains($0) }
            ? .labels : .image
    }

    /// The page's own address as a folder of slices, where it links to at least two numbered files of one format that
    /// lie directly in it.
    private static func slices(_ links: [DataLinks], of place: String) -> Link? {
        let folder = place.prefix { $0 != "?" && $0 != "#" }
        guard folder.hasSuffix("/") else { return nil }
        let own = links.filter { link in
            link.url.hasPrefix(folder) && !link.url.dropFirst(folder.count).contains("/")
                && ["tiff", "dm3", "dm4"].contains(link.format)
                && Address(link.url).name.contains(where: \.isNumber)
        }
        guard own.count >= 2, Set(own.map(\.format)).count == 1 else { return nil }
        return Link(url: String(folder), format: "slices", role: .image, name: "\(own.count) slices")
    }
}
