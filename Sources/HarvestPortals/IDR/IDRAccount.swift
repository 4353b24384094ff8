internal import HarvestCore

/// Puts together what IDR's sources say about one image, or about the images of something larger.
struct IDRAccount {
    private var desk: SourceDesk
    private var dataset: Dataset
    private static let base = "https://\(IDRSubject.host)"
    private static let github = "https://raw.githubusercontent.com/IDR"
    /// Of a dataset or study, as many images' files are looked up.
    private static let mostImages = 8

    init(address: String, web: any Web) {
        desk = SourceDesk(web)
        dataset = Dataset(address: address, id: "idr", portal: "idr")
    }

    mutating func describe(_ subject: IDRSubject) async throws -> Dataset {
        let images = try await images(of: subject)
        guard let first = images.first else {
            throw desk.failure ?? HarvestError.notFound("there is no image", at: dataset.address)
        }
        dataset.id = "image-\(first)"
        try await describe(image: first, alone: images.count == 1)
        for other in images.dropFirst().prefix(Self.mostImages - 1) { try await addLinks(of: other, isPrimary: false) }
        if images.count > 1 {
            dataset.findings.append(
                Finding(
                    .note, rule: "several-images",
                    "the address holds \(images.count) images or more: the first, \(first), is the main one, and the files of \(min(images.count, Self.mostImages)) are listed"
                ))
        }
        dataset.findings += desk.findings
        guard !dataset.links.isEmpty else {
            if dataset.title == nil, desk.failure == nil {
                throw HarvestError.notFound("there is no image \(first)", at: dataset.address)
            }
            throw desk.failure ?? HarvestError.notFound("no file of image \(first) is published", at: dataset.address)
        }
        return dataset
    }

    private mutating func claim(
        _ field: String, _ value: JSON, unit: String? = nil, at place: String, published: String? = nil,
        isApproximate: Bool = false
    ) {
        dataset.claims.append(
            Claim(field, value, unit: unit, at: place, published: published, isApproximate: isApproximate))
    }

    // MARK: Which images

    private mutating func images(of subject: IDRSubject) async throws -> [Int] {
        switch subject {
        case .image(let id): return [id]
        case .dataset(let id): return try await ids("the dataset's images", "/api/v0/m/datasets/\(id)/images/")
        case .project(let id):
            var found: [Int] = []
            for child in try await ids("the project's datasets", "/api/v0/m/projects/\(id)/datasets/").prefix(4)
            where found.count < Self.mostImages { found += try await images(of: .dataset(child)) }
            return found
        case .well(let id):
            let json = try await desk.json("the well", "\(Self.base)/api/v0/m/wells/\(id)/", expecting: "data")
            return (json?["data"]?["WellSamples"]?.array ?? []).compactMap { $0["Image"]?["@id"]?.int }
        case .plate(let id):
            for child in try await ids("the plate's wells", "/api/v0/m/plates/\(id)/wells/").prefix(4) {
                let found = try await images(of: .well(child))
                if !found.isEmpty { return found }
            }
            return []
        case .screen(let id):
            guard let child = try await ids("the screen's plates", "/api/v0/m/screens/\(id)/plates/").first else {
                return []
            }
            return try await images(of: .plate(child))
        case .study(let accession): return try await images(ofStudy: accession)
        case .doi(let doi):
            let page = try await desk.web.page(at: "https://doi.org/\(doi)")
            guard let match = page.finalURL.firstMatch(of: /idr[0-9]{4}/) else {
                throw HarvestError.notFound("the DOI leads to no study of IDR", at: dataset.address)
            }
            return try await images(ofStudy: String(match.output))
        }
    }

    private mutating func ids(_ what: String, _ path: String) async throws -> [Int] {
        let json = try await desk.json(what, Self.base + path, expecting: "data")
        return (json?["data"]?.array ?? []).compactMap { $0["@id"]?.int }
    }

