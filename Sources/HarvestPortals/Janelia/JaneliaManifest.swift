import HarvestCore

/// The static manifests of older datasets on GitHub (deprecated April 2023; later datasets have none).
enum JaneliaManifest {
    private static let root = "https://raw.githubusercontent.com/janelia-cosem/fibsem-metadata/stable/api"

    /// Enters what the manifest says; whether there is one.
    static func fill(_ dataset: inout Dataset, _ id: String, _ web: any Web) async throws -> Bool {
        let url = "\(root)/\(id)/manifest.json"
        let page = try await web.page(at: url)
        if page.status == 404 { return false }
        try page.requireOK()
        let json = try JSON(parsing: page.body, at: url)
        guard let metadata = json["metadata"], metadata.object != nil else {
            throw HarvestError.malformed("a manifest with \"metadata\" was expected", at: url)
        }
        dataset.title = dataset.title ?? metadata["title"]?.string
        let sample = metadata["sample"]
        dataset.description = dataset.description ?? sample?["description"]?.string
        for (field, key) in [(Field.Name.organism, "organism"), (Field.Name.sample, "type"), (Field.Name.treatment, "treatment")] {
            let words = sample?[key]?.strings.map { $0.joined(separator: ", ") }
            dataset.add(field, words.map(JSON.string), at: "\(url)#metadata.sample.\(key)")
        }
        for doi in metadata["DOI"]?.array ?? [] {
            if let found = doi["href"]?.string.flatMap(DOI.find), !dataset.dois.contains(found) { dataset.dois.append(found) }
        }
        let knows = imaging(metadata["imaging"], &dataset, at: "\(url)#metadata.imaging")
        sources(json["sources"]?.object, &dataset)
        return knows
    }

    private static func imaging(_ imaging: JSON?, _ dataset: inout Dataset, at place: String) -> Bool {
        guard let imaging, imaging.object != nil else { return false }
        func zyx(_ key: String) -> JSON? {
            let unit = imaging[key]?["unit"]?.string
            let values = ["z", "y", "x"].map { imaging[key]?["values"]?[$0]?.double.flatMap { LengthUnit.nanometres($0, unit) } }
            return values.contains { $0 == nil } ? nil : JSON(values)
        }
        dataset.add(Field.Name.voxelSize, zyx("gridSpacing"), unit: "nm", at: "\(place).gridSpacing")
        dataset.add(Field.Name.extent, zyx("dimensions"), unit: "nm", at: "\(place).dimensions")
        dataset.add(Field.Name.date, imaging["startDate"], at: "\(place).startDate")
        for (field, key, unit) in [
            (Field.Name.biasVoltage, "biasVoltage", "V"), (Field.Name.scanRate, "scanRate", "MHz"), (Field.Name.beamCurrent, "current", "nA"),
            (Field.Name.beamEnergy, "primaryEnergy", "eV"), (Field.Name.duration, "duration", "d"),
        ] { dataset.add(field, imaging[key]?.double.map(JSON.double), unit: unit, at: "\(place).\(key)") }
        return true
    }

    private static func sources(_ sources: JSON.Members?, _ dataset: inout Dataset) {
        for (name, source) in sources ?? [:] {
            guard let url = source["url"]?.string, !dataset.links.contains(where: { $0.url == url }) else { continue }
            let role: Link.Role = source["contentType"]?.string == "em" ? .image : .labels
            let format = source["format"]?.string.map { $0 == "zarr" ? "zarr2" : $0 }
            dataset.links.append(Link(url: url, format: format, role: role, name: name))
        }
    }
}
