import ArgumentParser
import ImageHarvest

struct CompareCommand: AsyncParsableCommand {
    enum Style: String, ExpressibleByArgument, CaseIterable { case markdown, csv, json, text }

    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Datasets side by side: what is believed, who said it, who disagrees.",
        discussion: """
            EXAMPLES
              harvest compare https://www.epfl.ch/labs/cvlab/data/data-em/ s3://bucket/em.zarr
              harvest compare a.tif b.tif --format csv > table.csv
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages, links or paths; - reads them from stdin.") var addresses: [String]
    @Option(help: "How to print: markdown, csv, json, or text with one column per dataset.") var format = Style.markdown
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Option(help: ArgumentHelp("What you know better than page and file, in nm.", valueName: "z,y,x")) var voxelSize:
        VoxelSize?
    @Flag(help: "Prove every page's directory instead of predicting it from the first.") var exact = false

    func run() async throws {
        let context = try common.context
        var options = ProbeOptions()
        options.voxelSize = voxelSize?.values
        options.link = link
        options.open.isExact = exact
        let all = common.expand(addresses)
        let (table, failed) = try await context.compare(all, options)
        for (address, error) in failed { common.say(error, address: address) }
        if common.json || format == .json {
            Terminal.print(table.json.compact)
        } else {
            Terminal.print(
                format == .csv ? String(table.csv.dropLast(2)) : format == .text ? table.text : table.markdown)
            if format != .csv {
                if !table.acquisition.isEmpty { Terminal.print("\n" + table.acquisition.markdown) }
                common.show(table.records.flatMap { record in record.findings.map { (record.id, $0) } })
            }
        }
        if !failed.isEmpty { throw ExitCode(all.count == 1 ? failed[0].error.kind.exitCode : 1) }
    }
}
