import Foundation
import Glibc

/// Runs the built programs as a user would.
struct Command {
    var status: Int32
    var output: String
    var errors: String
    var seconds: Double
    /// Largest memory in MiB; `nil` where it was not asked for.
    var peak: Double?

    /// The folder that holds the built programs: where this test runs.
    static let bin = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    static func run(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws -> Command {
        try run("harvest", arguments, environment: environment, input: input)
    }

    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) throws -> Command {
        let process = Process()
        process.executableURL = bin.appendingPathComponent(program)
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("HARVEST_") }
        all["HARVEST_CACHE"] = "none"
        all.merge(environment) { $1 }
        process.environment = all
        let files = try (0..<3).map { _ in try temporaryFile() }
        try Data(input.utf8).write(to: files[0])
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        let start = ContinuousClock.now
        try process.run()
        process.waitUntilExit()
        let took = start.duration(to: .now)
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        return Command(
            status: process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 1000 : 0),
            output: try String(contentsOf: files[1], encoding: .utf8),
            errors: try String(contentsOf: files[2], encoding: .utf8),
            seconds: Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
    }

    private static func temporaryFile() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("harvest-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown)
        }
        return url
    }

    /// The first line of the output as JSON.
    var json: [String: Any] {
        let line = output.split(separator: "\n").first.map(String.init) ?? "{}"
        return (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? [:]
    }

    var lines: [[String: Any]] {
        output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}

/// A folder that goes away with the test.
final class Folder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("harvest-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func json(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}
