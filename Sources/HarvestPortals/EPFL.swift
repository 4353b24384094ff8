public import HarvestCore
internal import HarvestMarkup

/// EPFL's CVLab: the hippocampus volume and its mitochondria.
///
/// One page without an API. `article.post-2138` holds `h3#data`; the paragraph after it says shape and voxel size in
/// words; the files are links in the article. The file server's folder name begins with a space, which the page
/// writes raw nine times and as `%20` once.
public struct EPFL: Portal {
    public let name = "epfl"
    public let title = "EPFL CVLab"
    public let examples = ["https://www.epfl.ch/labs/cvlab/data/data-em/"]

    public init() {}

    private static let page = "https://www.epfl.ch/labs/cvlab/data/data-em/"

    public func publishes(_ url: String) -> Bool {
        let address = Address(url)
        guard address.scheme == "https" || address.scheme == "http" else { return false }
        let path = address.path.split(separator: "/")
        switch address.host {
        case "www.epfl.ch", "epfl.ch":
            return path.count == 4 && path.starts(with: ["labs", "cvlab", "data"]) && path[3].hasPrefix("data-em")
        case "cvlab.epfl.ch": return path == ["data", "data-em"]  // where the page stood before
        default: return false
        }
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard publishes(url) else { throw HarvestError.invalid("this is no page of \(title)", at: url) }
        // The address from before 2018 leads to today's page.
        let isOld = Address(url).host == "cvlab.epfl.ch"
        let current = isOld ? Self.page : "https://www.epfl.ch" + Address(url).path
        let page = try await web.page(at: current).accepted(as: "the dataset's page")
        let place = page.finalURL
        let html = try HTMLDocument.parse(bytes: page.body, at: place)
        let article = html.first { $0.name == "article" && $0.classes.contains("post-2138") } ?? html
        let text = try Self.description(in: article, at: place)
        var dataset = Dataset(address: url, id: "data-em", portal: name)
        dataset.title = (article.first("h1") ?? html.first("title")).flatMap { Published.line($0.text) }
        dataset.description = text
        Self.addSizes(from: text, at: "\(place)#data", to: &dataset)
        if let match = text.firstMatch(of: /taken from (?:the )?([^,.;]{3,200})/) {
            dataset.claims.append(Claim(Field.Name.sample, .string(String(match.output.1)), at: "\(place)#data"))
        }
        let base = html.first("base")?.attributes["href"].flatMap { Href.resolve($0, against: place) } ?? place
        Self.addImageName(in: article, base: base, to: &dataset)
        Self.addReferences(in: article, base: base, at: "\(place)#references", to: &dataset)
        dataset.links = Self.links(in: article, base: base)
        if dataset.links.isEmpty {
            dataset.findings.append(
                Finding(.error, rule: "no-links", "the page changed: expected links to TIFF files in article.post-2138")
            )
        }
        dataset.findings.append(
            Finding(
                .note, rule: "licence-missing", field: Field.Name.licence,
                "the page states no licence: ask its authors before passing the data on"))
        return dataset
    }

    private static func description(in article: MarkupNode, at place: String) throws(HarvestError) -> String {
        func isDataHeading(_ node: MarkupNode) -> Bool { node.name == "h3" && node.id == "data" }
        guard article.first(where: isDataHeading) != nil else {
            throw .malformed("the page changed: expected the heading h3#data in article.post-2138", at: place)
        }
        guard let text = article.next("p", after: isDataHeading).flatMap({ Published.line($0.text) }) else {
            throw .malformed("the page changed: expected a paragraph after h3#data in article.post-2138", at: place)
        }
        return text
    }
}

// What the paragraph says.
extension EPFL {
    /// The page writes sizes as Z,X,Y: 1065 pages, each 2048 wide and 1536 high.
    private static func zyx(_ size: SizeText) -> [Double] { [size.values[0], size.values[2], size.values[1]] }

