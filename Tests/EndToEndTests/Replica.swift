import Foundation

/// The portals on this machine, for as long as a test holds this.
final class Replica {
    private let process = Process()
    private let folder: Folder
    let environment: [String: String]

    init(faults: [String] = []) throws {
        folder = try Folder()
        process.executableURL = Command.bin.appendingPathComponent("harvest-replica")
        process.arguments = ["--state", folder.path] + faults.flatMap { ["--fault", $0] }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        var ready: [String: Any] = [:]
        for _ in 0..<400 {
            if let found = try? folder.json("ready.json") {
                ready = found
                break
            }
            usleep(25_000)  // waits for another process, which has no other way to say it
        }
        let map = (ready["connect_to"] as? [String] ?? []).joined(separator: ",")
        environment = ["HARVEST_CONNECT_TO": map, "HARVEST_CA": ready["ca"] as? String ?? ""]
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// Runs harvest against this replica, which stays as long as that takes.
    func run(_ arguments: [String], _ more: [String: String] = [:]) throws -> Command {
        try withExtendedLifetime(self) {
            try Command.run(arguments, environment: environment.merging(more) { $1 })
        }
    }

    /// What was asked of the replica so far.
    var requests: [[String: Any]] {
        let text = (try? String(contentsOfFile: "\(folder.path)/requests.jsonl", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    func requests(to host: String) -> [[String: Any]] { requests.filter { $0["host"] as? String == host } }

    /// The true bytes or voxels, from the replica's own formula.
    static func truth(_ arguments: [String]) throws -> Data {
        let process = Process(), pipe = Pipe()
        process.executableURL = Command.bin.appendingPathComponent("harvest-replica")
        process.arguments = arguments
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return data
    }
}

enum Address {
    static let epfl = "https://www.epfl.ch/labs/cvlab/data/data-em/"
    static let openOrganelle = "https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2"
    static let files = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"
    static let zarr = "s3://janelia-cosem-datasets/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16"
    static let trouble = "https://files.replica.test/"
}
