import HarvestCore
import HarvestPortals
import HarvestTesting
import Testing

struct OrganelleSourceTests {
    private typealias Fixture = OrganelleFixture

    private func describe(_ web: RecordedWeb, id: String = OrganelleFixture.id) async throws -> Dataset {
        try await OpenOrganelle().describe("https://openorganelle.janelia.org/datasets/\(id)", through: web)
    }

    private func oldWeb(id: String, manifest: String) -> RecordedWeb {
        let web = RecordedWeb()
        web.set(Fixture.listing(of: "\(id)/"), .init(Fixture.level("\(id)/", folders: ["\(id).n5"])))
        let em = "\(id)/\(id).n5/em/"
        web.set(Fixture.listing(of: em), .init(Fixture.level(em, folders: ["fibsem-uint16"])))
        web.set(Fixture.manifest(of: id), .init(manifest))
        return web
    }

    @Test func `an older dataset is told by its manifest`() async throws {
        let web = oldWeb(id: "jrc_old-1", manifest: Fixture.manifestText)
        let dataset = try await describe(web, id: "jrc_old-1")
        #expect(dataset.claim("voxel_size")?.value == [5.24, 4, 4])
        #expect(dataset.claim("voxel_size")?.place.hasSuffix("manifest.json#metadata.imaging.gridSpacing") == true)
        #expect(dataset.claim("extent")?.value == [33000, 6000, 48000])
        #expect(dataset.findings.map(\.rule).contains("extent-unit"))
        #expect(dataset.claim("beam_energy")?.value == 900 && dataset.claim("date")?.value == "2017-06-21")
        #expect(dataset.dois == ["10.25378/janelia.13114211"])
        #expect(dataset.primaryLink?.url.hasSuffix("jrc_old-1.n5/em/fibsem-uint16") == true)
        #expect(dataset.primaryLink?.format == "n5")
        #expect(dataset.links.map(\.role) == [.image, .labels, .mesh, .result, .image])
        #expect(!web.asked.contains { $0.isRendered })
    }

    @Test(.enabled(if: Recordings.folder != nil)) func `the real manifest of jrc_hela-2 is read`() async throws {
        let manifest = try #require(Recordings.text("openorganelle/jrc_hela-2_manifest.json"))
        let dataset = try await describe(oldWeb(id: "jrc_hela-2", manifest: manifest), id: "jrc_hela-2")
        #expect(dataset.claim("voxel_size")?.value == [5.24, 4, 4])
        #expect(dataset.claim("extent")?.value == [33000, 6000, 48000])
        #expect(!dataset.findings.map(\.rule).contains("extent-unit"))
        #expect(dataset.claim("bias_voltage")?.value == 500 && dataset.claim("beam_energy")?.value == 900)
        #expect(dataset.dois == ["10.25378/janelia.13114211", "10.25378/janelia.13108343"])
        #expect(dataset.links.filter { $0.role == .labels || $0.role == .result }.count == 73)
        #expect(dataset.links.filter { $0.role == .image }.count == 2)
        #expect(dataset.primaryLink?.url == "s3://janelia-cosem-datasets/jrc_hela-2/jrc_hela-2.n5/em/fibsem-uint16")
    }

    @Test func `a listing in pages is read to its end`() async throws {
        let web = Fixture.web(key: false)
        let em = "\(Fixture.id)/\(Fixture.id).zarr/recon-2/em/"
        web.set(Fixture.listing(of: em), .init(Fixture.level(em, folders: ["a"], next: "1u/x=")))
        web.set(Fixture.listing(of: em, after: "1u%2Fx%3D"), .init(Fixture.level(em, folders: ["b"])))
        let images = try await describe(web).links.filter { $0.role == .image }
        #expect(images.map(\.name) == ["a", "b"])
    }

    @Test func `a dataset of many folders costs at most twelve listings`() async throws {
        let web = Fixture.web(key: false)
        let em = "\(Fixture.id)/\(Fixture.id).zarr/recon-2/em/"
        web.set(Fixture.listing(of: em), .init(Fixture.level(em, folders: (0..<100).map { "image\($0)" })))
        web.set("\(Fixture.bucket)…image…", .init(Fixture.level(em, objects: ["zarr.json"])))
        let dataset = try await describe(web)
        #expect(web.asked.filter { $0.url.hasPrefix(Fixture.bucket) }.count == 12)
        #expect(dataset.findings.map(\.rule).contains("listing-cut"))
        #expect(dataset.links.filter { $0.role == .image }.count == 100)
    }

