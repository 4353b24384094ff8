public import HarvestCore

/// Neuroglancer precomputed volumes: `info` (JSON) and one folder of chunks, or of shards, per scale.
///
/// Files speak x,y,z(,channel) in Fortran order; here the same bytes are (c,)z,y,x in C order. An image of one channel
/// has the axes z,y,x, one of several c,z,y,x; an array of a scale always keeps c.
///
/// - Specification: neuroglancer/src/datasource/precomputed: volume.md, sharded.md.
/// - Read: chunks that are raw or JPEG, plain, gzipped, or in `neuroglancer_uint64_sharded_v1` shards.
/// - Not read: other encodings (`compressed_segmentation`, `png`, `compresso`, …), meshes, skeletons, annotations.
public struct Precomputed: Format {
    public let name = "precomputed"
    public let title = "Neuroglancer precomputed, unsharded and sharded"
    public let fileExtensions = ["precomputed"]
    public let documents = ["info"]

    public init() {}

    /// - Complexity: One request for `info`, with all scales in it.
    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        guard let info = try await PrecomputedInfo(reading: store) else { return nil }
        var contents = Contents(format: name)
        contents.findings = info.findings
        contents.arrays = info.scales.map { scale in
            var entry: ArrayEntry
            do throws(HarvestError) {
                entry = ArrayEntry(
                    path: scale.key, array: try PrecomputedArray(scale, keepsChannel: true, in: store))
            } catch { entry = ArrayEntry(path: scale.key, error: error) }
            entry.shape = [scale.channels] + scale.size
            entry.dtype = scale.dataType.rawValue
            entry.chunk = [scale.channels] + scale.chunk
            entry.order = "F"
            entry.codecs = scale.codecs
            entry.fillValue = 0
            return entry
        }
        contents.images = [image(info, in: store)]
        return contents
    }

    private func image(_ info: PrecomputedInfo, in store: any Store) -> Volume {
        let finest = info.scales[0]
        let hasChannels = finest.channels != 1
        func axes<T>(_ channel: T, _ spatial: [T]) -> [T] { hasChannels ? [channel] + spatial : spatial }
        var metadata = Metadata(source: .header, place: store.place("info"))
        metadata.shape = axes(finest.channels, finest.size)
        metadata.axes = axes("c", ["z", "y", "x"])
        metadata.dtype = finest.dataType.rawValue
        metadata.channels = finest.channels
        metadata.voxelSize = axes(nil, finest.resolution)
        metadata.translation = axes(nil, finest.translation(finest: finest))
        metadata.origin = axes(0, finest.offset)
        metadata.published = Metadata.Published(
            voxelSize: metadata.voxelSize, unit: axes(nil, ["nm", "nm", "nm"]),
            offset: axes(nil, finest.offset.map(Double.init)))
        metadata.byteOrder = .little
        metadata.isLossy = finest.encoding == "jpeg"
        metadata.chunk = axes(finest.channels, finest.chunk)
        metadata.compression = finest.codecs
        metadata.known = [Field.Name.shape: "header", Field.Name.voxelSize: "header"]
        metadata.raw = info.json
        let levels = info.scales.enumerated().map { index, scale in
            Level(
                index: index, path: scale.key, shape: axes(scale.channels, scale.size),
                voxelSize: axes(nil, scale.resolution), translation: axes(nil, scale.translation(finest: finest))
            ) { try PrecomputedArray(scale, keepsChannel: hasChannels, in: store) }
        }
        return Volume(metadata: metadata, levels: levels, role: info.isSegmentation ? .labels : .image)
    }
}
