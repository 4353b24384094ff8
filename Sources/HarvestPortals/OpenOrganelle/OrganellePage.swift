internal import HarvestCore
internal import HarvestMarkup

/// The page as a browser shows it: the acquisition values without the database's key.
///
/// Read by its labels, wherever its markup puts them: `Final voxel size (nm): (4, 4, 2.96) (x, y, z)`.
enum OrganellePage {
    private static let labels = [
        "Imaging start date", "Final voxel size", "Dimensions", "Imaging duration", "Bias", "Scan rate", "Current",
        "Primary energy", "Dataset ID", "Dataset location", "Acquisition details", "FIB-SEM parameters", "Sample",
        "Publications", "DOIs", "Institution", "Landing energy",
    ]

    /// - Returns: `nil` where no browser is installed or the page never fills.
    static func account(of id: String, in web: any Web) async throws -> OrganelleAccount? {
        let url = "https://openorganelle.janelia.org/datasets/\(id)"
        // Some pages show their labels first and their values later: then wait for a value that each of them has.
        var last: OrganelleAccount?
        for marker in ["Final voxel size", "s3://\(OrganelleBucket.name)/\(id)"] {
            guard let page = try await web.renderedPage(at: url, until: marker) else { break }
            let account = try account(in: page.accepted(as: "the dataset's page"), at: url)
            if account.dataset.claim(Field.Name.voxelSize) != nil { return account }
            last = account
        }
        if last != nil {
            throw HarvestError.malformed("the page changed: expected \"Final voxel size (nm): (…) (x, y, z)\"", at: url)
        }
        return nil
    }

    private static func account(in page: Page, at url: String) throws -> OrganelleAccount {
        let html = try HTMLDocument.parse(bytes: page.body, at: url)
        let text = Published.line(html.pieces.joined(separator: " ")) ?? ""
        var account = OrganelleAccount(at: url)
        account.addLengths(value(of: "Final voxel size", in: text), as: Field.Name.voxelSize)
        account.addLengths(value(of: "Dimensions", in: text), as: Field.Name.extent)
        if let day = value(of: "Imaging start date", in: text, hasUnit: false) {
            account.claim(
                Field.Name.date, JSON(Published.day(day.text)), at: day.place, published: String(day.text.prefix(24)))
        }
        account.addBeam { value(of: $0, in: text) }
        for link in html.all("a") {
            guard let href = link.attributes["href"], href.contains("doi.org/") else { continue }
            account.addPublication(href, name: Published.line(link.text), at: "a[href]")
        }
        let heading = html.first("h1").flatMap { Published.line($0.text) }
        account.dataset.title = heading == "OpenOrganelle" ? nil : heading
        return account
    }

    /// What follows a label, up to the next one.
    struct Value {
        var label: String
        var unit: String?
        var text: String
        var place: String { label.replacing(" ", with: "_") }
    }

    private static func value(of label: String, in text: String, hasUnit: Bool = true) -> Value? {
        var rest = text[...]
        while let found = rest.firstRange(of: label) {
            rest = rest[found.upperBound...]
            var after = rest.drop { $0 == " " }
            var unit: String?
            if after.first == "(", let close = after.prefix(16).firstIndex(of: ")") {
                unit = after[after.index(after: after.startIndex)..<close].trimmingSpaces()
                after = after[after.index(after: close)...]
            }
            if hasUnit, unit == nil { continue }  // the word in a sentence, and not the label
            after = after.drop { $0 == " " || $0 == ":" }.prefix(400)
            let end = labels.compactMap { after.firstRange(of: $0)?.lowerBound }.min() ?? after.endIndex
            return Value(label: label, unit: unit, text: after[..<end].trimmingSpaces())
        }
        return nil
    }
}

extension OrganelleAccount {
    /// `(4, 4, 2.96) (x, y, z)`, in the unit of the label.
    fileprivate mutating func addLengths(_ value: OrganellePage.Value?, as field: String) {
        guard let value, let match = value.text.firstMatch(of: /\(([^()]*)\)\s*\(([^()]*)\)/) else { return }
        let numbers = match.output.1.split(separator: ",").compactMap { Double($0.trimmingSpaces()) }
        let axes = match.output.2.split(separator: ",").map { $0.trimmingSpaces() }
        guard numbers.allSatisfy(\.isFinite),
            let lengths = Published.zyx(numbers, axes: axes, units: [value.unit, value.unit, value.unit])
        else {
            return note(
                .warning, "axes-unclear", field: field, "the page's \"\(value.label)\" is unclear: \(value.text)")
        }
        claim(
            field, .numbers(lengths), unit: "nm", at: value.place,
            published: "\(match.output.0) \(value.unit ?? "")")
    }

    fileprivate mutating func addBeam(_ value: (String) -> OrganellePage.Value?) {
        var found: [String: Double] = [:]
        for (field, label, unit) in [
            (Field.Name.biasVoltage, "Bias", "V"), (Field.Name.scanRate, "Scan rate", "MHz"),
            (Field.Name.beamCurrent, "Current", "nA"), (Field.Name.duration, "Imaging duration", "days"),
            (Field.Name.beamEnergy, "Primary energy", "eV"),
        ] {
            guard let value = value(label), let match = value.text.firstMatch(of: /^-?[0-9]+(?:\.[0-9]+)?/),
                let number = Double(match.output)
            else { continue }
            found[field] = number
            claim(
                field, .number(number), unit: unit, at: value.place,
                published: "\(match.output) (\(label), \(value.unit ?? ""))")
        }
        noteLandingEnergy(found[Field.Name.beamEnergy], bias: found[Field.Name.biasVoltage])
    }
}
