import HarvestCore
import HarvestTesting

/// IDR's interfaces in the shape in which they answer; names, numbers and words are ours.
enum IDRFixture {
    static let base = "https://idr.openmicroscopy.org"
    static let url = "\(base)/webclient/img_detail/42/?dataset=8"
    static let github = "https://raw.githubusercontent.com/IDR"
    static let table = "\(github)/idr.openmicroscopy.org/refs/heads/master/_data/download_urls.tsv"
    static let study = "\(github)/idr0999-doe-cells/HEAD/idr0999-study.txt"
    static let folder = "https://ftp.ebi.ac.uk/pub/databases/IDR/idr0999-doe-cells/2020/experimentB"
    static let annotations = "\(base)/webclient/api/annotations/?type=map&"

    /// 1200 × 800 × 150 voxels of 20 × 20 × 50 nm, each length in a unit of its own.
    static let image = """
        {"data":{"@id":42,"Name":"cell 1.tif","AcquisitionDate":1577882096000,"Pixels":{"SizeX":1200,"SizeY":800,
        "SizeZ":150,"SizeC":1,"SizeT":1,"PhysicalSizeX":{"Value":0.02,"Unit":"MICROMETER","Symbol":"µm"},
        "PhysicalSizeY":{"Value":20.0,"Unit":"NANOMETER"},"PhysicalSizeZ":{"Value":500,"Symbol":"Å"},
        "Type":{"value":"uint8"}}}}
        """
    static let pixels = """
        {"id":42,"meta":{"imageName":"cell 1.tif","pixelsType":"uint8"},"size":{"width":1200,"height":800,"z":150,
        "t":1,"c":1},"pixel_size":{"x":0.02,"y":0.02,"z":0.05}}
        """
    static let studyText = """
        # STUDY\t
        Study Organism\tMus musculus\t
        Study License\tCC BY-NC 4.0\t
        Study Data DOI\thttps://doi.org/10.17867/10000999\t
        Experiment Number\t1
        Comment[IDR Experiment Name]\tidr0999-doe-cells/experimentA
        Protocol Description\tA 9 nA electron beam with 9 keV landing energy and a 900 kHz rate.
        Experiment Number\t2
        Comment[IDR Experiment Name]\tidr0999-doe-cells/experimentB
        Experiment Data DOI\thttps://doi.org/10.17867/10000999b
        Protocol Description\tGrown.\tBy a 3 nA electron beam with 2.5 keV landing energy and a 500 kHz rate (HeLa) and \
        a 250 pA electron beam with 1.2 keV landing energy and a 2 MHz rate (U2-OS) the block was imaged.

        """

    static func web() -> RecordedWeb {
        let web = RecordedWeb()
        func json(_ url: String, _ text: String) { web.set(url, .init(text, contentType: "application/json")) }
        json("\(base)/api/v0/m/images/42/", image)
        json("\(base)/webgateway/imgData/42/", pixels)
        let client = "uod/idr/filesets/idr0999-doe-cells/2020/experimentB/cell 1+2#.tif"
        json(
            "\(base)/image/42/download_urls/",
            "{\"client_paths\":[\"\(client)\"],\"download_urls\":[\"\(folder)/cell 1+2#.tif\"],\"tsv_url\":\"\(table)\"}"
        )
        json(
            "\(base)/webgateway/original_file_paths/42/",
            "{\"repo\":[\"x\"],\"client\":[\"\(client)\"],\"fileset\":{\"id\":5}}")
        web.set(
            table,
            .init(
                "idrid\timage_id\tdata_location\tis_zarr\tdownload_url\treplace_this\twith_this\tclient_path\tbia_ngff_id\tbia_url\texternal_info\n"
                    + "idr0998\t1\t\tTrue\t\t\t\t\t\t\ts3://h.org/b/a b.zarr/?anonymous=true\n"
                    + "idr0999\t42\tIDR\tFalse\thttps://x\tuod/idr/filesets\thttps://ftp.ebi.ac.uk/pub/databases/IDR\t\t\t\t\n",
                contentType: "text/plain"))
        json(
            "\(base)/webclient/api/paths_to_object/?image=42",
            "{\"paths\":[[{\"type\":\"experimenter\",\"id\":2},{\"type\":\"project\",\"id\":7},{\"type\":\"dataset\",\"id\":8},{\"type\":\"image\",\"id\":42}]]}"
        )
        json("\(base)/api/v0/m/images/42/datasets/", "{\"data\":[{\"@id\":8}],\"meta\":{\"totalCount\":1}}")
        json("\(base)/api/v0/m/datasets/8/projects/", "{\"data\":[{\"@id\":7}],\"meta\":{\"totalCount\":1}}")
        json(
            "\(annotations)image=42",
            "{\"annotations\":[{\"ns\":\"openmicroscopy.org/omero/bulk_annotations\",\"values\":[[\"Image Description\",\"a cell\"]]},{\"ns\":\"openmicroscopy.org/mapr/organism\",\"values\":[[\"Organism\",\"Homo sapiens\"],[\"Organism URL\",\"http://x\"]]},{\"ns\":\"openmicroscopy.org/mapr/cell_line\",\"values\":[[\"Cell Line\",\"U2OS\"]]}],\"experimenters\":[]}"
        )
        json(
            "\(annotations)project=7",
            "{\"annotations\":[{\"ns\":\"idr.openmicroscopy.org/study/info\",\"values\":[[\"License\",\"CC BY 4.0 https://creativecommons.org/licenses/by/4.0/\"],[\"Publication Authors\",\"Doe J, Roe R\"],[\"Data DOI\",\"10.17867/10000999b https://doi.org/10.17867/10000999b\"],[\"Publication DOI\",\"10.1000/x https://doi.org/10.1000/x\"],[\"Imaging Method\",\"SEM\"],[\"Imaging Method\",\"FIB-SEM\"]]}]}"
        )
        web.set(study, .init(studyText, contentType: "text/plain"))
        return web
    }
}
