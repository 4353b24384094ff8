import HarvestCore
import HarvestPortals
import HarvestTesting
import Testing

struct OpenOrganelleTests {
    private typealias Fixture = OrganelleFixture

    private func describe(_ web: RecordedWeb, at url: String = OrganelleFixture.url) async throws -> Dataset {
        try await OpenOrganelle().describe(url, through: web)
    }

    private func rules(_ dataset: Dataset) -> Set<String> { Set(dataset.findings.map(\.rule)) }

    /// What the page of jrc_mus-nacc-2 says: (4, 4, 2.96) and (10384, 10080, 1669.44) in x,y,z; 564 × 2.96 = 1669.44.
    private func checkAcquisition(_ dataset: Dataset) throws {
        for (field, value, unit) in [
            ("voxel_size", [2.96, 4, 4], "nm"), ("extent", [1669.44, 10080, 10384], "nm"), ("bias_voltage", 500, "V"),
            ("scan_rate", 0.4, "MHz"), ("beam_current", 0.22, "nA"), ("beam_energy", 200, "eV"),
            ("imaging_duration", 1, "days"),
        ] as [(String, JSON, String)] {
            let claim = try #require(dataset.claim(field), "\(field)")
            #expect(claim.value == value && claim.unit == unit && !claim.isApproximate, "\(field)")
            #expect(claim.published?.isEmpty == false && claim.place.contains("#"), "\(field)")
        }
        #expect(dataset.claim("date")?.value == "2015-03-09")
        #expect(dataset.findings.first { $0.rule == "landing-energy-ambiguous" }?.severity == .note)
        #expect(dataset.dois.first == "10.25378/janelia.24222898")
    }

    private func checkLinks(_ dataset: Dataset) {
        #expect(dataset.primaryLink?.url == Fixture.image)
        #expect(dataset.primaryLink?.isPrimary == true && dataset.primaryLink?.format == "zarr2")
        let thumbnail = dataset.links.first { $0.role == .thumbnail }
        #expect(thumbnail?.url == "\(Fixture.bucket)\(Fixture.id)/thumbnail.jpg")
        #expect(dataset.links.filter { $0.role == .thumbnail }.count == 1)
    }

    @Test(arguments: [true, false]) func `it conforms with and without a key`(key: Bool) async {
        let web = Fixture.web(key: key)
        web.setRendered(Fixture.url, Fixture.rendered)
        #expect(await PortalConformance(OpenOrganelle(), on: web).failures() == [])
    }

    @Test(.enabled(if: Recordings.folder != nil)) func `it conforms on the recordings`() async throws {
        let web = try #require(Recordings.web)
        Fixture.addLevels(to: web)
        web.setSetting("openorganelle-key", "any")
        #expect(await PortalConformance(OpenOrganelle(), on: web).failures() == [])
        let dataset = try await describe(web)
        try checkAcquisition(dataset)
        checkLinks(dataset)
        #expect(dataset.licence == "CC BY 4.0")
        #expect(dataset.claim("contrast_window")?.value == [-2000, 2000])
    }

    @Test func `with a key the database tells everything`() async throws {
        let web = Fixture.web()
        let dataset = try await describe(web)
        try checkAcquisition(dataset)
        checkLinks(dataset)
        #expect(dataset.id == Fixture.id && dataset.description == "A brain region" && dataset.title == "Our title")
        #expect(dataset.authors == ["A. Author"] && dataset.licence == "CC BY 4.0")
        #expect(dataset.claim("organism")?.value == "Mouse" && dataset.claim("sample")?.value == "Our sample")
        #expect(dataset.claim("contrast_window")?.value == [-1000, 1500])
        #expect(dataset.claim("modality")?.value == "FIB-SEM")
        #expect(dataset.claim("article_description")?.value == "Some words & more")
        #expect(dataset.claim("voxel_size")?.place.hasSuffix("#[0].image_acquisition.grid_spacing") == true)
        #expect(dataset.dois == ["10.25378/janelia.24222898", "10.25378/janelia.26513209"])
        #expect(dataset.claim("reference")?.value == "10.7554/eLife.25916")
        #expect(dataset.links.map(\.role) == [.image, .thumbnail, .labels, .mesh])
        #expect(rules(dataset) == ["landing-energy-ambiguous"])
        #expect(web.asked.count == 7 && !web.asked.contains { $0.isRendered })
    }

