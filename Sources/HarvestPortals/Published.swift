internal import HarvestCore

/// Values as portals publish them: numbers that may be text, axes in any order, text with line breaks.
enum Published {
    /// A finite number, also where it is written as text; `nil` for anything else.
    static func number(_ json: JSON?) -> Double? {
        let value = json?.double ?? json?.string.flatMap { Double($0.trimmingSpaces()) }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    /// Numbers, if every item is one.
    static func numbers(_ json: JSON?) -> [Double]? {
        guard let items = json?.array, !items.isEmpty else { return nil }
        let found = items.compactMap { number($0) }
        return found.count == items.count ? found : nil
    }

    /// Text that says something, on one line, without control characters.
    static func text(_ json: JSON?) -> String? { json?.string.flatMap(line) }

    /// `text` on one line, runs of white space as one space, without control characters; `nil` where nothing is left.
    static func line(_ text: String) -> String? {
        let words = text.split(whereSeparator: \.isWhitespace).map { word in
            String(String.UnicodeScalarView(word.unicodeScalars.filter { $0.properties.generalCategory != .control }))
        }
        let joined = words.filter { !$0.isEmpty }.joined(separator: " ")
        return joined.isEmpty ? nil : joined
    }

    /// The texts of a list, or the one text; empty where there is none.
    static func texts(_ json: JSON?) -> [String] {
        json?.array?.compactMap { text($0) } ?? text(json).map { [$0] } ?? []
    }

    /// `values`, which run along `axes`, in z,y,x and nm; `nil` unless the axes are x, y and z, each once.
    static func zyx(_ values: [Double], axes: [String], units: [String?]) -> [Double]? {
        guard values.count == 3, axes.count == 3, units.count == 3 else { return nil }
        let names = axes.map { $0.lowercased() }
        let ordered = ["z", "y", "x"].compactMap { axis -> Double? in
            names.firstIndex(of: axis).flatMap { LengthUnit.nanometres(values[$0], units[$0]) }
        }
        return ordered.count == 3 ? ordered : nil
    }

    /// A day as ISO 8601 writes it, from `2015-03-09…` or `Mon Mar 09 2015`; `nil` for anything else.
    static func day(_ text: String) -> String? {
        if let match = text.firstMatch(of: /([0-9]{4})-([0-9]{2})-([0-9]{2})/) {
            return valid(String(match.output.1), month: Int(match.output.2), day: Int(match.output.3))
        }
        guard let match = text.firstMatch(of: /([A-Z][a-z]{2})[a-z]* ([0-9]{1,2}),? ([0-9]{4})/) else { return nil }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let month = months.firstIndex(of: String(match.output.1)).map { $0 + 1 }
        return valid(String(match.output.3), month: month, day: Int(match.output.2))
    }

    private static func valid(_ year: String, month: Int?, day: Int?) -> String? {
        guard let month, let day, (1...12).contains(month), (1...31).contains(day) else { return nil }
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}

extension JSON {
    /// A number, whole ones as integers, so that it is the same value after it was written and read.
    static func number(_ value: Double) -> JSON { Int(exactly: value).map(JSON.int) ?? .double(value) }

    /// A list of numbers.
    static func numbers(_ values: [Double]) -> JSON { .array(values.map(number)) }
}
