import HarvestCodecs
import HarvestCore

/// Compression schemes of strips and tiles, by the number that tag 259 gives.
enum TIFFCompression {
    static let names: [Int: String] = [
        1: "none", 2: "ccitt-rle", 3: "ccitt-t4", 4: "ccitt-t6", 5: "lzw", 6: "old-jpeg", 7: "jpeg", 8: "deflate",
        32773: "packbits", 32946: "deflate", 33003: "jpeg2000", 33005: "jpeg2000", 34676: "sgilog",
        34677: "sgilog24", 34712: "jpeg2000", 34887: "lerc", 34925: "lzma", 50000: "zstd", 50001: "webp",
        50002: "jpegxl", 52546: "jpegxl",
    ]

    static func name(_ code: Int) -> String { names[code] ?? "compression-\(code)" }

    /// Why segments of this compression cannot be read; `nil` where they can.
    static func obstacle(_ code: Int) -> String? {
        switch code {
        case 1, 8, 32773, 32946, 50000: nil
        default: "compression \(code) (\(name(code)))"
        }
    }

    /// How many bytes one stored byte can stand for at the most.
    static func greatestRatio(_ code: Int) -> Int {
        switch code {
        case 1: 1
        case 8, 32946: 1032  // RFC 1951: 258 bytes from two bits
        case 32773: 64
        default: 65_536
        }
    }

    /// Decodes one segment into `destination`, all of it; what a writer stored beyond is left alone.
    static func decode(
        _ code: Int, _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) {
        let count: Int
        switch code {
        case 1:
            count = min(bytes.count, destination.count)
            destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        case 8, 32946: count = try Zlib().decodePrefix(bytes, into: destination)
        case 50000: count = try Zstd().decode(bytes, into: destination)
        case 32773: count = packBits(bytes, into: destination)
        default: throw .unsupported("compression \(code)")
        }
        guard count == destination.count else {
            throw .malformed("a strip or tile gives \(count) bytes where \(destination.count) are needed")
        }
    }

    /// PackBits (TIFF 6.0 §9): a count byte n, then n + 1 bytes as they are, or one byte to repeat 1 − n times.
    private static func packBits(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer)
        -> Int
    {
        var from = 0, to = 0
        while from < source.count, to < destination.count {
            let head = Int(Int8(bitPattern: source[from]))
            from += 1
            if head >= 0 {
                let count = min(head + 1, source.count - from, destination.count - to)
                for i in 0..<count { destination[to + i] = source[from + i] }
                (from, to) = (from + count, to + count)
            } else if head != -128, from < source.count {
                let count = min(1 - head, destination.count - to)
                for i in 0..<count { destination[to + i] = source[from] }
                (from, to) = (from + 1, to + count)
            }
        }
        return to
    }
}