    /// The table of studies names each experiment's project or screen. The last one of the study that has images counts.
    private mutating func images(ofStudy accession: String) async throws -> [Int] {
        let url = "\(Self.github)/idr.openmicroscopy.org/master/_data/studies.tsv"
        guard let page = try await desk.page("the table of studies", url) else { return [] }
        let rows = page.body.text.split(whereSeparator: \.isNewline).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false)
        }
        guard let head = rows.first, let idColumn = head.firstIndex(of: "Internal ID"),
            let containerColumn = head.firstIndex(of: "Container")
        else {
            desk.report(
                "the table of studies", .malformed("its columns changed: expected Container and Internal ID", at: url))
            return []
        }
        for row in rows.dropFirst().reversed() where row.first?.hasPrefix(accession) == true && row.count > idColumn {
            guard let id = Int(row[idColumn]) else { continue }
            let isScreen = row[containerColumn].hasPrefix("screen")
            let found = try await images(of: isScreen ? .screen(id) : .project(id))
            if !found.isEmpty { return found }
        }
        return []
    }

    // MARK: One image

    private mutating func describe(image id: Int, alone: Bool) async throws {
        let url = "\(Self.base)/api/v0/m/images/\(id)/"
        if let json = try await desk.json("the image", url, expecting: "data") {
            take(image: json["data"] ?? .null, at: url)
        }
        if dataset.claim(Field.Name.shape) == nil { try await takePixels(of: id) }
        try await addLinks(of: id, isPrimary: true)
        let project = try await project(of: id)
        let annotations = "\(Self.base)/webclient/api/annotations/?type=map&"
        if let json = try await desk.json(
            "the image's annotations", "\(annotations)image=\(id)", expecting: "annotations")
        {
            take(annotations: json, at: "\(annotations)image=\(id)")
        }
        if let project,
            let json = try await desk.json(
                "the study's annotations", "\(annotations)project=\(project)", expecting: "annotations")
        {
            take(annotations: json, at: "\(annotations)project=\(project)")
        }
        try await takeStudy()
        if dataset.licence == nil {
            dataset.findings.append(
                Finding(
                    .warning, rule: "licence-missing", field: Field.Name.licence,
                    "no source states the study's licence, and licences differ between studies: ask before passing the data on"
                ))
        }
    }

    /// OME's image: sizes and lengths with their units. What is unknown is left out, and never 1.
    private mutating func take(image: JSON, at url: String) {
        dataset.title = Published.text(image["Name"])
        guard let pixels = image["Pixels"] else { return }
        let shape = ["SizeZ", "SizeY", "SizeX"].compactMap { pixels[$0].flatMap { Published.number($0) } }
        if shape.count == 3 { claim(Field.Name.shape, .numbers(shape), at: "\(url)#data.Pixels.SizeX") }
        if let type = Published.text(pixels["Type"]?["value"]) {
            let names = ["float": "float32", "double": "float64", "bit": "bool", "complex": "complex64"]
            claim(Field.Name.dtype, .string(names[type] ?? type), at: "\(url)#data.Pixels.Type", published: type)
        }
        if let channels = Published.number(pixels["SizeC"]) {
            claim(Field.Name.channels, .number(channels), at: "\(url)#data.Pixels.SizeC")
        }
        let lengths = ["Z", "Y", "X"].map { axis -> Double? in
            let length = pixels["PhysicalSize\(axis)"]
            guard let value = Published.number(length?["Value"]), value > 0 else { return nil }
            let unit = Published.text(length?["Symbol"]) ?? Self.units[Published.text(length?["Unit"]) ?? ""]
            return LengthUnit.nanometres(value, unit)
        }
        if lengths.contains(where: { $0 != nil }) {
            claim(
                Field.Name.voxelSize, .array(lengths.map { $0.map(JSON.number) ?? .null }), unit: "nm",
                at: "\(url)#data.Pixels.PhysicalSizeX",
                published: pixels["PhysicalSizeX"].flatMap {
                    "\($0["Value"]?.compact ?? "") \(Published.text($0["Symbol"]) ?? "")"
                })
        }
        if let milliseconds = Published.number(image["AcquisitionDate"]), let day = Self.day(milliseconds / 1000) {
            claim(
                Field.Name.date, .string(day), at: "\(url)#data.AcquisitionDate",
                published: image["AcquisitionDate"]?.compact)
        }
    }

    private static let units = [
        "ANGSTROM": "Å", "NANOMETER": "nm", "MICROMETER": "µm", "MILLIMETER": "mm", "CENTIMETER": "cm", "METER": "m",
        "PICOMETER": "pm",
    ]

    /// The viewer's summary: 200 with an `Exception` where the pixels are gone.
    private mutating func takePixels(of id: Int) async throws {
        let url = "\(Self.base)/webgateway/imgData/\(id)/"
        guard let json = try await desk.json("the image's pixels", url) else { return }
        dataset.title = dataset.title ?? Published.text(json["meta"]?["imageName"])
        if let problem = Published.text(json["Exception"]) {
            dataset.findings.append(
                Finding(
                    .warning, rule: "pixels-unavailable",
                    "the portal cannot read the image's pixels now (\(problem.displayed(limit: 120))); its file may still be there"
                ))
            return
        }
        let size = ["z", "height", "width"].compactMap { Published.number(json["size"]?[$0]) }
        if size.count == 3 { claim(Field.Name.shape, .numbers(size), at: "\(url)#size") }
        if let type = Published.text(json["meta"]?["pixelsType"]) {
            claim(Field.Name.dtype, .string(type), at: "\(url)#meta.pixelsType")
        }
        let lengths = ["z", "y", "x"].map {
            Published.number(json["pixel_size"]?[$0]).flatMap { $0 > 0 ? LengthUnit.nanometres($0, "µm") : nil }
        }
        if lengths.contains(where: { $0 != nil }) {
            claim(
                Field.Name.voxelSize, .array(lengths.map { $0.map(JSON.number) ?? .null }), unit: "nm",
                at: "\(url)#pixel_size",
                published: json["pixel_size"]?.compact)
        }
    }

    /// The day of seconds since 1970, in UTC.
    static func day(_ seconds: Double) -> String? {
        guard seconds.isFinite, abs(seconds) < 1e11 else { return nil }
        // Days to a date by the civil calendar (Hinnant, "chrono-compatible low-level date algorithms").
        let days = Int((seconds / 86_400).rounded(.down)) + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let full = year + era * 400 + (month <= 2 ? 1 : 0)
        return "\(full)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}

// Files.
extension IDRAccount {
    /// Where an image's files lie: the newer shortcut, else the client's path and the table that turns it into an address.
    private mutating func addLinks(of id: Int, isPrimary: Bool) async throws {
        var urls: [String] = []
        if let json = try await desk.json(
            "the download addresses", "\(Self.base)/image/\(id)/download_urls/", expecting: "download_urls",
            isOptional: true)
        {
            urls = (json["download_urls"]?.strings ?? []).map { Href.normalised(Self.encodedPath($0)) }
        }
        if urls.isEmpty {
            let paths = "\(Self.base)/webgateway/original_file_paths/\(id)/"
            let answer = try await desk.json("the file's path", paths)
            let clients = answer?["client"]?.strings ?? []
            if !clients.isEmpty {
                urls = try await resolve(clients)
            } else if answer != nil {
                dataset.findings.append(
                    Finding(.note, rule: "no-fileset", "the portal knows no file that image \(id) was made from"))
            }
        }
        if urls.count > 1 || urls.contains(where: { $0.hasSuffix(".pattern") }) {
            dataset.findings.append(
                Finding(
                    .warning, rule: "multi-file-fileset",
                    "image \(id) is made of \(urls.count) files, or of a pattern over files: each alone is only a part of it"
                ))
        }
        for (index, url) in urls.prefix(64).enumerated() where !dataset.links.contains(where: { $0.url == url }) {
            let address = Address(url)
            let format = [
                "tif": "tiff", "tiff": "tiff", "zarr": "zarr", "h5": "hdf5", "mrc": "mrc", "dm3": "dm3", "dm4": "dm4",
            ]
            dataset.links.append(
                Link(
                    url: url, format: format[address.fileExtension], role: .image, isPrimary: isPrimary && index == 0,
                    name: address.name))
            if address.host == "ftp.ebi.ac.uk", isPrimary, index == 0 {
                dataset.links.append(
                    Link(
                        url: "ftp://ftp.ebi.ac.uk\(address.path)", format: format[address.fileExtension], role: .other,
                        name: "\(address.name) (by FTP)"))
            }
        }
    }

    /// Paths of the importing client as addresses, by the table that the site's own pages use.
    private mutating func resolve(_ clients: [String]) async throws -> [String] {
        let url = "\(Self.github)/idr.openmicroscopy.org/refs/heads/master/_data/download_urls.tsv"
        guard let page = try await desk.page("the table of downloads", url) else { return [] }
        let rows = page.body.text.split(whereSeparator: \.isNewline).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        guard let head = rows.first, let id = head.firstIndex(of: "idrid"),
            let old = head.firstIndex(of: "replace_this"),
            let new = head.firstIndex(of: "with_this"), let outside = head.firstIndex(of: "external_info")
        else {
            desk.report(
                "the table of downloads",
                .malformed("its columns changed: expected idrid, replace_this, with_this", at: url))
            return []
        }
        var found: [String] = []
        for client in clients {
            guard let accession = client.firstMatch(of: /idr[0-9]{4}/).map({ String($0.output) }),
                let row = rows.first(where: { $0.count > new && $0[id] == accession })
            else { continue }
            if row[old].isEmpty {
                if row.count > outside, let address = Self.external(row[outside]) {
                    found.append(Href.normalised(Self.encodedPath(address)))
                }
                continue
            }
            guard let range = client.firstRange(of: row[old]) else { continue }
            found.append(Href.normalised(Self.encodedPath(client.replacingCharacters(in: range, with: row[new]))))
        }
        if found.isEmpty {
            desk.report(
                "the table of downloads", .malformed("it has no row for \(clients[0].displayed(limit: 200))", at: url))
        }
        return found
    }

    /// Every segment of a path percent-encoded whole: names contain `+`, `#`, `%` and spaces.
    private static func encodedPath(_ url: String) -> String {
        guard let mark = url.firstRange(of: "://")?.upperBound else { return url }
        let parts = url[mark...].split(separator: "/", omittingEmptySubsequences: false)
        guard let host = parts.first else { return url }
        let path = parts.dropFirst().map { segment in
            // What is encoded already is left.
            segment.firstMatch(of: /%[0-9A-Fa-f]{2}/) != nil ? String(segment) : Href.encodedValue(String(segment))
        }
        return url[..<mark] + host + "/" + path.joined(separator: "/")
    }

    /// `s3://host/bucket/key?anonymous=true` as the address it means.
    private static func external(_ text: String) -> String? {
        guard text.hasPrefix("s3://") else { return nil }
        return "https://" + text.dropFirst(5).prefix { $0 != "?" }
    }
}

// Parents and annotations.
extension IDRAccount {
    /// The project above an image, by either of two ways.
    private mutating func project(of id: Int) async throws -> Int? {
        let url = "\(Self.base)/webclient/api/paths_to_object/?image=\(id)"
        if let json = try await desk.json("the image's parents", url, expecting: "paths", isOptional: true) {
            for item in json["paths"]?.array?.first?.array ?? [] where item["type"]?.string == "project" {
                if let project = item["id"]?.int { return project }
            }
        }
        guard let parent = try await ids("the image's datasets", "/api/v0/m/images/\(id)/datasets/").first else {
            return nil
        }
        let projects = "\(Self.base)/api/v0/m/datasets/\(parent)/projects/"
        let json = try await desk.json("the dataset's projects", projects, expecting: "data")
        return json?["data"]?[0]?["@id"]?.int
    }

    /// Map annotations: lists of pairs, whose keys repeat.
    private mutating func take(annotations json: JSON, at url: String) {
        for annotation in (json["annotations"]?.array ?? []).prefix(64) {
            let space = Published.text(annotation["ns"]) ?? "map"
            for pair in (annotation["values"]?.array ?? []).prefix(256) {
                guard let key = Published.text(pair[0]), let text = Published.text(pair[1]) else { continue }
                take(key, text, at: "\(url)#\(space).\(key)")
            }
        }
    }

    /// `CC BY 4.0 https://…`: words before an address.
    private static func words(_ text: String) -> String {
        text.firstRange(of: "http").map { text[..<$0.lowerBound].trimmingSpaces() } ?? text
    }

    private mutating func take(_ key: String, _ text: String, at place: String) {
        let value = Self.words(text)
        switch key {
        case "License", "Study License":
            dataset.licence = dataset.licence ?? (value.isEmpty ? text : value)
        case "Publication Title": claim("publication_title", .string(value), at: place)
        case "Publication Authors":
            if dataset.authors.isEmpty {
                dataset.authors = value.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
            }
        case "Data DOI", "Publication DOI":
            if let doi = DOI.bare(in: text), !dataset.dois.contains(doi) { dataset.dois.append(doi) }
        case "Organism": claim(Field.Name.organism, .string(value), at: place)
        case "Cell Line": claim(Field.Name.sample, .string(value), at: place)
        case "Imaging Method": claim(Field.Name.modality, .string(value), at: place)
        case "Release Date": claim("release_date", .string(value), at: place)
        case "Image Description", "Assay Description": dataset.description = dataset.description ?? value
        default: return
        }
    }

    /// The study's own text: licence and DOIs where no annotation said them, and how the experiment was done.
    private mutating func takeStudy() async throws {
        let paths = dataset.links.map(\.url)
        guard let match = paths.compactMap({ $0.firstMatch(of: /(idr[0-9]{4}-[A-Za-z0-9\-]+)/) }).first else { return }
        let study = String(match.output.1)
        let accession = String(study.prefix(7))
        let url = "\(Self.github)/\(study)/HEAD/\(accession)-study.txt"
        guard let page = try await desk.page("the study's text", url, isOptional: true) else { return }
        let experiment = paths.compactMap { $0.firstMatch(of: /\/(experiment[A-Z]|screen[A-Z])\//) }.first.map {
            String($0.output.1)
        }
        let text = IDRStudyText(page.body.text, experiment: experiment)
        if !text.hasExperiment {
            let missing = experiment ?? "any experiment"
            desk.report("the study's text", .malformed("it says nothing of \(missing.displayed(limit: 40))", at: url))
        }
        if dataset.licence == nil, let licence = text.first("Study License") {
            take("License", licence, at: "\(url)#Study License")
        }
        if dataset.dois.isEmpty, let doi = text.first("Experiment Data DOI") ?? text.first("Study Data DOI") {
            take("Data DOI", doi, at: "\(url)#Data DOI")
        }
        if dataset.claim(Field.Name.organism) == nil, let organism = text.first("Study Organism") {
            claim(Field.Name.organism, .string(organism), at: "\(url)#Study Organism")
        }
        let sample = dataset.claim(Field.Name.sample)?.value.string
        for condition in text.conditions(of: sample) {
            claim(
                condition.field, .number(condition.value), unit: condition.unit, at: "\(url)#Protocol Description",
                published: condition.text, isApproximate: true)
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
