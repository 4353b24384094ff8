import ArgumentParser
import ImageHarvest

struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "The whole job: describe, probe, fetch what fits, compare; into one folder.",
        discussion: """
            Writes web_metadata.json, file_metadata.json, records.json, table.md, table.csv, table.json, table.html, acquisition.md, acquisition.csv, report.html, the raw pages \
            and API answers below raw/, and the data of each dataset in a folder of its own.
            Of a dataset larger than --max-bytes the finest level that fits is fetched, else --box, else nothing; \
            which of them is said.

            EXAMPLES
              harvest collect https://www.epfl.ch/labs/cvlab/data/data-em/ --into data
              harvest collect s3://bucket/em.zarr volume.tif --into data --max-bytes 200MB
              harvest collect - --into data --probe-only < addresses.txt
              harvest collect --from list.json --into data
            where list.json is, for instance,
              [{"address": "https://tinyurl.com/hemibrain-ng", "box": "12000:12600,11000:11400,10000:10200"},
               {"address": "https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2", "level": 2},
               {"address": "https://www.epfl.ch/labs/cvlab/data/data-em/", "fetch": "testing.tif"}]
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages, links or paths; - reads them from stdin.") var addresses: [String] = []
    @Option(
        help: ArgumentHelp(
            "Addresses with link, fetch, level, box, id, max_bytes each, as a JSON list.", valueName: "list.json"))
    var from: String?
    @Option(name: [.short, .customLong("into")], help: "The folder for everything.") var into = "data"
    @Option(help: "Fetch at the most this much of one dataset.") var maxBytes = ByteCount(1 << 30)
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Option(help: ArgumentHelp("Where nothing else fits, this box as a .npy file.", valueName: "z0:z1,y0:y1,x0:x1"))
    var box: String?
    @Flag(help: "Fetch nothing.") var probeOnly = false
    @Flag(help: "Read no voxels for pictures and statistics; the report has tables alone.") var noPictures = false
    @Flag(help: "Prove every page's directory instead of predicting it from the first.") var exact = false

    func validate() throws {
        if addresses.isEmpty, from == nil { throw ValidationError("give addresses, or a list with --from") }
    }

    func run() async throws {
        let context = try common.context
        var options = CollectOptions(folder: into)
        (options.maximumBytes, options.link, options.crop) = (maxBytes.value, link, box)
        (options.open.isExact, options.fetches, options.makesReport) = (exact, !probeOnly, !noPictures)
        let line = try common.progress
        let all: [CollectRequest]
        do {
            all = try (from.map(CollectRequest.list(inFile:)) ?? []) + common.expand(addresses).map(CollectRequest.init)
        } catch {
            common.report(HarvestError.wrapping(error), address: from ?? "")
            throw ExitCode(HarvestError.wrapping(error).kind.exitCode)
        }
        let (entries, table): ([Collected], Table)
        do { (entries, table) = try await context.collect(all, options, progress: { line.show($0) }) } catch {
            let known = HarvestError.wrapping(error, at: into)
            common.report(known, address: into)
            throw ExitCode(known.kind.exitCode)
        }
        line.end()
        for entry in entries { if let error = entry.error { common.say(error, address: entry.address) } }
        if common.json {
            guard case .object(var members) = table.json else { return }
            members["folder"] = .string(into)
            members["datasets"] = .array(entries.map(\.json))
            Terminal.print(JSON.object(members).compact)
        } else {
            show(entries, table)
        }
        if !entries.allSatisfy(\.isWhole) {
            throw ExitCode(entries.count == 1 ? entries[0].error?.kind.exitCode ?? 1 : 1)
        }
    }

    private func show(_ entries: [Collected], _ table: Table) {
        Terminal.print(table.markdown)
        if !table.acquisition.isEmpty { Terminal.print("\n" + table.acquisition.markdown) }
        common.show(table.records.flatMap { record in record.findings.map { (record.id, $0) } })
        Terminal.print("")
        for entry in entries {
            guard let probe = entry.probe else { continue }
            Terminal.print(
                "\(entry.id): probed with \(probe.cost.requests) requests, \(Size.text(probe.cost.bytes)), \(probe.cost.roundTrips) round trips"
                    + " (and \(probe.portalRequests) to the portal)")
            if let outcome = entry.outcome {
                Terminal.print("  \(outcome.plan)")
                if !outcome.files.isEmpty {
                    Terminal.print(
                        "  \(outcome.files.count == 1 ? "1 file" : "\(outcome.files.count) files"), \(Size.text(outcome.bytes)), in \(outcome.folder)"
                    )
                }
                for failure in outcome.failed.prefix(3) { common.say(failure.error, address: failure.url) }
                if outcome.failed.count > 3 {
                    Terminal.say("harvest: … and \(outcome.failed.count - 3) more files failed")
                }
            }
        }
        Terminal.print("\nAll of it is in \(into)/; the report: \(into)/report.html")
    }
}
