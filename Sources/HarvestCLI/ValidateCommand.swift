import ArgumentParser
import ImageHarvest

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "What would hurt training on a volume, and why.",
        discussion: """
            Holds page, header, levels and licence against each other and looks at 64 blocks drawn at random; the seed \
            is printed, and the same seed draws the same blocks. A .json file with OME-NGFF attributes is judged by itself.
            Ends with 0 where no finding is an error, with 1 where one is, with 65 for what cannot be read.

            EXAMPLES
              harvest validate https://www.ebi.ac.uk/empiar/EMPIAR-11759/
              harvest validate volume.zarr --seed 7 --json | jq '.findings[] | .rule'
              harvest validate .zattrs.json
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages, links, paths or .json files; - reads them from stdin.") var addresses: [String]
    @Option(help: "Draws the blocks that are looked at.") var seed: UInt64 = 1
    @Flag(help: "Read no voxels: metadata alone.") var noVoxels = false
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?

    func run() async throws {
        let context = try common.context
        var options = ValidateOptions()
        (options.seed, options.readsVoxels, options.probe.link) = (seed, !noVoxels, link)
        try await common.forEach(addresses) { address in
            let validation = try await context.validate(address, options)
            show(validation)
            return validation.isValid
        }
    }

    private func show(_ validation: Validation) {
        if common.json { return Terminal.print(validation.json.compact) }
        let count = validation.findings.count { $0.severity == .error }
        Terminal.print(
            "\(validation.address.displayed()): "
                + (validation.isValid ? "valid" : "\(count) error\(count == 1 ? "" : "s")")
                + (validation.findings.isEmpty ? ", nothing found" : ""))
        for finding in validation.findings {
            Terminal.print("  \(finding.severity.rawValue): \(finding.message.displayed()) [\(finding.rule)]")
        }
        if let sample = validation.sample {
            Terminal.print(
                "  looked at \(sample.blocks) blocks, \(sample.voxels) voxels of level \(sample.level), seed \(sample.seed)"
            )
        }
    }
}
