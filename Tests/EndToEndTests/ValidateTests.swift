import Foundation
import Testing

/// `harvest validate`: what it says, and how it ends.
@Suite(.serialized) struct ValidateTests {
    /// A plain 16-bit TIFF of one strip a page (TIFF 6.0 section 8), little-endian.
    private func tiff(pages: Int, side: Int, _ voxel: (Int, Int) -> UInt16) -> Data {
        var data = Data()
        func add<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
        }
        let pageBytes = side * side * 2, directory = 2 + 9 * 12 + 4
        data.append(contentsOf: [0x49, 0x49, 42, 0])
        add(UInt32(8))
        for page in 0..<pages {
            let start = 8 + page * (directory + pageBytes)
            add(UInt16(9))
            let next = page + 1 < pages ? start + directory + pageBytes : 0
            for (tag, type, value) in [
                (256, 3, side), (257, 3, side), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, start + directory),
                (277, 3, 1), (278, 3, side), (279, 4, pageBytes),
            ] {
                add(UInt16(tag))
                add(UInt16(type))
                add(UInt32(1))
                add(UInt32(value))
            }
            add(UInt32(next))
            for index in 0..<side * side { add(voxel(page, index)) }
        }
        return data
    }

    private func rules(_ run: Command) -> [String] {
        (run.json["findings"] as? [[String: Any]] ?? []).compactMap { $0["rule"] as? String }
    }

    @Test func `saturated voxels and blank slices are named with seed and count, and the same seed says the same`()
        throws
    {
        let folder = try Folder()
        let path = "\(folder.path)/v.tif"
        // Page 3 is blank; of the others each fiftieth voxel is white.
        try tiff(pages: 6, side: 64) { page, index in
            page == 3 ? 9 : index % 50 == 0 ? 65535 : UInt16(index * 7919 % 60000)
        }.write(to: URL(fileURLWithPath: path))
        let run = try Command.run(["validate", path, "--json", "--seed", "5"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(rules(run).contains("saturation") && rules(run).contains("blank-slices"))
        #expect(rules(run).contains("voxel-size-missing") && run.json["valid"] as? Bool == true)
        let sample = run.json["sample"] as? [String: Any]
        #expect(sample?["seed"] as? Int == 5 && sample?["blank_slices"] as? [Int] == [3])
        #expect(sample?["voxels"] as? Int == 6 * 64 * 64)
        #expect(try Command.run(["validate", path, "--json", "--seed", "5"]).output == run.output)
        let text = try Command.run(["validate", path, "--seed", "5"]).output
        #expect(text.contains("seed 5") && text.contains("z = 3 of level 0"))
        let quick = try Command.run(["validate", path, "--json", "--no-voxels"])
        #expect(!rules(quick).contains("saturation") && quick.json["sample"] is NSNull)
    }

    @Test func `a volume of one value is an error, and the exit status says so`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/v.tif"
        try tiff(pages: 2, side: 16) { _, _ in 7 }.write(to: URL(fileURLWithPath: path))
        let run = try Command.run(["validate", path, "--json"])
        #expect(run.status == 1 && run.json["valid"] as? Bool == false && rules(run).first == "constant")
    }

    @Test(arguments: [
        (
            #"{"multiscales":[{"version":"0.4","axes":[{"name":"y","type":"space"},{"name":"x","type":"space"}],"datasets":[{"path":"0","coordinateTransformations":[{"type":"scale","scale":[1,1]}]}]}]}"#,
            0
        ),
        (#"{"multiscales":[{"version":"0.4","axes":[{"name":"y","type":"space"}],"datasets":[]}]}"#, 1), ("[", 65),
        ("{}", 1),
    ])
    func `attributes of OME-NGFF are judged by themselves`(text: String, status: Int) throws {
        let folder = try Folder()
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/a.json"))
        #expect(Int(try Command.run(["validate", "\(folder.path)/a.json"]).status) == status)
    }

    @Test func `what is not there, or no image, ends with its own status`() throws {
        let folder = try Folder()
        #expect(try Command.run(["validate", "\(folder.path)/none.tif"]).status == 66)
        try Data("II*\0".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/cut.tif"))
        #expect(try Command.run(["validate", "\(folder.path)/cut.tif"]).status == 65)
        let both = try Command.run(["validate", "\(folder.path)/none.tif", "\(folder.path)/cut.tif", "--json"])
        #expect(both.status == 1)
    }

    @Test func `all five are valid, each with 64 blocks looked at`() throws {
        let replica = try Replica()
        for address in FiveTests.five {
            let run = try replica.run(
                ["validate", address, "--json"], ["HARVEST_OPENORGANELLE_KEY": "replica-anon-key"])
            #expect(run.status == 0, "\(address): \(run.errors) \(run.output.prefix(2000))")
            let sample = run.json["sample"] as? [String: Any]
            #expect(sample?["blocks"] as? Int == 64, "\(address): \(sample ?? [:])")
        }
    }
}
