import HarvestCore

/// OpenOrganelle's database through PostgREST: sample, acquisition, images, publications of one dataset.
struct JaneliaDatabase {
    let dataset: String
    let key: String
    let web: any Web

    private static let host = "https://kvwjcggnkipomjlbjykf.supabase.co"
    private static let select = "name,description,thumbnail_url,"
        + "sample:sample(name,description,protocol,contributions,organism,type,subtype,treatment),"
        + "image_acquisition:image_acquisition(name,institution,start_date,grid_axes,grid_spacing,grid_dimensions,grid_spacing_unit,grid_dimensions_unit),"
        + "images:image(name,description,url,format,source,grid_scale,grid_translation,grid_dims,grid_units,display_settings,sample_type,content_type,image_stack,institution,stage),"
        + "publications:publication(name,url,type,stage)"

    /// - Returns: `nil` where the database has no such dataset.
    func record() async throws -> JaneliaRecord? {
        let url = "\(Self.host)/rest/v1/dataset?select=\(Self.select)&name=eq.\(dataset)&stage=in.(prod)"
        let page = try await web.page(at: url, headers: ["apikey": key, "Accept": "application/json"])
        try page.requireOK()
        guard let rows = try JSON(parsing: page.body, at: "\(Self.host)/rest/v1/dataset").array else {
            throw HarvestError.malformed("a list of datasets was expected", at: "\(Self.host)/rest/v1/dataset")
        }
        return rows.first.map { JaneliaRecord(json: $0, place: "\(Self.host)/rest/v1/dataset?name=eq.\(dataset)") }
    }
}

/// One row of the database. Two axis orders stand in it: `grid_axes` (x,y,z) of the acquisition, `grid_dims` (z,y,x) of
/// the images; both are read by name, never by place.
struct JaneliaRecord {
    let json: JSON
    let place: String

    /// Enters what the row says; whether it says anything about the acquisition.
    func fill(_ dataset: inout Dataset) -> Bool {
        dataset.title = dataset.title ?? text(json["description"])
        let sample = json["sample"]
        dataset.description = dataset.description ?? text(sample?["description"])
        for (field, key) in [
            (Field.Name.organism, "organism"), (Field.Name.sample, "type"), ("sample_subtype", "subtype"), (Field.Name.treatment, "treatment"),
            ("protocol", "protocol"), ("contributions", "contributions"),
        ] { dataset.add(field, words(sample?[key]), at: "\(place)#sample.\(key)") }
        let acquisition = json["image_acquisition"]
        dataset.add(Field.Name.institution, words(acquisition?["institution"]), at: "\(place)#image_acquisition.institution")
        dataset.add(Field.Name.date, words(acquisition?["start_date"]), at: "\(place)#image_acquisition.start_date")
        dataset.add(
            Field.Name.voxelSize, lengths(acquisition, "grid_spacing", axes: "grid_axes", unit: "grid_spacing_unit"), unit: "nm",
            at: "\(place)#image_acquisition.grid_spacing")
        dataset.add(
            Field.Name.extent, lengths(acquisition, "grid_dimensions", axes: "grid_axes", unit: "grid_dimensions_unit"), unit: "nm",
            at: "\(place)#image_acquisition.grid_dimensions")
        let images = json["images"]?.array ?? []
        let knows = images.enumerated().map { index, image in fill(&dataset, image, at: "\(place)#images[\(index)]") }.contains(true)
        publications(&dataset)
        return knows
    }

