import HarvestCore

/// Tags that are read here (TIFF 6.0 §8, Adobe PageMaker 6.0 TechNote 1, libtiff, makers' private tags).
enum TIFFTag {
    static let subfileType: UInt16 = 254, width: UInt16 = 256, height: UInt16 = 257, bitsPerSample: UInt16 = 258
    static let compression: UInt16 = 259, photometric: UInt16 = 262, fillOrder: UInt16 = 266
    static let description: UInt16 = 270, stripOffsets: UInt16 = 273, samplesPerPixel: UInt16 = 277
    static let rowsPerStrip: UInt16 = 278, stripByteCounts: UInt16 = 279
    static let xResolution: UInt16 = 282, yResolution: UInt16 = 283, planarConfiguration: UInt16 = 284
    static let pageNumber: UInt16 = 297, software: UInt16 = 305, predictor: UInt16 = 317
    static let tileWidth: UInt16 = 322, tileLength: UInt16 = 323, tileOffsets: UInt16 = 324
    static let tileByteCounts: UInt16 = 325, subIFDs: UInt16 = 330, sampleFormat: UInt16 = 339
    static let subsampling: UInt16 = 530, imageDepth: UInt16 = 32997, tileDepth: UInt16 = 32998
    static let zeiss: UInt16 = 34118, fei: UInt16 = 34682, tvips: UInt16 = 37706
    static let dmUnitX: UInt16 = 65003, dmUnitY: UInt16 = 65004, dmScaleX: UInt16 = 65009, dmScaleY: UInt16 = 65010

    static let names: [UInt16: String] = [
        254: "NewSubfileType", 256: "ImageWidth", 257: "ImageLength", 258: "BitsPerSample", 259: "Compression",
        262: "PhotometricInterpretation", 266: "FillOrder", 270: "ImageDescription", 271: "Make", 272: "Model",
        273: "StripOffsets", 274: "Orientation", 277: "SamplesPerPixel", 278: "RowsPerStrip",
        279: "StripByteCounts", 282: "XResolution", 283: "YResolution", 284: "PlanarConfiguration",
        296: "ResolutionUnit", 297: "PageNumber", 305: "Software", 306: "DateTime", 315: "Artist", 317: "Predictor",
        320: "ColorMap", 322: "TileWidth", 323: "TileLength", 324: "TileOffsets", 325: "TileByteCounts",
        330: "SubIFDs", 338: "ExtraSamples", 339: "SampleFormat", 530: "YCbCrSubSampling", 32997: "ImageDepth",
        32998: "TileDepth", 34118: "CZ_SEM", 34682: "FEI_HELIOS", 37706: "TVIPS",
    ]
}

/// The layout of the file's own numbers: byte order and width of offsets.
struct TIFFDialect: Sendable, Hashable {
    var byteOrder: ByteOrder
    /// BigTIFF: offsets and counts of eight bytes.
    var isBig: Bool

    var entrySize: Int { isBig ? 20 : 12 }
    var countSize: Int { isBig ? 8 : 2 }
    var offsetSize: Int { isBig ? 8 : 4 }

    /// An unsigned number of `size` bytes; `nil` past `Int.max`.
    func number(_ bytes: UnsafeRawBufferPointer, at offset: Int, size: Int) -> Int? {
        guard offset >= 0, size <= bytes.count, offset <= bytes.count - size else { return nil }
        var value: UInt64 = 0
        for i in 0..<size {
            value = value << 8 | UInt64(bytes[offset + (byteOrder == .big ? i : size - 1 - i)])
        }
        return Int(exactly: value)
    }
}

/// One entry of a directory: what it holds, and where its values stand.
struct TIFFEntry: Sendable, Hashable {
    var type: UInt16
    var count: Int
    /// Offset of the values in the file; also for values that stand in the entry itself.
    var offset: Int
    var isInline: Bool

    /// Bytes per value; 0 for a type that no specification knows.
    var valueSize: Int {
        switch type {
        case 1, 2, 6, 7: 1
        case 3, 8: 2
        case 4, 9, 11, 13: 4
        case 5, 10, 12, 16, 17, 18: 8
        default: 0
        }
    }
}

/// One image file directory (TIFF 6.0 §2).
struct TIFFDirectory: Sendable {
    var offset: Int
    /// Bytes from the entry count to the next directory's offset, both included.
    var length: Int
    var entries: [UInt16: TIFFEntry]
    /// Offset of the next directory; 0 where this is the last.
    var next: Int

    /// Where the tiles or strips stand.
    var segmentOffsets: TIFFEntry? { entries[TIFFTag.tileOffsets] ?? entries[TIFFTag.stripOffsets] }
}
