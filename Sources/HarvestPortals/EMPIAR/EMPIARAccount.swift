internal import HarvestCore
internal import HarvestMarkup

/// Puts together what EMPIAR's sources say about one entry.
struct EMPIARAccount {
    private let number: Int
    private var desk: SourceDesk
    private var dataset: Dataset
    private static let policy = "https://www.ebi.ac.uk/empiar/policies/"

    private var root: String { "https://ftp.ebi.ac.uk/empiar/world_availability/\(number)/" }

    init(number: Int, address: String, web: any Web) {
        self.number = number
        desk = SourceDesk(web)
        dataset = Dataset(address: address, id: "EMPIAR-\(number)", portal: "empiar")
    }

    mutating func describe() async throws -> Dataset {
        let entry = try await entry()
        take(entry)
        for (index, set) in entry.sets.enumerated() { try await addLinks(of: set, isFirst: index == 0) }
        if entry.sets.count > 1 {
            dataset.findings.append(
                Finding(
                    .note, rule: "several-image-sets",
                    "the entry has \(entry.sets.count) image sets; what is claimed is about the first of them"))
        }
        dataset.findings += desk.findings
        guard !dataset.links.isEmpty else {
            throw desk.failure ?? HarvestError.notFound("the entry lists no file", at: dataset.address)
        }
        return dataset
    }

    /// The interface, or the header file that lies beside the data.
    private mutating func entry() async throws -> EMPIAREntry {
        let api = "https://www.ebi.ac.uk/empiar/api/entry/EMPIAR-\(number)/"
        if let json = try await desk.json("the entry's interface", api) {
            do {
                let entry = try EMPIAREntry(json: json, number: number, at: api)
                if !entry.sets.isEmpty { return entry }
                desk.report("the entry's interface", .malformed("it names no image set", at: api))
            } catch { desk.report("the entry's interface", error) }
        }
        let header = "\(root)\(number).xml"
        guard let page = try await desk.page("the entry's header file", header) else {
            throw desk.failure ?? HarvestError.notFound("EMPIAR has no entry \(number)", at: dataset.address)
        }
        return try EMPIAREntry(xml: try XMLDocument.parse(bytes: page.body, at: header), at: header)
    }

    private mutating func claim(
        _ field: String, _ value: JSON, unit: String? = nil, at place: String, published: String? = nil,
        isApproximate: Bool = false
    ) {
        dataset.claims.append(
            Claim(field, value, unit: unit, at: place, published: published, isApproximate: isApproximate))
    }

    private mutating func take(_ entry: EMPIAREntry) {
        dataset.title = entry.title
        dataset.authors = entry.authors
        dataset.dois = entry.dois.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        // All of EMPIAR is CC0; no entry says so itself.
        dataset.licence = "CC0"
        claim(Field.Name.licence, "CC0", at: Self.policy)
        if let type = entry.experimentType {
            claim(Field.Name.modality, .string(type), at: "\(entry.place)#experiment_type")
        }
        if let date = entry.releaseDate { claim("release_date", .string(date), at: "\(entry.place)#release_date") }
        if let size = entry.size { claim("dataset_size", .string(size), at: "\(entry.place)#dataset_size") }
        if let status = entry.status, status != "REL" {
            dataset.findings.append(
                Finding(
                    .warning, rule: "not-released",
                    "the entry's status is \(status.displayed(limit: 20)), not REL: files may be withdrawn"))
        }
        if let set = entry.sets.first { take(set) }
    }

    private static let types = [
        "UNSIGNED BYTE": "uint8", "SIGNED BYTE": "int8", "UNSIGNED 16 BIT INTEGER": "uint16",
        "SIGNED 16 BIT INTEGER": "int16", "UNSIGNED 32 BIT INTEGER": "uint32", "SIGNED 32 BIT INTEGER": "int32",
        "32 BIT FLOAT": "float32", "BIT": "bool",
    ]

