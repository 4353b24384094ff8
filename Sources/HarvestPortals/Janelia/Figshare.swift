import HarvestCore
import HarvestMarkup

/// What figshare knows about a dataset's DOI: title, authors, licence, description.
enum Figshare {
    /// Asks for the first Janelia DOI of `dataset`; failures are findings.
    static func fill(_ dataset: inout Dataset, _ web: any Web) async {
        guard let doi = dataset.dois.first(where: { $0.contains("janelia.") }), let number = doi.split(separator: ".").last,
            number.allSatisfy(\.isNumber)
        else { return }
        let url = "https://api.figshare.com/v2/articles/\(number)"
        do {
            let page = try await web.page(at: url)
            try page.requireOK()
            let json = try JSON(parsing: page.body, at: url)
            guard json.object != nil else { throw HarvestError.malformed("an article was expected", at: url) }
            if let title = json["title"]?.string { dataset.title = title }
            if let html = json["description"]?.string {
                let text = (try? HTMLDocument.parse(bytes: Bytes(html.utf8), at: url))?.text ?? html
                let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                if !words.isEmpty { dataset.description = words }
            }
            dataset.authors = (json["authors"]?.array ?? []).compactMap { $0["full_name"]?.string }
            dataset.licence = json["license"]?["name"]?.string
            dataset.add(Field.Name.licence, dataset.licence.map(JSON.string), at: "\(url)#license.name")
        } catch { dataset.note("figshare article", HarvestError.wrapping(error)) }
    }
}
