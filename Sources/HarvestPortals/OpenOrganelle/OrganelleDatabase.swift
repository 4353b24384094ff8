internal import HarvestCore

/// The database behind the pages, asked through PostgREST: sample, acquisition, images and publications.
///
/// It gives values only to who sends the site's public key, and writes `image_acquisition` in x,y,z but `images` in
/// the order of their `grid_dims`, in one record.
enum OrganelleDatabase {
    private static let table = "https://kvwjcggnkipomjlbjykf.supabase.co/rest/v1/dataset"

    private static let columns = [
        "name,description,thumbnail_url",
        "sample:sample(name,description,protocol,contributions,organism,type,subtype,treatment)",
        "image_acquisition:image_acquisition(name,institution,start_date,grid_axes,grid_spacing,grid_spacing_unit,"
            + "grid_dimensions,grid_dimensions_unit)",
        "images:image(name,description,url,format,source,grid_scale,grid_translation,grid_dims,grid_units,"
            + "display_settings,sample_type,content_type,institution,image_stack,meshes:mesh(*))",
        "publications:publication(name,url,type)",
    ]

    /// - Returns: `nil` without a key.
    /// - Throws: ``HarvestError`` `.notFound` where the database has no such dataset.
    static func account(of id: String, in web: any Web) async throws -> OrganelleAccount? {
        guard let key = web.setting("openorganelle-key"), !key.isEmpty else { return nil }
        let query = "\(table)?select=\(columns.joined(separator: ","))&name=eq.\(id)&stage=in.(prod)"
        let place = "\(table)?name=eq.\(id)"  // the same record, in an address that fits on a line
        let page = try await web.page(at: query, headers: ["apikey": key, "Accept": "application/json"])
        // A 404 is a table that moved, and not a dataset that is unknown.
        guard page.status != 404, page.status != 410 else {
            throw HarvestError(.unavailable, "the database's table is not there (HTTP \(page.status))", at: place)
        }
        let answer = try JSON(parsing: page.accepted(as: "the database's record").body, at: place)
        guard let rows = answer.array else { throw HarvestError.malformed("expected a list of datasets", at: place) }
        guard let row = rows.first else { throw HarvestError.notFound("the database has no dataset \(id)", at: place) }
        guard row.object != nil, row["name"]?.string == id else {
            throw HarvestError.malformed("expected the dataset \(id) as [0].name", at: place)
        }
        var account = OrganelleAccount(at: place)
        account.dataset.title = Published.text(row["description"])
        account.dataset.description = Published.text(row["description"])
        account.addAcquisition(row["image_acquisition"] ?? .null)
        account.addSample(row["sample"] ?? .null)
        account.addImages(row["images"]?.array ?? [])
        account.addPublications(row["publications"]?.array ?? [])
        account.link(row["thumbnail_url"]?.string, format: nil, role: .thumbnail, name: "thumbnail")
        return account
    }
}

extension OrganelleAccount {
    fileprivate mutating func addAcquisition(_ acquisition: JSON) {
        let path = "[0].image_acquisition"
        let day = acquisition["start_date"]?.string
        claim(Field.Name.date, JSON(day.flatMap(Published.day)), at: "\(path).start_date", published: day)
        claim(Field.Name.institution, JSON(Published.text(acquisition["institution"])), at: "\(path).institution")
        let axes = acquisition["grid_axes"]?.strings ?? []
        for (field, key) in [(Field.Name.voxelSize, "grid_spacing"), (Field.Name.extent, "grid_dimensions")] {
            guard let values = Published.numbers(acquisition[key]) else { continue }
            let unit = acquisition["\(key)_unit"]?.string
            guard let lengths = Published.zyx(values, axes: axes, units: [unit, unit, unit]) else {
                note(
                    .warning, "axes-unclear", field: field,
                    "\(key) is \(acquisition[key]?.compact ?? "") along \(axes) in \(unit ?? "no unit"): left out")
                continue
            }
            claim(
                field, .numbers(lengths), unit: "nm", at: "\(path).\(key)",
                published: "\(JSON.numbers(values).compact) \(axes.joined(separator: ",")) \(unit ?? "")")
        }
    }

    fileprivate mutating func addSample(_ sample: JSON) {
        for (field, key) in [
            (Field.Name.sample, "description"), ("sample_protocol", "protocol"), ("contributions", "contributions"),
            (Field.Name.organism, "organism"), ("sample_type", "type"), ("sample_subtype", "subtype"),
            (Field.Name.treatment, "treatment"),
        ] {
            let texts = Published.texts(sample[key])
            if !texts.isEmpty { claim(field, .string(texts.joined(separator: ", ")), at: "[0].sample.\(key)") }
        }
    }

    fileprivate mutating func addImages(_ images: [JSON]) {
        let main = images.firstIndex { $0["content_type"]?.string == "em" && $0["url"]?.string != nil }
        for (index, image) in images.enumerated() {
            let role = OrganelleImage.role(content: image["content_type"]?.string, sample: image["sample_type"]?.string)
            link(
                image["url"]?.string, format: OrganelleImage.format(image["format"]?.string), role: role,
                name: Published.text(image["name"]), isPrimary: index == main)
            for mesh in image["meshes"]?.array ?? [] {
                link(mesh["url"]?.string, format: nil, role: .mesh, name: Published.text(mesh["name"]))
            }
        }
        if let main { addMainImage(images[main], at: "[0].images[\(main)]") }
    }

