import HarvestCore

/// How one page lays its samples out: everything that must be alike for pages to form one array.
struct TIFFGeometry: Sendable, Hashable {
    var width: Int
    var height: Int
    /// Planes of a volumetric page (SGI ImageDepth); 1 elsewhere.
    var depth: Int
    var samples: Int
    /// Samples of one pixel in separate planes (PlanarConfiguration 2).
    var isPlanar: Bool
    var bits: Int
    var dataType: DataType
    var compression: Int
    var predictor: Int
    var isBitReversed: Bool
    var isTiled: Bool
    /// Depth, rows and columns of a strip or tile.
    var segment: [Int]
    /// Why the samples cannot be read here; `nil` where they can.
    var obstacle: String?

    /// Depth, rows and columns of segments in the page.
    var segmentGrid: [Int] {
        [
            (depth + segment[0] - 1) / segment[0], (height + segment[1] - 1) / segment[1],
            (width + segment[2] - 1) / segment[2],
        ]
    }

    var segmentsPerPlane: Int { segmentGrid[0] * segmentGrid[1] * segmentGrid[2] }
    var segmentCount: Int { segmentsPerPlane * (isPlanar ? samples : 1) }
    /// Samples that lie side by side in one segment.
    var interleaved: Int { isPlanar ? 1 : samples }

    /// Bytes of one row of a segment as stored: rows begin on byte boundaries (TIFF 6.0 §7).
    var bytesPerRow: Int { (segment[2] * interleaved * bits + 7) / 8 }

    /// Shape and axes of one page, as raw samples.
    var shape: [Int] {
        (isPlanar && samples > 1 ? [samples] : []) + (depth > 1 ? [depth] : []) + [height, width]
            + (!isPlanar && samples > 1 ? [samples] : [])
    }

    var axes: [String] {
        (isPlanar && samples > 1 ? ["s"] : []) + (depth > 1 ? ["z"] : []) + ["y", "x"]
            + (!isPlanar && samples > 1 ? ["s"] : [])
    }

    /// The page's chunk in the order of ``shape``.
    var chunk: [Int] {
        (isPlanar && samples > 1 ? [1] : []) + (depth > 1 ? [segment[0]] : []) + [segment[1], segment[2]]
            + (!isPlanar && samples > 1 ? [samples] : [])
    }
}

