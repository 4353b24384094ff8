internal import Glibc

/// A multipage TIFF in the layout that ITK and libtiff gave EPFL's files, computed byte by byte.
///
///     header 8 | pixels, directory, StripOffsets, StripByteCounts, "InsightToolkit\0", pad | next page …
///
/// libtiff begins each directory on an even byte, so a page ends in one byte of padding; after the last page there is
/// nothing to pad for, and the file is one byte short of a whole stride.
struct VirtualTIFF: VirtualObject {
    let pages: Int
    let height: Int
    let width: Int
    let rowsPerStrip: Int
    let content: Content
    /// Grows each time somebody replaces the file; odd generations are shown inverted.
    var generation = 0

    /// What the pixels show, at which place of the tissue.
    enum Content: Sendable {
        case grey(z: Int, y: Int, x: Int)
        case labels(z: Int, y: Int, x: Int, erring: Bool)
    }

    private static let header: [UInt8] = [0x49, 0x49, 42, 0]
    private static let software = Array("InsightToolkit\0".utf8)
    private static let tags = 14

    var pixelBytes: Int { width * height }
    var strips: Int { (height + rowsPerStrip - 1) / rowsPerStrip }
    var directoryBytes: Int { 2 + Self.tags * 12 + 4 }
    var trailerBytes: Int { directoryBytes + 8 * strips + Self.software.count }
    /// From one page to the next.
    var pageStride: Int { (pixelBytes + trailerBytes + 1) & ~1 }

    var size: Int64 { Int64(8 + pages * pageStride - (pageStride - pixelBytes - trailerBytes)) }

    /// Where the directory of a page begins.
    func directoryOffset(_ page: Int) -> Int { 8 + page * pageStride + pixelBytes }

    func replaced() -> any VirtualObject {
        var next = self
        next.generation += 1
        return next
    }

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        var offset = Int(range.lowerBound)
        let end = Int(range.upperBound)
        var tissue = Tissue(columns: origin.x..<(origin.x + width))
        var row = [UInt8](repeating: 0, count: tissue.columns.count)
        while offset < end {
            let out = target + (offset - Int(range.lowerBound))
            let page = offset < 8 ? 0 : (offset - 8) / pageStride
            let inPage = offset - 8 - page * pageStride
            let count: Int
            if offset < 8 {
                count = min(8, end) - offset
                copy(Self.header + little(directoryOffset(0), 4), offset, count, out)
            } else if inPage < pixelBytes {
                let y = inPage / width, x = inPage % width
                count = min(width - x, end - offset)
                read(z: page, y: y, &tissue, &row)
                copy(row, origin.x - tissue.columns.lowerBound + x, count, out)
            } else {
                count = min(pageStride - inPage, end - offset)
                copy(trailer(page), inPage - pixelBytes, count, out)
            }
            offset += count
        }
    }

    /// The voxels of one row of one page.
    private func read(z: Int, y: Int, _ tissue: inout Tissue, _ row: inout [UInt8]) {
        row.withUnsafeMutableBufferPointer { buffer in
            let bytes = buffer.baseAddress!
            switch content {
            case .grey(let z0, let y0, _): tissue.grey(z: z0 + z, y: y0 + y, into: bytes)
            case .labels(let z0, let y0, _, let erring):
                tissue.labels(z: z0 + z, y: y0 + y, erring: erring, into: bytes)
            }
            if generation % 2 == 1 { for i in 0..<buffer.count { bytes[i] ^= 0xFF } }
        }
    }

    private var origin: (z: Int, y: Int, x: Int) {
        switch content {
        case .grey(let z, let y, let x), .labels(let z, let y, let x, _): (z, y, x)
        }
    }

    /// Directory, strip arrays, software string and padding of one page.
    private func trailer(_ page: Int) -> [UInt8] {
        let base = directoryOffset(page), offsets = base + directoryBytes, counts = offsets + 4 * strips
        var bytes = little(Self.tags, 2)
        func entry(_ tag: Int, _ type: Int, _ count: Int, _ value: Int) {
            bytes += little(tag, 2) + little(type, 2) + little(count, 4) + little(value, 4)
        }
        let short = 3, long = 4, ascii = 2
        entry(254, long, 1, 2)  // NewSubfileType: a page of several
        entry(256, short, 1, width)
        entry(257, short, 1, height)
        entry(258, short, 1, 8)
        entry(259, short, 1, 1)
        entry(262, short, 1, 1)
        entry(273, long, strips, offsets)
        entry(274, short, 1, 1)
        entry(277, short, 1, 1)
        entry(278, short, 1, rowsPerStrip)
        entry(279, long, strips, counts)
        entry(284, short, 1, 1)
        entry(297, short, 2, page | pages << 16)  // PageNumber
        entry(305, ascii, Self.software.count, counts + 4 * strips)
        bytes += little(page + 1 < pages ? directoryOffset(page + 1) : 0, 4)
        let first = 8 + page * pageStride, stripBytes = rowsPerStrip * width
        for strip in 0..<strips { bytes += little(first + strip * stripBytes, 4) }
        for strip in 0..<strips { bytes += little(min(stripBytes, pixelBytes - strip * stripBytes), 4) }
        bytes += Self.software
        return bytes + [UInt8](repeating: 0, count: pageStride - pixelBytes - bytes.count)
    }

    private func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func copy(_ bytes: [UInt8], _ first: Int, _ count: Int, _ target: UnsafeMutableRawPointer) {
        precondition(first >= 0 && first + count <= bytes.count, "a part outside its whole")
        bytes.withUnsafeBytes { _ = memcpy(target, $0.baseAddress! + first, count) }
    }
}
