/// What is known of jrc_mus-nacc-2. Numbers, names and links are the published ones; the prose is the replica's.
enum OpenOrganelleRecord {
    static let publications: [(name: String, url: String, type: String)] = [
        ("reconstructed FIB-SEM data", "https://doi.org/10.25378/janelia.24222898", "doi"),
        ("Nuclei segmentations", "https://doi.org/10.25378/janelia.26513209", "doi"),
        ("Xu et al., 2021", "https://doi.org/10.1038/s41586-021-03992-4", "paper"),
        ("Xu et al., 2017", "https://doi.org/10.7554/eLife.25916", "paper"),
        ("Wu et al., 2017", "https://doi.org/10.1073/pnas.1701078114", "paper"),
    ]

    static let image = "s3://janelia-cosem-datasets/\(NucleusAccumbens.image.dropLast())"

    /// One row of PostgREST's `dataset`, with what it embeds. Two axis orders stand side by side in it, as in the true
    /// one: `grid_axes` x, y, z and `grid_dims` z, y, x.
    static let row: String = {
        let published = publications.map {
            "{\"name\":\(JSONText.quoted($0.name)),\"url\":\"\($0.url)\",\"type\":\"\($0.type)\",\"stage\":\"prod\"}"
        }
        return """
            {"name":"jrc_mus-nacc-2","description":"Mouse nucleus accumbens",\
            "thumbnail_url":"https://janelia-cosem-datasets.s3.amazonaws.com/jrc_mus-nacc-2/thumbnail.jpg",\
            "created_at":"2023-10-10T00:00:00+00:00","stage":"prod","segmentation_challenge":false,\
            "sample":{"name":"jrc_mus-nacc-2",\
            "description":"A piece of the nucleus accumbens of a mouse, as this replica tells it.",\
            "protocol":"Fixed, stained with heavy metals and embedded in resin.",\
            "contributions":"Prepared, imaged and aligned by the people that the portal itself names.",\
            "type":["Tissue"],"subtype":["Brain"],"treatment":["Wild-type"],"organism":["Mouse"]},\
            "image_acquisition":{"name":"jrc_mus-nacc-2","institution":"HHMI / Janelia Research Campus",\
            "start_date":"2015-03-09","grid_axes":["x","y","z"],"grid_spacing":[4,4,2.96],\
            "grid_dimensions":[10384,10080,1669.44],"grid_spacing_unit":"nm","grid_dimensions_unit":"nm"},\
            "images":[{"name":"fibsem-int16","description":"FIB-SEM data","url":"\(image)","format":"zarr",\
            "source":{"bias_V":500,"scan_hz":0.4,"current_nA":0.22,"duration_days":1,"landing_energy_eV":200},\
            "grid_scale":[2.96,4.0,4.0],"grid_translation":[0.0,0.0,0.0],"grid_dims":["z","y","x"],\
            "grid_units":["nm","nm","nm"],"display_settings":{"contrastLimits":{"min":-32768,"max":32767,\
            "start":-2000,"end":2000},"color":"white","invertLUT":false},"sample_type":"scalar",\
            "content_type":"em","institution":"HHMI / Janelia Research Campus",\
            "created_at":"2023-10-10T00:00:00+00:00","stage":"prod","image_stack":"fibsem-int16","meshes":[]}],\
            "publications":[\(published.joined(separator: ","))]}
            """
    }()
}
