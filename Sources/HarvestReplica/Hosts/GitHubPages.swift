/// What raw.githubusercontent.com serves of IDR's repositories.
enum GitHubPages {
    static let downloads = "/IDR/idr.openmicroscopy.org/refs/heads/master/_data/download_urls.tsv"
    static let study = "/IDR/idr0086-miron-micrographs/HEAD/idr0086-study.txt"
    static let annotations = "/IDR/idr0086-miron-micrographs/HEAD/experimentD/idr0086-experimentD-annotation.csv"

    static let pages = [downloads: table, study: description, annotations: images]

    /// One row a study: how a client's path becomes an address.
    private static let table: String = {
        let head =
            "idrid\timage_id\tdata_location\tis_zarr\tdownload_url\treplace_this\twith_this\tclient_path\tbia_ngff_id\tbia_url\texternal_info"
        var rows = [
            "idr0173\t15190881\t\tTrue\t\t\t\t\t\thttps://www.ebi.ac.uk/biostudies/studies/S-BIAD2216\ts3://uk1s3.embassy.ebi.ac.uk/bia-idr-integration/S-BIAD2216/0000.ome.zarr/?anonymous=true"
        ]
        for number in 10..<120 where number != 86 {
            let id = "idr\(number < 100 ? "00" : "0")\(number)"
            rows.append(
                "\(id)\t\(number * 1000)\tIDR\tFalse\thttps://ftp.ebi.ac.uk/pub/databases/IDR/\(id)-study\tuod/idr/filesets\thttps://ftp.ebi.ac.uk/pub/databases/IDR\tuod/idr/filesets/\(id)-study/a.tif\t\t\t"
            )
        }
        rows.append(
            "idr0086\t9845029\tIDR\tFalse\thttps://ftp.ebi.ac.uk/pub/databases/IDR/idr0086-miron-micrographs\tuod/idr/filesets\thttps://ftp.ebi.ac.uk/pub/databases/IDR\tuod/idr/filesets/idr0086-miron-micrographs/20200610-ftp/experimentA/a.tif\t\t\t"
        )
        return ([head] + rows).joined(separator: "\n") + "\n"
    }()

    private static let description = """
        # Section with generic information about the study
        Comment[IDR Study Accession]\tidr0086
        Study Title\t\(ImageDataResource.studyTitle)
        Study Publication DOI\thttps://doi.org/10.1126/sciadv.aba8811
        Study License\tCC BY 4.0
        Study License URL\thttps://creativecommons.org/licenses/by/4.0/
        Study Data DOI\thttps://doi.org/10.17867/10000141d
        Study Organism\tHomo sapiens\tMus musculus

        # Section for each experiment
        Experiment Number\t1
        Comment[IDR Experiment Name]\tidr0086-miron-micrographs/experimentA
        Experiment Imaging Method\tstructured illumination microscopy

        Experiment Number\t4
        Comment[IDR Experiment Name]\tidr0086-miron-micrographs/experimentD
        Experiment Imaging Method\tscanning electron microscopy (SEM)
        Experiment Comments\tFIB-SEM
        Protocol Name\timage acquisition
        Protocol Description\tThe block was imaged in a customized Zeiss Merlin crossbeam system with a 2 nA electron beam at 1.2 keV landing energy and a 500 kHz imaging rate; the x-y pixel size was set at 8 nm. A 30 kV, 15 nA gallium ion beam removed each layer.

        """

    private static let images =
        "\u{FEFF}Dataset Name,Image Name,Characteristics [Organism],Characteristics [Cell Line]\n"
        + "U2OS_chromatin,\(ImageDataResource.fileName),Homo sapiens,U2OS\n"
}
