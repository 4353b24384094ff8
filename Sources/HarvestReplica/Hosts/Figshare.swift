/// api.figshare.com: the two articles that jrc_mus-nacc-2 points to. Identifiers, DOIs, dates' form and licence are
/// figshare's; titles, names and prose are the replica's.
struct Figshare: Host {
    let names = ["api.figshare.com"]
    let routes = ["/v2/articles/24222898  the images", "/v2/articles/26513209  the nuclei"]

    func respond(to request: Request) -> Response {
        switch request.path {
        case "/v2/articles/24222898":
            article(
                24_222_898, "jrc_mus-nacc-2, electron microscopy of mouse nucleus accumbens (replica)",
                "A volume imaged by FIB-SEM at 4 x 4 x 2.96 nm.", tag: "FIB-SEM", day: "2023-10-10")
        case "/v2/articles/26513209":
            article(
                26_513_209, "jrc_mus-nacc-2, nuclei (replica)", "Nuclei found in the volume of the same name.",
                tag: "segmentation", day: "2024-08-09")
        default: failure(404, request: request)
        }
    }

    func failure(_ status: Int, request: Request) -> Response {
        let message = status == 404 ? "Entity not found: article" : Response.reason(status)
        let code = status == 404 ? "EntityNotFound" : "Error"
        return json(status, "{\"message\": \"\(message)\", \"code\": \"\(code)\"}")
    }

    private func article(_ id: Int, _ title: String, _ prose: String, tag: String, day: String) -> Response {
        let page = "https://janelia.figshare.com/articles/dataset/_/\(id)"
        let author = """
            {"id": 1, "full_name": "Replica Author", "first_name": "Replica", "last_name": "Author", \
            "is_active": false, "url_name": "Replica_Author", "orcid_id": ""}
            """
        let second = author.replacing("Replica", with: "Second").replacing("\"id\": 1", with: "\"id\": 2")
        let file = """
            {"id": 1, "name": "jrc_mus-nacc-2", "size": 0, "is_link_only": true, \
            "download_url": "https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2", "supplied_md5": "", \
            "computed_md5": "", "mimetype": "undefined"}
            """
        return json(
            200,
            """
            {"id": \(id), "title": \(JSONText.quoted(title)), "doi": "10.25378/janelia.\(id)", "handle": "",
             "url": "https://api.figshare.com/v2/articles/\(id)", "published_date": "\(day)T00:00:00Z",
             "defined_type": 3, "defined_type_name": "dataset", "url_public_html": "\(page)",
             "url_public_api": "https://api.figshare.com/v2/articles/\(id)", "thumb": "",
             "files": [\(file)],
             "authors": [\(author), \(second)],
             "license": {"value": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
             "description": \(JSONText.quoted("<p>\(prose)</p>")), "tags": ["\(tag)"], "keywords": ["\(tag)"],
             "categories": [], "references": [], "funding_list": [], "custom_fields": [], "version": 1,
             "status": "public", "size": 0, "created_date": "\(day)T00:00:00Z", "modified_date": "\(day)T00:00:00Z",
             "is_public": true, "is_embargoed": false, "is_confidential": false, "is_metadata_record": false,
             "has_linked_file": true, "resource_title": null, "resource_doi": null,
             "citation": \(JSONText.quoted("Author, Replica; Author, Second (\(day.prefix(4))). \(title). figshare."))}
            """)
    }

    private func json(_ status: Int, _ body: String) -> Response {
        .text(status, "application/json", body, headers: [("Server", "nginx")])
    }
}
