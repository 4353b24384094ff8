import HarvestCore
import HarvestPortals
import HarvestTesting
import Testing

struct EPFLTests {
    private func describe(_ web: RecordedWeb = EPFLFixture.web()) async throws -> Dataset {
        try await EPFL().describe(EPFLFixture.url, through: web)
    }

    private func kind(_ web: RecordedWeb) async -> HarvestError.Kind? {
        do {
            _ = try await describe(web)
            return nil
        } catch { return HarvestError.wrapping(error).kind }
    }

    @Test func `it conforms`() async {
        #expect(await PortalConformance(EPFL(), on: EPFLFixture.web()).failures() == [])
    }

    @Test(.enabled(if: Recordings.folder != nil)) func `it conforms on the recordings`() async throws {
        let web = try #require(Recordings.web)
        #expect(await PortalConformance(EPFL(), on: web).failures() == [])
        try check(try await describe(web))
    }

    @Test func `the page's statements are normalised`() async throws { try check(try await describe()) }

    /// What the page says: sizes are Z,X,Y there; 2048 is the width of the TIFF's pages and 1536 their height.
    private func check(_ dataset: Dataset) throws {
        let shape = try #require(dataset.claim("shape"))
        #expect(shape.value == [1065, 1536, 2048])
        #expect(shape.published == "1065x2048x1536" && shape.unit == nil && !shape.isApproximate)
        #expect(shape.place == "\(EPFLFixture.url)#data")
        let voxel = try #require(dataset.claim("voxel_size"))
        #expect(voxel.value == [5, 5, 5] && voxel.unit == "nm" && voxel.isApproximate && voxel.published == "5x5x5nm")
        let extent = try #require(dataset.claim("extent"))
        #expect(extent.value == [5000, 5000, 5000] && extent.unit == "nm" && extent.published == "5x5x5µm")
        #expect(dataset.claim("sample")?.value == "CA1 hippocampus region of the brain")
        #expect(dataset.claim("modality")?.value == "FIB-SEM")
        #expect(dataset.claim("modality")?.place.contains("FIBSLICE0035_left_top.png#inferred") == true)
        #expect(dataset.description?.hasPrefix("The dataset available for download") == true)
        #expect(dataset.licence == nil && dataset.dois == [])
        #expect(dataset.claim("reference")?.value == "https://ieeexplore.ieee.org/document/6619103")
        let names = [
            "volumedata", "training", "testing", "training_groundtruth", "testing_groundtruth", "results_test",
        ]
        #expect(dataset.links.map(\.url) == names.map { "\(EPFLFixture.files)\($0).tif" })
        #expect(dataset.links.map(\.role) == [.image, .image, .image, .labels, .labels, .result])
        #expect(dataset.links.allSatisfy { $0.format == "tiff" && $0.transport == "https" })
        #expect(dataset.links.map(\.isPrimary) == [true, false, false, false, false, false])
        #expect(dataset.links[0].name == "Image stack")
    }

    @Test func `a section of 5 µm contradicts shape times voxel size`() async throws {
        let finding = try #require(try await describe().findings.first { $0.rule == "extent-contradicted" })
        #expect(finding.severity == .warning)
        #expect(finding.message.contains("5.325 × 7.68 × 10.24 µm"))
    }

    @Test func `a licence that is not stated is noted`() async throws {
        #expect(try await describe().findings.map(\.rule).contains("licence-missing"))
    }

    @Test(arguments: [
        ("https://www.epfl.ch/labs/cvlab/data/data-em", true), ("http://www.epfl.ch/labs/cvlab/data/data-em/", true),
        ("https://www.EPFL.ch/labs/cvlab/data/data-em/?lang=fr#data", true),
        ("https://cvlab.epfl.ch/data/data-em", true), ("https://cvlab.epfl.ch/data/data-em/", true),
        ("https://www.epfl.ch/labs/cvlab/data/", false), ("https://www.epfl.ch/labs/cvlab/data/data-em/more", false),
        ("https://cvlab.epfl.ch.example.org/data/data-em", false), ("https://epfl.ch@example.org/data/data-em", false),
    ])
    func `it knows its own addresses`(url: String, isOurs: Bool) {
        #expect(EPFL().publishes(url) == isOurs)
    }

    @Test func `the older address is described by the page of today`() async throws {
        let web = EPFLFixture.web()
        let dataset = try await EPFL().describe("https://cvlab.epfl.ch/data/data-em", through: web)
        #expect(dataset.address == "https://cvlab.epfl.ch/data/data-em")
        #expect(web.asked.map(\.url) == [EPFLFixture.url])
    }

    @Test(arguments: ["h3 id=\"data\"", "<p>\(EPFLFixture.paragraph)"])
    func `a page that changed shape is malformed and says what was expected`(lost: String) async throws {
        var page = EPFLFixture.page.replacing(lost, with: "<b>")
        if lost.hasPrefix("<p>") {
            page = EPFLFixture.page.replacing(/<p>The dataset[\s\S]*/, with: "</article>")
        }
        do {
            _ = try await describe(EPFLFixture.web(page))
            Issue.record("a page without its data was described")
        } catch let error as HarvestError {
            #expect(error.kind == .malformed && error.place == EPFLFixture.url)
            #expect(error.message.contains("h3#data"))
        }
    }

    @Test(arguments: [
        (404, HarvestError.Kind.notFound), (410, .notFound), (403, .denied), (500, .unavailable), (429, .unavailable),
    ])
    func `a status is an error of its kind`(status: Int, expected: HarvestError.Kind) async {
        let web = RecordedWeb()
        web.set(EPFLFixture.url, .init(EPFLFixture.page, status: status))
        #expect(await kind(web) == expected)
    }

    @Test func `sizes that are not there are not made up`() async throws {
        let page = EPFLFixture.page.replacing(EPFLFixture.paragraph, with: "Some electron microscopy.")
        let dataset = try await describe(EPFLFixture.web(page))
        for field in ["shape", "voxel_size", "extent", "sample"] { #expect(dataset.claim(field) == nil) }
        #expect(dataset.links.count == 6)
    }

    @Test func `a page without files says so`() async throws {
        let dataset = try await describe(EPFLFixture.web(EPFLFixture.page.replacing(".tif", with: ".html")))
        #expect(dataset.links == [])
        #expect(dataset.findings.first { $0.rule == "no-links" }?.severity == .error)
    }
}
