import Foundation
import Testing

/// Slices whose names a person cannot tell apart.
@Suite struct SliceNameTests {
    /// A TIFF of 2 × 1 bytes (TIFF 6.0 section 8), which stand `padding` bytes behind its directory.
    private func tiff(_ voxels: [UInt8], padding: Int) -> Data {
        var data = Data([0x49, 0x49, 42, 0, 8, 0, 0, 0, 9, 0])
        func add<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
        }
        let start = 8 + 2 + 9 * 12 + 4 + padding
        for (tag, type, value) in [
            (256, 3, 2), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, start), (277, 3, 1), (278, 3, 1),
            (279, 4, 2),
        ] {
            add(UInt16(tag))
            add(UInt16(type))
            add(UInt32(1))
            add(UInt32(value))
        }
        data.append(contentsOf: [UInt8](repeating: 0, count: 4 + padding) + voxels)
        return data
    }

    @Test func `an é of one letter and one of two are two slices, each read by its own header`() throws {
        let folder = try Folder()
        for (index, name) in ["a1.tif", "b2.tif", "\u{E9}.tif", "e\u{301}.tif"].enumerated() {
            // By its bytes: the framework would make the two names one.
            let path = "\(folder.path)/\(name)"
            let stream = try #require(fopen(path, "w"))
            let bytes = Array(tiff([UInt8(10 * index + 1), UInt8(10 * index + 2)], padding: 16 * index))
            #expect(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
            fclose(stream)
        }
        let out = "\(folder.path)/../\(UUID().uuidString).raw"
        defer { try? FileManager.default.removeItem(atPath: out) }
        let run = try Command.run(["read", folder.path, "--out", out])
        #expect(run.status == 0, "\(run.errors)")
        let found = try Data(contentsOf: URL(fileURLWithPath: out))
        #expect(Set([0, 2, 4, 6].map { Array(found[$0..<$0 + 2]) }) == [[1, 2], [11, 12], [21, 22], [31, 32]])
    }
}
