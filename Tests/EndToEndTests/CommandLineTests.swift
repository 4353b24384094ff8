import Foundation
import Testing

@Suite struct CommandLineTests {
    @Test func `help comes in under 50 milliseconds`() throws {
        let times = try (0..<9).map { _ in try Command.run(["--help"]).seconds }.sorted()
        #expect(times[0] < 0.05, "fastest of nine: \(times[0]) s")
    }

    @Test func `what a command does not call is not loaded, and is named where it cannot be`() throws {
        let run = try Command.run(["list"], environment: ["LD_DEBUG": "files"])
        #expect(run.status == 0 && run.errors.contains("libc.so.6"))
        for name in ["libcurl", "libcrypto", "libxml2", "libpng", "libturbojpeg", "libblosc"] {
            #expect(!run.errors.contains(name), "\(name)")
        }
        let folder = try Folder()
        for name in ["libcurl.so.4", "libcurl.so"] {
            try Data().write(to: URL(fileURLWithPath: "\(folder.path)/\(name)"))
        }
        let without = try Command.run(
            ["probe", "http://127.0.0.1:1/x.tif"], environment: ["LD_LIBRARY_PATH": folder.path])
        #expect(without.status == 127 && without.errors.contains("libcurl"))
    }

    @Test(arguments: ["collect", "describe", "probe", "fetch", "compare", "read", "list", "doctor"])
    func `every verb has help with examples`(verb: String) throws {
        let run = try Command.run([verb, "--help"])
        #expect(run.status == 0)
        #expect(run.output.contains("EXAMPLES") && run.output.contains("harvest \(verb)"))
    }

    @Test(arguments: [
        ["--nonsense"], ["probe", "--nonsense", "x"], ["read", "x.tif"], ["fetch", "x", "--level", "-1"], ["nonsense"],
    ])
    func `a wrong flag is exit 64 with a usage line`(arguments: [String]) throws {
        let run = try Command.run(arguments)
        #expect(run.status == 64)
        #expect(run.output.isEmpty && !run.errors.isEmpty)
    }

    @Test func `a missing file is 66, as one JSON line and one sentence`() throws {
        let run = try Command.run(["probe", "/nonexistent/x.tif", "--json"])
        #expect(run.status == 66)
        #expect(run.json["schema"] as? String == "harvest.error/1")
        #expect(run.json["exit"] as? Int == 66)
        #expect(run.output.split(separator: "\n").count == 1 && run.errors.split(separator: "\n").count == 1)
    }

    @Test func `several addresses give one line each, in order, and 1 if any failed`() throws {
        let run = try Command.run(["probe", "-", "--json"], input: "/nonexistent/a.tif\n/nonexistent/b.tif\n")
        #expect(run.status == 1)
        #expect(run.lines.compactMap { $0["address"] as? String } == ["/nonexistent/a.tif", "/nonexistent/b.tif"])
    }

    @Test func `an empty file is no format, not a crash`() throws {
        let folder = try Folder()
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/empty.tif"))
        #expect([65, 69].contains(try Command.run(["probe", "\(folder.path)/empty.tif"]).status))
    }

    @Test func `list names what is known`() throws {
        let run = try Command.run(["list"])
        #expect(run.status == 0)
        for name in ["epfl", "openorganelle", "tiff", "zarr2", "zstd", "s3"] { #expect(run.output.contains(name)) }
    }

    @Test func `doctor answers with checks`() throws {
        let run = try Command.run(["doctor", "--json"])
        #expect((run.json["checks"] as? [Any])?.isEmpty == false)
    }
}

extension CommandLineTests {
    @Test func `voxels written to a device leave it a device`() throws {
        let folder = try Folder()
        let pipe = "\(folder.path)/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let replica = try Replica()
        let reader = Process(), output = Pipe()
        reader.executableURL = URL(fileURLWithPath: "/bin/cat")
        reader.arguments = [pipe]
        reader.standardOutput = output
        try reader.run()
        let box = "0:1,0:16,0:16"
        let run = try Command.run(
            ["read", Address.files + "testing.tif", "--box", box, "--out", pipe], environment: replica.environment)
        #expect(run.status == 0, "\(run.errors)")
        let got = output.fileHandleForReading.readDataToEndOfFile()
        reader.waitUntilExit()
        #expect(try got == Replica.truth(["voxels", "epfl-testing", "--level", "0", "--box", box]))
    }
}

extension CommandLineTests {
    @Test func `a data address is described as a dataset of one link`() throws {
        let run = try Command.run(["describe", "s3://bucket/em.zarr", "--json"])
        #expect(run.status == 0)
        #expect(run.json["portal"] is NSNull)
        let links = run.json["links"] as? [[String: Any]] ?? []
        #expect(links.map { $0["format"] as? String } == ["zarr2"] && links.map { $0["primary"] as? Bool } == [true])
    }

    @Test func `what the user states wins, and the page is said to disagree`() throws {
        let replica = try Replica()
        let run = try Command.run(
            ["compare", Address.epfl, "--voxel-size", "6,5,5", "--json"], environment: replica.environment)
        let fields = (run.json["rows"] as? [[String: Any]])?.first?["fields"] as? [String: Any]
        let size = fields?["voxel_size"] as? [String: Any]
        #expect(size?["value"] as? [Double] == [6, 5, 5] && size?["source"] as? String == "user")
        let others = size?["others"] as? [[String: Any]] ?? []
        #expect(others.map { $0["agrees"] as? Bool } == [false])
    }

    @Test func `events are JSON lines apart from the result`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let run = try Command.run(
            [
                "fetch", Address.files + "testing.tif", "--into", folder.path, "--json", "--events",
                "\(folder.path)/events",
            ],
            environment: replica.environment)
        #expect(run.status == 0 && run.lines.count == 1)
        let events = try String(contentsOfFile: "\(folder.path)/events", encoding: .utf8).split(separator: "\n")
        let last = try JSONSerialization.jsonObject(with: Data(try #require(events.last).utf8)) as? [String: Any]
        #expect(last?["done"] as? Int == 129_919_357 && last?["total"] as? Int == 129_919_357)
    }
}
