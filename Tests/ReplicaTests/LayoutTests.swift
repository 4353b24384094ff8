import Testing

@testable import HarvestReplica

/// Published sizes, and what the TIFF 6.0 specification makes of the bytes.
@Suite struct LayoutTests {
    @Test(arguments: [
        ("volumedata", 3_353_674_357 as Int64), ("training", 129_919_357), ("testing", 129_919_357),
        ("training_groundtruth", 129_919_357), ("testing_groundtruth", 129_919_357), ("results_test", 129_919_357),
    ]) func `files have the published size`(name: String, size: Int64) throws {
        let found = try #require(EPFLDocuments.files.first { $0.name == name })
        #expect(found.file.size == size)
    }

    private func number(_ file: VirtualTIFF, _ offset: Int, _ count: Int) -> Int {
        let bytes = file.bytes(Int64(offset)..<Int64(offset + count))
        return bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    @Test func `directories follow each other at the published stride`() {
        let file = EPFLDocuments.volume
        var offset = number(file, 4, 4)
        #expect(offset == 3_145_736)
        for page in 0..<3 {
            #expect(number(file, offset, 2) == 14)
            let next = number(file, offset + 2 + 14 * 12, 4)
            #expect(next == 3_145_736 + (page + 1) * 3_148_990)
            offset = next
        }
        #expect(number(file, file.directoryOffset(1064) + 2 + 14 * 12, 4) == 0)
    }

    @Test func `the first directory has the recorded tags`() {
        let file = EPFLDocuments.volume, start = file.directoryOffset(0) + 2
        let entries = (0..<14).map { (number(file, start + 12 * $0, 2), number(file, start + 12 * $0 + 8, 4)) }
        #expect(entries.map(\.0) == [254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 297, 305])
        #expect(entries[0].1 == 2 && entries[1].1 == 2048 && entries[2].1 == 1536 && entries[9].1 == 4)
        #expect(entries[12].1 == 1065 << 16)
        #expect(number(file, entries[6].1 + 4, 4) == 8200 && number(file, entries[10].1, 4) == 8192)
    }

    @Test func `the last page ends with its software string and no padding`() {
        let file = EPFLDocuments.volume
        let tail = file.bytes((file.size - 15)..<file.size)
        #expect(tail == Array("InsightToolkit\0".utf8))
    }

    @Test func `a file read in odd pieces is the same file`() {
        let file = EPFLDocuments.testing
        let range = Int64(786_000)..<Int64(790_000)
        let whole = file.bytes(range)
        let steps: [Int64] = [1, 7, 333, 64, 500]
        var pieces: [UInt8] = [], offset = range.lowerBound, turn = 0
        while offset < range.upperBound {
            let end = min(offset + steps[turn % steps.count], range.upperBound)
            pieces += file.bytes(offset..<end)
            offset = end
            turn += 1
        }
        #expect(pieces == whole)
    }

    @Test func `testing is the far corner of the volume`() {
        let part = EPFLDocuments.testing.bytes(8..<1032)
        let page: Int64 = 8 + 900 * 3_148_990
        let row: Int64 = page + 768 * 2048 + 1024
        let whole = EPFLDocuments.volume.bytes(row..<(row + 1024))
        #expect(whole == part)
    }

    @Test func `a replaced file has the same size and other pixels`() {
        let file = EPFLDocuments.testing, other = file.replaced()
        #expect(other.size == file.size)
        #expect(other.bytes(8..<100) != file.bytes(8..<100))
        let directory = Int64(786_440)..<787_398
        #expect(other.bytes(directory) == file.bytes(directory))
    }

    @Test func `the pyramid has 17266 chunks in nine levels`() {
        let grids = (0..<9).map { NucleusAccumbens.grid($0).reduce(1, *) }
        #expect(grids == [14_760, 2100, 330, 60, 9, 4, 1, 1, 1])
        #expect(grids.reduce(0, +) == 17_266)
        #expect(NucleusAccumbens.shapes[8] == [2, 9, 10])
    }

    @Test func `a stored gzip file has the checksum that RFC 1952 wants`() {
        #expect(Digest.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(Digest.crc32c(Array("123456789".utf8)) == 0xE306_9283)
        #expect(Gzip.stored([65]).suffix(8) == [0x8B, 0x9E, 0xD9, 0xD3, 1, 0, 0, 0])
    }
}
