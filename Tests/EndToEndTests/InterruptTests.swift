import Foundation
import Testing

/// Long work that is cut off, and taken up again by the same command.
@Suite(.serialized) struct InterruptTests {
    @Test func `an interrupted copy ends with 130 and the next run fetches only what is missing`() throws {
        let slow = try Replica(faults: ["janelia-cosem-datasets.s3.amazonaws.com/*=bandwidth:200000"])
        let folder = try Folder()
        let arguments = ["fetch", Address.zarr, "--level", "3", "--into", folder.path, "-q"]
        let process = Process()
        process.executableURL = Command.bin.appendingPathComponent("harvest")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(slow.environment) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let manifest = "\(folder.path)/fibsem-int16/manifest.jsonl"
        func lines() -> Int {
            ((try? String(contentsOfFile: manifest, encoding: .utf8)) ?? "").split(separator: "\n").count
        }
        for _ in 0..<400 where lines() < 25 { usleep(20_000) }  // until some chunks are there
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        let kept = lines()

        let replica = try Replica()
        let run = try Command.run(arguments + ["--json"], environment: replica.environment)
        #expect(run.status == 0, "\(run.errors)")
        let files = run.json["files"] as? [[String: Any]] ?? []
        #expect(files.count { $0["state"] as? String == "kept" } >= kept - 20)  // metadata is written anew
        let digest = try Command.run(["read", "\(folder.path)/fibsem-int16", "--digest", "--json"])
        let remote = try Command.run(
            ["read", Address.zarr, "--level", "3", "--digest", "--json"], environment: replica.environment)
        func sha(_ run: Command) -> String? { (run.json["digests"] as? [[String: Any]])?.first?["sha256"] as? String }
        #expect(sha(digest) != nil && sha(digest) == sha(remote))
    }

    @Test func `a full disk is 73, and leaves nothing under a final name`() throws {
        let replica = try Replica()
        let run = try Command.run(
            ["fetch", Address.files + "testing.tif", "--into", "/dev/full/x"], environment: replica.environment)
        #expect(run.status == 73)
        #expect(run.errors.split(separator: "\n").count == 1)
    }
}
