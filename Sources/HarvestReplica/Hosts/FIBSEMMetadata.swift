/// raw.githubusercontent.com: the old static manifests of OpenOrganelle, which never learnt of jrc_mus-nacc-2.
struct FIBSEMMetadata: Host {
    let names = ["raw.githubusercontent.com"]
    let routes = [root + "index.json", root + "jrc_hela-2/manifest.json"] + GitHubPages.pages.keys.sorted()

    private static let root = "/janelia-cosem/fibsem-metadata/stable/api/"

    func respond(to request: Request) -> Response {
        switch request.path {
        case Self.root + "index.json": plain(Self.index)
        case Self.root + "jrc_hela-2/manifest.json": plain(Self.manifest)
        default:
            request.path.flatMap { GitHubPages.pages[$0] }.map { plain($0) } ?? failure(404, request: request)
        }
    }

    func failure(_ status: Int, request: Request) -> Response {
        .text(status, "text/plain; charset=utf-8", "\(status): \(Response.reason(status))")
    }

    /// GitHub serves all text as text, and tags it with a hash.
    private func plain(_ text: String) -> Response {
        let bytes = Array(text.utf8)
        return .object(
            StoredObject(bytes), type: "text/plain; charset=utf-8", entityTag: "\"\(Digest.md5Hex(bytes))\"",
            lastModified: nil, headers: [("Cache-Control", "max-age=300")])
    }

    private static let index: String = {
        let names = ["jrc_hela-1", "jrc_hela-2", "jrc_hela-3", "jrc_macrophage-2", "jrc_mus-liver", "jrc_jurkat-1"]
        return "{\"datasets\": {" + names.map { "\"\($0)\": \"api/\($0)\"" }.joined(separator: ", ") + "}}"
    }()

    private static let manifest = """
        {"name": "jrc_hela-2",
         "metadata": {"title": "Interphase HeLa cell", "id": "jrc_hela-2",
          "thumbnailURL": "https://janelia-cosem-datasets.s3.amazonaws.com/jrc_hela-2/thumbnail.jpg",
          "imaging": {"id": "Aubrey_17-7-17_Cell2", "institution": "Janelia",
           "gridSpacing": {"unit": "nm", "values": {"x": 4.0, "y": 4.0, "z": 5.24}},
           "dimensions": {"unit": "\\u00b5m", "values": {"x": 48.0, "y": 6.0, "z": 33.0}},
           "startDate": "2017-06-21", "duration": 25, "biasVoltage": 500.0, "scanRate": 0.1, "current": 0.25,
           "primaryEnergy": 900.0},
          "sample": {"description": "A HeLa cell between divisions, as this replica tells it",
           "protocol": "Frozen at high pressure and embedded in resin.",
           "contributions": "The people that the portal itself names.",
           "organism": ["Human"], "type": ["Cell culture"], "subtype": ["HeLa"], "treatment": ["Wild-type"]},
          "institution": ["HHMI/Janelia"], "softwareAvailability": "open",
          "DOI": [{"href": "https://doi.org/10.25378/janelia.13114211", "title": "EM"},
           {"href": "https://doi.org/10.25378/janelia.13108343", "title": "Segmentations"}],
          "publications": [{"href": "https://doi.org/10.1038/s41586-021-03992-4", "title": "Xu et al., 2021"},
           {"href": "https://doi.org/10.1038/s41586-021-03977-3", "title": "Heinrich et al., 2021"}]},
         "sources": {
          "fibsem-uint16": \(source("fibsem-uint16", "The microscope's volume", "n5", "em", "em")),
          "fibsem-uint8": \(source(
            "fibsem-uint8", "The same in eight bits", "precomputed", "em", "neuroglancer/em")),
          "mito_seg": \(source("mito_seg", "Mitochondria", "n5", "segmentation", "labels")),
          "er_pred": \(source("er_pred", "Where reticulum is likely", "n5", "prediction", "labels"))},
         "views": [{"name": "Default view", "description": "Everything from afar.", "sources": ["fibsem-uint16"],
           "position": null, "scale": null, "orientation": [1.0, 0.0, 0.0]}]}
        """

    private static func source(
        _ name: String, _ description: String, _ format: String, _ content: String, _ folder: String
    ) -> String {
        let root = format == "n5" ? "jrc_hela-2.n5/\(folder)/\(name)" : "\(folder)/\(name).precomputed"
        return """
            {"name": "\(name)", "description": "\(description)",
             "url": "s3://janelia-cosem-datasets/jrc_hela-2/\(root)", "format": "\(format)",
             "transform": {"axes": ["z", "y", "x"], "units": ["nm", "nm", "nm"], "translate": [0.0, 0.0, 0.0],
              "scale": [5.24, 4.0, 4.0]}, "sampleType": "scalar", "contentType": "\(content)",
             "displaySettings": {"contrastLimits": {"start": 0, "end": 255, "min": 0, "max": 255}, "color": "white",
              "invertLUT": false}, "subsources": []}
            """
    }
}
