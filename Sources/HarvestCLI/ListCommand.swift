import ArgumentParser
import ImageHarvest

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "What this program knows, or what lies at an address.",
        discussion: """
            EXAMPLES
              harvest list                              portals, formats, codecs, stores
              harvest list formats
              harvest list s3://janelia-cosem-datasets/jrc_mus-nacc-2/
              harvest list https://www.epfl.ch/labs/cvlab/data/data-em/
              harvest list --exact https://ftp.ebi.ac.uk/empiar/world_availability/11759/data/

            Web servers round the sizes in their listings: ~29 MB. --exact asks for each by a range of one byte.
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "portals, formats, codecs, stores, or addresses; nothing lists all that is known.") var addresses:
        [String] = []

    @Flag(help: "Ask for sizes that a listing rounds, one small request each.") var exact = false

    private static let kinds = ["portals": "portal", "formats": "format", "codecs": "codec", "stores": "store"]

    func run() async throws {
        let context = try common.context
        if addresses.isEmpty { return show(context.parts) }
        try await common.forEach(addresses) { address in
            if let kind = Self.kinds[address] {
                show(context.parts.filter { $0.kind == kind })
            } else {
                show(try await context.list(address, exact: exact))
            }
            return true
        }
    }

    private func show(_ parts: [Part]) {
        if common.json {
            let json: JSON = ["schema": "harvest.list/1", "ok": true, "parts": .array(parts.map(\.json))]
            return Terminal.print(json.compact)
        }
        let width = parts.map(\.name.count).max() ?? 0
        for part in parts {
            let kind = part.kind + String(repeating: " ", count: max(0, 7 - part.kind.count))
            Terminal.print(
                "\(kind) \(part.name)\(String(repeating: " ", count: width - part.name.count))  \(part.summary)")
        }
    }

    private func show(_ listing: JSON) {
        if common.json { return Terminal.print(listing.compact) }
        for folder in listing["folders"]?.strings ?? [] { Terminal.print("\(folder.displayed())/") }
        for object in listing["objects"]?.array ?? [] {
            let size =
                object["bytes"]?.int.map { "  \(Size.text($0))" }
                ?? object["rounded_bytes"]?.int.map { "  ~\(Size.text($0))" } ?? ""
            Terminal.print("\((object["name"]?.string ?? "").displayed())\(size)")
        }
        for link in listing["links"]?.array ?? [] {
            Terminal.print(
                "\(link["role"]?.string ?? "")  \(link["format"]?.string ?? "?")  \((link["url"]?.string ?? "").displayed())"
            )
        }
    }
}
