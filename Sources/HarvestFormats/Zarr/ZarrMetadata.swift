import HarvestCodecs
import HarvestCore

/// A `.zarray`: what an array's metadata says, checked.
///
/// Specification: Zarr storage specification version 2, §"Metadata".
struct ZarrMetadata: Sendable {
    let shape: [Int]
    let chunk: [Int]
    let type: ZarrDataType
    /// `C` or `F`: the order of voxels inside a chunk, nowhere else.
    let order: String
    /// Between the numbers of a chunk's key: `.` or `/`.
    let separator: String
    /// As written.
    let fillValue: JSON
    /// One voxel of it; empty where the type is not read here.
    let fill: [UInt8]
    /// Filters and compressor in the order of encoding; blosc with its inner codec, `blosc/lz4`.
    let codecs: [String]
    /// `nil` where chunks are stored plain.
    let codec: (any Codec)?
    /// Why the voxels cannot be read here although the metadata is valid.
    let obstacle: HarvestError?
    /// The untouched document.
    let json: JSON

    /// - Throws: ``HarvestError`` `.malformed` naming the key; `.unsupported` for another version of the format.
    init(_ json: JSON, at place: String) throws(HarvestError) {
        self.json = json
        guard json.object != nil else { throw .malformed("an array's metadata is no JSON object", at: place) }
        try Self.checkVersion(json, at: place)
        shape = try Self.lengths("shape", json, at: place)
        chunk = try Self.lengths("chunks", json, at: place)
        guard chunk.allSatisfy({ $0 > 0 }), chunk.count == shape.count else {
            throw .malformed("\"chunks\" \(chunk) do not cut \"shape\" \(shape)", at: place)
        }
        type = try ZarrDataType(json["dtype"], at: place)
        order = try Self.word("order", json, of: ["C", "F"], at: place)
        separator = try Self.word("dimension_separator", json, of: [".", "/"], default: ".", at: place)
        fillValue = json["fill_value"] ?? .null

        let filters = try Self.filters(json, at: place)
        let compressor = try Self.compressor(json, at: place)
        codecs = filters + (compressor.map { [$0.name] } ?? [])
        var obstacle: HarvestError?
        var codec: (any Codec)?
        if let compressor {
            do { codec = try Codecs.codec(id: compressor.id, configuration: compressor.json, at: place) } catch {
                if error.kind == .malformed { throw error }
                obstacle = error
            }
        }
        if let filter = filters.first {
            obstacle = .unsupported("the filter \"\(filter)\" is not read here", at: place)
        }
        if let dataType = type.dataType {
            fill = try ZarrFill.bytes(fillValue, dataType, at: place)
        } else {
            fill = []
            obstacle = .unsupported("the type \(type.text.displayed(limit: 200)) is not read here", at: place)
        }
        if obstacle == nil, shape.count > Coordinate.maximumRank {
            obstacle = .unsupported(
                "\(shape.count) axes are more than the \(Coordinate.maximumRank) supported", at: place)
        }
        (self.codec, self.obstacle) = (codec, obstacle)
    }

    /// - Throws: ``HarvestError`` `.unsupported` where `zarr_format` is not 2; WEBKNOSSOS writes it as text.
    static func checkVersion(_ json: JSON, at place: String) throws(HarvestError) {
        guard let version = json["zarr_format"] else { throw .malformed("\"zarr_format\" is missing", at: place) }
        guard version.int == 2 || version.string == "2" else {
            throw .unsupported("\"zarr_format\" \(version.compact.displayed(limit: 60)) is not 2", at: place)
        }
    }

    /// The key of a chunk of the array at `path`: `s0/3.0.12`; `s0/0` for the one chunk of an array without axes.
    func key(of cell: Coordinate, path: String) -> String {
        let name = cell.count == 0 ? "0" : cell.array.map(String.init).joined(separator: separator)
        return path.isEmpty ? name : "\(path)/\(name)"
    }

    private static func lengths(_ key: String, _ json: JSON, at place: String) throws(HarvestError) -> [Int] {
        guard let value = json[key] else { throw .malformed("\"\(key)\" is missing", at: place) }
        // 2^60 leaves room for the arithmetic of chunks.
        guard let lengths = value.ints, lengths.count <= 64, lengths.allSatisfy({ $0 >= 0 && $0 <= 1 << 60 }) else {
            throw .malformed("\"\(key)\" \(value.compact.displayed(limit: 200)) is no list of lengths", at: place)
        }
        return lengths
    }

    private static func word(
        _ key: String, _ json: JSON, of words: [String], default fallback: String? = nil, at place: String
    ) throws(HarvestError) -> String {
        guard let value = json[key], !(value.isNull && fallback != nil) else {
            if let fallback { return fallback }
            throw .malformed("\"\(key)\" is missing", at: place)
        }
        guard let word = value.string, words.contains(word) else {
            throw .malformed("\"\(key)\" \(value.compact.displayed(limit: 60)) is none of \(words)", at: place)
        }
        return word
    }

    private static func filters(_ json: JSON, at place: String) throws(HarvestError) -> [String] {
        guard let value = json["filters"], !value.isNull else { return [] }
        guard let items = value.array else { throw .malformed("\"filters\" is no list", at: place) }
        let names = items.compactMap { $0["id"]?.string?.displayed(limit: 60) }
        guard names.count == items.count else { throw .malformed("a filter has no \"id\"", at: place) }
        return names
    }

    private static func compressor(
        _ json: JSON, at place: String
    ) throws(HarvestError) -> (id: String, name: String, json: JSON)? {
        guard let value = json["compressor"], !value.isNull else { return nil }
        guard let id = value["id"]?.string else { throw .malformed("\"compressor\" has no \"id\"", at: place) }
        let name = id == "blosc" ? value["cname"]?.string.map { "blosc/\($0)" } ?? id : id
        return (id, name.displayed(limit: 60), value)
    }
}
