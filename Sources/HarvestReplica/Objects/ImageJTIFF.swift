internal import Glibc

/// A multipage TIFF as ImageJ 1.52p saves a stack, computed byte by byte: big-endian, the first directory at byte 8, all
/// pixels in one run, every other directory behind them.
///
///     header 8 | directory 162 | description, resolutions, padding, to 278 | pixels of all pages | directories 162 each
struct ImageJTIFF: VirtualObject {
    let pages: Int
    let height: Int
    let width: Int
    /// Where in the tissue the first voxel lies.
    let origin: (z: Int, y: Int, x: Int)
    /// Which of the tissue's axes rows, columns and pages run along: a stack cut along another axis is the same tissue.
    var isTurned = false
    var generation = 0

    private static let dataOffset = 278
    private static let directoryBytes = 162
    private static let tags = 13

    var pageBytes: Int { width * height }
    var size: Int64 { Int64(Self.dataOffset + pages * pageBytes + (pages - 1) * Self.directoryBytes) }

    func replaced() -> any VirtualObject {
        var next = self
        next.generation += 1
        return next
    }

    /// ImageJ writes the micro sign as six characters of ASCII.
    private var description: [UInt8] {
        let text =
            "ImageJ=1.52p\nimages=\(pages)\nslices=\(pages)\nunit=\\u00B5m\nspacing=0.02\nloop=false\n"
            + "min=36.0\nmax=199.0"
        return Array(text.utf8) + [0]
    }

    private func big(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    private func directory(_ page: Int) -> [UInt8] {
        let short = 3, long = 4, rational = 5, ascii = 2
        var bytes = big(Self.tags, 2)
        func entry(_ tag: Int, _ type: Int, _ count: Int, _ value: Int) {
            bytes += big(tag, 2) + big(type, 2) + big(count, 4)
            bytes += type == short && count == 1 ? big(value, 2) + [0, 0] : big(value, 4)
        }
        let texts = 8 + Self.directoryBytes
        entry(254, long, 1, 0)
        entry(256, long, 1, width)
        entry(257, long, 1, height)
        entry(258, short, 1, 8)
        entry(262, short, 1, 1)
        entry(270, ascii, description.count, texts)
        entry(273, long, 1, Self.dataOffset + page * pageBytes)
        entry(277, short, 1, 1)
        entry(278, short, 1, height)
        entry(279, long, 1, pageBytes)
        entry(282, rational, 1, texts + description.count)
        entry(283, rational, 1, texts + description.count)
        entry(296, short, 1, 1)
        let next = Self.dataOffset + pages * pageBytes + page * Self.directoryBytes
        return bytes + big(page + 1 < pages ? next : 0, 4)
    }

    private var head: [UInt8] {
        let bytes =
            [0x4D, 0x4D, 0, 42] + big(8, 4) + directory(0) + description + big(50_000_000, 4) + big(1_000_000, 4)
        precondition(bytes.count <= Self.dataOffset, "the texts are longer than the room before the pixels")
        return bytes + [UInt8](repeating: 0, count: Self.dataOffset - bytes.count)
    }

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        let end = Int(range.upperBound), pixelEnd = Self.dataOffset + pages * pageBytes
        var offset = Int(range.lowerBound)
        var rows = TissueRows(columns: origin.x..<(origin.x + width))
        func put(_ bytes: [UInt8], _ first: Int, _ count: Int) {
            bytes.withUnsafeBytes {
                _ = memcpy(target + (offset - Int(range.lowerBound)), $0.baseAddress! + first, count)
            }
            offset += count
        }
        while offset < end {
            if offset < Self.dataOffset {
                put(head, offset, min(end, Self.dataOffset) - offset)
            } else if offset < pixelEnd {
                let at = offset - Self.dataOffset
                let page = at / pageBytes, y = at % pageBytes / width, x = at % width
                let row = row(page: page, y: y, &rows)
                put(row, x, min(width - x, end - offset))
            } else {
                let at = offset - pixelEnd
                let page = 1 + at / Self.directoryBytes
                put(
                    directory(page), at % Self.directoryBytes,
                    min(Self.directoryBytes - at % Self.directoryBytes, end - offset))
            }
        }
    }

    private func row(page: Int, y: Int, _ rows: inout TissueRows) -> [UInt8] {
        let bytes =
            isTurned
            ? rows.row(z: origin.z + y, y: origin.y + page) : rows.row(z: origin.z + page, y: origin.y + y)
        return generation % 2 == 1 ? bytes.map { ~$0 } : bytes
    }

    /// The voxels of one row, as truth.
    func voxels(z: Int, y: Int, x: Range<Int>) -> [UInt8] {
        var rows = TissueRows(columns: origin.x..<(origin.x + width))
        return Array(row(page: z, y: y, &rows)[x])
    }
}

/// Rows of grey tissue between two columns.
struct TissueRows {
    private var tissue: Tissue
    private let lead: Int
    private let count: Int
    private var buffer: [UInt8]

    init(columns: Range<Int>) {
        tissue = Tissue(columns: columns)
        lead = columns.lowerBound - tissue.columns.lowerBound
        count = columns.count
        buffer = [UInt8](repeating: 0, count: tissue.columns.count)
    }

    mutating func row(z: Int, y: Int) -> [UInt8] {
        buffer.withUnsafeMutableBufferPointer { tissue.grey(z: z, y: y, into: $0.baseAddress!) }
        return Array(buffer[lead..<(lead + count)])
    }
}
