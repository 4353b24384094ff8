import Testing

@testable import HarvestReplica

/// The digests come from `Scripts/replica_truth.py`.
@Suite struct FormulaTests {
    private func digest(_ name: String, level: Int = 0, _ box: [Range<Int>]) throws -> String {
        let volume = try #require(Volume.all.first { $0.name == name })
        var bytes: [UInt8] = []
        #expect(volume.read(level: level, box: box) { bytes += $0 })
        return Digest.md5Hex(bytes)
    }

    @Test func `the microscope's volume equals numpy's`() throws {
        let found = try digest("epfl", [531..<533, 0..<200, 0..<2048])
        #expect(found == "fb0944d62e28dcd694ce2d16d431e8a7")
    }

    @Test func `masks and results equal numpy's`() throws {
        let mask = try digest("epfl-training-groundtruth", [80..<81, 0..<768, 0..<1024])
        let result = try digest("epfl-results-test", [164..<165, 0..<768, 0..<1024])
        #expect(mask == "c5d7710eca212cde14f4773c42757a8a")
        #expect(result == "b11a8da636c57690fb19109b58c415e9")
    }

    @Test func `coordinates near fifty thousand are as good as any`() {
        var tissue = Tissue(columns: 49_900..<50_000)
        let lead = 49_900 - tissue.columns.lowerBound
        var bytes: [UInt8] = [], row = [UInt8](repeating: 0, count: tissue.columns.count)
        for z in 49_990..<49_992 {
            for y in 49_000..<49_005 {
                row.withUnsafeMutableBufferPointer { tissue.grey(z: z, y: y, into: $0.baseAddress!) }
                bytes += row[lead..<(lead + 100)]
            }
        }
        #expect(Digest.md5Hex(bytes) == "965f77f874167b584cae8e3f3cfd8c77")
    }

    @Test func `the pyramid equals numpy's`() throws {
        let found = try digest("openorganelle", level: 3, [0..<70, 250..<315, 200..<324])
        #expect(found == "97498942076ed3abc43fc734fb069be9")
    }

    @Test func `chunks choose the same block as numpy's`() {
        let chunks = [(0, 0, 0, 0), (0, 8, 39, 40), (3, 1, 4, 5), (8, 0, 0, 0)]
        #expect(chunks.map { Prototypes.index(level: $0.0, z: $0.1, y: $0.2, x: $0.3) } == [19, 49, 44, 9])
    }

    @Test func `the array in Google's bucket equals numpy's`() throws {
        let found = try digest("replica-bucket", [0..<32, 0..<48, 0..<40])
        #expect(found == "f39b61d1d7f79673acfc72b69a22a585")
    }
}
