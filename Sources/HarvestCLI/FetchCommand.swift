import ArgumentParser
import ImageHarvest
import Synchronization

struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Bring files here, in parallel; run it again and what is complete is kept.",
        discussion: """
            A file appears under its name only when it is whole; manifest.jsonl names each with its sha256. An address \
            that ends with a slash is a folder: a volume as its format knows it, else all files in it and below.
            A box of a chunked volume becomes a store of the same format, in a folder of its own: chunks byte for byte, \
            so it grows to the bounds of the chunks it meets; origin and translation say where it was cut from. A box \
            of a volume that is one file becomes a .npy file. --size alone takes the middle of the box from what a \
            Neuroglancer link shows.

            EXAMPLES
              harvest fetch https://www.epfl.ch/labs/cvlab/data/data-em/ --link testing.tif --into data
              harvest fetch https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2 --level 3 --into data
              harvest fetch s3://bucket/em.zarr --into data --dry-run
              harvest fetch ftp://ftp.ebi.ac.uk/empiar/world_availability/11759/data/ --include '*.dm3'
              harvest fetch s3://bucket/em.zarr --level 1 --box 0:64,512:1024,512:1024 --into data
              harvest fetch https://host/v.tif --mirror ftp://other/v.tif --checksum sha256:HEX
              harvest fetch volume.meta4 --into data
              harvest fetch s3://bucket/em.zarr --dry-run --format aria2 > plan.txt && aria2c -i plan.txt
              harvest fetch https://tinyurl.com/hemibrain-ng --size 64,512,512 --into data
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages or links; - reads them from stdin.") var addresses: [String]
    @Option(name: [.short, .customLong("into")], help: "The folder for the files.") var into = "data"
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Flag(help: "On a page: every link.") var allLinks = false
    @Option(help: "Of a volume with levels: this one and the coarser ones; 0 is the finest.") var level: Int?
    @Option(help: ArgumentHelp("Only this box of the level (of 0 without --level).", valueName: "z0:z1,y0:y1,x0:x1"))
    var box: String?
    @Option(help: ArgumentHelp("A box of so many voxels around the position that the link shows.", valueName: "z,y,x"))
    var size: Triple?
    @Option(help: ArgumentHelp("The middle of that box instead, in voxels of the level.", valueName: "z,y,x"))
    var centre: Triple?
    @Option(help: ArgumentHelp("Of a folder: only files that fit; may be repeated.", valueName: "*.dm3"))
    var include: [String] = []
    @Option(help: ArgumentHelp("Of a folder: no files that fit; may be repeated.", valueName: "*.xml"))
    var exclude: [String] = []
    @Option(help: "Of a folder: no smaller files.") var minSize: ByteCount?
    @Option(help: "Of a folder: no larger files.") var maxSize: ByteCount?
    @Option(help: ArgumentHelp("Of a folder: every k-th file, in the order of their numbers.", valueName: "k"))
    var every = 1
    @Option(help: "Refuse to fetch more than this, before anything starts.") var maxBytes: ByteCount?
    @Flag(help: "Compute no sha256; a checksum that its server offers is then not looked at either.")
    var noSha256 = false
    @Option(help: ArgumentHelp("What a single file must have.", valueName: "sha256:HEX|md5:HEX|…")) var checksum:
        String?
    @Option(
        help: ArgumentHelp(
            "Another place of a single file, may be repeated: with a --checksum both are used at once.",
            valueName: "url"))
    var mirror: [String] = []
    @Flag(help: "Say what would be fetched, and fetch nothing.") var dryRun = false
    @Option(
        help: ArgumentHelp("With --dry-run: the plan for another tool.", valueName: "urls|aria2|metalink"),
        transform: { text in
            guard let format = PlanFormat(rawValue: text) else { throw ValidationError("urls, aria2 or metalink") }
            return format
        })
    var format: PlanFormat?

    func validate() throws {
        if every < 1 { throw ValidationError("--every counts from 1, which is all") }
        if let level, level < 0 { throw ValidationError("--level counts from 0") }
        if box != nil, size != nil { throw ValidationError("--box and --size exclude each other") }
        if centre != nil, size == nil { throw ValidationError("--centre is the middle of a box: name its --size") }
        if let size, !size.values.allSatisfy({ $0 >= 1 && $0 == $0.rounded() && $0 < 1e9 }) {
            throw ValidationError("--size counts voxels: three whole numbers of at least 1")
        }
        if format != nil, !dryRun { throw ValidationError("--format is for --dry-run") }
        if format != nil, common.json { throw ValidationError("--format and --json exclude each other") }
        if link != nil, allLinks { throw ValidationError("--link and --all-links exclude each other") }
    }

    func run() async throws {
        let context = try common.context
        var options = FetchOptions(folder: into)
        (options.link, options.allLinks, options.level, options.box) = (link, allLinks, level, box)
        (options.maximumBytes, options.isDryRun) = (maxBytes?.value, dryRun)
        (options.hashes, options.checksum) = (!noSha256, checksum)
        (options.include, options.exclude, options.every) = (include, exclude, every)
        options.mirrors = mirror
        (options.leastFileBytes, options.mostFileBytes) = (minSize?.value, maxSize?.value)
        options.around = size.map { size in
            Surroundings(size: size.values.map { Int($0) }, centre: centre.map { .voxel($0.values) } ?? .shown)
        }
        let line = try common.progress
        options.events = { line.tell($0.json) }
        let current = Mutex("")
        Signals.farewell.withLock {
            $0 = { line.tell(Self.aborted(current.withLock { $0 }, "interrupted", "stopped by a signal")) }
        }
        defer { Signals.farewell.withLock { $0 = {} } }
        try await common.forEach(addresses) { address in
            current.withLock { $0 = address }
            let outcomes: [Outcome]
            do { outcomes = try await context.fetch(address, options) { line.show($0) } } catch {
                let known = HarvestError.wrapping(error)
                line.tell(Self.aborted(address, known.kind.rawValue, known.message))
                throw error
            }
            line.end()
            for outcome in outcomes {
                line.tell(outcome.summary)
                if let format {
                    try export(outcome, format)
                    continue
                }
                if common.json { Terminal.print(outcome.json.compact) } else { show(outcome) }
                for failure in outcome.failed { common.say(failure.error, address: failure.url) }
            }
            return outcomes.allSatisfy(\.failed.isEmpty)
        }
    }

    /// The last event of a fetch that did not come to its end.
    private static func aborted(_ address: String, _ kind: String, _ why: String) -> JSON {
        [
            "event": "summary", "address": .string(address.withoutCredentials), "ok": false, "kind": .string(kind),
            "why": .string(why),
        ]
    }

    private func export(_ outcome: Outcome, _ format: PlanFormat) throws {
        guard !outcome.planned.isEmpty else {
            throw HarvestError.unsupported(
                "this plan cannot be handed on: parts of objects are taken, or metadata is written here",
                at: outcome.address, next: "fetch it with harvest")
        }
        Terminal.print(format.text(outcome.planned), terminator: "")
    }

    private func show(_ outcome: Outcome) {
        let verb = dryRun ? "would fetch" : "fetched"
        Terminal.print("\(outcome.address.withoutCredentials.displayed()): \(verb) \(outcome.plan)")
        if dryRun { return show(outcome.size) }
        for file in outcome.files.prefix(8) {
            Terminal.print(
                "  \(outcome.folder)/\(file.path.displayed())  \(Size.text(file.bytes))  \(file.state.rawValue)  sha256 \(file.sha256 ?? "-")\(check(file))"
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

    private func check(_ file: FetchedFile) -> String {
        guard file.state == .fetched || file.state == .kept else { return "" }
        return file.verifiedBy.map { $0 == "you" ? ", as you said" : ", as \($0) says" } ?? ", unverified"
    }

    private static func span(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e12).rounded(.up))
        return whole < 120 ? "\(whole) s" : whole < 7200 ? "\(whole / 60) min" : "\(whole / 3600) h"
    }

    private func show(_ size: FetchSize) {
        let bytes = size.bytes.map { (size.isExact ? "" : "at most ") + Size.text($0) } ?? "an unknown number of bytes"
        let requests = size.requests.map { "\($0) requests" } ?? "an unknown number of requests"
        let files = size.files.map { "\($0) file\($0 == 1 ? "" : "s")" } ?? "an unknown number of files"
        let time = size.seconds.map { ", about \(Self.span($0)) by what its host brought before" } ?? ""
        Terminal.print("  \(bytes), \(requests), \(files)\(time)")
    }
}