    private func fill(_ dataset: inout Dataset, _ image: JSON, at place: String) -> Bool {
        let isEM = image["content_type"]?.string == "em"
        if let url = text(image["url"]) { enterLink(&dataset, url, image, isEM: isEM) }
        guard isEM else { return false }
        if dataset.claim(Field.Name.voxelSize) == nil {
            dataset.add(
                Field.Name.voxelSize, lengths(image, "grid_scale", axes: "grid_dims", unit: "grid_units"), unit: "nm", at: "\(place).grid_scale")
        }
        dataset.add(
            Field.Name.translation, lengths(image, "grid_translation", axes: "grid_dims", unit: "grid_units"), unit: "nm",
            at: "\(place).grid_translation")
        if let limits = image["display_settings"]?["contrastLimits"], let start = limits["start"]?.double, let end = limits["end"]?.double {
            dataset.add(Field.Name.contrastWindow, [.double(start), .double(end)], at: "\(place).display_settings.contrastLimits")
        }
        guard let source = image["source"], source.object != nil else { return false }
        // scan_hz holds MHz: the page labels the same number so.
        for (field, key, unit) in [
            (Field.Name.biasVoltage, "bias_V", "V"), (Field.Name.scanRate, "scan_hz", "MHz"), (Field.Name.beamCurrent, "current_nA", "nA"),
            (Field.Name.beamEnergy, "landing_energy_eV", "eV"), (Field.Name.duration, "duration_days", "d"),
        ] where dataset.claim(field) == nil {
            dataset.add(field, number(source[key]).map(JSON.double), unit: unit, at: "\(place).source.\(key)")
        }
        dataset.add(Field.Name.modality, modality(image), at: "\(place).description")
        return true
    }

    private func enterLink(_ dataset: inout Dataset, _ url: String, _ image: JSON, isEM: Bool) {
        let bare = Address(url).location
        let place = bare.hasSuffix("/") ? String(bare.dropLast()) : bare
        let isFirst = isEM && !dataset.links.contains(where: \.isPrimary)
        let name = text(image["name"])
        if let index = dataset.links.firstIndex(where: { $0.url == place }) {
            dataset.links[index].isPrimary = isFirst
            if isFirst { dataset.links.swapAt(0, index) }
            return
        }
        let format = text(image["format"]).map { $0 == "zarr" ? "zarr2" : $0 }
        let role: Link.Role = isEM ? .image : image["content_type"]?.string == "lm" ? .image : .labels
        let link = Link(url: place, format: format, role: role, isPrimary: isFirst, name: name)
        dataset.links.insert(link, at: isFirst ? 0 : dataset.links.count)
    }

    private func modality(_ image: JSON) -> JSON? {
        let words = "\(text(image["name"]) ?? "") \(text(image["description"]) ?? "")".lowercased()
        return words.contains("fib-sem") || words.contains("fibsem") ? "FIB-SEM" : nil
    }

    private func publications(_ dataset: inout Dataset) {
        for (index, publication) in (json["publications"]?.array ?? []).enumerated() {
            guard let url = text(publication["url"]) else { continue }
            if publication["type"]?.string == "doi", let doi = DOI.find(in: url) {
                if !dataset.dois.contains(doi) { dataset.dois.append(doi) }
            } else {
                let name = text(publication["name"]).map { "\($0): " } ?? ""
                dataset.claims.append(Claim("reference", .string(name + url), at: "\(place)#publications[\(index)]"))
            }
        }
    }

    // MARK: Values that may be strings, numbers, lists or null

    private func text(_ json: JSON?) -> String? { json?.string.flatMap { $0.trimmingSpaces().isEmpty ? nil : $0 } }

    private func words(_ json: JSON?) -> JSON? {
        if let list = json?.strings, !list.isEmpty { return .string(list.joined(separator: ", ")) }
        return text(json).map(JSON.string)
    }

    private func number(_ json: JSON?) -> Double? {
        let value = json?.double ?? json?.string.flatMap { Double($0.trimmingSpaces()) }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    /// Three lengths in z,y,x and nm, from lists whose order another list names.
    private func lengths(_ json: JSON?, _ key: String, axes: String, unit: String) -> JSON? {
        guard let values = json?[key]?.array?.map(number), let names = json?[axes]?.strings, values.count == names.count else { return nil }
        let units = json?[unit]?.strings ?? json?[unit]?.string.map { [String](repeating: $0, count: names.count) }
        let zyx = ["z", "y", "x"].map { axis -> Double? in
            guard let index = names.firstIndex(where: { $0.lowercased() == axis }), let value = values[index] else { return nil }
            return LengthUnit.nanometres(value, units.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? "nm")
        }
        return zyx.contains { $0 == nil } ? nil : JSON(zyx)
    }
}

extension Dataset {
    /// Adds a claim where there is a value.
    mutating func add(_ field: String, _ value: JSON?, unit: String? = nil, at place: String, published: String? = nil) {
        guard let value, !value.isNull else { return }
        claims.append(Claim(field, value, unit: unit, at: place, published: published))
    }
}