    private mutating func addMainImage(_ image: JSON, at path: String) {
        addBeam(image["source"] ?? .null, at: "\(path).source")
        addModality(of: image, at: path)
        let limits = image["display_settings"]?["contrastLimits"]
        if let window = Published.numbers([limits?["start"] ?? .null, limits?["end"] ?? .null]) {
            claim(Field.Name.contrastWindow, .numbers(window), at: "\(path).display_settings.contrastLimits")
        }
        let axes = image["grid_dims"]?.strings ?? []
        let units = image["grid_units"]?.strings ?? []
        for (field, key) in [(Field.Name.voxelSize, "grid_scale"), (Field.Name.translation, "grid_translation")] {
            guard let values = Published.numbers(image[key]) else { continue }
            guard let lengths = Published.zyx(values, axes: axes, units: units) else {
                note(.warning, "axes-unclear", field: field, "\(key) runs along \(axes) in \(units): left out")
                continue
            }
            if field == Field.Name.voxelSize { compare(lengths) }
            claim(field, .numbers(lengths), unit: "nm", at: "\(path).\(key)", published: image[key]?.compact)
        }
    }

    /// Notes where the image's grid is not that of its acquisition, as in jrc_hela-h89-1.
    private mutating func compare(_ lengths: [Double]) {
        guard let acquired = dataset.claim(Field.Name.voxelSize)?.value.doubles, acquired.count == lengths.count,
            zip(acquired, lengths).contains(where: { abs($0 - $1) > 1e-3 * max($0, $1) })
        else { return }
        note(
            .warning, "voxel-size-contradicts", field: Field.Name.voxelSize,
            """
            the acquisition has \(JSON.numbers(acquired).compact) nm but the published image \
            \(JSON.numbers(lengths).compact) nm (z,y,x): the file's header decides
            """)
    }

    private mutating func addBeam(_ source: JSON, at path: String) {
        func published(_ key: String) -> String { "\(source[key]?.string ?? source[key]?.compact ?? "") (\(key))" }
        for (field, key, unit) in [
            (Field.Name.biasVoltage, "bias_V", "V"), (Field.Name.scanRate, "scan_hz", "MHz"),  // the page says MHz
            (Field.Name.beamCurrent, "current_nA", "nA"), (Field.Name.duration, "duration_days", "days"),
            (Field.Name.beamEnergy, "landing_energy_eV", "eV"),
        ] {
            guard let value = Published.number(source[key]) else { continue }
            claim(field, .number(value), unit: unit, at: "\(path).\(key)", published: published(key))
        }
        noteLandingEnergy(Published.number(source["landing_energy_eV"]), bias: Published.number(source["bias_V"]))
    }

    private mutating func addModality(of image: JSON, at path: String) {
        let text = Published.text(image["description"]) ?? ""
        let name = Published.text(image["name"]) ?? ""
        if text.contains("FIB-SEM") {
            claim(Field.Name.modality, "FIB-SEM", at: "\(path).description", published: text)
        } else if name.lowercased().hasPrefix("fibsem") {
            claim(Field.Name.modality, "FIB-SEM", at: "\(path).name,inferred", published: name, isApproximate: true)
        }
    }

    /// DOIs of the data come first among the DOIs; papers are references.
    fileprivate mutating func addPublications(_ publications: [JSON]) {
        for (index, publication) in publications.enumerated() {
            guard let url = publication["url"]?.string else { continue }
            addPublication(url, name: Published.text(publication["name"]), at: "[0].publications[\(index)]")
        }
    }

    /// Adds what a link to a DOI leads to: the data themselves, or a paper.
    mutating func addPublication(_ url: String, name: String?, at path: String) {
        guard let doi = DOI.bare(in: url) else { return }
        if DOI.figshareNumber(doi) == nil {
            claim("reference", .string(doi), at: path, published: name)
        } else if !dataset.dois.contains(doi) {
            // The article about the images tells title and licence; those about segmentations come after it.
            let isAboutImages = name.map { $0 == "EM" || $0.contains("SEM") } ?? false
            dataset.dois.insert(doi, at: isAboutImages ? 0 : dataset.dois.count)
        }
    }
}

/// The portal's words for images, in ours.
enum OrganelleImage {
    static func role(content: String?, sample: String?) -> Link.Role {
        switch content {
        case "em": .image
        case "segmentation": .labels
        case "prediction", "analysis": sample == "label" ? .labels : .result
        case nil: .image
        default: sample == "label" ? .labels : .other  // light microscopy, and what is to come
        }
    }

    static func format(_ format: String?) -> String? {
        switch format {
        case "zarr", "n5", "precomputed": format
        case "neuroglancer_precomputed", "neuroglancer-precomputed": "precomputed"
        default: nil
        }
    }
}