    @Test func `names that would leave the dataset's folder are passed over`() async throws {
        let web = Fixture.web(key: false)
        let em = "\(Fixture.id)/\(Fixture.id).zarr/recon-2/em/"
        let tricks = Fixture.level(em, folders: ["..", "a\\b", "good"]).replacing(
            "</ListBucketResult>",
            with: "<CommonPrefixes><Prefix>other/</Prefix></CommonPrefixes><CommonPrefixes/></ListBucketResult>")
        web.set(Fixture.listing(of: em), .init(tricks))
        #expect(try await describe(web).links.filter { $0.role == .image }.map(\.name) == ["good"])
    }

    @Test func `a bucket that moved to another region is followed there, but not to another bucket`() async throws {
        func redirect(_ endpoint: String) -> RecordedWeb.Recording {
            .init("<Error><Code>PermanentRedirect</Code><Endpoint>\(endpoint)</Endpoint></Error>", status: 301)
        }
        let web = Fixture.web()
        web.set("\(Fixture.bucket)…", redirect("janelia-cosem-datasets.s3.us-west-2.amazonaws.com"))
        web.set(
            "https://janelia-cosem-datasets.s3.us-west-2.amazonaws.com/…",
            .init(Fixture.level("\(Fixture.id)/", objects: ["thumbnail.jpg"])))
        #expect(try await describe(web).links.map(\.url).contains { $0.contains("us-west-2") })
        web.set("\(Fixture.bucket)…", redirect("evil.example.org"))
        _ = try await describe(web)
        #expect(!web.asked.contains { $0.url.contains("evil") })
    }

    @Test func `lengths along axes nobody names are left out with a finding`() async throws {
        let web = Fixture.web()
        web.set(
            Fixture.database, .init(Fixture.record.replacing(#""grid_axes":["x","y","z"]"#, with: #""grid_axes":null"#))
        )
        let dataset = try await describe(web)
        #expect(dataset.claim("extent") == nil)
        #expect(dataset.claim("voxel_size")?.place.hasSuffix("images[1].grid_scale") == true)
        #expect(dataset.findings.map(\.rule).contains("axes-unclear"))
    }

    @Test func `an image whose grid is not its acquisition's is noted`() async throws {
        let web = Fixture.web()
        web.set(Fixture.database, .init(Fixture.record.replacing("[2.96,4.0,4.0]", with: "[8,4,4]")))
        let finding = try await describe(web).findings.first { $0.rule == "voxel-size-contradicts" }
        #expect(finding?.message.contains("[2.96,4,4]") == true && finding?.message.contains("[8,4,4]") == true)
    }

    @Test(arguments: ["{}", "[1]", "[{}]", "[{\"name\":\"other\"}]", "[{", "<html>", ""])
    func `a record of another shape is a finding, and the rest still stands`(record: String) async throws {
        let web = Fixture.web()
        web.set(Fixture.database, .init(record))
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == Fixture.image)
        #expect(dataset.findings.map(\.rule).contains("source-failed"))
    }

    @Test func `a record whose members have other types is read as far as it goes`() async throws {
        let web = Fixture.web()
        let record = """
            [{"name":"\(Fixture.id)","description":7,"sample":[],"image_acquisition":{"grid_spacing":{"x":1}},
            "images":[null,1,{"url":5,"meshes":{}},{"url":"javascript:alert(1)","content_type":"em"}],"publications":"x"}]
            """
        web.set(Fixture.database, .init(record))
        #expect(try await describe(web).links.map(\.url).contains(Fixture.image))
    }

    @Test func `the whole work can be cancelled`() async {
        let web = Fixture.web()
        web.set(Fixture.listing(of: "\(Fixture.id)/")) { _ in throw CancellationError() }
        await #expect(throws: CancellationError.self) { try await describe(web) }
    }
}