    @Test func `without a key the page is rendered`() async throws {
        let web = Fixture.web(key: false)
        web.setRendered(Fixture.url, Fixture.rendered)
        let dataset = try await describe(web)
        try checkAcquisition(dataset)
        checkLinks(dataset)
        #expect(dataset.claim("voxel_size")?.place == "\(Fixture.url)#Final_voxel_size")
        #expect(dataset.title == "Our title" && dataset.licence == "CC BY 4.0")
        #expect(!web.asked.contains { $0.url.contains("supabase") })
    }

    @Test func `without a key and a browser the acquisition is unknown, and what to do is said`() async throws {
        let dataset = try await describe(Fixture.web(key: false))
        checkLinks(dataset)
        for field in ["voxel_size", "extent", "beam_current", "date"] { #expect(dataset.claim(field) == nil) }
        let finding = try #require(dataset.findings.first { $0.rule == "acquisition-unknown" })
        #expect(finding.severity == .warning)
        #expect(finding.message.contains("HARVEST_OPENORGANELLE_KEY") && finding.message.contains("chromium"))
        #expect(rules(dataset) == ["acquisition-unknown", "licence-missing"])
    }

    @Test(arguments: [401, 404, 500]) func `a database that refuses is a finding, and the page takes its place`(
        status: Int
    ) async throws {
        let web = Fixture.web()
        web.set(Fixture.database, .init("{}", status: status))
        web.setRendered(Fixture.url, Fixture.rendered)
        let dataset = try await describe(web)
        try checkAcquisition(dataset)
        #expect(dataset.findings.first { $0.rule == "source-failed" }?.message.contains("\(status)") == true)
    }

    @Test func `a page whose labels come before its values is waited for`() async throws {
        let web = Fixture.web(key: false)
        web.setRendered(Fixture.url, "<h5>Final voxel size (nm):</h5><p>Dimensions (nm):</p>")
        let dataset = try await describe(web)
        #expect(web.asked.filter(\.isRendered).count == 2)
        #expect(rules(dataset).contains("source-failed") && rules(dataset).contains("acquisition-unknown"))
    }

    @Test func `without figshare title and licence are what others say`() async throws {
        let web = Fixture.web()
        web.remove(Fixture.article)
        let dataset = try await describe(web)
        #expect(dataset.title == "A brain region" && dataset.licence == nil && dataset.authors == [])
        #expect(rules(dataset).isSuperset(of: ["source-failed", "licence-missing"]))
    }

    @Test func `without the bucket the database gives the links`() async throws {
        let web = Fixture.web()
        web.set("\(Fixture.bucket)…", .init("<Error><Code>SlowDown</Code></Error>", status: 503))
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == Fixture.image && dataset.primaryLink?.format == "zarr")
        #expect(rules(dataset).contains("source-failed"))
    }

    @Test func `without any link the bucket's failure is the error`() async {
        let web = Fixture.web(key: false)
        web.set("\(Fixture.bucket)…", .init("", status: 503))
        web.setRendered(Fixture.url, Fixture.rendered)
        do {
            _ = try await describe(web)
            Issue.record("a dataset without links was described")
        } catch { #expect(HarvestError.wrapping(error).kind == .unavailable) }
    }

    @Test(arguments: [true, false]) func `a dataset nobody knows is not found`(key: Bool) async {
        let web = Fixture.web(key: key)
        web.set(Fixture.listing(of: "jrc_none/"), .init(Fixture.level("jrc_none/")))
        web.set("https://kvwjcggnkipomjlbjykf.supabase.co/…jrc_none…", .init("[]"))
        do {
            _ = try await describe(web, at: "https://openorganelle.janelia.org/datasets/jrc_none")
            Issue.record("an unknown dataset was described")
        } catch { #expect(HarvestError.wrapping(error).kind == .notFound) }
    }

    @Test(arguments: [
        ("https://openorganelle.janelia.org/datasets/jrc_hela-2/", true),
        ("http://openorganelle.janelia.org/datasets/jrc_hela-2?tab=1#x", true),
        ("https://openorganelle.janelia.org/datasets", false), ("https://openorganelle.janelia.org/datasets/", false),
        ("https://openorganelle.janelia.org/datasets/a/b", false),
        ("https://openorganelle.janelia.org/datasets/..", false),
        ("https://openorganelle.janelia.org/datasets/a%2Fb", false), ("https://openorganelle.janelia.org/faq", false),
        ("https://openorganelle.janelia.org.example.org/datasets/a", false),
    ])
    func `it knows its own addresses`(url: String, isOurs: Bool) {
        #expect(OpenOrganelle().publishes(url) == isOurs)
    }
}
