public import HarvestCore
import HarvestMarkup

/// EPFL CVLab's "Electron Microscopy Dataset": one page of plain HTML, six multi-page TIFFs, no licence, no API.
///
/// The page's paragraph after `h3#data` is all that is known about size and voxel size; the files say neither.
public struct EPFL: Portal {
    public let name = "epfl"
    public let title = "EPFL CVLab"
    public let examples = ["https://www.epfl.ch/labs/cvlab/data/data-em/"]

    private static let dataExtensions: Set = ["tif", "tiff", "zip", "h5", "hdf5", "raw", "gz", "nrrd", "mrc"]

    public init() {}

    public func publishes(_ url: String) -> Bool {
        let address = Address(url)
        let path = address.path.split(separator: "/").map { $0.lowercased() }
        switch address.host {
        case "www.epfl.ch", "epfl.ch":
            return path.starts(with: ["labs", "cvlab", "data"]) && path.count == 4 && path[3].hasPrefix("data-em")
        case "cvlab.epfl.ch", "www.cvlab.epfl.ch":
            return path == ["data", "data-em"] || path == ["data", "em"]
        default: return false
        }
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        let page = try await web.page(at: url)
        try page.requireOK()
        let html = try HTMLDocument.parse(bytes: page.body, at: url)
        let article = html.first("article") ?? html
        guard let paragraph = article.next("p", after: { $0.name == "h3" && $0.id == "data" }) else {
            throw HarvestError(
                .malformed, "the page changed: a paragraph after the heading h3#data was expected", at: url,
                next: "please report this, or fetch its files by their own addresses")
        }
        let text = paragraph.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard !text.isEmpty else { throw HarvestError.malformed("the page changed: the paragraph after h3#data is empty", at: url) }
        var dataset = Dataset(address: url, id: Address(url).name, portal: name)
        dataset.title = article.first("h1")?.text.trimmingSpaces() ?? html.first("title")?.text.trimmingSpaces()
        dataset.description = text
        dataset.claims = claims(text, at: "\(url)#data") + surroundings(article, at: url)
        dataset.links = links(article, base: page.finalURL)
        guard !dataset.links.isEmpty else {
            throw HarvestError.malformed("the page changed: links to data files (a[href] ending in .tif) were expected", at: url)
        }
        dataset.findings = [
            Finding(.warning, rule: "licence-missing", field: Field.Name.licence,
                "the page states no licence; ask the authors before publishing anything derived from the data")
        ]
        return dataset
    }

    /// What the paragraph says: `1065x2048x1536 volume` is Z, X, Y; `5x5x5nm` per voxel, "approximately".
    private func claims(_ text: String, at place: String) -> [Claim] {
        var claims: [Claim] = []
        for match in text.matches(of: /([\d.]+)\s*[x×]\s*([\d.]+)\s*[x×]\s*([\d.]+)\s*([µμu]m|nm|)/) {
            let (a, b, c) = (Double(match.output.1), Double(match.output.2), Double(match.output.3))
            guard let a, let b, let c else { continue }
            let before = text[..<match.range.lowerBound].suffix(40).lowercased()
            let isApproximate = ["approximate", "about", "around", "~", "roughly"].contains { before.contains($0) }
            let published = String(match.output.0).trimmingSpaces()
            let zyx = [a, c, b]  // the page counts slices, then width, then height
            switch match.output.4 {
            case "nm":
                claims.append(
                    Claim(Field.Name.voxelSize, JSON(zyx.map(Optional.some)), unit: "nm", at: place, published: published, isApproximate: isApproximate))
            case "":
                let lengths = zyx.compactMap { Int(exactly: $0) }
                guard lengths.count == 3 else { continue }
                claims.append(Claim(Field.Name.shape, JSON(lengths), at: place, published: published))
                claims.append(Claim(Field.Name.axes, ["z", "y", "x"], at: place))
            default:
                claims.append(
                    Claim(Field.Name.extent, JSON(zyx.map { $0 * 1000 }.map(Optional.some)), unit: "nm", at: place, published: published))
            }
        }
        if let sample = text.firstMatch(of: /from the ([\w\s]+?(?:brain|cortex|tissue))/) {
            claims.append(Claim(Field.Name.sample, .string(String(sample.output.1)), at: place))
        }
        return claims
    }

    /// What stands elsewhere on the page: the paper, and the technique that the example picture's name gives away.
    private func surroundings(_ article: MarkupNode, at url: String) -> [Claim] {
        var claims: [Claim] = []
        if article.all("img").contains(where: { $0.attributes["src"]?.uppercased().contains("FIBSLICE") == true }) {
            claims.append(Claim(Field.Name.modality, "FIB-SEM", at: "\(url)#img, inferred from the name FIBSLICE", isApproximate: true))
        }
        if let paper = article.next("p", after: { $0.id == "references" }) {
            claims.append(Claim("reference", .string(paper.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")), at: "\(url)#references"))
        }
        return claims
    }

    /// The data files, each once, in the page's order.
    private func links(_ article: MarkupNode, base: String) -> [Link] {
        var links: [Link] = []
        for anchor in article.all("a") {
            guard let href = anchor.attributes["href"], let url = Href.resolve(href, against: base) else { continue }
            let address = Address(url)
            guard Self.dataExtensions.contains(address.fileExtension) else { continue }
            let text = anchor.text.trimmingSpaces()
            if links.contains(where: { $0.url == url }) { continue }
            let file = address.name.lowercased()
            let role: Link.Role = file.contains("groundtruth") ? .labels : file.contains("result") ? .result : .image
            let isPrimary = file.hasPrefix("volumedata") || text.lowercased() == "image stack"
            let isFirst = !links.contains(where: \.isPrimary)
            let isTIFF = ["tif", "tiff"].contains(address.fileExtension)
            links.append(
                Link(
                    url: url, format: isTIFF ? "tiff" : nil, role: role,
                    isPrimary: isPrimary && isFirst, name: text.isEmpty ? address.name : text))
        }
        return links
    }
}
