/// Units of length as files and pages spell them.
public enum LengthUnit {
    /// How many nanometres one `unit` is; `nil` where it is no length we know (`pixel`, `s`, `1/nm`, nothing).
    public static func nanometres(in unit: String?) -> Double? {
        guard let unit else { return nil }
        switch unit.trimmingSpaces() {
        case "nm", "nanometer", "nanometers", "nanometre", "nanometres", "NM", "Nanometer", "Nanometers": return 1
        case "Å", "\u{212B}", "A", "ang", "angstrom", "Angstrom", "ångström", "Ångström", "angstroms": return 0.1
        case "pm", "picometer", "picometre", "picometers": return 1e-3
        case "µm", "\u{3BC}m", "um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres",
            "Micron", "Microns", "\\u00B5m", "\\u00b5m", "µ", "\u{3BC}":
            return 1e3
        case "mm", "millimeter", "millimeters", "millimetre", "millimetres": return 1e6
        case "cm", "centimeter", "centimeters", "centimetre": return 1e7
        case "dm", "decimeter", "decimetre": return 1e8
        case "m", "meter", "meters", "metre", "metres": return 1e9
        case "inch", "inches", "in", "\"": return 25.4e6
        default: return nil
        }
    }

    /// `value` in nanometres; rounded to 12 digits, so that 0.02 µm is 20 and not 20.000000000000004.
    public static func nanometres(_ value: Double, _ unit: String?) -> Double? {
        guard let factor = nanometres(in: unit), value.isFinite else { return nil }
        if factor == 1 { return value }
        return (value * factor).rounded(significantDigits: 12)
    }
}

extension Double {
    /// The nearest number with that many significant decimal digits.
    public func rounded(significantDigits: Int) -> Double {
        guard self != 0, isFinite else { return self }
        var magnitude = 0
        var scaled = abs(self)
        while scaled >= 10 { (scaled, magnitude) = (scaled / 10, magnitude + 1) }
        while scaled < 1 { (scaled, magnitude) = (scaled * 10, magnitude - 1) }
        let digits = (scaled * power(10, significantDigits - 1)).rounded()
        // Through decimal text, so that the result is the number nearest to those digits.
        return Double("\(self < 0 ? "-" : "")\(Int(digits))e\(magnitude - significantDigits + 1)") ?? self
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { value, _ in value * base }
    }
}

extension StringProtocol {
    /// Without white space at either end.
    public func trimmingSpaces() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else {
            return ""
        }
        return String(self[first...last])
    }
}
