internal import Glibc

/// Bytes that a server can give without storing them: any range, at once, as often as asked.
protocol VirtualObject: Sendable {
    var size: Int64 { get }

    /// Writes the bytes of `range`, which lies inside the object.
    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer)

    /// What stands in its place after somebody replaced it: still readable, other bytes.
    func replaced() -> any VirtualObject
}

extension VirtualObject {
    /// The bytes of `range` (all, if nil).
    func bytes(_ range: Range<Int64>? = nil) -> [UInt8] {
        let range = range ?? 0..<size
        return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, written in
            if let base = buffer.baseAddress { fill(range, into: base) }
            written = range.count
        }
    }
}

/// A short body held in memory.
struct StoredObject: VirtualObject {
    private let content: [UInt8]
    private let replacement: [UInt8]

    /// - Parameter replacement: What it becomes; by default the same with a line feed more.
    init(_ content: [UInt8], replacement: [UInt8]? = nil) {
        self.content = content
        self.replacement = replacement ?? content + [0x0A]
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    var size: Int64 { Int64(content.count) }

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        content.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            memcpy(target, base + Int(range.lowerBound), range.count)
        }
    }

    func replaced() -> any VirtualObject { StoredObject(replacement, replacement: replacement + [0x0A]) }
}

/// The first bytes of another object.
struct PrefixObject: VirtualObject {
    let whole: any VirtualObject
    let size: Int64

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) { whole.fill(range, into: target) }

    func replaced() -> any VirtualObject { PrefixObject(whole: whole.replaced(), size: size) }
}

/// Bytes without meaning, any number of them: byte i is the top byte of (i >> 3 as a hash), shifted by i & 7.
struct PatternObject: VirtualObject {
    let size: Int64
    var seed: UInt64 = 1

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        let bytes = target.assumingMemoryBound(to: UInt8.self)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let word = Self.word(UInt64(offset >> 3) &+ seed << 32)
            let first = Int(offset & 7), last = min(8, first + Int(range.upperBound - offset))
            let out = bytes + Int(offset - range.lowerBound)
            for place in first..<last { out[place - first] = UInt8(truncatingIfNeeded: word >> UInt64(8 * place)) }
            offset += Int64(last - first)
        }
    }

    func replaced() -> any VirtualObject { PatternObject(size: size, seed: seed &+ 1) }

    /// SplitMix64.
    static func word(_ index: UInt64) -> UInt64 {
        var z = index &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
