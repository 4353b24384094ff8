/// The bucket of OpenOrganelle with one data set: a Zarr v2 pyramid of nine levels, 17,266 chunks.
struct NucleusAccumbens: Bucket {
    let name: String
    let entries: [BucketEntry]
    /// 10 January 2024, noon.
    let lastModified: Int64 = 1_704_888_000

    static let dataset = "jrc_mus-nacc-2"
    static let image = "\(dataset)/\(dataset).zarr/recon-2/em/fibsem-int16/"

    /// z, y, x of each level: every level is the floor of half the one before.
    static let shapes: [[Int]] = (0..<9).map { level in [564, 2520, 2596].map { $0 >> level } }

    /// Chunks along each axis.
    static func grid(_ level: Int) -> [Int] { shapes[level].map { ($0 + Prototypes.side - 1) / Prototypes.side } }

    /// The same content under two bucket names.
    static let shared = NucleusAccumbens(name: "janelia-cosem-datasets")
    static let redirected = NucleusAccumbens(name: "replica-redirect", entries: shared.entries)

    private init(name: String, entries: [BucketEntry]) {
        self.name = name
        self.entries = entries
    }

    private init(name: String) {
        let blocks = Prototypes.shared
        var entries = Self.documents.map {
            BucketEntry(key: $0.key, size: Int64($0.value.bytes.count), md5: Digest.md5Hex($0.value.bytes))
        }
        for level in 0..<Self.shapes.count {
            let grid = Self.grid(level)
            for z in 0..<grid[0] {
                for y in 0..<grid[1] {
                    for x in 0..<grid[2] {
                        let block = Prototypes.index(level: level, z: z, y: y, x: x)
                        entries.append(
                            BucketEntry(
                                key: "\(Self.image)s\(level)/\(z)/\(y)/\(x)",
                                size: Int64(blocks.encoded[block].count), md5: blocks.digests[block]))
                    }
                }
            }
        }
        self.init(name: name, entries: entries.sorted { BucketPage.precedes($0.key, $1.key) })
    }

    func object(_ key: String) -> (body: any VirtualObject, type: String, md5: String)? {
        if let document = Self.documents[key] {
            return (StoredObject(document.bytes), document.type, Digest.md5Hex(document.bytes))
        }
        guard let block = Self.block(key) else { return nil }
        let blocks = Prototypes.shared
        let body = StoredObject(
            blocks.encoded[block], replacement: blocks.encoded[(block + 1) % Prototypes.count])
        return (body, Self.binary, blocks.digests[block])
    }

    /// The block behind a chunk's key, by arithmetic.
    private static func block(_ key: String) -> Int? {
        guard key.hasPrefix(image + "s") else { return nil }
        let parts = key.dropFirst(image.count + 1).split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in Int(part).flatMap { String($0) == part ? $0 : nil } }
        guard parts.count == 4, numbers.count == 4, shapes.indices.contains(numbers[0]) else { return nil }
        let grid = grid(numbers[0])
        guard zip(numbers.dropFirst(), grid).allSatisfy({ $0 >= 0 && $0 < $1 }) else { return nil }
        return Prototypes.index(level: numbers[0], z: numbers[1], y: numbers[2], x: numbers[3])
    }

    private static let binary = "binary/octet-stream"

    /// Everything that is not a chunk.
    private static let documents: [String: (bytes: [UInt8], type: String)] = {
        var all: [String: (bytes: [UInt8], type: String)] = [
            "\(dataset)/thumbnail.jpg": (Thumbnail.jpeg, "image/jpeg"),
            "\(image).zgroup": (Array("{\n    \"zarr_format\": 2\n}".utf8), binary),
            "\(image).zattrs": (Array(multiscales.utf8), binary),
        ]
        for level in shapes.indices {
            all["\(image)s\(level)/.zarray"] = (Array(array(level).utf8), binary)
            all["\(image)s\(level)/.zattrs"] = (Array("{}".utf8), binary)
        }
        return all
    }()

    private static func array(_ level: Int) -> String {
        """
        {
            "chunks": [64, 64, 64],
            "compressor": {"id": "zstd", "level": 1},
            "dimension_separator": "/",
            "dtype": "<i2",
            "fill_value": 0,
            "filters": null,
            "order": "C",
            "shape": [\(shapes[level].map { String($0) }.joined(separator: ", "))],
            "zarr_format": 2
        }
        """
    }

    /// OME-NGFF 0.4, with the floating-point dust of the published numbers.
    private static let multiscales: String = {
        let scales = [
            "2.96", "5.92", "11.840000000000002", "23.68", "47.36", "94.72", "189.44", "378.8799999999999",
            "757.7599999999999",
        ]
        let translations = [
            "0.0", "1.48", "4.4399999999999995", "10.36", "22.2", "45.88", "93.24", "187.96", "377.4",
        ]
        let levels = scales.indices.map { level in
            let scale = "\(4 << level).0", translation = "\((4 << level) / 2 - 2).0"
            return """
                {"coordinateTransformations": [{"scale": [\(scales[level]), \(scale), \(scale)], "type": "scale"}, \
                {"translation": [\(translations[level]), \(translation), \(translation)], "type": "translation"}], \
                "path": "s\(level)"}
                """
        }
        let axes = ["z", "y", "x"].map { #"{"name": "\#($0)", "type": "space", "unit": "nanometer"}"# }
        return """
            {"multiscales": [{"axes": [\(axes.joined(separator: ", "))], \
            "coordinateTransformations": [{"scale": [1.0, 1.0, 1.0], "type": "scale"}], \
            "datasets": [\(levels.joined(separator: ",\n    "))], \
            "metadata": null, "name": "", "type": null, "version": "0.4"}]}
            """
    }()
}
