/// The hash that every number of the formula is drawn from: cheap, 32 bits, the same in `Scripts/replica_truth.py`.
enum Scatter {
    static func hash(z: Int, y: Int, x: Int, seed: UInt32) -> UInt32 {
        var h =
            seed &+ UInt32(truncatingIfNeeded: x) &* 0x9E37_79B1 &+ UInt32(truncatingIfNeeded: y) &* 0x85EB_CA77
            &+ UInt32(truncatingIfNeeded: z) &* 0xC2B2_AE3D
        h ^= h >> 15
        h = h &* 0x2C1B_3C6D
        h ^= h >> 12
        h = h &* 0x297A_2D39
        return h ^ (h >> 15)
    }
}
