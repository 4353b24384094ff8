import HarvestTesting

/// Answers in the shape of OpenOrganelle's sources; numbers of jrc_mus-nacc-2, all words ours.
enum OrganelleFixture {
    static let id = "jrc_mus-nacc-2"
    static let url = "https://openorganelle.janelia.org/datasets/\(id)"
    static let bucket = "https://janelia-cosem-datasets.s3.amazonaws.com/"
    static let database = "https://kvwjcggnkipomjlbjykf.supabase.co/rest/v1/dataset?select=…&name=eq.\(id)…"
    static let article = "https://api.figshare.com/v2/articles/24222898"
    static let image = "s3://janelia-cosem-datasets/\(id)/\(id).zarr/recon-2/em/fibsem-int16"

    static func manifest(of id: String) -> String {
        "https://raw.githubusercontent.com/janelia-cosem/fibsem-metadata/stable/api/\(id)/manifest.json"
    }

    static func listing(of prefix: String, after token: String? = nil) -> String {
        "\(bucket)?list-type=2&delimiter=%2F&prefix=\(prefix.replacing("/", with: "%2F"))"
            + (token.map { "&continuation-token=\($0)" } ?? "")
    }

    static func level(_ prefix: String, folders: [String] = [], objects: [String] = [], next: String? = nil) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix>\(prefix)</Prefix>\
        <IsTruncated>\(next != nil)</IsTruncated>\
        \(next.map { "<NextContinuationToken>\($0)</NextContinuationToken>" } ?? "")\
        \(objects.map { "<Contents><Key>\(prefix)\($0)</Key><ETag>&quot;x&quot;</ETag><Size>7</Size></Contents>" }.joined())\
        \(folders.map { "<CommonPrefixes><Prefix>\(prefix)\($0)/</Prefix></CommonPrefixes>" }.joined())\
        </ListBucketResult>
        """
    }

    /// The folders between the dataset's and the image's.
    static func addLevels(to web: RecordedWeb) {
        let zarr = "\(id)/\(id).zarr/"
        for (prefix, folders) in [
            (zarr, ["recon-2"]), ("\(zarr)recon-2/", ["em"]), ("\(zarr)recon-2/em/", ["fibsem-int16"]),
        ] {
            web.set(listing(of: prefix), .init(level(prefix, folders: folders), contentType: "application/xml"))
        }
    }

    static func web(key: Bool = true) -> RecordedWeb {
        let web = RecordedWeb()
        addLevels(to: web)
        let image = "\(id)/\(id).zarr/recon-2/em/fibsem-int16/"
        web.set(
            listing(of: "\(id)/"),
            .init(level("\(id)/", folders: ["\(id).zarr", "neuroglancer"], objects: ["thumbnail.jpg"])))
        web.set(listing(of: image), .init(level(image, folders: ["s0", "s1"], objects: [".zattrs", ".zgroup"])))
        web.set(database) { question in
            guard question.headers["apikey"] == "public" else {
                return .init("{\"message\":\"No API key found in request\"}", status: 401)
            }
            return .init(record)
        }
        web.set(article, .init(figshare))
        if key { web.setSetting("openorganelle-key", "public") }
        return web
    }

    static let record = """
        [{"name":"\(id)","description":"A brain region","thumbnail_url":"\(bucket)\(id)/thumbnail.jpg",
        "sample":{"description":"Our sample","protocol":null,"organism":["Mouse"],"type":["Tissue"],"treatment":[]},
        "image_acquisition":{"institution":"HHMI","start_date":"2015-03-09","grid_axes":["x","y","z"],
          "grid_spacing":[4,"4",2.96],"grid_spacing_unit":"nm","grid_dimensions":[10384,10080,1669.44],
          "grid_dimensions_unit":"nm"},
        "images":[
          {"name":"nuclei","url":"s3://janelia-cosem-datasets/\(id)/\(id).zarr/recon-2/labels/nuc/","format":"zarr",
           "content_type":"segmentation","sample_type":"label","source":null,
           "meshes":[{"name":"nuclei","url":"https://janelia-cosem-datasets.s3.amazonaws.com/\(id)/neuroglancer/mesh/nuc"}]},
          {"name":"fibsem-int16","description":"FIB-SEM data","url":"\(image)","format":"zarr","content_type":"em",
           "sample_type":"scalar","grid_dims":["z","y","x"],"grid_units":["nm","nm","nm"],"grid_scale":[2.96,4.0,4.0],
           "grid_translation":[0,0,0],"source":{"bias_V":500,"scan_hz":0.4,"current_nA":"0.22","duration_days":1,
           "landing_energy_eV":200},"display_settings":{"contrastLimits":{"start":-1000,"end":1500}},"meshes":[]}],
        "publications":[{"name":"Nuclei","url":"https://doi.org/10.25378/janelia.26513209","type":"doi"},
          {"name":"FIB-SEM data","url":"https://doi.org/10.25378/janelia.24222898","type":"doi"},
          {"name":"A paper","url":"https://doi.org/10.7554/eLife.25916","type":"paper"}]}]
        """

    static let figshare = """
        {"id":24222898,"title":"Our\\u0007 title","doi":"10.25378/janelia.24222898","authors":[{"full_name":"A. Author"},
        {"full_name":null}],"license":{"value":1,"name":"CC BY 4.0","url":"https://creativecommons.org/licenses/by/4.0/"},
        "description":"<p>Some <b>words</b> &amp; more</p>","files":[]}
        """

    /// The page after its scripts ran, in mark-up of our own.
    static let rendered = """
        <!doctype html><html><head><title>OpenOrganelle</title><script>var a = "Bias (Volts) 1";</script></head><body>
        <h1>A brain region</h1><p>Current research. Dimensions of life.</p><h5>Acquisition details</h5>
        <p><strong>Imaging start date</strong>: Mon Mar 09 2015</p>
        <p><strong>Final voxel size (nm)</strong>: (4, 4, 2.96) (x, y, z)</p>
        <dl><dt>Dimensions (<!-- -->nm<!-- -->)</dt><dd>(10384, 10080, 1669.44) (x, y, z)</dd>
        <dt>Dataset ID:</dt><dd>\(id)</dd></dl>
        <a href="https://doi.org/10.25378/janelia.24222898">reconstructed FIB-SEM data</a>
        <a href="https://doi.org/10.7554/eLife.25916">A paper</a>
        <p>Dataset location: <span>s3://janelia-cosem-datasets/\(id)/</span></p><h5>FIB-SEM parameters</h5>
        <table><tr><td>Imaging duration (days) </td><td>1</td></tr><tr><td>Bias (Volts)</td><td>500</td></tr>
        <tr><td>Scan rate (MHz)</td><td>0.4</td></tr><tr><td>Current (nA)</td><td>0.22</td></tr>
        <tr><td>Primary energy (eV)</td><td>200</td></tr></table></body></html>
        """

    /// A manifest in the shape of the older datasets'; the extent is in nm but says µm, as some do.
    static let manifestText = """
        {"name":"jrc_old-1","metadata":{"title":"An old cell","id":"jrc_old-1","thumbnailURL":null,"imaging":{
        "gridSpacing":{"unit":"nm","values":{"x":4.0,"y":4.0,"z":5.24}},
        "dimensions":{"unit":"µm","values":{"x":48000,"y":6000,"z":33000}},"startDate":"2017-06-21","duration":25,
        "biasVoltage":500.0,"scanRate":0.1,"current":0.25,"primaryEnergy":900.0},
        "sample":{"description":"HeLa","organism":["Human"],"treatment":["Wild-type"]},"institution":["HHMI/Janelia"],
        "DOI":[{"href":"https://doi.org/10.25378/janelia.13114211","title":"EM"}],
        "publications":[{"href":"https://doi.org/10.1038/s41586-021-03992-4","title":"Xu et al., 2021"}]},
        "sources":{"er_seg":{"url":"s3://janelia-cosem-datasets/jrc_old-1/jrc_old-1.n5/labels/er_seg","format":"n5",
        "contentType":"segmentation","sampleType":"label","subsources":[{"url":"s3://b/mesh","format":"x"}]},
        "er_pred":{"url":"s3://janelia-cosem-datasets/jrc_old-1/jrc_old-1.n5/labels/er_pred","format":"n5",
        "contentType":"prediction","sampleType":"scalar"},
        "fibsem-uint8":{"url":"s3://janelia-cosem-datasets/jrc_old-1/neuroglancer/em/fibsem-uint8.precomputed",
        "format":"precomputed","contentType":"em","sampleType":"scalar"},
        "fibsem-uint16":{"url":"s3://janelia-cosem-datasets/jrc_old-1/jrc_old-1.n5/em/fibsem-uint16","format":"n5",
        "contentType":"em","sampleType":"scalar","description":"FIB-SEM Data"}},
        "views":[{"name":"Default view","sources":["fibsem-uint16"]}]}
        """
}
