import HarvestCore
import HarvestMarkup

/// OpenOrganelle's dataset page after its scripts ran: labels and values, whatever elements they stand in.
struct RenderedOrganelle {
    /// Stands on the page only once it is filled.
    static let marker = "Final voxel size"

    private let text: String
    private let html: MarkupNode
    private let url: String

    private static let labels = [
        "Imaging start date", "Final voxel size (nm)", "Dimensions (nm)", "Dataset ID", "Dataset location",
        "Imaging duration (days)", "Bias (Volts)", "Scan rate (MHz)", "Current (nA)", "Primary energy (eV)",
    ]

    /// - Throws: ``HarvestError`` `.malformed` where the labels are missing.
    init(_ page: Page) throws {
        url = page.url
        html = try HTMLDocument.parse(bytes: page.body, at: page.url)
        text = html.pieces.joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard text.contains(Self.marker) else {
            throw HarvestError.malformed("the rendered page changed: the label \"\(Self.marker) (nm)\" was expected", at: page.url)
        }
    }

    /// What follows `label`, up to the next label.
    private func value(_ label: String) -> String? {
        guard let found = text.firstRange(of: label) else { return nil }
        var rest = text[found.upperBound...]
        let ends = Self.labels.filter { $0 != label }.compactMap { rest.firstRange(of: $0)?.lowerBound }
        if let end = ends.min() { rest = rest[..<end] }
        let value = rest.drop { $0 == ":" || $0.isWhitespace }
        return value.isEmpty ? nil : String(value).trimmingSpaces()
    }

    private func number(_ label: String) -> Double? {
        value(label)?.firstMatch(of: /[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?/).flatMap { Double($0.output) }
    }

    /// `(4, 4, 2.96) (x, y, z)` as z,y,x.
    private func triple(_ label: String) -> JSON? {
        guard let match = value(label)?.firstMatch(of: /\(([^)]*)\)\s*\(([^)]*)\)/) else { return nil }
        let values = match.output.1.split(separator: ",").map { Double($0.trimmingSpaces()) }
        let names = match.output.2.split(separator: ",").map { $0.trimmingSpaces().lowercased() }
        guard values.count == names.count else { return nil }
        let zyx = ["z", "y", "x"].map { axis in names.firstIndex(of: axis).flatMap { values[$0] } }
        return zyx.contains { $0 == nil } ? nil : JSON(zyx)
    }

    /// Enters what the page says; whether it says anything about the acquisition.
    func fill(_ dataset: inout Dataset) throws -> Bool {
        func place(_ label: String) -> String { "\(url)#\(label)" }
        for (field, label) in [(Field.Name.voxelSize, "Final voxel size (nm)"), (Field.Name.extent, "Dimensions (nm)")] {
            dataset.add(field, triple(label), unit: "nm", at: place(label), published: value(label))
        }
        for (field, label, unit) in [
            (Field.Name.duration, "Imaging duration (days)", "d"), (Field.Name.biasVoltage, "Bias (Volts)", "V"),
            (Field.Name.scanRate, "Scan rate (MHz)", "MHz"), (Field.Name.beamCurrent, "Current (nA)", "nA"),
            (Field.Name.beamEnergy, "Primary energy (eV)", "eV"),
        ] { dataset.add(field, number(label).map(JSON.double), unit: unit, at: place(label)) }
        if let date = value("Imaging start date") {
            dataset.add(Field.Name.date, .string(Self.isoDate(date) ?? date), at: place("Imaging start date"), published: date)
        }
        for anchor in html.all("a") {
            guard let doi = anchor.attributes["href"].flatMap(DOI.find), doi.contains("janelia."), !dataset.dois.contains(doi) else { continue }
            dataset.dois.append(doi)
        }
        if dataset.title == nil { dataset.title = html.first("h1")?.text.trimmingSpaces() ?? html.first("h2")?.text.trimmingSpaces() }
        return dataset.claim(Field.Name.biasVoltage) != nil
    }

    /// `Mon Mar 09 2015` as `2015-03-09`.
    private static func isoDate(_ text: String) -> String? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard let match = text.firstMatch(of: /([A-Z][a-z]{2}) (\d{1,2}),? (\d{4})/), let month = months.firstIndex(of: String(match.output.1)),
            let day = Int(match.output.2)
        else { return nil }
        return "\(match.output.3)-\(month < 9 ? "0" : "")\(month + 1)-\(day < 10 ? "0" : "")\(day)"
    }
}
