import HarvestCore
import HarvestFormats
import HarvestStores
@testable import ImageHarvest
import Testing

/// Blocks drawn at random from volumes whose every voxel is known.
@Suite struct SamplerTests {
    /// A Zarr v2 array in memory, uncompressed, chunk by chunk from a formula.
    private func array<T: FixedWidthInteger>(
        _ shape: [Int], chunk: [Int], dtype: String, _ voxel: (Int, Int, Int) -> T
    ) async throws -> any ChunkedArray {
        var objects: [String: [UInt8]] = [
            ".zarray": Array(
                "{\"zarr_format\":2,\"shape\":\(shape),\"chunks\":\(chunk),\"dtype\":\"\(dtype)\",\"order\":\"C\",\"compressor\":null,\"filters\":null,\"fill_value\":0}"
                    .utf8)
        ]
        let cells = zip(shape, chunk).map { ($0 + $1 - 1) / $1 }
        for z in 0..<cells[0] {
            for y in 0..<cells[1] {
                for x in 0..<cells[2] {
                    var bytes: [UInt8] = []
                    for k in 0..<chunk[0] {
                        for j in 0..<chunk[1] {
                            for i in 0..<chunk[2] {
                                let value = voxel(z * chunk[0] + k, y * chunk[1] + j, x * chunk[2] + i)
                                withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
                            }
                        }
                    }
                    objects["\(z).\(y).\(x)"] = bytes
                }
            }
        }
        let contents = try #require(try await Zarr2().open(MemoryStore(objects), options: OpenOptions()))
        return try #require(contents.arrays.first?.array)
    }

    private func sample(_ array: any ChunkedArray, seed: UInt64 = 1) async throws -> Sample {
        var sampler = Sampler(array, axes: ["z", "y", "x"], level: 0, seed: seed)
        return try await sampler.run()
    }

    /// Any values without order (Knuth's multiplier).
    private func noise(_ z: Int, _ y: Int, _ x: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (z &* 73_856_093 ^ y &* 19_349_663 ^ x &* 83_492_791) &* 2_654_435_761 >> 17)
    }

    @Test func `the same seed draws the same blocks, another one others`() async throws {
        let volume = try await array([256, 256, 256], chunk: [32, 32, 32], dtype: "|u1") { z, y, x in
            UInt8(truncatingIfNeeded: z / 32 * 64 + y / 32 * 8 + x / 32)
        }
        let first = try await sample(volume), again = try await sample(volume),
            other = try await sample(volume, seed: 2)
        #expect(first == again && first.mean != other.mean && other.seed == 2)
        #expect(first.blocks == 64 && first.voxels == 64 * 32 * 64 * 64)
    }

    @Test func `a volume smaller than a block is counted whole`() async throws {
        let volume = try await array([2, 3, 4], chunk: [2, 3, 4], dtype: "<i2") { z, y, x in
            Int16(z * 100 - y * 10 + x - 50)
        }
        let found = try await sample(volume)
        // The mean of z·100 − y·10 + x − 50 is 50 − 10 + 1.5 − 50; the least is at z 0, y 2, x 0.
        #expect(found.blocks == 1 && found.voxels == 24 && found.slices == 2)
        #expect(found.minimum == -70 && found.maximum == 53 && found.mean == -8.5)
        #expect(found.histogram.reduce(0, +) == 24 && found.blankSlices == [] && found.lowShare == 0)
    }

    @Test func `eight bits are counted exactly`() async throws {
        let volume = try await array([4, 8, 8], chunk: [4, 8, 8], dtype: "|u1") { z, y, x in
            [UInt8](arrayLiteral: 0, 255, 10, 11)[(z * 64 + y * 8 + x) % 4]
        }
        let found = try await sample(volume)
        #expect(found.lowShare == 0.25 && found.highShare == 0.25)
        #expect(found.histogram.count == 256 && found.histogram[10] == 64 && found.histogram[12] == 0)
    }

    @Test func `blank slices are found, and a patch of one value is none`() async throws {
        let volume = try await array([24, 128, 128], chunk: [1, 128, 128], dtype: "|u1") { z, y, x in
            z == 5 || z == 17 ? 0 : z == 9 && y < 64 && x < 64 ? 3 : self.noise(z, y, x)
        }
        for seed: UInt64 in 1...3 {
            let found = try await sample(volume, seed: seed)
            #expect(found.blankSlices == [5, 17] && (17...24).contains(found.slices))
        }
    }

    @Test func `a volume of one value is constant in every block`() async throws {
        let volume = try await array([64, 64, 64], chunk: [16, 64, 64], dtype: "|u1") { _, _, _ in UInt8(7) }
        let found = try await sample(volume)
        #expect(found.constantBlocks == found.blocks && found.blocks == 4)
    }

    @Test func `what is no finite number is not counted`() async throws {
        let volume = try await array([1, 2, 4], chunk: [1, 2, 4], dtype: "<f4") { _, y, x -> UInt32 in
            (y == 0 ? Float(x) : x == 0 ? .nan : .infinity).bitPattern
        }
        let found = try await sample(volume)
        #expect(found.minimum == 0 && found.maximum == 3 && found.mean == 1.5 && found.lowShare == nil)
    }

    @Test func `a bound on bytes draws fewer blocks, and never fewer than eight`() async throws {
        let volume = try await array([256, 128, 128], chunk: [64, 64, 64], dtype: "|u1", noise)
        var sampler = Sampler(volume, axes: ["z", "y", "x"], level: 0, seed: 1)
        #expect(try await sampler.run(atMost: 10 << 18).blocks == 10)
        sampler = Sampler(volume, axes: ["z", "y", "x"], level: 0, seed: 1)
        #expect(try await sampler.run(atMost: 1).blocks == 8)
    }

    @Test func `the generator is SplitMix64`() {
        // First values of seed 1234567, as its authors' C program prints them.
        var dice = SplitMix(state: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        ]
        #expect(expected.map { _ in dice.next() } == expected)
    }
}
