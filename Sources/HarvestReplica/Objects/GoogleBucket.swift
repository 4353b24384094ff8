/// gs://replica-bucket: a small raw Zarr v2 array, and enough small keys to need a second page.
struct GoogleBucket: Bucket {
    let name = "replica-bucket"
    let entries: [BucketEntry]
    /// 5 March 2024.
    let lastModified: Int64 = 1_709_640_000
    private let bodies: [String: [UInt8]]

    static let shared = GoogleBucket()
    static let shape = [32, 48, 40]
    static let chunk = 16
    static let small = 1500
    /// Where in the tissue the array lies.
    static let origin = (z: 500, y: 700, x: 900)

    private init() {
        var bodies: [String: [UInt8]] = [
            "README.txt": Array("A bucket of the replica.\n".utf8),
            "volume.zarr/.zattrs": Array(#"{"note": "grey values by formula"}"#.utf8),
            "volume.zarr/.zarray": Array(
                """
                {"zarr_format": 2, "shape": [32, 48, 40], "chunks": [16, 16, 16], "dtype": "|u1", "order": "C",
                 "compressor": null, "filters": null, "fill_value": 0}
                """.utf8),
        ]
        for number in 0..<Self.small {
            let digits = String(number)
            let name = String(repeating: "0", count: 4 - digits.count) + digits
            bodies["many/\(name).txt"] = Array("key \(number)\n".utf8)
        }
        let grid = Self.shape.map { ($0 + Self.chunk - 1) / Self.chunk }
        for z in 0..<grid[0] {
            for y in 0..<grid[1] { for x in 0..<grid[2] { bodies["volume.zarr/\(z).\(y).\(x)"] = Self.block(z, y, x) } }
        }
        self.bodies = bodies
        entries = bodies.map { BucketEntry(key: $0.key, size: Int64($0.value.count), md5: Digest.md5Hex($0.value)) }
            .sorted { BucketPage.precedes($0.key, $1.key) }
    }

    func object(_ key: String) -> (body: any VirtualObject, type: String, md5: String)? {
        guard let bytes = bodies[key] else { return nil }
        let type = key.hasSuffix(".txt") ? "text/plain" : "application/octet-stream"
        return (StoredObject(bytes), type, Digest.md5Hex(bytes))
    }

    /// One row of the array, as truth.
    static func row(z: Int, y: Int) -> [UInt8] {
        var tissue = Tissue(columns: origin.x..<(origin.x + shape[2]))
        var row = [UInt8](repeating: 0, count: tissue.columns.count)
        row.withUnsafeMutableBufferPointer {
            tissue.grey(z: origin.z + z, y: origin.y + y, into: $0.baseAddress!)
        }
        return Array(row[(origin.x - tissue.columns.lowerBound)...].prefix(shape[2]))
    }

    /// Outside the array a chunk holds the fill value.
    private static func block(_ cz: Int, _ cy: Int, _ cx: Int) -> [UInt8] {
        (0..<chunk).flatMap { z in
            (0..<chunk).flatMap { y -> [UInt8] in
                let row = row(z: cz * chunk + z, y: cy * chunk + y)
                let part = row[min(cx * chunk, shape[2])..<min((cx + 1) * chunk, shape[2])]
                return part + [UInt8](repeating: 0, count: chunk - part.count)
            }
        }
    }
}
