import HarvestCore

/// An `info`: what a precomputed volume says of itself, checked.
struct PrecomputedInfo: Sendable {
    let isSegmentation: Bool
    /// Finest first; never empty.
    let scales: [PrecomputedScale]
    /// The untouched document.
    let json: JSON
    private(set) var findings: [Finding] = []

    /// More scales than this are no volume.
    private static let mostScales = 256

    /// Reads `info`; `nil` where there is none, or where it describes something other than a volume's neighbours here.
    ///
    /// - Throws: ``HarvestError`` `.malformed`, naming the key; `.unsupported` for meshes, skeletons and annotations.
    init?(reading store: any Store) async throws {
        let bytes: Bytes
        do {
            guard let found = try await store.readIfPresent("info") else { return nil }
            bytes = found
        } catch let error as HarvestError where error.kind == .denied && store.isRemote { return nil }
        try self.init(JSON(parsing: bytes, at: store.place("info")), at: store.place("info"))
    }

    init(_ json: JSON, at place: String) throws(HarvestError) {
        guard json.object != nil else { throw .malformed("the info is no JSON object", at: place) }
        let type = json["@type"]?.string
        if let type, type != "neuroglancer_multiscale_volume" {
            throw .unsupported("a \(type.displayed(limit: 80)) is no volume", at: place)
        }
        guard let kind = json["type"]?.string, kind == "image" || kind == "segmentation" else {
            throw .malformed("\"type\" is neither \"image\" nor \"segmentation\"", at: place)
        }
        guard let name = json["data_type"]?.string?.lowercased(), let dataType = Self.types[name] else {
            throw .malformed("\"data_type\" names no type", at: place)
        }
        guard let channels = json["num_channels"]?.int, channels > 0, channels <= 1 << 20 else {
            throw .malformed("\"num_channels\" is no number of channels", at: place)
        }
        guard let items = json["scales"]?.array, !items.isEmpty else {
            throw .malformed("\"scales\" is missing or empty", at: place)
        }
        guard items.count <= Self.mostScales else { throw .malformed("\(items.count) scales", at: place) }
        var scales: [PrecomputedScale] = []
        for (index, item) in items.enumerated() {
            scales.append(
                try PrecomputedScale(item, dataType: dataType, channels: channels, at: "\(place), scales[\(index)]"))
        }
        self.scales = scales
        self.json = json
        isSegmentation = kind == "segmentation"
        if Set(scales.map(\.key)).count < scales.count {
            findings.append(
                Finding(.warning, rule: "precomputed-key-repeated", "two scales have the same key: they share chunks"))
        }
    }

    private static let types: [String: DataType] = [
        "uint8": .uint8, "uint16": .uint16, "uint32": .uint32, "uint64": .uint64, "int8": .int8, "int16": .int16,
        "int32": .int32, "int64": .int64, "float32": .float32,
    ]
}

/// One scale of an `info`, all lists turned into z,y,x.
struct PrecomputedScale: Sendable {
    let key: String
    let dataType: DataType
    let channels: Int
    /// z,y,x voxels.
    let size: [Int]
    /// z,y,x voxels, of the first of `chunk_sizes`.
    let chunk: [Int]
    /// z,y,x: the index of the first voxel; may be negative.
    let offset: [Int]
    /// z,y,x nm.
    let resolution: [Double?]
    let encoding: String
    let sharding: Sharding?
    let place: String

    /// The encodings of voxels and what is around them, in the order of encoding.
    var codecs: [String] {
        (encoding == "raw" ? [] : [encoding]) + (sharding.map { $0.isDataGzipped ? ["gzip"] : [] } ?? [])
    }

    init(_ json: JSON, dataType: DataType, channels: Int, at place: String) throws(HarvestError) {
        self.place = place
        (self.dataType, self.channels) = (dataType, channels)
        guard let key = json["key"]?.string, let parts = try? Key.components(of: key), !parts.isEmpty else {
            throw .malformed("\"key\" is missing, or would leave the volume's folder", at: place)
        }
        self.key = parts.joined(separator: "/")
        size = try Self.lengths(json["size"], "size", at: place) { $0 >= 0 && $0 <= 1 << 60 }
        offset =
            json["voxel_offset"].map { $0.isNull } ?? true
            ? [0, 0, 0]
            : try Self.lengths(json["voxel_offset"], "voxel_offset", at: place) { $0.magnitude <= 1 << 60 }
        // Every entry is another way to cut the same voxels; a sharded scale has exactly one.
        chunk = try Self.lengths(
            json["chunk_sizes"]?[0] ?? json["chunk_size"], "chunk_sizes", at: place
        ) { $0 > 0 && $0 <= 1 << 31 }
        guard let resolution = json["resolution"]?.doubles, resolution.count == 3 else {
            throw .malformed("\"resolution\" is no list of three numbers", at: place)
        }
        self.resolution = resolution.reversed().map { $0.isFinite && $0 > 0 ? $0 : nil }
        guard let encoding = json["encoding"]?.string else { throw .malformed("\"encoding\" is missing", at: place) }
        self.encoding = encoding.lowercased()
        guard let sharding = json["sharding"], !sharding.isNull else {
            self.sharding = nil
            return
        }
        self.sharding = try Sharding(sharding, at: place)
    }

    private static func lengths(
        _ json: JSON?, _ name: String, at place: String, where isSound: (Int) -> Bool
    ) throws(HarvestError) -> [Int] {
        guard let values = json?.ints, values.count == 3, values.allSatisfy(isSound) else {
            throw .malformed(
                "\"\(name)\" \((json ?? .null).compact.displayed(limit: 80)) is no list of three lengths", at: place)
        }
        return values.reversed()
    }

    /// nm of the centre of voxel 0, where the centre of voxel index 0 of the finest scale is 0: scales share a corner,
    /// so a voxel f times as long has its centre (f − 1)/2 finest voxels further on.
    func translation(finest: PrecomputedScale) -> [Double?] {
        (0..<3).map { axis in
            guard let own = resolution[axis], let fine = finest.resolution[axis] else { return nil }
            let value = Double(offset[axis]) * own + (own - fine) / 2
            return value == 0 ? 0 : value.rounded(significantDigits: 12)
        }
    }
}
