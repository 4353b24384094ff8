internal import HarvestCore

/// The manifests that were published until 2023: older datasets only.
enum OrganelleManifest {
    static func account(of id: String, in web: any Web) async throws -> OrganelleAccount? {
        let url = "https://raw.githubusercontent.com/janelia-cosem/fibsem-metadata/stable/api/\(id)/manifest.json"
        let manifest = try JSON(parsing: try await web.page(at: url).accepted(as: "the manifest").body, at: url)
        guard let metadata = manifest["metadata"], metadata.object != nil else {
            throw HarvestError.malformed("expected an object with \"metadata\"", at: url)
        }
        var account = OrganelleAccount(at: url)
        account.dataset.title = Published.text(metadata["title"])
        account.addImaging(metadata["imaging"] ?? .null)
        account.addManifestSample(metadata)
        for (key, list) in [("DOI", metadata["DOI"]), ("publications", metadata["publications"])] {
            for (index, item) in (list?.array ?? []).enumerated() {
                let path = "metadata.\(key)[\(index)]"
                account.addPublication(item["href"]?.string ?? "", name: Published.text(item["title"]), at: path)
            }
        }
        account.addSources(manifest)
        account.link(metadata["thumbnailURL"]?.string, format: nil, role: .thumbnail, name: "thumbnail")
        return account
    }
}

extension OrganelleAccount {
    fileprivate mutating func addImaging(_ imaging: JSON) {
        let path = "metadata.imaging"
        addLengths(imaging["gridSpacing"] ?? .null, as: Field.Name.voxelSize, at: "\(path).gridSpacing")
        addLengths(imaging["dimensions"] ?? .null, as: Field.Name.extent, at: "\(path).dimensions")
        let day = imaging["startDate"]?.string
        claim(Field.Name.date, JSON(day.flatMap(Published.day)), at: "\(path).startDate", published: day)
        for (field, key, unit) in [
            (Field.Name.biasVoltage, "biasVoltage", "V"), (Field.Name.scanRate, "scanRate", "MHz"),
            (Field.Name.beamCurrent, "current", "nA"), (Field.Name.duration, "duration", "days"),
            (Field.Name.beamEnergy, "primaryEnergy", "eV"),
        ] {
            guard let value = Published.number(imaging[key]) else { continue }
            claim(field, .number(value), unit: unit, at: "\(path).\(key)", published: imaging[key]?.compact)
        }
    }

    /// Lengths by the axes' names: `{"unit": "nm", "values": {"x": 4, "y": 4, "z": 5.24}}`.
    private mutating func addLengths(_ lengths: JSON, as field: String, at path: String) {
        let names = ["z", "y", "x"]
        guard let values = Published.numbers(.array(names.map { lengths["values"]?[$0] ?? .null })) else { return }
        var unit = lengths["unit"]?.string
        // No block for the microscope is a millimetre long: some manifests label nm as µm.
        if field == Field.Name.extent, LengthUnit.nanometres(in: unit) == 1000, values.contains(where: { $0 >= 1000 }) {
            note(
                .warning, "extent-unit", field: field,
                "the extent \(lengths.compact) is in nm by its size, whatever its label says: read as nm")
            unit = "nm"
        }
        guard let nanometres = Published.zyx(values, axes: names, units: [unit, unit, unit]) else {
            return note(.warning, "axes-unclear", field: field, "lengths in \(unit ?? "no unit") at \(path): left out")
        }
        claim(field, .numbers(nanometres), unit: "nm", at: path, published: lengths.compact)
    }

    fileprivate mutating func addManifestSample(_ metadata: JSON) {
        for (field, key) in [
            (Field.Name.sample, "description"), ("sample_protocol", "protocol"), ("contributions", "contributions"),
            (Field.Name.organism, "organism"), ("sample_type", "type"), ("sample_subtype", "subtype"),
            (Field.Name.treatment, "treatment"),
        ] {
            let texts = Published.texts(metadata["sample"]?[key])
            if !texts.isEmpty { claim(field, .string(texts.joined(separator: ", ")), at: "metadata.sample.\(key)") }
        }
        let institution = Published.texts(metadata["institution"])
        if !institution.isEmpty {
            claim(Field.Name.institution, .string(institution.joined(separator: ", ")), at: "metadata.institution")
        }
    }

    /// The first view is what the page shows first; its image is the main one.
    fileprivate mutating func addSources(_ manifest: JSON) {
        let shown = Published.texts(manifest["views"]?[0]?["sources"])
        let sources = manifest["sources"]?.object.map(Array.init) ?? []
        let main = shown.first { name in sources.contains { $0.key == name && $0.value["contentType"]?.string == "em" }
        }
        for (name, source) in sources {
            let role = OrganelleImage.role(
                content: source["contentType"]?.string, sample: source["sampleType"]?.string)
            link(
                source["url"]?.string, format: OrganelleImage.format(source["format"]?.string), role: role,
                name: Published.line(name), isPrimary: name == main)
            for mesh in source["subsources"]?.array ?? [] {
                link(mesh["url"]?.string, format: nil, role: .mesh, name: Published.text(mesh["name"]))
            }
        }
        guard let name = main, let source = sources.first(where: { $0.key == name })?.value else { return }
        let limits = source["displaySettings"]?["contrastLimits"]
        if let window = Published.numbers([limits?["start"] ?? .null, limits?["end"] ?? .null]) {
            claim(
                Field.Name.contrastWindow, .numbers(window),
                at: "sources.\(Href.encoded(name)).displaySettings.contrastLimits")
        }
        if let text = Published.text(source["description"]), text.contains("FIB-SEM") {
            claim(Field.Name.modality, "FIB-SEM", at: "sources.\(Href.encoded(name)).description", published: text)
        }
    }
}
