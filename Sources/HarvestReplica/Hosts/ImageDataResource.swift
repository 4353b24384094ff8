/// idr.openmicroscopy.org: what anonymous visitors may ask OMERO about one image, its parents and its study.
///
/// Image 9846137 is whole; 1884807 lost its pixels in a move, so that `imgData` answers 200 with an `Exception`.
struct ImageDataResource: Host {
    let names = ["idr.openmicroscopy.org"]
    let routes = [
        "/webgateway/original_file_paths/9846137/", "/image/9846137/download_urls/", "/api/v0/m/images/9846137/",
        "/api/v0/m/images/9846137/datasets/", "/api/v0/m/datasets/10740/", "/api/v0/m/datasets/10740/images/",
        "/api/v0/m/datasets/10740/projects/", "/api/v0/m/projects/1161/datasets/",
        "/webclient/api/paths_to_object/?image=9846137",
        "/webclient/api/annotations/?type=map&image=9846137|project=1161",
        "/webgateway/imgData/{9846137,1884807}/", "/study/idr0086/json/",
        "/webclient/archived_files/download/…  a login page, 200",
    ]

    private static let image = 9_846_137
    private static let lost = 1_884_807
    static let fileName = "Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif"
    static let clientPath = "uod/idr/filesets" + Archive.study.dropFirst("/pub/databases/IDR".count) + fileName

    func respond(to request: Request) -> Response {
        func json(_ body: String) -> Response { .text(200, "application/json", body) }
        let path = request.path ?? ""
        if path.hasPrefix("/webclient/archived_files/download") {
            return .text(200, "text/html; charset=utf-8", Self.login)
        }
        switch path {
        case "/webgateway/original_file_paths/\(Self.image)/":
            return json(
                "{\"repo\": [\"demo_2/2020-07/01/\(Self.fileName)\"], \"client\": [\"\(Self.clientPath)\"], \"fileset\": {\"id\": 4000001}}"
            )
        case "/webgateway/original_file_paths/\(Self.lost)/": return json("{}")
        case "/image/\(Self.image)/download_urls/":
            return json(
                "{\"client_paths\": [\"\(Self.clientPath)\"], \"download_urls\": [\"https://ftp.ebi.ac.uk\(Archive.study)\(Self.fileName)\"], "
                    + "\"tsv_url\": \"https://raw.githubusercontent.com\(GitHubPages.downloads)\"}")
        case "/api/v0/m/images/\(Self.image)/": return json("{\"data\": \(Self.imageJSON)}")
        case "/api/v0/m/images/\(Self.image)/datasets/": return json(Self.list([Self.datasetJSON]))
        case "/api/v0/m/datasets/10740/": return json("{\"data\": \(Self.datasetJSON)}")
        case "/api/v0/m/datasets/10740/images/": return json(Self.list([Self.imageJSON]))
        case "/api/v0/m/datasets/10740/projects/": return json(Self.list([Self.projectJSON]))
        case "/api/v0/m/projects/1161/datasets/": return json(Self.list([Self.datasetJSON]))
        case "/webclient/api/paths_to_object/" where request.parameter("image") == "\(Self.image)":
            return json(
                "{\"paths\": [[{\"type\": \"experimenter\", \"id\": 2}, {\"type\": \"project\", \"id\": 1161}, "
                    + "{\"type\": \"dataset\", \"id\": 10740, \"childCount\": 2}, {\"type\": \"image\", \"id\": \(Self.image)}]]}"
            )
        case "/webclient/api/annotations/" where request.parameter("type") == "map":
            if request.parameter("image") == "\(Self.image)" { return json(Self.annotations(Self.imageValues)) }
            if request.parameter("project") == "1161" { return json(Self.annotations(Self.studyValues)) }
            return json("{\"annotations\": [], \"experimenters\": []}")
        case "/webgateway/imgData/\(Self.image)/":
            return json(
                Self.pixels(
                    ", \"size\": {\"width\": 1121, \"height\": 775, \"z\": 184, \"t\": 1, \"c\": 1}, "
                        + "\"pixel_size\": {\"x\": 0.02, \"y\": 0.02, \"z\": 0.02}, \"pixel_range\": [0, 255], \"channels\": "
                        + "[{\"label\": \"0\", \"color\": \"808080\", \"window\": {\"min\": 36.0, \"max\": 199.0, \"start\": 36.0, \"end\": 199.0}, \"active\": true}]"
                ))
        case "/webgateway/imgData/\(Self.lost)/":
            return json(
                Self.pixels(
                    ", \"Exception\": \"exception ::omero::ResourceError { message = Failed to get pixel buffer }\""))
        case "/study/idr0086/json/":
            return json(
                "{\"@context\": \"https://schema.org/\", \"@type\": \"Dataset\", \"name\": \"\(Self.studyTitle)\", "
                    + "\"description\": \"A study of chromatin.\", \"url\": \"https://idr.openmicroscopy.org/study/idr0086/\", "
                    + "\"license\": \"https://creativecommons.org/licenses/by/4.0/\"}")
        default: return failure(404, request: request)
        }
    }

