import HarvestCore
import HarvestPortals
import HarvestTesting
import Testing

struct PortalsTests {
    private static let sources =
        "/" + "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/") + "/Sources/HarvestPortals"

    @Test func `every portal's file has a line in the registry`() throws {
        let registry = try #require(
            RecordedWeb.file("\(Self.sources)/Portals.swift").map { String(decoding: $0, as: UTF8.self) })
        var found = 0
        for name in FolderNames.files(in: Self.sources) where name.hasSuffix(".swift") {
            let text = String(decoding: try #require(RecordedWeb.file("\(Self.sources)/\(name)")), as: UTF8.self)
            guard let match = text.firstMatch(of: /struct ([A-Za-z0-9]+)\s*:[^{]*\bPortal\b/) else { continue }
            found += 1
            #expect(registry.contains("        \(match.output.1)(),\n"), "\(name) is in no line of Portals.swift")
        }
        #expect(found == Portals.all.count)
    }

    @Test func `no two portals claim one address or one name`() {
        #expect(Set(Portals.all.map(\.name)).count == Portals.all.count)
        // The last takes any page, and only what no other took.
        #expect(Portals.all.last is WebPage)
        for example in Portals.all.dropLast().flatMap(\.examples) {
            #expect(Portals.all.dropLast().filter { $0.publishes(example) }.count == 1)
        }
    }

    @Test func `the conformance suite finds what a careless portal does`() async {
        struct Careless: Portal {
            let name = "Careless", title = "", examples = ["https://careless.org/1"]
            func publishes(_ url: String) -> Bool { true }
            func describe(_ url: String, through web: any Web) async throws -> Dataset {
                var dataset = Dataset(address: url, id: "")
                dataset.links = [Link(url: "/a b.tif", isPrimary: true), Link(url: "https://h/a b", isPrimary: true)]
                dataset.claims = [Claim("shape", [1, 2], at: "")]
                return dataset
            }
        }
        let failures = await PortalConformance(Careless(), on: RecordedWeb()).failures()
        for words in [
            "no id", "claims to publish", "2 links are primary", "not absolute", "not percent-encoded", "no place",
            "no list",
        ] {
            #expect(failures.contains { $0.contains(words) }, "\(words)")
        }
    }
}
