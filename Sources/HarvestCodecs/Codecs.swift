public import HarvestCore

/// The codecs known here by the id that metadata uses; one line each.
public enum Codecs {
    /// A codec's id and what it is.
    public struct Entry: Sendable {
        public let id: String
        public let title: String
        let make: @Sendable (JSON) throws(HarvestError) -> any Codec
    }

    /// All codecs, by id.
    public static let all: [Entry] = [
        Entry(id: "blosc", title: "Blosc 1: shuffle, then \(Blosc.innerCodecs.joined(separator: ", "))") {
            (configuration) throws(HarvestError) in try Blosc(configuration: configuration)
        },
        Entry(id: "gzip", title: "gzip (RFC 1952)") { (configuration) throws(HarvestError) in
            Gzip(level: try level(configuration) ?? 6)
        },
        Entry(id: "zlib", title: "zlib (RFC 1950)") { (configuration) throws(HarvestError) in
            Zlib(level: try level(configuration) ?? 6)
        },
        Entry(id: "zstd", title: "Zstandard (RFC 8878)") { (configuration) throws(HarvestError) in
            Zstd(level: try level(configuration) ?? 0, hasChecksum: configuration["checksum"]?.bool ?? false)
        },
    ]

    /// The ids of all codecs.
    public static var names: [String] { all.map(\.id) }

    /// The codec of that id.
    ///
    /// - Parameters:
    ///   - configuration: The object in which metadata names it; members that decoding does not need may be missing.
    ///   - place: Where it was named, for the error.
    /// - Throws: ``HarvestError`` `.unsupported` for an id that is not known, `.malformed` for a broken configuration.
    public static func codec(
        id: String, configuration: JSON, at place: String? = nil
    ) throws(HarvestError) -> any Codec {
        guard let entry = all.first(where: { $0.id == id }) else {
            throw .unsupported(
                "the codec \"\(id.displayed(limit: 60))\" is not known here", at: place,
                next: "known are \(names.joined(separator: ", "))")
        }
        do { return try entry.make(configuration) } catch { throw place.map(error.located(at:)) ?? error }
    }

    private static func level(_ configuration: JSON) throws(HarvestError) -> Int? {
        guard let level = configuration["level"], !level.isNull else { return nil }
        guard let value = level.int else {
            throw .malformed("a codec's level \(level.compact.displayed(limit: 60)) is not a whole number")
        }
        return value
    }
}

extension Blosc {
    /// As numcodecs and Zarr v3 configure it; `shuffle` may be a number or a word.
    init(configuration: JSON) throws(HarvestError) {
        let words = ["noshuffle": 0, "shuffle": 1, "bitshuffle": 2]
        let shuffle = configuration["shuffle"].flatMap { $0.int ?? words[$0.string ?? ""] }
        try self.init(
            inner: configuration["cname"]?.string ?? "lz4", level: configuration["clevel"]?.int ?? 5,
            shuffle: shuffle.flatMap(Shuffle.init(rawValue:)) ?? .byte,
            blockSize: configuration["blocksize"]?.int ?? 0, elementSize: configuration["typesize"]?.int ?? 1)
    }
}
