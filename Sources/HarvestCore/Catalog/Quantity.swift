/// Units of what an acquisition is described by, as pages and headers spell them.
public enum Quantity {
    private enum Kind { case energy, current, voltage, time, frequency, length, angle }

    /// Each unit with its kind and how many of the kind's first unit (keV, nA, V, s, MHz, mm, degree) it is.
    private static let units: [String: (kind: Kind, factor: Double)] = [
        "keV": (.energy, 1), "eV": (.energy, 1e-3), "MeV": (.energy, 1e3),
        "nA": (.current, 1), "pA": (.current, 1e-3), "µA": (.current, 1e3), "uA": (.current, 1e3), "A": (.current, 1e9),
        "V": (.voltage, 1), "kV": (.voltage, 1e3), "mV": (.voltage, 1e-3),
        "s": (.time, 1), "ms": (.time, 1e-3), "µs": (.time, 1e-6), "us": (.time, 1e-6), "usec": (.time, 1e-6),
        "ns": (.time, 1e-9), "min": (.time, 60), "h": (.time, 3600), "hours": (.time, 3600), "d": (.time, 86_400),
        "day": (.time, 86_400), "days": (.time, 86_400),
        "MHz": (.frequency, 1), "kHz": (.frequency, 1e-3), "Hz": (.frequency, 1e-6),
        "mm": (.length, 1), "µm": (.length, 1e-3), "um": (.length, 1e-3), "nm": (.length, 1e-6), "cm": (.length, 10),
        "m": (.length, 1000),
        "deg": (.angle, 1), "degree": (.angle, 1), "rad": (.angle, 57.295_779_513_082_32),
    ]

    /// `value` of one unit in another; `nil` where they measure different things or are not known. An accelerating
    /// voltage counts as the energy that an electron has behind it.
    public static func convert(_ value: Double, from unit: String, to wanted: String) -> Double? {
        func known(_ name: String) -> (kind: Kind, factor: Double)? {
            units[name.replacing("\u{3BC}", with: "µ").trimmingSpaces()]
        }
        guard let from = known(unit), let to = known(wanted), value.isFinite else { return nil }
        if from.kind == to.kind { return (value * from.factor / to.factor).rounded(significantDigits: 12) }
        guard from.kind == .voltage, to.kind == .energy else { return nil }
        return (value * from.factor * 1e-3 / to.factor).rounded(significantDigits: 12)
    }
}