extension TIFFGeometry {
    /// Reads the geometry of a directory.
    init(_ directory: TIFFDirectory, _ reader: TIFFReader) async throws {
        let place = "\(reader.place) IFD at byte \(directory.offset)"
        func value(_ tag: UInt16) async throws -> Int? {
            guard let entry = directory.entries[tag], entry.count > 0 else { return nil }
            return try await reader.integers(entry, limit: 1).first
        }
        guard let width = try await value(TIFFTag.width), let height = try await value(TIFFTag.height) else {
            throw HarvestError.malformed("a page without ImageWidth or ImageLength", at: place)
        }
        let depth = try await value(TIFFTag.imageDepth) ?? 1
        let limit = 1 << 31
        guard (0..<limit).contains(width), (0..<limit).contains(height), (1..<limit).contains(depth) else {
            throw HarvestError.malformed("a page of \(width) × \(height) × \(depth) pixels", at: place)
        }
        self.width = width
        self.height = height
        self.depth = depth
        samples = try await value(TIFFTag.samplesPerPixel) ?? 1
        guard (1...65535).contains(samples) else {
            throw HarvestError.malformed("a page of \(samples) samples per pixel", at: place)
        }
        isPlanar = try await value(TIFFTag.planarConfiguration) == 2
        compression = try await value(TIFFTag.compression) ?? 1
        predictor = try await value(TIFFTag.predictor) ?? 1
        isBitReversed = try await value(TIFFTag.fillOrder) == 2
        var allBits = [1]
        if let entry = directory.entries[TIFFTag.bitsPerSample] {
            allBits = try await reader.integers(entry, limit: 64)
        }
        bits = allBits.first ?? 1
        var allFormats = [1]
        if let entry = directory.entries[TIFFTag.sampleFormat] {
            allFormats = try await reader.integers(entry, limit: 64)
        }
        let format = allFormats.first ?? 1
        isTiled = directory.entries[TIFFTag.tileOffsets] != nil || directory.entries[TIFFTag.tileWidth] != nil
        if isTiled {
            guard let tileWidth = try await value(TIFFTag.tileWidth),
                let tileLength = try await value(TIFFTag.tileLength)
            else { throw HarvestError.malformed("a tiled page without TileWidth or TileLength", at: place) }
            segment = [try await value(TIFFTag.tileDepth) ?? 1, tileLength, tileWidth]
        } else {
            let rows = try await value(TIFFTag.rowsPerStrip) ?? height
            segment = [1, height == 0 ? 1 : min(rows, height), max(1, width)]  // an empty page has no strips
        }
        guard segment.allSatisfy({ (1..<limit).contains($0) }) else {
            throw HarvestError.malformed("a page with strips or tiles of \(segment)", at: place)
        }
        dataType = .uint8
        try check(allBits, allFormats, place)
        dataType = Self.dataType(bits: bits, format: format) ?? .uint8
        obstacle = Self.dataType(bits: bits, format: format) == nil ? "samples of \(bits) bits, format \(format)" : nil
        if Set(allBits).count > 1 { obstacle = "samples of different widths \(allBits)" }
        if Set(allFormats).count > 1 { obstacle = "samples of different formats \(allFormats)" }
        if let name = TIFFCompression.obstacle(compression) { obstacle = name }
        if !(1...3).contains(predictor) { obstacle = "predictor \(predictor)" }
        if bits % 8 != 0, predictor != 1 { obstacle = "predictor \(predictor) on samples of \(bits) bits" }
        if predictor != 1, dataType == .complex64 || dataType == .complex128 {
            obstacle = "predictor \(predictor) on complex samples"
        }
        if predictor == 3, ![.float16, .float32, .float64].contains(dataType) {
            obstacle = "predictor 3 on whole numbers"
        }
        if try await value(TIFFTag.photometric) == 6, compression != 7, !isPlanar,
            let entry = directory.entries[TIFFTag.subsampling],
            try await reader.integers(entry, limit: 2) != [1, 1]
        {
            obstacle = "YCbCr samples that are subsampled"
        }
    }

    /// Refuses what no memory could hold, before anything is allocated.
    private func check(_ bits: [Int], _ formats: [Int], _ place: String) throws {
        guard let widest = bits.max(), (1...128).contains(widest), bits.allSatisfy({ $0 > 0 }) else {
            throw HarvestError.malformed("samples of \(bits) bits", at: place)
        }
        var size = 1
        for factor in [segment[0], segment[1], segment[2], samples, 16] {
            let (value, overflow) = size.multipliedReportingOverflow(by: factor)
            guard !overflow, value < 1 << 50 else {
                throw HarvestError.malformed("strips or tiles of \(segment) with \(samples) samples", at: place)
            }
            size = value
        }
        // Each strip or tile has an offset in the file, so there are not more of them than a file has bytes.
        let counts = zip([depth, height, width], segment).map { ($0 + $1 - 1) / $1 } + [samples]
        guard let segments = Coordinate(counts).product, segments < 1 << 40 else {
            throw HarvestError.malformed("a page of \(counts) strips or tiles", at: place)
        }
    }

    private static func dataType(bits: Int, format: Int) -> DataType? {
        switch (format, bits) {
        case (1, 1), (4, 1): .bool
        case (1, 2...8), (4, 8): .uint8
        case (1, 9...16), (4, 16): .uint16
        case (1, 25...31), (1, 17...23), (1, 32), (4, 32): .uint32
        case (1, 64), (4, 64): .uint64
        case (2, 8): .int8
        case (2, 16): .int16
        case (2, 32): .int32
        case (2, 64): .int64
        case (3, 16): .float16
        case (3, 32): .float32
        case (3, 64): .float64
        case (6, 64): .complex64
        case (6, 128): .complex128
        default: nil
        }
    }
}
