import HarvestCore

/// `neuroglancer_uint64_sharded_v1`: where the bytes of a chunk stand among shards and minishards.
///
/// Specification: neuroglancer/src/datasource/precomputed/sharded.md.
struct Sharding: Sendable {
    /// Where a chunk is to be looked up.
    struct Place: Hashable, Sendable {
        var shard: UInt64
        var minishard: Int
    }

    let preshiftBits: UInt64
    let minishardBits: UInt64
    let shardBits: UInt64
    let isMurmur: Bool
    let isIndexGzipped: Bool
    let isDataGzipped: Bool

    /// Bytes of a shard's index: start and end of each minishard's index.
    var indexBytes: Int { 16 << Int(minishardBits) }

    init(_ json: JSON, at place: String) throws(HarvestError) {
        guard json["@type"]?.string == "neuroglancer_uint64_sharded_v1" else {
            throw .unsupported("shards of type \((json["@type"] ?? .null).compact.displayed(limit: 80))", at: place)
        }
        func bits(_ name: String, _ most: Int) throws(HarvestError) -> UInt64 {
            guard let value = json[name]?.int, value >= 0, value <= most else {
                throw .malformed("\"sharding.\(name)\" is no number of bits up to \(most)", at: place)
            }
            return UInt64(value)
        }
        preshiftBits = try bits("preshift_bits", 64)
        // 2^24 minishards are a shard index of 256 MiB already.
        minishardBits = try bits("minishard_bits", 24)
        shardBits = try bits("shard_bits", 64)
        guard minishardBits + shardBits <= 64 else {
            throw .malformed("\"sharding\" wants more than 64 bits of a chunk's hash", at: place)
        }
        switch json["hash"]?.string {
        case "identity": isMurmur = false
        case "murmurhash3_x86_128": isMurmur = true
        default: throw .malformed("\"sharding.hash\" is neither identity nor murmurhash3_x86_128", at: place)
        }
        func isGzipped(_ name: String) throws(HarvestError) -> Bool {
            switch json[name]?.string {
            case "raw", nil: return false
            case "gzip": return true
            default: throw .malformed("\"sharding.\(name)\" is neither raw nor gzip", at: place)
            }
        }
        isIndexGzipped = try isGzipped("minishard_index_encoding")
        isDataGzipped = try isGzipped("data_encoding")
    }

    func place(of chunk: UInt64) -> Place {
        let shifted = preshiftBits == 64 ? 0 : chunk >> preshiftBits
        let hash = isMurmur ? Self.murmur(shifted) : shifted
        let minishard = hash & (1 << minishardBits &- 1)
        let shard = minishardBits == 64 ? 0 : (hash >> minishardBits) & (shardBits == 64 ? .max : 1 << shardBits &- 1)
        return Place(shard: shard, minishard: Int(minishard))
    }

    /// `0a.shard`: hexadecimal, as many digits as the shard bits need.
    func fileName(_ shard: UInt64) -> String {
        let digits = String(shard, radix: 16)
        let width = Int((shardBits + 3) / 4)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits + ".shard"
    }

    /// The compressed Morton code of a chunk: the bits of x, y and z interleaved, x lowest, each axis with only as many
    /// bits as its grid needs.
    ///
    /// - Parameters: position, grid: x, y, z.
    static func mortonCode(_ position: [Int], grid: [Int]) -> UInt64 {
        var code: UInt64 = 0
        var place: UInt64 = 0
        for bit in 0..<62 {
            for axis in 0..<3 where 1 << bit < grid[axis] {
                guard place < 64 else { return code }
                code |= (UInt64(position[axis]) >> UInt64(bit) & 1) << place
                place += 1
            }
        }
        return code
    }

    /// Whether every chunk of a grid has a code of its own in 64 bits.
    static func isAddressable(grid: [Int]) -> Bool {
        grid.allSatisfy { $0 >= 0 } && grid.reduce(0) { $0 + (Int.bitWidth - max(0, $1 - 1).leadingZeroBitCount) } <= 64
    }

    /// The low 64 bits of MurmurHash3_x86_128 of the 8 little-endian bytes of `key`, seed 0.
    static func murmur(_ key: UInt64) -> UInt64 {
        func mix(_ value: UInt32) -> UInt32 {
            var h = value
            h ^= h >> 16
            h &*= 0x85EB_CA6B
            h ^= h >> 13
            h &*= 0xC2B2_AE35
            h ^= h >> 16
            return h
        }
        func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
        var h1: UInt32 = 0, h2: UInt32 = 0, h3: UInt32 = 0, h4: UInt32 = 0
        var k2 = UInt32(truncatingIfNeeded: key >> 32)
        k2 &*= 0xAB0E_9789
        k2 = rotate(k2, 16)
        k2 &*= 0x38B3_4AE5
        h2 ^= k2
        var k1 = UInt32(truncatingIfNeeded: key)
        k1 &*= 0x239B_961B
        k1 = rotate(k1, 15)
        k1 &*= 0xAB0E_9789
        h1 ^= k1
        let length: UInt32 = 8
        h1 ^= length
        h2 ^= length
        h3 ^= length
        h4 ^= length
        h1 = h1 &+ h2 &+ h3 &+ h4
        h2 = h2 &+ h1
        h3 = h3 &+ h1
        h4 = h4 &+ h1
        h1 = mix(h1)
        h2 = mix(h2)
        h3 = mix(h3)
        h4 = mix(h4)
        h1 = h1 &+ h2 &+ h3 &+ h4
        h2 = h2 &+ h1
        return UInt64(h2) << 32 | UInt64(h1)
    }
}
