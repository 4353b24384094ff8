import ArgumentParser
import ImageHarvest

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "What the files of an address say, unfetched: a few KB over the wire.",
        discussion: """
            EXAMPLES
              harvest probe https://www.epfl.ch/labs/cvlab/data/data-em/
              harvest probe s3://janelia-cosem-datasets/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16 --json
              harvest probe *.tif --json | jq .images[0].shape
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages, links or paths; - reads them from stdin.") var addresses: [String]
    @Flag(help: "Read the metadata of every level, not of the finest alone.") var allLevels = false
    @Option(help: ArgumentHelp("What you know better than page and file, in nm.", valueName: "z,y,x")) var voxelSize:
        VoxelSize?
    @Flag(help: "Prove every page's directory instead of predicting it from the first.") var exact = false
    @Option(help: ArgumentHelp("Requests that one address may cost.", valueName: "n")) var maxRequests =
        Meter.Budget().requests
    @Option(help: ArgumentHelp("Bytes that one address may cost.", valueName: "bytes")) var maxBytes = ByteCount(
        Meter.Budget().bytes)
    @Flag(help: "With --json: the untouched headers too.") var raw = false
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Flag(help: "On a page: every link.") var allLinks = false

    func run() async throws {
        let context = try common.context
        var options = ProbeOptions()
        options.voxelSize = voxelSize?.values
        options.open = OpenOptions(allLevels: allLevels, isExact: exact)
        options.budget = Meter.Budget(requests: maxRequests, bytes: maxBytes.value)
        (options.link, options.allLinks) = (link, allLinks)
        try await common.forEach(addresses) { address in
            let results = try await context.probe(address, options)
            if results.count == 1, case .failure(let error) = results[0] { throw error }
            var isWhole = true
            for result in results {
                switch result {
                case .success(let probe): show(probe)
                case .failure(let error):
                    common.report(error, address: address)
                    isWhole = false
                }
            }
            return isWhole
        }
    }

    private func show(_ probe: Probe) {
        var probe = probe
        probe.showsRaw = raw
        if common.json { return Terminal.print(probe.json.compact) }
        Terminal.print("\((probe.link?.url ?? probe.address).displayed())  [\(probe.contents.format)]")
        for (index, volume) in probe.contents.images.enumerated() {
            let name = volume.metadata.name.map { $0.isEmpty ? "" : " \"\($0.displayed(limit: 80))\"" } ?? ""
            Terminal.print("  image \(index)\(name)  \(volume.metadata.summary)")
            if index == 0, let size = probe.record?.beliefs[Field.Name.voxelSize] {
                Terminal.print(
                    "    voxel size \(size.isApproximate ? "≈ " : "")\(Table.text(size.value)) nm, from the \(probe.record?.whereFrom ?? "")"
                )
            }
            for level in volume.levels.dropFirst() {
                let shape = level.shape.map { "\($0)" } ?? "shape unread"
                Terminal.print(
                    "    level \(level.index)  \(level.path.displayed(limit: 80))  \(shape)  \(Table.text(JSON(level.voxelSize))) nm"
                )
            }
        }
        for entry in probe.contents.arrays.prefix(32) {
            let error = entry.error.map { "  not readable: \($0)" } ?? ""
            let codecs = entry.codecs.isEmpty ? "uncompressed" : entry.codecs.joined(separator: "+")
            Terminal.print(
                "  array \"\(entry.path.displayed(limit: 80))\"  \(entry.dtype ?? "?") \(entry.shape.map { "\($0)" } ?? "?")  chunk \(entry.chunk.map { "\($0)" } ?? "?")  \(codecs)\(error)"
            )
        }
        if probe.contents.arrays.count > 32 {
            Terminal.print("  … \(probe.contents.arrays.count - 32) more arrays (--json lists all)")
        }
        for finding in probe.contents.findings + (probe.record?.findings ?? []) {
            Terminal.print("  \(finding.severity.rawValue): \(finding.message.displayed()) [\(finding.rule)]")
        }
        let cost = probe.cost
        Terminal.print(
            "  cost: \(cost.requests) requests, \(Size.text(cost.bytes)), \(cost.roundTrips) round trips"
                + (cost.cachedRequests > 0
                    ? "; \(cost.cachedRequests) reads, \(Size.text(cost.cachedBytes)) from the cache" : "")
                + (probe.portalRequests > 0 ? "; \(probe.portalRequests) requests to the portal before" : ""))
    }
}
