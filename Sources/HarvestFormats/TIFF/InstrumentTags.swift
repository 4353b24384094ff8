import HarvestCore

/// Pixel sizes and acquisition values that makers of electron microscopes write into private tags.
struct InstrumentTags: Sendable {
    /// Per pixel, x and y, each with its unit.
    var pixelSize: (x: Double?, y: Double?) = (nil, nil)
    var units: (x: String?, y: String?) = ("m", "m")
    /// By ``Field/Name``.
    var values: [String: JSON] = [:]

    /// FEI / Thermo Fisher (tag 34682): an INI text; lengths in metres, voltages in volts.
    init(fei text: String) {
        var section = ""
        var found: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingSpaces()
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = String(line.dropFirst().dropLast())
            } else if let equals = line.firstIndex(of: "=") {
                found["\(section).\(line[..<equals])"] = line[line.index(after: equals)...].trimmingSpaces()
            }
        }
        func number(_ key: String) -> Double? {
            found[key].flatMap { Double($0) }.flatMap { $0.isFinite && $0 > 0 ? $0 : nil }
        }
        pixelSize = (number("Scan.PixelWidth"), number("Scan.PixelHeight"))
        if let volts = number("Beam.HV") {
            values[Field.Name.beamEnergy] = .double((volts / 1000).rounded(significantDigits: 12))
        }
        if let dwell = number("Scan.Dwelltime") { values[Field.Name.dwellTime] = .double(dwell) }
        if let distance = number("EBeam.WD") {
            values[Field.Name.workingDistance] = .double((distance * 1000).rounded(significantDigits: 12))
        }
        if let current = number("EBeam.BeamCurrent") {
            values[Field.Name.beamCurrent] = .double((current * 1e9).rounded(significantDigits: 12))
        }
        values[Field.Name.detector] = found["Detectors.Name"].flatMap { $0.isEmpty ? nil : .string($0) }
        values[Field.Name.instrument] = found["System.SystemType"].flatMap { $0.isEmpty ? nil : .string($0) }
        values[Field.Name.date] = found["User.Date"].flatMap { $0.isEmpty ? nil : .string($0) }
    }

    /// DigitalMicrograph's export (tags 65009, 65010: scale of x and y; 65003, 65004: their units).
    init(digitalMicrograph scale: (x: Double?, y: Double?), units: (x: String?, y: String?)) {
        func positive(_ value: Double?) -> Double? { value.flatMap { $0.isFinite && $0 > 0 ? $0 : nil } }
        pixelSize = (positive(scale.x), positive(scale.y))
        self.units = units
    }

    /// Zeiss SEM (tag 34118): numbers before the first `AP_`/`DP_`/`SV_` name; the fourth is metres per pixel of a
    /// 1024 pixel wide image, which is right where `AP_PIXEL_SIZE` is not.
    init(zeiss text: String, width: Int) {
        var numbers: [Double] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let line = line.trimmingSpaces()
            if ["AP_", "DP_", "SV_"].contains(where: line.hasPrefix) { break }
            if line.isEmpty { continue }
            guard let value = Double(line) else { break }
            numbers.append(value)
        }
        if numbers.count > 3, numbers[3] > 0, numbers[3] < 1, width > 0 {
            let size = numbers[3] * 1024 / Double(width)
            pixelSize = (size, size)
        }
    }
}
