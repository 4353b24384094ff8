import ArgumentParser
import ImageHarvest

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Are the files that fetch brought still what they were?",
        discussion: """
            Computes the sha256 of every file that a manifest.jsonl in the folder or below it names. --repair brings what \
            is damaged again from where it came, piece by piece. Ends with 1 where a file is not as it was brought.

            EXAMPLES
              harvest verify data
              harvest verify data --repair
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Folders; - reads them from stdin.") var folders: [String]
    @Flag(help: "Bring files again that are missing or damaged.") var repair = false

    func run() async throws {
        let context = try common.context
        let line = try common.progress
        try await common.forEach(folders) { folder in
            let found = try await context.verify(folder, repairs: repair) { line.show($0) }
            line.end()
            show(found)
            return found.isGood
        }
    }

    private func show(_ found: Verification) {
        if common.json { return Terminal.print(found.json.compact) }
        let count = found.bad.count
        Terminal.print(
            "\(found.folder.displayed()): \(found.files) files, \(Size.text(found.bytes)), "
                + (count == 0
                    ? "all as they were brought" : "\(count) not as \(count == 1 ? "it was" : "they were") brought"))
        for bad in found.bad {
            Terminal.print(
                "  \(bad.path.displayed()): \(bad.reason)\(bad.isRepaired ? "; repaired, \(Size.text(bad.fetched)) brought" : "")"
            )
        }
    }
}
