internal import Glibc

/// A data set as voxels, without any file format: what readers are compared with.
struct Volume: Sendable {
    let name: String
    let dataType: String
    /// z, y, x of each level.
    let shapes: [[Int]]
    /// Writes the voxels of one row: level, z, y, x range.
    let row: @Sendable (Int, Int, Int, Range<Int>) -> [UInt8]

    static let all: [Volume] =
        EPFLDocuments.files.map { tiff($0.name, $0.file) } + [idr, empiar, pyramid, hemibrain, bucket]

    /// The rows of `box` (everything, if nil) in C order; `nil` if the box leaves the level.
    func read(level: Int, box: [Range<Int>]?, _ body: ([UInt8]) -> Void) -> Bool {
        guard shapes.indices.contains(level) else { return false }
        let box = box ?? shapes[level].map { 0..<$0 }
        guard zip(box, shapes[level]).allSatisfy({ $0.upperBound <= $1 }) else { return false }
        for z in box[0] { for y in box[1] { body(row(level, z, y, box[2])) } }
        return true
    }

    private static func tiff(_ file: String, _ tiff: VirtualTIFF) -> Volume {
        let name = file == "volumedata" ? "epfl" : "epfl-" + file.map { $0 == "_" ? "-" : String($0) }.joined()
        return Volume(name: name, dataType: "uint8", shapes: [[tiff.pages, tiff.height, tiff.width]]) { _, z, y, x in
            let first = Int64(8 + z * tiff.pageStride + y * tiff.width)
            return tiff.bytes((first + Int64(x.lowerBound))..<(first + Int64(x.upperBound)))
        }
    }

    private static let blocks: [[Int16]] = inParallel(2) { half in
        stride(from: half, to: Prototypes.count, by: 2).map { Prototypes.block($0) }
    }.reduce(into: []) { $0 += $1 }

    private static let pyramid = Volume(
        name: "openorganelle", dataType: "int16", shapes: NucleusAccumbens.shapes
    ) { level, z, y, x in
        let side = Prototypes.side, half = Prototypes.count / 2
        return x.flatMap { x -> [UInt8] in
            let number = Prototypes.index(level: level, z: z / side, y: y / side, x: x / side)
            let block = blocks[number % 2 * half + number / 2]
            let value = UInt16(bitPattern: block[(z % side * side + y % side) * side + x % side])
            return [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
        }
    }

    private static let idr = Volume(name: "idr", dataType: "uint8", shapes: [[184, 775, 1121]]) { _, z, y, x in
        Archive.xy.voxels(z: z, y: y, x: x)
    }

    private static let empiar = Volume(
        name: "empiar", dataType: "uint8", shapes: [[SliceFile.count, SliceFile.height, SliceFile.width]]
    ) { _, z, y, x in SliceFile.voxels(z: z, y: y, x: x) }

    private static let hemibrain = Volume(
        name: "hemibrain", dataType: "uint8", shapes: Hemibrain.scales.map { $0.size.reversed() }
    ) { level, z, y, x in Hemibrain.row(level: level, z: z, y: y, x: x) }

    private static let bucket = Volume(
        name: "replica-bucket", dataType: "uint8", shapes: [GoogleBucket.shape]
    ) { _, z, y, x in Array(GoogleBucket.row(z: z, y: y)[x]) }
}
