import HarvestCore

/// What the acquisition's tags say, under the names and in the units of ``Field``.
struct DMInstrument {
    private(set) var values: [String: JSON] = [:]

    init(_ tree: TagTree, image: Int) {
        func node(_ group: String, _ name: String) -> Int? { tree.node("ImageTags", group, name, from: image) }
        func number(_ group: String, _ names: String..., times factor: Double = 1) -> JSON? {
            for name in names {
                guard let value = tree.number(node(group, name)), value.isFinite, value > 0 else { continue }
                return .double((value * factor).rounded(significantDigits: 12))
            }
            return nil
        }
        func text(_ group: String, _ names: String...) -> JSON? {
            for name in names {
                if let text = tree.text(node(group, name))?.trimmingSpaces(), !text.isEmpty { return .string(text) }
            }
            return nil
        }
        let microscope = "Microscope Info"
        values[Field.Name.beamEnergy] = number(microscope, "Voltage", times: 1e-3)
        // 0.0 is what the driver writes where it does not know the current.
        values[Field.Name.beamCurrent] =
            number(microscope, "Probe Current (nA)") ?? number(microscope, "Emission Current (µA)", times: 1e3)
        values[Field.Name.magnification] = number(microscope, "Indicated Magnification", "Actual Magnification")
        // "Session Info" repeats it, in micrometres under the same name.
        values[Field.Name.workingDistance] = number(microscope, "WD (mm)")
        values[Field.Name.instrument] = text(microscope, "Name", "Microscope") ?? text("Session Info", "Microscope")
        values[Field.Name.dwellTime] = number("DigiScan", "Sample Time", times: 1e-6)
        values[Field.Name.detector] = text("Session Info", "Detector") ?? text("DataBar", "Signal Name")
        // "Approach" holds how thick slices were cut before the recording.
        values[Field.Name.sliceThickness] =
            tree.number(tree.node("ImageTags", "SBFSEM", "Record", "Slice thickness", from: image)).flatMap {
                $0 > 0 && $0.isFinite ? JSON.double($0) : nil
            } ?? Self.thickness(tree, image)
        values[Field.Name.date] = Self.date(tree, image).map(JSON.string)
    }

    /// The spacing of slices, in nm: `Meta Data.Dimension info.2`.
    private static func thickness(_ tree: TagTree, _ image: Int) -> JSON? {
        let dimensions = tree.children(tree.node("ImageTags", "Meta Data", "Dimension info", from: image))
        let named = dimensions.first { tree.nodes[$0].name == "2" }
        guard let third = named ?? (dimensions.count > 2 ? dimensions[2] : nil),
            let scale = tree.number(tree.node("Scale", from: third)), scale > 0,
            let length = LengthUnit.nanometres(scale, tree.text(tree.node("Units", from: third)))
        else { return nil }
        return .double(length)
    }

    /// The day of acquisition. `DataBar.Acquisition Date` is text in the order of the operator's country, so the scan's
    /// own stamp goes before it: `Mon Jun 11 22:26:45 2018`.
    private static func date(_ tree: TagTree, _ image: Int) -> String? {
        if let stamp = tree.text(tree.node("ImageTags", "DigiScan", "TimeStamp", from: image)),
            let match = stamp.firstMatch(of: /([A-Z][a-z]{2}) +([0-9]{1,2}) [0-9:]+ ([0-9]{4})/)
        {
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            if let month = months.firstIndex(of: String(match.output.1)), let day = Int(match.output.2) {
                return iso(String(match.output.3), month + 1, day)
            }
        }
        guard let text = tree.text(tree.node("ImageTags", "DataBar", "Acquisition Date", from: image)) else {
            return nil
        }
        if let match = text.firstMatch(of: /([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})/) {  // dots: day first
            return iso(String(match.output.3), Int(match.output.2) ?? 0, Int(match.output.1) ?? 0)
        }
        if let match = text.firstMatch(of: /([0-9]{1,2})\/([0-9]{1,2})\/([0-9]{4})/),
            let first = Int(match.output.1), let second = Int(match.output.2)
        {
            // With slashes the order is clear only where one of the numbers can be no month, or both are the same.
            if first > 12 || first == second { return iso(String(match.output.3), second, first) }
            if second > 12 { return iso(String(match.output.3), first, second) }
        }
        return nil
    }

    private static func iso(_ year: String, _ month: Int, _ day: Int) -> String? {
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}
