import Foundation
import Glibc
import Testing

/// What a fetch says of itself: plans for other tools, events, checksums. Expected bytes: the files that were served.
@Suite(.serialized) struct PlanTests {
    /// A folder behind a web server of its own (Python's), with a checksum file.
    private final class Served {
        /// What is served, below the server's root.
        var place: String { "\(folder.path)/data" }
        private let folder: Folder
        private let process = Process()
        private(set) var url = ""

        init() throws {
            folder = try Folder()
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            for index in 0..<5 {
                let bytes = Data((0..<(1000 * index + 1)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index) })
                try bytes.write(to: URL(fileURLWithPath: "\(place)/slice \(index).dm3"))
            }
            let script = """
                import http.server, os, sys
                os.chdir(sys.argv[1])
                class Quiet(http.server.SimpleHTTPRequestHandler):
                    def log_message(self, *arguments): pass
                server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
                print(server.server_address[1], flush=True)
                server.serve_forever()
                """
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["python3", "-c", script, folder.path]
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = FileHandle.nullDevice
            try process.run()
            let port = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
            url = "http://127.0.0.1:\(port.trimmingCharacters(in: .whitespacesAndNewlines))/data/"
        }

        // Not by SIGTERM, which a child may have inherited as blocked.
        deinit {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        func sums(_ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place)/md5sum.txt"))
        }