    private static func addSizes(from text: String, at place: String, to dataset: inout Dataset) {
        for size in SizeText.all(in: text) {
            let isVoxel = ["voxel", "resolution", "pixel"].contains { size.lead.lowercased().contains($0) }
            let field = size.unit == nil ? Field.Name.shape : isVoxel ? Field.Name.voxelSize : Field.Name.extent
            let lengths = zyx(size).compactMap { LengthUnit.nanometres($0, size.unit) }
            let values = size.unit == nil ? zyx(size).filter { $0 == $0.rounded() } : lengths
            guard dataset.claim(field) == nil, values.count == 3 else { continue }
            dataset.claims.append(
                Claim(
                    field, .numbers(values), unit: size.unit.map { _ in "nm" }, at: place, published: size.text,
                    // The section's size is rounded to whole micrometres: shape times voxel size says otherwise.
                    isApproximate: size.isApproximate || field == Field.Name.extent))
        }
        if let finding = contradiction(in: dataset) { dataset.findings.append(finding) }
    }

    private static func contradiction(in dataset: Dataset) -> Finding? {
        guard let shape = dataset.claim(Field.Name.shape)?.value.doubles,
            let voxel = dataset.claim(Field.Name.voxelSize)?.value.doubles,
            let extent = dataset.claim(Field.Name.extent)?.value.doubles
        else { return nil }
        let product = zip(shape, voxel).map { $0 * $1 }
        guard zip(product, extent).contains(where: { abs($0 - $1) > 0.1 * $1 }) else { return nil }
        return Finding(
            .warning, rule: "extent-contradicted", field: Field.Name.extent,
            """
            the page speaks of a section of \(micrometres(extent)), but its shape times its voxel size is \
            \(micrometres(product)) (z,y,x): take lengths from the latter
            """)
    }

    private static func micrometres(_ lengths: [Double]) -> String {
        lengths.map { JSON.number(($0 / 1000).rounded(significantDigits: 4)).compact }.joined(separator: " × ") + " µm"
    }
}

// What the rest of the article says.
extension EPFL {
    private static func links(in article: MarkupNode, base: String) -> [Link] {
        var links = DataLinks.all(in: article, base: base).map { found in
            Link(
                url: found.url, format: found.format,
                role: found.format == nil ? .other : role(of: Address(found.url).name.lowercased()), name: found.name)
        }
        if let primary = primary(of: links) { links[primary].isPrimary = true }
        return links
    }

    private static func role(of fileName: String) -> Link.Role {
        if ["groundtruth", "ground_truth", "label", "mask"].contains(where: fileName.contains) { return .labels }
        return fileName.contains("result") ? .result : .image
    }

    /// The page calls its main image "Image stack".
    private static func primary(of links: [Link]) -> Int? {
        links.firstIndex { $0.role == .image && $0.name?.lowercased() == "image stack" }
            ?? links.firstIndex { $0.role == .image && Address($0.url).name.hasPrefix("volumedata") }
            ?? links.firstIndex { $0.role == .image }
    }

    /// The page never names the microscope; its example images are called after focused ion beam slices.
    private static func addImageName(in article: MarkupNode, base: String, to dataset: inout Dataset) {
        let images = article.all("img").compactMap { $0.attributes["src"].flatMap { Href.resolve($0, against: base) } }
        guard let url = images.first(where: { Address($0).name.uppercased().contains("FIBSLICE") }) else { return }
        dataset.claims.append(
            Claim(
                Field.Name.modality, "FIB-SEM", at: "\(url)#inferred-from-image-name", published: Address(url).name,
                isApproximate: true))
    }

    /// Links to papers; one that is no DOI stays a reference and no DOI is made up for it.
    private static func addReferences(in article: MarkupNode, base: String, at place: String, to dataset: inout Dataset)
    {
        for paragraph in article.all("p") {
            for anchor in paragraph.all("a") {
                guard let url = anchor.attributes["href"].flatMap({ Href.resolve($0, against: base) }) else { continue }
                let host = Address(url).host ?? ""
                let isResolver = host == "doi.org" || host.hasSuffix(".doi.org")
                guard isResolver || host == "ieeexplore.ieee.org" else { continue }
                if isResolver, let doi = DOI.bare(in: url), !dataset.dois.contains(doi) { dataset.dois.append(doi) }
                dataset.claims.append(
                    Claim("reference", .string(url), at: place, published: Published.line(paragraph.text)))
            }
        }
    }
}
