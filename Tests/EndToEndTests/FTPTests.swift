import Foundation
import Testing

/// Files and folders over FTP, from a server that does as told. Expected bytes: the replica's own.
@Suite(.serialized) struct FTPTests {
    private static let folder = "ftp://ftp.ebi.ac.uk/empiar/world_availability/11759/data/"
    private static let slice = folder + "F57-8_test1_3VBSED_slice_0003.dm3"
    private static let host = "ftp.ebi.ac.uk:21"

    private func truth() throws -> Data {
        try Replica.truth(["bytes", Self.slice.replacingOccurrences(of: "ftp://", with: "https://")])
    }

    @Test(arguments: [
        [], ["\(host)/*=status:450:0.3"], ["\(host)/*=cut:3000000:0.4"], ["\(host)/*=status-first:421:2"],
    ])
    func `a file comes whole, whatever the server refuses now and then`(faults: [String]) throws {
        let folder = try Folder()
        let replica = try Replica(faults: faults)
        let run = try replica.run(["fetch", Self.slice, "--into", folder.path, "-q", "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let file = "\(folder.path)/F57-8_test1_3VBSED_slice_0003.dm3"
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == truth())
        let retrieves = replica.requests.filter { $0["method"] as? String == "RETR" }
        #expect(retrieves.contains { ($0["range"] as? String)?.hasPrefix("bytes=") == true })
        #expect(!replica.requests.contains { $0["method"] as? String == "GET" })
    }

    @Test func `a probe takes the head and the tail, by REST`() throws {
        let replica = try Replica()
        let run = try replica.run(["probe", Self.slice, "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let image = (run.json["images"] as? [[String: Any]])?.first
        #expect(image?["shape"] as? [Int] == [5500, 5496])
        let cost = run.json["cost"] as? [String: Any]
        #expect(cost?["requests"] as? Int ?? 99 <= 3 && cost?["bytes"] as? Int ?? .max <= 256 << 10)
    }

    @Test func `a server without REST gives long files whole or not at all`() throws {
        let folder = try Folder()
        let replica = try Replica(faults: ["\(Self.host)/*=range-ignored"])
        let read = try replica.run(["read", Self.slice, "--box", "0:5,0:5", "--out", "\(folder.path)/box"])
        #expect(read.status == 69 && read.errors.contains("REST"), "\(read.errors)")
        let run = try replica.run(["fetch", Self.slice, "--into", folder.path, "-q"])
        #expect(run.status == 0, "\(run.errors)")
        let file = "\(folder.path)/F57-8_test1_3VBSED_slice_0003.dm3"
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == truth())
    }

    @Test func `a server without MLSD is asked by LIST, and says the same`() throws {
        let new = try Replica().run(["list", Self.folder, "--json"])
        let old = try Replica(faults: ["\(Self.host)/empiar/world_availability/11759/data/?MLSD=status:502"]).run([
            "list", Self.folder, "--json",
        ])
        #expect(new.status == 0 && old.status == 0, "\(old.errors)")
        #expect(new.output == old.output)
        let objects = new.json["objects"] as? [[String: Any]] ?? []
        #expect(objects.count == 17 && objects.allSatisfy { $0["bytes"] is Int })
    }

    @Test func `a file that is replaced meanwhile is a changed one`() throws {
        let folder = try Folder()
        let run = try Replica(faults: ["\(Self.host)/*=changed:2"]).run([
            "fetch", Self.slice, "--into", folder.path, "-q",
        ])
        let name = "\(folder.path)/F57-8_test1_3VBSED_slice_0003.dm3"
        // Same length, same date: nothing but the bytes tells, so what is there must be one of the two files whole.
        if run.status == 0 {
            #expect(try Data(contentsOf: URL(fileURLWithPath: name)).count == truth().count)
        } else {
            #expect(run.status == 74 && !FileManager.default.fileExists(atPath: name))
        }
    }

    @Test(arguments: [("nosuch.dm3", 66), ("../../../../nosuch/", 66)])
    func `what is not there is said`(name: String, status: Int) throws {
        let run = try Replica().run(["probe", Self.folder + name])
        #expect(Int(run.status) == status, "\(run.errors)")
    }

    @Test func `a folder of slices opens over FTP`() throws {
        let folder = try Folder()
        let out = "\(folder.path)/box"
        let run = try Replica().run(["read", Self.folder, "--box", "14:16,100:120,200:230", "--out", out])
        #expect(run.status == 0, "\(run.errors)")
        let truth = try Replica.truth(["voxels", "empiar", "--box", "14:16,100:120,200:230"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == truth)
    }
}
