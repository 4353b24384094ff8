internal import HarvestCore
internal import HarvestMarkup

/// The article at figshare that gives a dataset its DOI: title, authors, licence. figshare API v2, "View article".
enum FigshareArticle {
    static func account(_ number: String, in web: any Web) async throws -> OrganelleAccount? {
        let url = "https://api.figshare.com/v2/articles/\(number)"
        let page = try await web.page(at: url)
        guard page.status != 404 else { throw HarvestError(.unavailable, "figshare has no article \(number)", at: url) }
        let article = try JSON(parsing: page.accepted(as: "the article").body, at: url)
        guard article.object != nil, let title = Published.text(article["title"]) else {
            throw HarvestError.malformed("expected an object with \"title\"", at: url)
        }
        var account = OrganelleAccount(at: url)
        account.dataset.title = title
        account.isTitle = true
        account.dataset.authors = (article["authors"]?.array ?? []).compactMap { Published.text($0["full_name"]) }
        account.dataset.licence = Published.text(article["license"]?["name"])
        account.claim(
            Field.Name.licence, JSON(account.dataset.licence), at: "license.name",
            published: Published.text(article["license"]?["url"]))
        if let doi = article["doi"]?.string.flatMap(DOI.bare) { account.dataset.dois = [doi] }
        if let html = article["description"]?.string, !html.isEmpty,
            let words = try? HTMLDocument.parse(bytes: Bytes(html.utf8), at: url)
        {
            account.dataset.description = Published.line(words.pieces.joined(separator: " "))
            account.claim("article_description", JSON(account.dataset.description), at: "description")
        }
        return account
    }
}
