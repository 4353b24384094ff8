/// A name in natural order: runs of digits count as numbers, `slice_9` stands before `slice_10`.
public struct NaturalOrder: Comparable, Sendable {
    /// Text, and the number behind it without leading zeros; either may be empty.
    public let parts: [(text: String, number: String)]

    public init(_ name: String) {
        var parts: [(text: String, number: String)] = [("", "")]
        for character in name {
            if character.isASCII, character.isNumber {
                parts[parts.count - 1].number.append(character)
            } else {
                if !parts[parts.count - 1].number.isEmpty { parts.append(("", "")) }
                parts[parts.count - 1].text.append(character)
            }
        }
        self.parts = parts.map { part in
            let digits = part.number.drop { $0 == "0" }
            return (part.text, digits.isEmpty && !part.number.isEmpty ? "0" : String(digits))
        }
    }

    public static func == (a: NaturalOrder, b: NaturalOrder) -> Bool { !(a < b) && !(b < a) }

    public static func < (a: NaturalOrder, b: NaturalOrder) -> Bool {
        for (x, y) in zip(a.parts, b.parts) {
            if x.text != y.text { return x.text < y.text }
            if x.number.count != y.number.count { return x.number.count < y.number.count }
            if x.number != y.number { return x.number < y.number }
        }
        return a.parts.count < b.parts.count
    }
}
