import Foundation
import HarvestCodecs
import HarvestCore
import HarvestFormats
import HarvestTesting
import Testing

/// A format or codec that no registry names does not exist for a user.
@Suite struct RegistryTests {
    private func types(conformingTo name: String, below folder: String) throws -> [String] {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/\(folder)")
        let files =
            FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
            ?? []
        return try files.filter { $0.pathExtension == "swift" }.flatMap { file in
            try String(contentsOf: file, encoding: .utf8).matches(of: /struct (\w+): (?:Folder)?(\w+) \{/)
                .filter { String($0.output.2) == name }.map { String($0.output.1) }
        }
    }

    @Test func `every format has a line in the registry`() throws {
        let known = Set(Formats.all.map { "\(type(of: $0))" })
        #expect(try Set(types(conformingTo: "Format", below: "HarvestFormats")) == known)
    }

    @Test(arguments: Codecs.names) func `every codec keeps the promises of codecs`(id: String) throws {
        let configuration: JSON = id == "blosc" ? ["cname": "lz4", "clevel": 5, "shuffle": 1] : [:]
        try CodecConformance().check(try Codecs.codec(id: id, configuration: configuration))
    }

    @Test func `every codec has a line in the registry`() throws {
        let known = Set(
            try Codecs.names.map { id in
                "\(type(of: try Codecs.codec(id: id, configuration: id == "blosc" ? ["cname": "lz4", "clevel": 5, "shuffle": 1] : [:])))"
            })
        // RawDeflate is a TIFF and zip scheme, JPEG one of precomputed and TIFF: never ids in Zarr metadata.
        let others: Set = ["RawDeflate", "JPEG"]
        #expect(try Set(types(conformingTo: "Codec", below: "HarvestCodecs")).subtracting(others) == known)
    }
}
