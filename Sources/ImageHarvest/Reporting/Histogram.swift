import HarvestCore

/// How often which value occurs, drawn as bars.
enum Histogram {
    private static let width = 270
    private static let height = 150

    static func figure(_ sample: Sample) -> String {
        guard let low = sample.minimum, let high = sample.maximum, let most = sample.histogram.max(), most > 0 else {
            return ""
        }
        let count = sample.histogram.count
        let step = Double(width) / Double(count)
        let bars = sample.histogram.enumerated().compactMap { index, value -> String? in
            guard value > 0 else { return nil }
            let tall = max(1, Double(value) / Double(most) * Double(height))
            return "M\(text(Double(index) * step)) \(height)v-\(text(tall))h\(text(max(step, 0.8)))V\(height)z"
        }
        let words =
            "\(sample.blocks) blocks, \(sample.voxels) voxels of level \(sample.level), seed \(sample.seed)"
            + (sample.mean.map { "; mean \(text($0))" } ?? "")
        return """
            <figure><svg role="img" aria-label="histogram of values from \(text(low)) to \(text(high))" width="\(width)" \
            height="\(height + 18)" viewBox="0 0 \(width) \(height + 18)" fill="currentColor">\
            <path d="\(bars.joined())" opacity=".7"/><path d="M0 \(height)h\(width)v1H0z"/>\
            <text x="0" y="\(height + 14)" font-size="12">\(text(low))</text>\
            <text x="\(width)" y="\(height + 14)" font-size="12" text-anchor="end">\(text(high))</text></svg>\
            <figcaption>values in \(Markup.text(words))</figcaption></figure>
            """
    }

    private static func text(_ value: Double) -> String { JSON.text(of: value.rounded(significantDigits: 4)) }
}