    private mutating func take(_ set: EMPIAREntry.ImageSet) {
        dataset.description = set.details.flatMap(Published.line)
        if let type = set.voxelType, let known = Self.types[type.uppercased()] {
            claim(Field.Name.dtype, .string(known), at: "\(set.place).voxel_type", published: type)
        }
        if let images = set.images, let height = set.height, let width = set.width,
            [images, height, width].allSatisfy({ $0 == $0.rounded() && $0 > 0 })
        {
            claim(
                Field.Name.shape, .numbers([images, height, width]), at: "\(set.place).image_width",
                published:
                    "\(JSON.number(images).compact) images of \(JSON.number(width).compact) x \(JSON.number(height).compact)"
            )
        }
        // Ångström, as the archive's schema says (empiar.xsd: "Width of a pixel in Angstroms").
        let lengths: [Double?] =
            [nil]
            + [set.pixelHeight, set.pixelWidth].map { $0.flatMap { $0 > 0 ? LengthUnit.nanometres($0, "Å") : nil } }
        if lengths.contains(where: { $0 != nil }) {
            claim(
                Field.Name.voxelSize, .array(lengths.map { $0.map(JSON.number) ?? .null }), unit: "nm",
                at: "\(set.place).pixel_width", published: "\(JSON.number(set.pixelWidth ?? 0).compact) Å")
        }
        if let details = set.details { take(details: details, at: "\(set.place).details") }
    }

    /// Conditions that the depositor wrote as prose. Only a number that stands once with its unit is taken.
    private mutating func take(details: String, at place: String) {
        let text = String(details.prefix(20_000))
        func once(_ pattern: Regex<(Substring, Substring, Substring)>) -> (value: Double, unit: String, text: String)? {
            let found = text.matches(of: pattern)
            guard found.count == 1, let match = found.first, let value = Double(match.output.1), value > 0 else {
                return nil
            }
            return (value, String(match.output.2), String(match.output.0))
        }
        func add(_ field: String, _ value: Double, _ unit: String, _ published: String) {
            claim(
                field, .number(value.rounded(significantDigits: 12)), unit: unit, at: place, published: published,
                isApproximate: true)
        }
        if let found = once(/([0-9.]+) ?(kV|keV)\b/) { add(Field.Name.beamEnergy, found.value, "keV", found.text) }
        if let found = once(/([0-9.]+) ?(pA|nA)\b/) {
            add(Field.Name.beamCurrent, found.unit == "pA" ? found.value / 1000 : found.value, "nA", found.text)
        }
        if let found = once(/([0-9.]+) ?(usec|µs|us|μs|ms)\b/) {
            add(Field.Name.dwellTime, found.value * (found.unit == "ms" ? 1e-3 : 1e-6), "s", found.text)
        }
        if let found = once(/([0-9.]+) ?(nm) per (?:section|slice)/) {
            add(Field.Name.sliceThickness, found.value, "nm", found.text)
        }
        if let match = text.firstMatch(
            of:
                /(?:on|with|in) (?:the|a|an) ((?:FEI|Zeiss|ZEISS|JEOL|Hitachi|Thermo)[ A-Za-z0-9\-]{2,30}?) (?:SEM|TEM|microscope)/
        ) {
            claim(
                Field.Name.instrument, .string(String(match.output.1)), at: place, published: String(match.output.0),
                isApproximate: true)
        }
    }
}

// Files.
extension EMPIARAccount {
    private static let formats = [
        "DM3": ["dm3"], "DM4": ["dm4"], "TIFF": ["tif", "tiff"], "MRC": ["mrc", "map", "rec", "st"],
        "MRCS": ["mrcs", "mrc"], "PNG": ["png"], "JPEG": ["jpg", "jpeg"], "BIG DATA VIEWER HDF5": ["h5"],
        "HDF5": ["h5", "hdf5"],
        "EER": ["eer"], "SPIDER": ["spi"], "IMAGIC": ["img", "hed"],
    ]
    private static let sliceFormats: Set = ["dm3", "dm4", "tif", "tiff"]
    private static let mostLinks = 2000