    private static let login = """
        <!DOCTYPE html>
        <html><head><title>OMERO.web - Login</title></head><body>
        <form action="/webclient/login/" method="post"><input name="username"><input type="password" name="password"></form>
        </body></html>

        """

    static let studyTitle =
        "Chromatin arranges in chains of mesoscale domains with nanoscale functional topography independent of cohesin"

    private static func list(_ items: [String]) -> String {
        "{\"data\": [\(items.joined(separator: ", "))], \"meta\": {\"offset\": 0, \"limit\": 200, \"maxLimit\": 1000, "
            + "\"totalCount\": \(items.count)}}"
    }

    private static let schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

    /// Fields without a value are left out.
    private static let imageJSON: String = {
        let length = "{\"@type\": \"TBD#LengthI\", \"Unit\": \"MICROMETER\", \"Symbol\": \"µm\", \"Value\": 0.02}"
        return """
            {"@id": \(image), "@type": "\(schema)#Image", "Name": "\(fileName)", "AcquisitionDate": 1591779600000,
             "Pixels": {"@id": \(image), "@type": "\(schema)#Pixels", "SizeX": 1121, "SizeY": 775, "SizeZ": 184,
              "SizeC": 1, "SizeT": 1, "PhysicalSizeX": \(length), "PhysicalSizeY": \(length), "PhysicalSizeZ": \(length),
              "SignificantBits": 8, "Type": {"@type": "TBD#PixelsType", "value": "uint8"},
              "Channels": [{"@id": 1, "@type": "\(schema)#Channel", "Color": -2139062017}]},
             "url:datasets": "https://idr.openmicroscopy.org/api/v0/m/images/\(image)/datasets/"}
            """
    }()

    private static let datasetJSON = """
        {"@id": 10740, "@type": "\(schema)#Dataset", "Name": "U2OS_chromatin",
         "url:projects": "https://idr.openmicroscopy.org/api/v0/m/datasets/10740/projects/"}
        """
    private static let projectJSON = """
        {"@id": 1161, "@type": "\(schema)#Project", "Name": "idr0086-miron-micrographs/experimentD"}
        """

    private static func pixels(_ rest: String) -> String {
        "{\"id\": \(image), \"meta\": {\"imageName\": \"\(fileName)\", \"projectName\": \"idr0086-miron-micrographs/experimentD\", "
            + "\"projectId\": 1161, \"datasetName\": \"U2OS_chromatin\", \"datasetId\": 10740, \"imageTimestamp\": 1591779600.0, "
            + "\"pixelsType\": \"uint8\"}, \"perms\": {\"canEdit\": false}\(rest)}"
    }

    private static let imageValues = [
        (
            "openmicroscopy.org/omero/bulk_annotations",
            [
                ("Cell Cycle Stage", "G1"), ("Assay Description", "chromatin image in U2OS cells in G1"),
                ("Image Description", "FIB-SEM chromatin IF image in U2OS cells in G1"),
                ("Channels", "Channel 1: greyscale cell"),
            ]
        ),
        ("openmicroscopy.org/mapr/organism", [("Organism", "Homo sapiens")]),
        ("openmicroscopy.org/mapr/cell_line", [("Cell Line", "U2OS")]),
    ]

    /// Keys repeat, as they may.
    private static let studyValues = [
        (
            "idr.openmicroscopy.org/study/info",
            [
                ("Study Type", "micrograph"), ("Organism", "Homo sapiens"), ("Organism", "Mus musculus"),
                ("Imaging Method", "scanning electron microscopy (SEM)"), ("Publication Title", studyTitle),
                ("Publication Authors", "Miron E, Oldenkamp R, Brown JM"),
                ("Publication DOI", "10.1126/sciadv.aba8811 https://doi.org/10.1126/sciadv.aba8811"),
                ("Release Date", "2020-07-22"), ("License", "CC BY 4.0 https://creativecommons.org/licenses/by/4.0/"),
                ("Copyright", "The authors"), ("Data DOI", "10.17867/10000141d https://doi.org/10.17867/10000141d"),
                (
                    "Annotation File",
                    "idr0086-experimentD-annotation.csv https://github.com/IDR/idr0086-miron-micrographs/"
                ),
            ]
        )
    ]

    private static func annotations(_ groups: [(String, [(String, String)])]) -> String {
        let items = groups.enumerated().map { index, group in
            let values = group.1.map { "[\(JSONText.quoted($0.0)), \(JSONText.quoted($0.1))]" }
            return
                "{\"id\": \(9_000_001 + index), \"ns\": \"\(group.0)\", \"name\": null, \"class\": \"MapAnnotationI\", "
                + "\"values\": [\(values.joined(separator: ", "))]}"
        }
        return "{\"annotations\": [\(items.joined(separator: ",\n "))], \"experimenters\": []}"
    }
}
