import ArgumentParser
import ImageHarvest

struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Bring files here, in parallel; run it again to go on where it stopped.",
        discussion: """
            A file appears under its name only when it is whole; manifest.jsonl names each with its sha256.

            EXAMPLES
              harvest fetch https://www.epfl.ch/labs/cvlab/data/data-em/ --link testing.tif --into data
              harvest fetch https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2 --level 3 --into data
              harvest fetch s3://bucket/em.zarr --into data --dry-run
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages or links; - reads them from stdin.") var addresses: [String]
    @Option(name: [.short, .customLong("into")], help: "The folder for the files.") var into = "data"
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Flag(help: "On a page: every link.") var allLinks = false
    @Option(help: "Of a volume with levels: this one and the coarser ones; 0 is the finest.") var level: Int?
    @Option(help: "Refuse to fetch more than this, before anything starts.") var maxBytes: ByteCount?
    @Flag(help: "Say what would be fetched, and fetch nothing.") var dryRun = false

    func validate() throws {
        if let level, level < 0 { throw ValidationError("--level counts from 0") }
        if link != nil, allLinks { throw ValidationError("--link and --all-links exclude each other") }
    }

    func run() async throws {
        let context = try common.context
        var options = FetchOptions(folder: into)
        (options.link, options.allLinks, options.level) = (link, allLinks, level)
        (options.maximumBytes, options.isDryRun) = (maxBytes?.value, dryRun)
        let line = try common.progress
        try await common.forEach(addresses) { address in
            let outcomes = try await context.fetch(address, options) { line.show($0) }
            line.end()
            for outcome in outcomes {
                if common.json { Terminal.print(outcome.json.compact) } else { show(outcome) }
                for failure in outcome.failed { common.say(failure.error, address: failure.url) }
            }
            return outcomes.allSatisfy(\.failed.isEmpty)
        }
    }

    private func show(_ outcome: Outcome) {
        let verb = dryRun ? "would fetch" : "fetched"
        Terminal.print("\(outcome.address.displayed()): \(verb) \(outcome.plan)")
        if dryRun { return }
        for file in outcome.files.prefix(8) {
            Terminal.print(
                "  \(outcome.folder)/\(file.path.displayed())  \(Size.text(file.bytes))  \(file.state.rawValue)  sha256 \(file.sha256 ?? "-")"
            )
        }
        if outcome.files.count > 8 {
            Terminal.print("  … \(outcome.files.count - 8) more files, all in manifest.jsonl")
        }
        let absent = outcome.files.count { $0.state == .absent }
        if absent > 0 { Terminal.print("  \(absent) chunks were never stored; they read as the fill value") }
        Terminal.print(
            "  \(Size.text(outcome.bytes)) in \(outcome.files.count) files; \(outcome.cost.requests) requests")
    }
}
