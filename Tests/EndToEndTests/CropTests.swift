import Foundation
import Testing

/// Crops and dry runs over the replica. Expected voxels: the replica's formula; expected numbers: arithmetic.
@Suite(.serialized) struct CropTests {
    let replica: Replica

    init() throws { replica = try Replica() }

    private func fetch(_ arguments: [String]) throws -> Command {
        try Command.run(["fetch", Address.zarr, "--json", "-q"] + arguments, environment: replica.environment)
    }

    @Test func `a crop is a Zarr of the same layout, grown to chunks, with its translation moved`() throws {
        let folder = try Folder()
        let run = try fetch(["--level", "2", "--box", "70:100,130:190,5:60", "--into", folder.path])
        #expect(run.status == 0, "\(run.errors)")
        let crop = try #require(run.json["crop"] as? [String: Any])
        #expect(crop["asked"] as? String == "70:100,130:190,5:60")
        #expect(crop["box"] as? String == "64:128,128:192,0:64")
        let copy = try #require(run.json["folder"] as? String)
        let probe = try Command.run(["probe", copy, "--json"])
        let image = try #require((probe.json["images"] as? [[String: Any]])?.first)
        #expect(image["shape"] as? [Int] == [64, 64, 64])
        #expect(image["origin"] as? [Int] == [64, 128, 0])
        // 11.840000000000002 as published
        let size = try #require(image["voxel_size"] as? [Double])
        #expect(abs(size[0] - 11.84) < 1e-9 && size[1...] == [16, 16])
        // 4.44 + 64 × 11.84, 6 + 128 × 16, 6
        #expect(image["translation"] as? [Double] == [762.2, 2054, 6])
        let truth = try Replica.truth(["voxels", "openorganelle", "--level", "2", "--box", "64:128,128:192,0:64"])
        let out = "\(folder.path)/crop.raw"
        #expect(try Command.run(["read", copy, "--box", "0:64,0:64,0:64", "--out", out]).status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == truth)
        let manifest = try String(contentsOfFile: "\(copy)/manifest.jsonl", encoding: .utf8)
        #expect(manifest.contains("\"asked\":\"70:100,130:190,5:60\""))
        #expect(FileManager.default.fileExists(atPath: "\(copy)/s2/0/0/0"))
    }

    @Test func `a crop at the edge is clipped to the volume`() throws {
        let folder = try Folder()
        let run = try fetch(["--level", "4", "--box", "30:35,150:157,160:162", "--into", folder.path])
        #expect(run.status == 0, "\(run.errors)")
        #expect((run.json["crop"] as? [String: Any])?["shape"] as? [Int] == [35, 29, 34])
        let truth = try Replica.truth(["voxels", "openorganelle", "--level", "4", "--box", "0:35,128:157,128:162"])
        let out = "\(folder.path)/crop.raw"
        let copy = run.json["folder"] as? String ?? ""
        #expect(try Command.run(["read", copy, "--box", "0:35,0:29,0:34", "--out", out]).status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == truth)
    }

