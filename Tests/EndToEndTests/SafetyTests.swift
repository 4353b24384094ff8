import Foundation
import Testing

/// Nothing is lost, and nothing missing is taken for voxels.
@Suite(.serialized) struct SafetyTests {
    private static let chunk =
        "janelia-cosem-datasets.s3.amazonaws.com/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16/s5/0/0/1"

    private func copy(_ fault: String, into folder: Folder) throws -> Command {
        let replica = try Replica(faults: ["\(Self.chunk)=\(fault)"])
        return try Command.run(
            ["fetch", Address.zarr, "--level", "5", "--into", folder.path, "-q"], environment: replica.environment)
    }

    private func digest(_ address: String, level: Int = 0, _ environment: [String: String] = [:]) throws -> String? {
        let run = try Command.run(
            ["read", address, "--level", "\(level)", "--digest", "--json"], environment: environment)
        return (run.json["digests"] as? [[String: Any]])?.first?["sha256"] as? String
    }

    @Test func `a chunk that is missing once is not taken for one that was never stored`() throws {
        let folder = try Folder()
        _ = try copy("status-first:404:1", into: folder)
        #expect(try copy("latency:0", into: folder).status == 0)
        let replica = try Replica(faults: ["\(Self.chunk)=status-first:404:1"])
        let sound = try Replica()
        let truth = try digest(Address.zarr, level: 5, sound.environment)
        #expect(try digest("\(folder.path)/fibsem-int16") == truth && truth != nil)
        #expect(try digest(Address.zarr, level: 5, replica.environment) == truth)
    }

    @Test func `a copy that lacks a chunk by failure cannot be opened, until the next run completes it`() throws {
        let folder = try Folder()
        #expect(try copy("status:403", into: folder).status == 1)
        #expect(try Command.run(["read", "\(folder.path)/fibsem-int16", "--digest"]).status != 0)
        #expect(try copy("latency:0", into: folder).status == 0)
        #expect(try digest("\(folder.path)/fibsem-int16") != nil)
    }

    @Test func `a list that was cut off in its last line costs that line, and no other`() throws {
        let folder = try Folder()
        #expect(try copy("latency:0", into: folder).status == 0)
        let list = "\(folder.path)/fibsem-int16/manifest.jsonl"
        let lines = try String(contentsOfFile: list, encoding: .utf8)
        try String(lines.dropLast(9)).write(toFile: list, atomically: true, encoding: .utf8)
        for _ in 0..<2 { #expect(try copy("latency:0", into: folder).status == 0) }
        let replica = try Replica()
        let again = try replica.run(["fetch", Address.zarr, "--level", "5", "--into", folder.path, "-q", "--json"])
        let states = (again.json["files"] as? [[String: Any]] ?? []).compactMap { $0["state"] as? String }
        #expect(!states.isEmpty && !states.contains("fetched"))
    }

    @Test func `a run that ended between the file's name and its line in the list is gone on with`() throws {
        let folder = try Folder()
        let replica = try Replica()
        let arguments = ["fetch", Address.trouble + "1k.bin", "--into", folder.path, "-q", "--json"]
        #expect(try replica.run(arguments).status == 0)
        // As the run had left it then: the file whole, and only the line from before its first byte.
        let list = "\(folder.path)/manifest.jsonl"
        let first = try #require(try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n").first)
        #expect(first.contains("begun"))
        try (first + "\n").write(toFile: list, atomically: true, encoding: .utf8)
        let again = try replica.run(arguments)
        #expect(again.status == 0, "\(again.errors)")
        #expect(try replica.run(arguments).json["files"].map { "\($0)".contains("kept") } == true)
        #expect(try Command.run(["verify", folder.path]).status == 0)
    }

    @Test func `verify finds what is damaged, and repairs it`() throws {
        let folder = try Folder()
        let replica = try Replica()
        let fetched = try replica.run(["fetch", Address.trouble + "1k.bin", "--into", "\(folder.path)/a", "-q"])
        #expect(try fetched.status == 0 && copy("latency:0", into: folder).status == 0)
        let good = try Command.run(["verify", folder.path, "--json"])
        #expect(good.status == 0 && good.json["files"] as? Int ?? 0 > 2 && good.json["ok"] as? Bool == true)
        let file = URL(fileURLWithPath: "\(folder.path)/a/1k.bin")
        var bytes = try Data(contentsOf: file)
        let truth = bytes
        bytes[500] ^= 1
        try bytes.write(to: file)
        let bad = try Command.run(["verify", folder.path, "--json"])
        #expect(bad.status == 1)
        #expect((bad.json["bad"] as? [[String: Any]])?.first?["path"] as? String == "a/1k.bin")
        let repaired = try replica.run(["verify", folder.path, "--repair", "--json"])
        #expect(repaired.status == 0 && (repaired.json["bad"] as? [[String: Any]])?.first?["repaired"] as? Bool == true)
        #expect(try Data(contentsOf: file) == truth)
        #expect(try Command.run(["verify", "\(folder.path)/nothing"]).status == 66)
    }

    @Test func `read does not replace a file unless told to`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let path = "\(folder.path)/precious"
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        let arguments = ["read", Address.files + "testing.tif", "--box", "0:1,0:2,0:3", "--out", path]
        #expect(try Command.run(arguments, environment: replica.environment).status == 64)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        let forced = try Command.run(arguments + ["--force", "--json"], environment: replica.environment)
        #expect(forced.status == 0 && forced.json["shape"] as? [Int] == [1, 2, 3])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 6)
    }

    @Test func `fetch does not replace a file that it did not bring`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let path = "\(folder.path)/1k.bin"
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        let run = try Command.run(
            ["fetch", Address.trouble + "1k.bin", "--into", folder.path], environment: replica.environment)
        #expect(run.status == 64)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func `datasets of one name get folders of their own`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let address = Address.files + "testing.tif"
        let run = try Command.run(
            ["collect", address, address, address + "?2", "--into", folder.path, "--probe-only", "--json"],
            environment: replica.environment)
        let ids = (run.json["datasets"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        #expect(ids == ["testing.tif", "testing.tif-2", "testing.tif-3"])
    }

    @Test func `collect into what is no folder is 73, as one JSON line and one sentence`() throws {
        let folder = try Folder()
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/file"))
        let run = try Command.run(["collect", Address.epfl, "--into", "\(folder.path)/file", "--json"])
        #expect(run.status == 73)
        #expect(run.json["schema"] as? String == "harvest.error/1")
    }
}
