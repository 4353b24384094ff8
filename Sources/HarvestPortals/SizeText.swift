internal import HarvestCore

/// A size as people write it: `1065x2048x1536`, `5 × 5 × 5 nm`.
struct SizeText: Equatable {
    /// As written.
    var text: String
    /// In the order in which they are written.
    var values: [Double]
    /// The unit of length right after it, if one stands there.
    var unit: String?
    /// Whether the words before it say "approximately".
    var isApproximate: Bool
    /// The words between the size before and this one.
    var lead: String

    /// Every product of three numbers in `text`, in order.
    static func all(in text: String) -> [SizeText] {
        let text = text.prefix(20_000)
        let pattern =
            /([0-9]+(?:\.[0-9]+)?)\s*[xX×✕]\s*([0-9]+(?:\.[0-9]+)?)\s*[xX×✕]\s*([0-9]+(?:\.[0-9]+)?)(?:\s*(nm|µm|μm|um|mm|Å)\b)?/
        var end = text.startIndex
        return text.matches(of: pattern).compactMap { match in
            let values = [match.output.1, match.output.2, match.output.3].compactMap { Double($0) }
            guard values.count == 3, values.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
            let lead = String(text[end..<match.range.lowerBound])
            end = match.range.upperBound
            let before = lead.lowercased().trimmingSpaces()
            let isApproximate = ["approximately", "approx.", "approx", "about", "roughly", "ca.", "~", "≈"]
                .contains { before.hasSuffix($0) }
            return SizeText(
                text: String(match.output.0), values: values, unit: match.output.4.map(String.init),
                isApproximate: isApproximate, lead: lead)
        }
    }
}
