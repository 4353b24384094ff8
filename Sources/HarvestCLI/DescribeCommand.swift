import ArgumentParser
import ImageHarvest

struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "What a portal's page publishes: title, links, and claims with their places.",
        discussion: """
            EXAMPLES
              harvest describe https://www.epfl.ch/labs/cvlab/data/data-em/
              harvest describe https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2 --json | jq .claims
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages; - reads them from stdin.") var addresses: [String]

    func run() async throws {
        let context = try common.context
        try await common.forEach(addresses) { address in
            show(try await context.describe(address))
            return true
        }
    }

    private func show(_ dataset: Dataset) {
        if common.json { return Terminal.print(dataset.json.compact) }
        Terminal.print("\((dataset.title ?? dataset.id).displayed(limit: 300))  [\(dataset.portal ?? "")]")
        for (name, value) in [
            ("description", dataset.description),
            ("authors", dataset.authors.isEmpty ? nil : dataset.authors.joined(separator: ", ")),
            ("licence", dataset.licence), ("DOIs", dataset.dois.isEmpty ? nil : dataset.dois.joined(separator: ", ")),
        ] {
            if let value { Terminal.print("  \(name): \(value.displayed(limit: 600))") }
        }
        for claim in dataset.claims {
            let unit = claim.unit.map { " \($0)" } ?? ""
            Terminal.print(
                "  \(claim.field.displayed()): \(claim.isApproximate ? "≈ " : "")\(Table.text(claim.value))\(unit)   (\(claim.place.displayed(limit: 200)))"
            )
        }
        if dataset.claim(Field.Name.position) != nil {
            Terminal.print(
                "  a crop around that position: harvest fetch '\(dataset.address.displayed(limit: 300))' --size 64,512,512"
            )
        }
        for link in dataset.links {
            let size = link.bytes.map { "  \(Size.text($0))" } ?? ""
            Terminal.print(
                "  \(link.isPrimary ? "→" : " ") \(link.role.rawValue)  \(link.format ?? "?")  \(link.url.displayed())\(size)"
            )
        }
        for finding in dataset.findings {
            Terminal.print("  \(finding.severity.rawValue): \(finding.message.displayed()) [\(finding.rule)]")
        }
    }
}
