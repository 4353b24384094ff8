import FaultServing
import Foundation
import Testing

/// Folders of files that a server lists, brought as they are. Expected bytes: the replica's own.
@Suite(.serialized) struct FolderTests {
    private static let folder = "ftp.ebi.ac.uk/empiar/world_availability/11759/data/"

    @Test(arguments: ["https", "ftp"])
    func `a folder comes with all its files, or those that fit`(scheme: String) throws {
        let folder = try Folder()
        let replica = try Replica()
        let run = try replica.run([
            "fetch", "\(scheme)://\(Self.folder)", "--include", "*0004.dm3", "--include", "*.xml", "--into",
            folder.path,
            "--json", "-q",
        ])
        #expect(run.status == 0, "\(run.errors)")
        let files = (run.json["files"] as? [[String: Any]] ?? []).compactMap { $0["path"] as? String }.sorted()
        #expect(files.count == 2 && files.allSatisfy { $0.hasSuffix("0004.dm3") || $0.hasSuffix(".xml") })
        for file in files {
            let found = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/data/\(file)"))
            #expect(try found == Replica.truth(["bytes", "https://\(Self.folder)\(file)"]))
        }
        let again = try replica.run([
            "fetch", "\(scheme)://\(Self.folder)", "--include", "*0004.dm3", "--include", "*.xml", "--into",
            folder.path,
            "--json", "-q",
        ])
        let states = (again.json["files"] as? [[String: Any]] ?? []).compactMap { $0["state"] as? String }
        #expect(states == ["kept", "kept"])
    }

    @Test func `the folder of a host that has no path is called by the host`() throws {
        let server = FaultServer { request, _ in
            request.target == "/"
                ? FaultServer.Answer(
                    headers: ["Content-Type": "text/html"],
                    body: Array(#"<h1>Index of /</h1><pre><a href="a.raw">a.raw</a> 3</pre>"#.utf8))
                : FaultServer.ranged([1, 2, 3], request)
        }
        defer { server.stop() }
        let folder = try Folder()
        let run = try Command.run(["fetch", server.url + "/", "--into", folder.path, "--json", "-q"])
        #expect(run.status == 0, "\(run.errors)")
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/127.0.0.1/a.raw"))
        #expect(file == Data([1, 2, 3]))
    }

    @Test func `a dry run counts one request a file and one for the listing`() throws {
        let replica = try Replica()
        let run = try replica.run(["fetch", "https://\(Self.folder)", "--exclude", "*.dm3", "--dry-run", "--json"])
        #expect(run.status == 0, "\(run.errors)")
        #expect((run.json["size"] as? [String: Any])?["files"] as? Int == replica.requests.count)
    }

    @Test func `too much, nothing, and what is no folder are said`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let base = ["fetch", "https://\(Self.folder)", "--into", folder.path]
        #expect(try replica.run(base + ["--max-bytes", "1MB"]).status == 64)
        #expect(try replica.run(base + ["--include", "nothing*"]).status == 66)
        let volume = try replica.run([
            "fetch", FiveTests.hemibrain, "--level", "6", "--include", "*", "--into", folder.path,
        ])
        #expect(volume.status == 64 && volume.errors.contains("--level"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
}
