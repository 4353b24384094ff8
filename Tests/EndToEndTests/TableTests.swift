import Foundation
import Testing

/// The promises of the first slice, over the replica. Expected values: PORTALS' figures, the replica's own request log.
@Suite(.serialized) struct TableTests {
    let replica: Replica
    let withKey: [String: String]

    init() throws {
        replica = try Replica()
        withKey = replica.environment.merging(["HARVEST_OPENORGANELLE_KEY": "replica-anon-key"]) { $1 }
    }

    private func fields(_ row: [String: Any]) -> [String: [String: Any]] {
        (row["fields"] as? [String: Any] ?? [:]).compactMapValues { $0 as? [String: Any] }
    }

    @Test func `the table of both addresses says what the portals and files say`() throws {
        let run = try Command.run(["compare", Address.epfl, Address.openOrganelle, "--json"], environment: withKey)
        #expect(run.status == 0, "\(run.errors)")
        let rows = try #require(run.json["rows"] as? [[String: Any]])
        let epfl = fields(rows[0]), organelle = fields(rows[1])
        #expect(epfl["dtype"]?["value"] as? String == "uint8")
        #expect(epfl["shape"]?["value"] as? [Int] == [1065, 1536, 2048])
        #expect(epfl["voxel_size"]?["value"] as? [Double] == [5, 5, 5])
        #expect(epfl["voxel_size"]?["source"] as? String == "page")
        #expect(epfl["voxel_size"]?["approximate"] as? Bool == true)
        #expect(organelle["dtype"]?["value"] as? String == "int16")
        #expect(organelle["shape"]?["value"] as? [Int] == [564, 2520, 2596])
        #expect(organelle["voxel_size"]?["value"] as? [Double] == [2.96, 4, 4])
        #expect(organelle["voxel_size"]?["source"] as? String == "header")
        #expect(rows[1]["where_from"] as? String == "header; page agrees")
        #expect(organelle["extent"]?["value"] as? [Double] == [1669.44, 10080, 10384])
        #expect(organelle["licence"]?["value"] as? String == "CC BY 4.0")
    }

    @Test func `probing the EPFL volume costs six requests and 128 KiB at the most`() throws {
        let run = try Command.run(["probe", Address.epfl, "--json"], environment: replica.environment)
        let cost = try #require(run.json["cost"] as? [String: Any])
        let log = replica.requests(to: "documents.epfl.ch")
        #expect(log.count <= 6)
        #expect(log.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) } <= 128 << 10)
        #expect(cost["requests"] as? Int == log.count)
        let image = try #require((run.json["images"] as? [[String: Any]])?.first)
        #expect((image["known"] as? [String: String])?["shape"] == "stride")
        #expect((image["known"] as? [String: String])?["voxel_size"] == "page")
        #expect(image["pages"] as? Int == 1065)
    }

    @Test func `an exact probe reads every directory and says header`() throws {
        let run = try Command.run(
            ["probe", Address.files + "testing.tif", "--exact", "--json"], environment: replica.environment)
        let image = try #require((run.json["images"] as? [[String: Any]])?.first)
        #expect((image["known"] as? [String: String])?["shape"] == "header")
        #expect(replica.requests(to: "documents.epfl.ch").count >= 165)
    }

    @Test func `probing OpenOrganelle costs six requests at the most without all levels`() throws {
        let run = try Command.run(["probe", Address.openOrganelle, "--json"], environment: withKey)
        let cost = try #require(run.json["cost"] as? [String: Any])
        #expect(cost["requests"] as? Int ?? 99 <= 6)
        let objects = replica.requests(to: "janelia-cosem-datasets.s3.amazonaws.com")
            .filter {
                ($0["path"] as? String ?? "").contains("fibsem-int16/") && !($0["path"] as? String ?? "").contains("?")
            }
        #expect(objects.count == cost["requests"] as? Int)
    }

    @Test func `without a key the rendered page says the acquisition values`() throws {
        let run = try Command.run(["describe", Address.openOrganelle, "--json"], environment: replica.environment)
        try #require(run.status == 0)
        let claims = run.json["claims"] as? [[String: Any]] ?? []
        try #require(Self.hasBrowser, "no browser is installed")
        #expect(claims.first { $0["field"] as? String == "bias_voltage" }?["value"] as? Double == 500)
        #expect(claims.first { $0["field"] as? String == "voxel_size" }?["value"] as? [Double] == [2.96, 4, 4])
    }

    static let hasBrowser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .contains { FileManager.default.isExecutableFile(atPath: $0) }

    @Test func `without key and browser the acquisition cells stay blank, with a finding`() throws {
        let environment = replica.environment.merging(["HARVEST_CHROMIUM": "/nonexistent"]) { $1 }
        let run = try Command.run(["describe", Address.openOrganelle, "--json"], environment: environment)
        #expect(run.status == 0)
        let claims = run.json["claims"] as? [[String: Any]] ?? []
        #expect(!claims.contains { $0["field"] as? String == "bias_voltage" })
        let findings = run.json["findings"] as? [[String: Any]] ?? []
        #expect(findings.contains { $0["rule"] as? String == "acquisition-unknown" })
        #expect(
            (run.json["links"] as? [[String: Any]])?.contains {
                ($0["url"] as? String)?.hasSuffix("fibsem-int16") == true
            } == true)
    }

    @Test func `a page without its block is malformed, and says what was expected`() throws {
        let run = try Command.run(
            ["describe", Address.epfl.replacingOccurrences(of: "data-em/", with: "data-em-changed/")],
            environment: replica.environment)
        #expect(run.status == 65)
        #expect(run.errors.contains("h3#data"))
    }

    @Test func `collect writes every file it promises, and the seed's schema`() throws {
        let folder = try Folder()
        let run = try Command.run(
            ["collect", Address.epfl, Address.openOrganelle, "--into", folder.path, "--max-bytes", "20MB", "-q"],
            environment: withKey)
        #expect(run.status == 0, "\(run.errors)")
        for name in [
            "web_metadata.json", "file_metadata.json", "records.json", "table.md", "table.csv", "table.json",
            "raw/epfl/index.json",
        ] {
            #expect(FileManager.default.fileExists(atPath: "\(folder.path)/\(name)"), "\(name)")
        }
        let files = try folder.json("file_metadata.json")
        let epfl = try #require(files["epfl"] as? [String: Any])
        #expect(
            Set(epfl.keys) == ["shape", "dtype", "unit", "voxel_size", "offset", "channels", "axes", "raw_metadata"])
        #expect(epfl["unit"] as? [String] == ["nm", "nm", "nm"])
        let organelle = try #require(files["openorganelle"] as? [String: Any])
        #expect(organelle["offset"] as? [Double] == [0, 0, 0])
        #expect(organelle["voxel_size"] as? [Double] == [2.96, 4, 4])
        #expect(run.output.contains("not fetched, probed only"))
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/openorganelle/fibsem-int16/.zattrs"))
    }
}
