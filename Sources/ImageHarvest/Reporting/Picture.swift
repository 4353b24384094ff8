import HarvestCodecs
import HarvestCore

/// A plane as a picture: eight bits, no larger than a screen, with a window that leaves out the extremes.
struct Picture: Sendable {
    var png: [UInt8]
    var width: Int
    var height: Int
    /// Values shown black and white.
    var window: ClosedRange<Float>

    private static let side = 900
    /// Share of voxels that may lie outside the window at either end.
    private static let tail = 0.002

    init(_ plane: Plane) throws {
        let factorX = max(1, (plane.columns + Self.side - 1) / Self.side)
        let factorY = max(1, (plane.rows + Self.side - 1) / Self.side)
        width = max(1, plane.columns / factorX)
        height = max(1, plane.rows / factorY)
        let small = Self.reduced(plane, factorX, factorY, width, height)
        window = Self.window(small)
        let low = window.lowerBound, span = max(window.upperBound - window.lowerBound, .leastNormalMagnitude)
        let pixels = small.map { value in
            value.isFinite ? UInt8(max(0, min(255, (value - low) / span * 255))) : 0
        }
        png = try PNG.encode(grey: pixels, width: width, height: height)
    }

    /// Means of blocks of pixels.
    private static func reduced(_ plane: Plane, _ fx: Int, _ fy: Int, _ width: Int, _ height: Int) -> [Float] {
        if fx == 1, fy == 1 { return plane.values }
        var out = [Float](repeating: 0, count: width * height)
        for row in 0..<height {
            for column in 0..<width {
                var sum: Float = 0
                for y in 0..<fy {
                    for x in 0..<fx { sum += plane.values[(row * fy + y) * plane.columns + column * fx + x] }
                }
                out[row * width + column] = sum / Float(fx * fy)
            }
        }
        return out
    }

    private static func window(_ values: [Float]) -> ClosedRange<Float> {
        let sorted = values.filter(\.isFinite).sorted()
        guard let first = sorted.first, let last = sorted.last else { return 0...1 }
        let low = sorted[Int(Double(sorted.count - 1) * tail)],
            high = sorted[Int(Double(sorted.count - 1) * (1 - tail))]
        return low < high ? low...high : first <= last ? first...max(last, first + 1) : 0...1
    }

    /// A data URL.
    var url: String { "data:image/png;base64," + Base64.encode(png) }
}

/// RFC 4648 §4.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let rest = min(3, bytes.count - start)
            var bits = UInt32(bytes[start]) << 16
            if rest > 1 { bits |= UInt32(bytes[start + 1]) << 8 }
            if rest > 2 { bits |= UInt32(bytes[start + 2]) }
            for place in 0..<4 {
                out.append(place <= rest ? alphabet[Int(bits >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// A scale bar: a round length near a quarter of a picture's width.
struct ScaleBar: Equatable {
    /// nm
    var length: Double
    var label: String

    /// - Parameter width: nm across the picture.
    init?(width: Double) {
        guard width > 0, width.isFinite else { return nil }
        var unit = 1.0
        let target = width / 4
        while unit * 10 <= target { unit *= 10 }
        while unit > target { unit /= 10 }
        length = [5, 2, 1].map { $0 * unit }.first { $0 <= target } ?? unit
        let (value, name) =
            length >= 1e6 ? (length / 1e6, "mm") : length >= 1000 ? (length / 1000, "µm") : (length, "nm")
        label = "\(JSON.text(of: value.rounded(significantDigits: 6))) \(name)"
    }
}
