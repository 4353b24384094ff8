/// www.ebi.ac.uk, as far as EMPIAR goes: the interface of entry 11759, its tree of files, its page.
struct ElectronArchive: Host {
    let names = ["www.ebi.ac.uk"]
    let routes = [
        "/empiar/api/entry/EMPIAR-11759/  (also 11759)", "/empiar/entry/11759/dirStruct=full&list=1/-1/",
        "/empiar/EMPIAR-11759/  the empty page",
    ]

    func respond(to request: Request) -> Response {
        switch request.path {
        case "/empiar/api/entry/EMPIAR-11759/", "/empiar/api/entry/11759/":
            return .text(200, "application/json", Self.entry)
        case "/empiar/entry/11759/dirStruct=full&list=1/-1/": return .text(200, "application/json", Self.tree)
        case "/empiar/EMPIAR-11759/", "/empiar/entry/11759/":
            return .text(
                200, "text/html; charset=utf-8",
                "<!DOCTYPE html><html><head><title>EMPIAR-11759</title></head><body>"
                    + "<entry-info api-entry-url=\"/empiar/api/entry/\" empiar-id=\"EMPIAR-11759\"></entry-info></body></html>\n"
            )
        default: return failure(404, request: request)
        }
    }

    func failure(_ status: Int, request: Request) -> Response {
        .text(status, "application/json", "{\"detail\": \"\(Response.reason(status)).\"}")
    }

    static let title = "Developing retina in zebrafish 55 hpf larval eye."

    /// What the depositor wrote, a number with its unit for each condition.
    private static let details =
        "\(title) \nIt is a SBF-SEM data set. \nThe resolution is 8nm/px in xy and 50nm per section (z). \n\n"
        + "The acquisition conditions on the FEI Magellan400 SEM were 1.9kV accelerating voltage and 200pA current at "
        + "0.5 usec dwell time. \nThe microtome unit of the SBF-SEM is called Gatan 3ViewXP."

    /// Sizes are text, counts are numbers, most is null.
    private static let entry = """
        {"EMPIAR-11759": {"title": "\(title)", "status": "REL", "deposition_date": "2023-11-01",
          "release_date": "2024-01-15", "obsolete_date": null, "update_date": "2024-01-15",
          "corresponding_author": {"author": {"author_orcid": null, "first_name": "A", "last_name": "Depositor",
           "organization": "An institute", "country": "Germany"}},
          "principal_investigator": [{"author": {"first_name": "A", "last_name": "Depositor", "author_orcid": null}}],
          "authors": [{"author": {"name": "Depositor A", "author_orcid": null}}],
          "cross_references": [], "workflows": null, "experiment_type": "SBF-SEM", "scale": "tissue",
          "grant_references": [], "version_history": [], "dataset_size": "1.2 GB",
          "entry_doi": "10.6019/EMPIAR-11759", "related_pdb_entries": [],
          "imagesets": [{"name": "\(title)", "directory": "data", "category": "reconstructed volumes",
            "header_format": "DM3", "data_format": "DM3", "num_images_or_tilt_series": 16, "frames_per_image": 1,
            "frame_range_min": null, "frame_range_max": null, "voxel_type": "UNSIGNED BYTE", "pixel_width": 80.0,
            "pixel_height": 80.0, "details": \(JSONText.quoted(details)), "micrographs_file_pattern": null,
            "picked_particles_file_pattern": null, "picked_particles_directory": null, "image_width": "5628",
            "image_height": "5632", "segmentations": []}],
          "citation": [{"authors": [{"name": "Depositor A", "order": 1, "author_orcid": null}], "published": false,
            "title": "\(title)", "year": null, "doi": null, "pubmedid": null, "journal": null}]}}

        """

    /// The header file that lies beside the data.
    static let header = """
        <?xml version='1.0' encoding='UTF-8'?>
        <entry xmlns="http://pdbe.org/empiar" accessionCode="EMPIAR-11759" schemaVersion="0.64" public="true">
          <admin>
            <currentStatus>REL</currentStatus>
            <keyDates><depositionDate>2023-11-01</depositionDate><releaseDate>2024-01-15</releaseDate></keyDates>
            <title>\(title)</title>
            <correspondingAuthor private="true"><firstName>A</firstName><lastName>Depositor</lastName>
              <organization type="academic">Cell &amp;amp; Tissue Institute</organization></correspondingAuthor>
            <authorsList><author>Depositor A</author></authorsList>
            <datasetSize units="GB">1.2</datasetSize>
            <entryDOI>10.6019/EMPIAR-11759</entryDOI>
            <experimentType>SBF-SEM</experimentType>
            <scale>tissue</scale>
          </admin>
          <imageSet>
            <name>\(title)</name>
            <directory>/data</directory>
            <category>reconstructed volumes</category>
            <headerFormat>DM3</headerFormat>
            <dataFormat>DM3</dataFormat>
            <numImagesOrTiltSeries>16</numImagesOrTiltSeries>
            <framesPerImage>1</framesPerImage>
            <voxelType>UNSIGNED BYTE</voxelType>
            <dimensions><imageWidth>5628</imageWidth><pixelWidth>80.0</pixelWidth><imageHeight>5632</imageHeight>\
        <pixelHeight>80.0</pixelHeight></dimensions>
            <details>\(MarkupText.escaped(details))</details>
            <segmentationList/>
          </imageSet>
        </entry>

        """

    /// What the page's own tree of files is made of.
    private static let tree: String = {
        let slices = (0..<SliceFile.count).map { number in
            "{\"id\": \(4 + number), \"name\": \"\(SliceFile.name(number))\", \"text\": \"\(SliceFile.name(number))\", "
                + "\"type\": \"file\", \"size\": \(SliceFile.fileBytes), \"children\": false}"
        }
        return """
            [{"id": 1, "name": "11759", "text": "11759", "type": "directory", "size": "1.2 GB",
              "state": {"selected": "true"}, "children": [
               {"id": 2, "name": "11759.xml", "text": "11759.xml (2 KB)", "type": "file", "size": \(header.utf8.count), "children": false},
               {"id": 3, "name": "data", "text": "data", "type": "directory", "size": 488985701, "children": [
                \(slices.joined(separator: ",\n    ")),
                {"id": 40, "name": "trakem2_project.xml", "text": "trakem2_project.xml", "type": "file", "size": 2650000, "children": false},
                {"id": 41, "name": "trakem2.features", "text": "trakem2.features", "type": "directory", "size": 4096, "children": true}]}]}]

            """
    }()
}