        func shell(_ line: String) throws -> String {
            let process = Process(), pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", line]
            process.currentDirectoryURL = URL(fileURLWithPath: place)
            process.standardOutput = pipe
            try process.run()
            let found = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return String(decoding: found, as: UTF8.self)
        }
    }

    @Test func `aria2 brings what a dry run names, byte for byte`() throws {
        let served = try Served(), into = try Folder()
        let plan = try Command.run(["fetch", served.url, "--dry-run", "--format", "aria2", "-q"])
        #expect(plan.status == 0 && plan.output.split(separator: "\n").count == 10, "\(plan.errors)")
        try Data(plan.output.utf8).write(to: URL(fileURLWithPath: "\(into.path)/plan.txt"))
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/aria2c") else {
            withKnownIssue("aria2c is not installed") { Issue.record("skipped") }
            return
        }
        _ = try served.shell("cd '\(into.path)' && aria2c -q -i plan.txt --console-log-level=error")
        let names = try FileManager.default.subpathsOfDirectory(atPath: into.path).filter { $0.hasSuffix(".dm3") }
        #expect(names.count == 5)
        for name in names {
            let file = name.split(separator: "/").last.map(String.init) ?? name
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: "\(into.path)/\(name)"))
                    == Data(contentsOf: URL(fileURLWithPath: "\(served.place)/\(file)")))
        }
    }

    @Test func `a dry run says how long it will take once its host is known`() throws {
        let served = try Served(), into = try Folder()
        try Data(count: 20_000_000).write(to: URL(fileURLWithPath: "\(served.place)/large.bin"))
        let cache = ["HARVEST_CACHE": "\(into.path)/cache"]
        func seconds() throws -> Any? {
            let plan = try Command.run(["fetch", served.url + "large.bin", "--dry-run", "--json"], environment: cache)
            return (plan.json["size"] as? [String: Any])?["expected_s"]
        }
        #expect(try seconds() is NSNull)
        let run = try Command.run(["fetch", served.url, "--into", into.path, "-q"], environment: cache)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try seconds() as? Double ?? 0 > 0)
    }

    @Test func `a Metalink that a dry run wrote is fetched, byte for byte`() throws {
        let served = try Served(), into = try Folder()
        try served.sums(try served.shell("md5sum *.dm3"))
        let plan = try Command.run(["fetch", served.url, "--dry-run", "--format", "metalink", "-q"])
        try Data(plan.output.utf8).write(to: URL(fileURLWithPath: "\(into.path)/plan.meta4"))
        for state in ["fetched", "kept"] {
            let run = try Command.run(["fetch", "\(into.path)/plan.meta4", "--into", into.path, "--json", "-q"])
            let files = run.json["files"] as? [[String: Any]] ?? []
            #expect(run.status == 0 && files.count == 6, "\(run.errors)")
            #expect(files.allSatisfy { $0["state"] as? String == state })
            #expect(files.filter { $0["verified_by"] as? String == "the Metalink" }.count == 5)
            for file in files {
                let path = file["path"] as? String ?? ""
                let name = path.split(separator: "/").last.map(String.init) ?? path
                #expect(
                    try Data(contentsOf: URL(fileURLWithPath: "\(into.path)/\(path)"))
                        == Data(contentsOf: URL(fileURLWithPath: "\(served.place)/\(name)")))
            }
        }
        // The server lost a file that the plan names.
        try FileManager.default.removeItem(atPath: "\(served.place)/slice 1.dm3")
        let other = try Folder()
        let run = try Command.run(["fetch", "\(into.path)/plan.meta4", "--into", other.path, "--json", "-q"])
        #expect(run.status != 0 && (run.json["failed"] as? [[String: Any]])?.count == 1)
        #expect((run.json["files"] as? [[String: Any]])?.count == 5)
    }

    @Test func `a file that no format reads is planned too, and sizes that no listing says are unknown`() throws {
        let served = try Served()
        try FileManager.default.copyItem(atPath: "\(served.place)/slice 1.dm3", toPath: "\(served.place)/x.bin")
        let plan = try Command.run(["fetch", served.url + "x.bin", "--dry-run", "--format", "metalink", "-q"])
        #expect(plan.status == 0 && plan.output.contains("<url>\(served.url)x.bin</url>"), "\(plan.errors)")
        let folder = try Command.run(["fetch", served.url, "--dry-run", "-q"])
        #expect(folder.status == 0 && folder.output.contains("an unknown number of bytes"), "\(folder.output)")
    }

    @Test func `files are held against the checksums that lie beside them`() throws {
        let served = try Served(), into = try Folder()
        try served.sums(try served.shell("md5sum *.dm3"))
        let run = try Command.run(["fetch", served.url, "--into", into.path, "--json", "-q"])
        #expect(run.status == 0, "\(run.errors)")
        let files = run.json["files"] as? [[String: Any]] ?? []
        let checked = files.filter { $0["verified_by"] as? String == "md5sum.txt" }
        #expect(files.count == 6 && checked.count == 5)
    }

    @Test func `a file with another checksum does not stay, and the others come`() throws {
        let served = try Served(), into = try Folder()
        let sums = try served.shell("md5sum *.dm3").replacingOccurrences(of: "a", with: "b")
        try served.sums(sums)
        let run = try Command.run(["fetch", served.url, "--into", into.path, "--json", "-q"])
        let failed = (run.json["failed"] as? [[String: Any]] ?? []).compactMap { $0["path"] as? String }
        #expect(run.status != 0 && !failed.isEmpty && failed.allSatisfy { $0.hasSuffix(".dm3") })
        for path in failed {
            let found = try FileManager.default.subpathsOfDirectory(atPath: into.path)
            #expect(!found.contains { $0.hasSuffix(path) })
        }
    }

    @Test func `a single file must have the checksum that is asked for`() throws {
        let served = try Served(), into = try Folder()
        let name = "slice%203.dm3"
        let sum = try served.shell("sha256sum 'slice 3.dm3'").split(separator: " ").first.map(String.init) ?? ""
        let right = try Command.run([
            "fetch", served.url + name, "--into", into.path, "--checksum", "sha256:\(sum)", "--json", "-q",
        ])
        #expect(right.status == 0, "\(right.errors)")
        #expect((right.json["files"] as? [[String: Any]])?.first?["verified_by"] as? String == "you")
        let other = try Folder()
        let wrong = try Command.run([
            "fetch", served.url + name, "--into", other.path, "--checksum",
            "sha256:\(String(repeating: "0", count: 64))", "-q",
        ])
        #expect(wrong.status == 74)
        #expect(!FileManager.default.fileExists(atPath: "\(other.path)/slice 3.dm3"))
        #expect(
            try Command.run(["fetch", served.url + name, "--into", other.path, "--checksum", "crc:1", "-q"]).status
                == 64)
    }

    @Test func `events tell plan, files and summary in this order`() throws {
        let served = try Served(), into = try Folder()
        let run = try Command.run([
            "fetch", served.url, "--into", into.path, "-q", "--events", "\(into.path)/events",
        ])
        #expect(run.status == 0, "\(run.errors)")
        let lines = try String(contentsOfFile: "\(into.path)/events", encoding: .utf8).split(separator: "\n")
        let events = try lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(events.allSatisfy { $0["schema"] as? String == "harvest.event/1" && $0["seconds"] is Double })
        let kinds = events.compactMap { $0["event"] as? String }
        #expect(kinds.first == "plan" && kinds.last == "summary" && kinds.count { $0 == "file" } == 5)
        let again = try Command.run([
            "fetch", served.url, "--into", into.path, "-q", "--events", "\(into.path)/again",
        ])
        #expect(again.status == 0)
        #expect(try String(contentsOfFile: "\(into.path)/again", encoding: .utf8).contains(#""event":"skip""#))
    }

    @Test func `what cannot be handed on is said`() throws {
        #expect(try Command.run(["fetch", "http://127.0.0.1:1/a.tif", "--format", "urls"]).status == 64)
        let replica = try Replica()
        let crop = try replica.run([
            "fetch", FiveTests.hemibrain, "--size", "64,64,64", "--dry-run", "--format", "urls", "-q",
        ])
        #expect(crop.status == 69 && crop.errors.contains("cannot be handed on"), "\(crop.errors)")
    }
}
