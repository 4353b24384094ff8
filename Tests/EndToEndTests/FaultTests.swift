import Foundation
import Testing

/// What goes wrong between here and a server, and the answer a user gets.
@Suite(.serialized) struct FaultTests {
    private let tiff = Address.files + "testing.tif"
    private let route = "documents.epfl.ch/*testing.tif"

    private func fetch(_ fault: String, seconds: String? = nil) throws -> (Command, Folder) {
        let replica = try Replica(faults: ["documents.epfl.ch/*=\(fault)"])
        let folder = try Folder()
        return (
            try Command.run(["fetch", tiff, "--into", folder.path, "--json", "-q"], environment: replica.environment),
            folder
        )
    }

    private func isTrue(_ folder: Folder) throws -> Bool {
        let found = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/testing.tif"))
        return try found == Replica.truth(["bytes", tiff])
    }

    @Test(arguments: ["latency:5", "cut:3000000:0.2", "status:503:0.2:0", "status-first:429:3:0"])
    func `a fetch through trouble that passes gives the true bytes`(fault: String) throws {
        let (run, folder) = try fetch(fault)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try isTrue(folder))
    }

    @Test func `from a server that ignores ranges a file comes as one stream`() throws {
        let (run, folder) = try fetch("range-ignored")
        #expect(run.status == 0, "\(run.errors)")
        #expect(try isTrue(folder))
    }

    @Test func `a file that no format reads is fetched all the same`() throws {
        let replica = try Replica()
        let folder = try Folder()
        let url = Address.trouble + "1k.bin"
        let run = try Command.run(["fetch", url, "--into", folder.path, "-q"], environment: replica.environment)
        #expect(run.status == 0, "\(run.errors)")
        let found = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/1k.bin"))
        #expect(try found == Replica.truth(["bytes", url]))
    }

    @Test func `a 503 storm ends in 75, with one sentence and no file`() throws {
        let (run, folder) = try fetch("status:503:1:0")
        #expect(run.status == 75)
        #expect(run.json["kind"] as? String == "unavailable")
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/testing.tif"))
    }

    @Test func `an object that changes while it is read is never delivered mixed`() throws {
        // Brought anew once: all of it is the new version.
        let (_, other) = try fetch("changed:0")
        func file(_ folder: Folder) -> Data? { FileManager.default.contents(atPath: "\(folder.path)/testing.tif") }
        let new = try #require(file(other)), old = try Replica.truth(["bytes", tiff])
        #expect(new != old)
        for count in [1, 4, 6, 9] {
            let (run, folder) = try fetch("changed:\(count)")
            // While the header is read, a change ends the run.
            #expect(run.status == 0 || run.status == 74 && file(folder) == nil, "\(run.errors)")
            if run.status == 0 { #expect(file(folder) == new || file(folder) == old) }
        }
    }

    @Test func `a login page instead of data is named`() throws {
        let replica = try Replica()
        let run = try Command.run(["probe", Address.trouble + "login.tif", "--json"], environment: replica.environment)
        #expect(run.status == 65)
        #expect(run.errors.contains("HTML"))
    }

    @Test func `one address that fails does not stop the others`() throws {
        let replica = try Replica(faults: ["documents.epfl.ch/*=status:404"])
        let environment = replica.environment.merging(["HARVEST_OPENORGANELLE_KEY": "replica-anon-key"]) { $1 }
        let folder = try Folder()
        let run = try Command.run(
            ["collect", Address.epfl, Address.openOrganelle, "--into", folder.path, "--probe-only", "--json"],
            environment: environment)
        #expect(run.status == 1)
        let rows = run.json["rows"] as? [[String: Any]] ?? []
        #expect(rows.map { $0["id"] as? String } == ["openorganelle"])
        #expect(run.errors.contains("documents.epfl.ch"))
    }

    @Test func `a host that does not resolve is one sentence and 75`() throws {
        let run = try Command.run(["probe", "https://nowhere.invalid/x.tif"])  // RFC 2606: never resolves
        #expect(run.status == 75)
        #expect(run.errors.split(separator: "\n").count == 1)
    }

    @Test func `a host whose certificate does not name it is 77, and is not retried`() throws {
        let replica = try Replica()
        let run = try Command.run(["probe", "https://nowhere.example/x.tif"], environment: replica.environment)
        #expect(run.status == 77)
        #expect(replica.requests.isEmpty)
    }
}
