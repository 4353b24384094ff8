/// gs://neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg: 34,427 × 39,725 × 41,394 voxels in nine scales, every
/// chunk one of ``GreyBlocks``, in shards that are computed when they are asked for.
struct Hemibrain: Sendable {
    static let bucket = "neuroglancer-janelia-flyem-hemibrain"
    static let folder = "emdata/clahe_yz/jpeg"
    static let side = GreyBlocks.side

    static let preshiftBits = 9
    static let minishardBits = 6

    /// One scale.
    struct Scale: Sendable {
        let level: Int
        /// x, y, z.
        let size: [Int]

        var key: String {
            let length = "\(8 << level).0"
            return "\(length)x\(length)x\(length)"
        }
        /// Chunks along x, y, z.
        var grid: [Int] { size.map { ($0 + side - 1) / side } }
        /// Bits of a chunk's Morton code along x, y, z.
        var bits: [Int] { grid.map { count in Int.bitWidth - (count - 1).leadingZeroBitCount } }
        var shardBits: Int { max(0, bits.reduce(0, +) - preshiftBits - minishardBits) }

        /// x, y, z of the chunk with that code; `nil` outside the grid.
        func position(of code: Int) -> (x: Int, y: Int, z: Int)? {
            var position = [0, 0, 0], rest = code
            let bits = bits
            for bit in 0..<(bits.max() ?? 0) {
                for axis in 0..<3 where bit < bits[axis] {
                    position[axis] |= (rest & 1) << bit
                    rest >>= 1
                }
            }
            guard rest == 0, zip(position, grid).allSatisfy({ $0 < $1 }) else { return nil }
            return (position[0], position[1], position[2])
        }

        func block(x: Int, y: Int, z: Int) -> GreyBlocks.Block {
            let hash = Scatter.hash(z: z, y: y, x: x, seed: 0x7A3B_19C5 &+ UInt32(truncatingIfNeeded: level))
            let shape = GreyBlocks.Shape(
                x: min(side, size[0] - x * side), y: min(side, size[1] - y * side), z: min(side, size[2] - z * side))
            return GreyBlocks.shared.block(Int(hash % 4096), shape)
        }
    }

    /// Every scale half the one before, rounded up, as the published key list has it.
    static let scales: [Scale] = (0..<9).map { level in
        Scale(level: level, size: [34427, 39725, 41394].map { ($0 + (1 << level) - 1) >> level })
    }

    /// The voxels of one row.
    static func row(level: Int, z: Int, y: Int, x: Range<Int>) -> [UInt8] {
        let scale = scales[level]
        var row: [UInt8] = []
        var start = x.lowerBound
        while start < x.upperBound {
            let chunk = start / side
            let end = min(x.upperBound, (chunk + 1) * side)
            let block = scale.block(x: chunk, y: y / side, z: z / side)
            let width = min(side, scale.size[0] - chunk * side)
            let height = min(side, scale.size[1] - y / side * side)
            let line = ((z % side) * height + y % side) * width
            row += block.voxels[(line + start - chunk * side)..<(line + end - chunk * side)]
            start = end
        }
        return row
    }

    static let info: String = {
        let items = scales.map { scale in
            """
            {"key": "\(scale.key)", "size": \(scale.size), "resolution": [\(8 << scale.level).0, \(8 << scale.level).0, \
            \(8 << scale.level).0], "voxel_offset": [0, 0, 0], "chunk_sizes": [[64, 64, 64]], "encoding": "jpeg", \
            "sharding": {"@type": "neuroglancer_uint64_sharded_v1", "hash": "identity", \
            "preshift_bits": \(preshiftBits), "minishard_bits": \(minishardBits), "shard_bits": \(scale.shardBits), \
            "minishard_index_encoding": "gzip", "data_encoding": "raw"}}
            """
        }
        return """
            {"@type": "neuroglancer_multiscale_volume", "type": "image", "data_type": "uint8", "num_channels": 1,
             "scales": [\(items.joined(separator: ",\n  "))]}

            """
    }()

    /// Another type of volume beside it: what a layer of labels points to. None of its chunks is stored.
    static let segmentationInfo = """
        {"@type": "neuroglancer_multiscale_volume", "type": "segmentation", "data_type": "uint64", "num_channels": 1,
         "mesh": "mesh", "scales": [{"key": "8.0x8.0x8.0", "size": [34432, 39552, 41408], "resolution": [8.0, 8.0, 8.0],
          "voxel_offset": [0, 0, 0], "chunk_sizes": [[64, 64, 64]], "encoding": "compressed_segmentation",
          "compressed_segmentation_block_size": [8, 8, 8],
          "sharding": {"@type": "neuroglancer_uint64_sharded_v1", "hash": "identity", "preshift_bits": 9,
           "minishard_bits": 6, "shard_bits": 15, "minishard_index_encoding": "gzip", "data_encoding": "gzip"}}]}

        """

    /// The object at a key of the bucket, with the type it is served as.
    static func object(_ key: String) -> (body: any VirtualObject, type: String)? {
        switch key {
        case "\(folder)/info": return (StoredObject(info), "application/json")
        case "v1.0/segmentation/info", "v1.1/segmentation/info":
            return (StoredObject(segmentationInfo), "application/json")
        case "v1.0/neuroglancer_demo_states/base.json": return (StoredObject(ViewerLinks.state), "application/json")
        default: break
        }
        let parts = key.dropFirst(folder.count + 1).split(separator: "/")
        guard key.hasPrefix(folder + "/"), parts.count == 2, parts[1].hasSuffix(".shard"),
            let scale = scales.first(where: { $0.key == parts[0] })
        else { return nil }
        let digits = parts[1].dropLast(6)
        guard digits.count == max(1, (scale.shardBits + 3) / 4), let number = Int(digits, radix: 16),
            number < 1 << scale.shardBits, let shard = ShardObject.shard(number, of: scale)
        else { return nil }
        return (shard, "application/octet-stream")
    }
}