    @Test func `a box of a folder of slices is whole slices, and says so`() throws {
        let folder = try Folder()
        let arguments = [
            "fetch", FiveTests.empiar, "--box", "3:5,100:200,0:120", "--into", folder.path, "--json", "-q",
        ]
        let run = try replica.run(arguments)
        #expect(run.status == 0, "\(run.errors)")
        let crop = try #require(run.json["crop"] as? [String: Any])
        #expect(crop["shape"] as? [Int] == [2, 5500, 5496] && crop["origin"] as? [Int] == [3, 0, 0])
        let copy = run.json["folder"] as? String ?? ""
        #expect(copy.hasSuffix("_z3-5_y0-5500_x0-5496"))
        let image = try #require(
            (try Command.run(["probe", copy, "--json"]).json["images"] as? [[String: Any]])?.first)
        #expect(image["shape"] as? [Int] == [2, 5500, 5496])
        #expect(try replica.run(arguments + ["--max-bytes", "10MB"]).status == 64)
    }

    @Test(arguments: ["1", "7"]) func `a level of a file that has none is refused`(level: String) throws {
        let folder = try Folder()
        let run = try replica.run(["fetch", FiveTests.tiff, "--level", level, "--into", folder.path])
        #expect(run.status == 64 && run.errors.contains("level \(level)"), "\(run.errors)")
    }

    @Test func `a box of a volume that is one file is a NumPy file of just the box`() throws {
        let folder = try Folder()
        let run = try Command.run(
            [
                "fetch", Address.files + "testing.tif", "--box", "3:5,10:20,30:70", "--into", folder.path, "--json",
                "-q",
            ],
            environment: replica.environment)
        #expect(run.status == 0, "\(run.errors)")
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/testing.tif_L0_z3-5_y10-20_x30-70.npy"))
        let truth = try Replica.truth(["voxels", "epfl-testing", "--box", "3:5,10:20,30:70"])
        #expect(data.suffix(800) == truth && data.count == 128 + 800)
    }

    @Test func `a dry run says exactly what a copy of levels would cost, and fetches no chunk`() throws {
        let folder = try Folder()
        let run = try fetch(["--level", "3", "--into", folder.path, "--dry-run"])
        #expect(run.status == 0, "\(run.errors)")
        let size = try #require(run.json["size"] as? [String: Any])
        // Levels 3 to 8 in chunks of 64: 2·5·6 + 1·3·3 + 1·2·2 + 1 + 1 + 1, and .zgroup, .zattrs, six .zarray and .zattrs.
        #expect(size["requests"] as? Int == 76)
        #expect(size["files"] as? Int == 76 + 14)
        #expect(size["exact"] as? Bool == true)
        #expect(run.json["dry_run"] as? Bool == true)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/fibsem-int16"))
        let real = try fetch(["--level", "3", "--into", folder.path])
        let files = real.json["files"] as? [[String: Any]] ?? []
        // The dry run counts the metadata as it will be written.
        #expect(files.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) } == size["bytes"] as? Int)
    }

    @Test func `a box over the limit, outside or without a level is refused before anything starts`() throws {
        let folder = try Folder()
        for arguments in [
            ["--box", "0:564,0:2520,0:2596", "--max-bytes", "1GB"], ["--box", "0:1,0:1,0:2597"],
            ["--level", "9", "--box", "0:1,0:1,0:1"], ["--box", "0:1,0:1"],
        ] {
            #expect(try fetch(arguments + ["--into", folder.path]).status == 64, "\(arguments)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func `a whole Zarr keeps every group and array, also what no image names`() throws {
        let source = try Folder(), folder = try Folder()
        func write(_ key: String, _ text: String) throws {
            let url = URL(fileURLWithPath: "\(source.path)/v.zarr/\(key)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        let array = """
            {"zarr_format":2,"shape":[2,2],"chunks":[1,2],"dtype":"|u1","order":"C","compressor":null,"filters":null,\
            "fill_value":7}
            """
        try write(".zgroup", #"{"zarr_format":2}"#)
        try write("empty/.zgroup", #"{"zarr_format":2}"#)
        try write("em/.zgroup", #"{"zarr_format":2}"#)
        try write("em/.zattrs", #"{"multiscales":[{"version":"0.1","datasets":[{"path":"s0"}]}]}"#)
        try write("em/s0/.zarray", array)
        try write("em/s0/0.0", "ab")
        try write("table/.zarray", array)
        try write("table/1.0", "cd")
        let run = try Command.run(["fetch", "\(source.path)/v.zarr", "--into", folder.path, "--json", "-q"])
        #expect(run.status == 0, "\(run.errors)")
        let copy = "\(folder.path)/v.zarr"
        for key in [".zgroup", "empty/.zgroup", "em/.zattrs", "em/s0/0.0", "table/.zarray", "table/1.0"] {
            #expect(
                FileManager.default.contents(atPath: "\(copy)/\(key)")
                    == FileManager.default.contents(atPath: "\(source.path)/v.zarr/\(key)"), "\(key)")
        }
        #expect(!FileManager.default.fileExists(atPath: "\(copy)/em/s0/1.0"))
    }
}