    /// A folder that holds two or more files of the set's format is offered as one volume of slices; each file is a link too.
    private mutating func addLinks(of set: EMPIAREntry.ImageSet, isFirst: Bool) async throws {
        let path = set.directory.split(separator: "/").map { Href.encodedValue(String($0)) }.joined(separator: "/")
        let folder = path.isEmpty ? root : "\(root)\(path)/"
        let endings = set.format.flatMap { Self.formats[$0.uppercased()] }
        func isOwn(_ name: String) -> Bool { endings?.contains(Address(name).fileExtension) ?? true }
        let announced = set.images.flatMap { Int(exactly: $0) }
        let names = try await names(in: folder, directory: set.directory) {
            $0.count(where: isOwn) >= announced ?? 1
        }
        let own = names.filter(isOwn)
        if names.isEmpty { return }
        // One file may hold all images; several hold one each.
        if let announced, own.count > 1, own.count != announced {
            dataset.findings.append(
                Finding(
                    .warning, rule: "files-missing", field: Field.Name.shape,
                    "the entry announces \(announced) images, and \(own.count) files of their format are listed"))
        }
        let ending = own.first.map { Address($0).fileExtension } ?? ""
        if own.count > 1, Self.sliceFormats.contains(ending) {
            dataset.links.append(
                Link(
                    url: folder, format: "slices", role: .image, isPrimary: isFirst,
                    name: set.name ?? "\(own.count) slices"))
            dataset.links.append(
                Link(
                    url: folder.replacing("https://", with: "ftp://"), format: "slices", role: .other,
                    name: "the same by FTP"))
        }
        let kinds = ["tif": "tiff", "h5": "hdf5", "map": "mrc", "rec": "mrc", "st": "mrc", "mrcs": "mrc"]
        for name in names.prefix(Self.mostLinks) {
            let isOwn = isOwn(name)
            let ending = Address(name).fileExtension
            dataset.links.append(
                Link(
                    url: folder + Href.encodedValue(name), format: isOwn ? kinds[ending] ?? ending : nil,
                    role: isOwn ? .image : .other, isPrimary: isFirst && own.count == 1 && isOwn, name: name))
        }
        if names.count > Self.mostLinks {
            dataset.findings.append(
                Finding(
                    .note, rule: "links-left-out",
                    "only \(Self.mostLinks) of \(names.count) files are listed one by one"))
        }
    }

    /// The folder's files. One of the server's machines has listings that miss files, so the page's own tree is asked
    /// where the index gives fewer than the set should have, and both are put together.
    private mutating func names(in folder: String, directory: String, isEnough: ([String]) -> Bool) async throws
        -> [String]
    {
        var found: [String] = []
        var known: Set<String> = []
        do {
            let page = try await desk.web.page(at: folder).accepted(as: "the folder's index")
            let html = try HTMLDocument.parse(bytes: page.body, at: folder)
            for anchor in html.all("a") {
                guard let href = anchor.attributes["href"], !href.hasPrefix("?"),
                    let url = Href.resolve(href, against: folder), url.hasPrefix(folder)
                else { continue }
                let rest = url.dropFirst(folder.count)
                guard let name = Self.decoded(rest), (try? Key.components(of: name))?.count == 1,
                    known.insert(name).inserted
                else { continue }
                found.append(name)
            }
            if found.isEmpty { desk.report("the folder's index", .malformed("it lists no file", at: folder)) }
        } catch let error as HarvestError {
            if Task.isCancelled { throw error }
            desk.report("the folder's index", error)
        }
        if !isEnough(found) {
            let tree = "https://www.ebi.ac.uk/empiar/entry/\(number)/dirStruct=full&list=1/-1/"
            if let json = try await desk.json("the entry's tree of files", tree, isOptional: true) {
                let more = Self.files(json, below: directory).filter { !known.contains($0) }
                if !found.isEmpty, !more.isEmpty {
                    dataset.findings.append(
                        Finding(
                            .note, rule: "listing-incomplete",
                            "the folder's index misses \(more.count) files that the entry's own tree lists; both are put together"
                        ))
                }
                found += more
            }
        }
        return found.sorted()
    }

    /// A name as a link writes it, decoded once; `nil` for folders.
    private static func decoded(_ text: Substring) -> String? {
        guard !text.isEmpty, !text.contains("/"), !text.contains("?") else { return nil }
        return ViewerFragment.decoded(text)
    }

    /// Files of a folder in the tree that the entry's page is drawn from.
    private static func files(_ json: JSON, below directory: String) -> [String] {
        var nodes = json[0]?["children"]?.array ?? []
        for part in directory.split(separator: "/") {
            nodes = nodes.first { $0["name"]?.string == String(part) }?["children"]?.array ?? []
        }
        return nodes.compactMap { node in
            guard node["type"]?.string == "file", let name = node["name"]?.string else { return nil }
            return (try? Key.components(of: name))?.count == 1 ? name : nil
        }
    }
}
