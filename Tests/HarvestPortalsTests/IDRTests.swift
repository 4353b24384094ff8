import HarvestCore
import HarvestTesting
import Testing

@testable import HarvestPortals

@Suite struct IDRTests {
    private typealias Fixture = IDRFixture

    private func describe(_ web: RecordedWeb, at url: String = IDRFixture.url) async throws -> Dataset {
        try await IDR().describe(url, through: web)
    }

    /// A web in which some addresses are not there.
    private func without(_ urls: String...) -> RecordedWeb {
        let web = Fixture.web()
        for url in urls { web.remove(url) }
        return web
    }

    @Test func `it keeps the promises of every portal`() async {
        let failures = await PortalConformance(IDR(), on: Fixture.web(), at: Fixture.url).failures()
        #expect(failures == [])
    }

    @Test func `what the interfaces say is normalised`() async throws {
        let dataset = try await describe(Fixture.web())
        #expect(dataset.id == "image-42" && dataset.title == "cell 1.tif" && dataset.description == "a cell")
        #expect(dataset.claim("shape")?.value == [150, 800, 1200])
        #expect(dataset.claim("voxel_size")?.value.doubles == [50, 20, 20])
        #expect(dataset.claim("voxel_size")?.unit == "nm")
        #expect(dataset.claim("dtype")?.value == "uint8")
        // date -u -d @1577882096
        #expect(dataset.claim(Field.Name.date)?.value == "2020-01-01")
        #expect(dataset.licence == "CC BY 4.0" && dataset.authors == ["Doe J", "Roe R"])
        #expect(dataset.dois == ["10.17867/10000999b", "10.1000/x"])
        #expect(dataset.claim("organism")?.value == "Homo sapiens" && dataset.claim("sample")?.value == "U2OS")
        #expect(dataset.primaryLink?.url == "\(Fixture.folder)/cell%201%2B2%23.tif")
        #expect(dataset.primaryLink?.format == "tiff")
        #expect(
            dataset.links.map(\.url)[1...]
                == ["\(Fixture.folder.replacing("https://", with: "ftp://"))/cell%201%2B2%23.tif"])
        #expect(!dataset.findings.contains { $0.severity == .error || $0.rule == "licence-missing" })
    }

    @Test func `the protocol counts for the experiment and the cells that the image shows`() async throws {
        let dataset = try await describe(Fixture.web())
        #expect(dataset.claim(Field.Name.beamCurrent)?.value == 0.25)
        #expect(dataset.claim(Field.Name.beamEnergy)?.value == 1.2)
        #expect(dataset.claim(Field.Name.scanRate)?.value == 2)
        #expect(dataset.claim(Field.Name.beamCurrent)?.isApproximate == true)
    }

    @Test func `without the newer addresses the client's path and the table lead to the same file`() async throws {
        let web = without("\(Fixture.base)/image/42/download_urls/")
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == "\(Fixture.folder)/cell%201%2B2%23.tif")
        #expect(web.asked.contains { $0.url == Fixture.table })
    }

    @Test func `a study that lies elsewhere as Zarr is linked where the table says`() async throws {
        let web = without("\(Fixture.base)/image/42/download_urls/")
        web.set(
            "\(Fixture.base)/webgateway/original_file_paths/42/", .init("{\"client\":[\"uod/idr0998-x/a b.zarr\"]}"))
        #expect(try await describe(web).primaryLink?.url == "https://h.org/b/a b.zarr/".replacing(" ", with: "%20"))
    }

    @Test func `without the image's interface the viewer's summary says sizes`() async throws {
        let dataset = try await describe(without("\(Fixture.base)/api/v0/m/images/42/"))
        #expect(dataset.claim("shape")?.value == [150, 800, 1200])
        #expect(dataset.claim("voxel_size")?.value.doubles == [50, 20, 20])
        #expect(dataset.title == "cell 1.tif" && dataset.findings.contains { $0.rule == "source-failed" })
    }

    @Test func `pixels that the portal lost are said, and the file stays`() async throws {
        let web = without("\(Fixture.base)/api/v0/m/images/42/")
        web.set(
            "\(Fixture.base)/webgateway/imgData/42/",
            .init("{\"id\":42,\"meta\":{\"imageName\":\"cell 1.tif\"},\"Exception\":\"no pixel buffer\"}"))
        let dataset = try await describe(web)
        let finding = try #require(dataset.findings.first { $0.rule == "pixels-unavailable" })
        #expect(finding.message.contains("no pixel buffer"))
        #expect(dataset.claim("shape") == nil && dataset.primaryLink != nil)
    }

    @Test func `without the path to the image its datasets lead to the project`() async throws {
        let dataset = try await describe(without("\(Fixture.base)/webclient/api/paths_to_object/?image=42"))
        #expect(dataset.licence == "CC BY 4.0")
    }

    @Test func `without the study's annotations its text says licence and DOI`() async throws {
        let dataset = try await describe(without("\(Fixture.annotations)project=7"))
        #expect(dataset.licence == "CC BY-NC 4.0" && dataset.dois == ["10.17867/10000999b"])
    }

    @Test func `a licence that nobody states is a finding`() async throws {
        let dataset = try await describe(without("\(Fixture.annotations)project=7", Fixture.study))
        #expect(dataset.licence == nil && dataset.findings.contains { $0.rule == "licence-missing" })
    }

    @Test func `an image without a file is not found`() async {
        let web = without("\(Fixture.base)/image/42/download_urls/")
        web.set("\(Fixture.base)/webgateway/original_file_paths/42/", .init("{}"))
        let error = await #expect(throws: HarvestError.self) { try await describe(web) }
        #expect(error?.kind == .notFound && error?.message.contains("42") == true)
    }

    @Test func `a login page that answers 200 is no answer`() async throws {
        let web = Fixture.web()
        web.set(
            "\(Fixture.base)/image/42/download_urls/",
            .init("<!DOCTYPE html><html><form>Log in</form></html>", contentType: "text/html"))
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == "\(Fixture.folder)/cell%201%2B2%23.tif")
        #expect(dataset.findings.contains { $0.rule == "source-failed" && $0.message.contains("login") })
    }

    @Test(arguments: [
        ("https://idr.openmicroscopy.org/webclient/img_detail/42/", IDRSubject.image(42)),
        ("https://idr.openmicroscopy.org/webclient/img_detail/42/?dataset=8", .image(42)),
        ("http://IDR.openmicroscopy.org/webclient/img_detail/42", .image(42)),
        ("https://idr.openmicroscopy.org/webclient/?show=image-42", .image(42)),
        ("https://idr.openmicroscopy.org/webclient/?show=dataset-8", .dataset(8)),
        ("https://idr.openmicroscopy.org/webclient/?show=project-7", .project(7)),
        ("https://idr.openmicroscopy.org/webclient/?show=screen-3", .screen(3)),
        ("https://idr.openmicroscopy.org/webclient/?show=plate-4", .plate(4)),
        ("https://idr.openmicroscopy.org/webclient/?show=well-5", .well(5)),
        ("https://idr.openmicroscopy.org/iviewer/?images=42&dataset=8", .image(42)),
        ("https://idr.openmicroscopy.org/image/42/", .image(42)),
        ("https://idr.openmicroscopy.org/study/idr0999/", .study("idr0999")), ("idr0999", .study("idr0999")),
        ("10.17867/10000999b", .doi("10.17867/10000999b")), ("doi:10.17867/10000999", .doi("10.17867/10000999")),
        ("https://doi.org/10.17867/10000999", .doi("10.17867/10000999")),
    ])
    func `every form of an address is read`(text: String, subject: IDRSubject) {
        #expect(IDRSubject(text) == subject)
        #expect(IDR().publishes(text))
    }

    @Test(arguments: [
        "https://idr.openmicroscopy.org/", "https://idr.openmicroscopy.org/webclient/",
        "https://idr.openmicroscopy.org/webclient/?show=image-x", "https://idr.openmicroscopy.org/image/-1/",
        "https://idr.openmicroscopy.org/image/99999999999999999999/", "https://idr.openmicroscopy.org/study/idr99/",
        "idr09999", "10.6019/EMPIAR-11759", "https://idr.openmicroscopy.org.evil.org/image/42/",
    ])
    func `other addresses are not ours`(text: String) { #expect(!IDR().publishes(text)) }

    @Test(arguments: [
        "webclient/?show=dataset-8", "webclient/?show=project-7", "webclient/?show=well-5", "webclient/?show=plate-4",
        "webclient/?show=screen-3", "study/idr0999/",
    ])
    func `what holds images leads to the first of them`(path: String) async throws {
        let web = Fixture.web()
        let base = Fixture.base
        web.set("\(base)/api/v0/m/datasets/8/images/", .init("{\"data\":[{\"@id\":42},{\"@id\":43}]}"))
        web.set("\(base)/api/v0/m/projects/7/datasets/", .init("{\"data\":[{\"@id\":8}]}"))
        web.set(
            "\(base)/api/v0/m/wells/5/", .init("{\"data\":{\"WellSamples\":[{\"Image\":{\"@id\":42}},{\"Image\":{}}]}}")
        )
        web.set("\(base)/api/v0/m/plates/4/wells/", .init("{\"data\":[{\"@id\":5}]}"))
        web.set("\(base)/api/v0/m/screens/3/plates/", .init("{\"data\":[{\"@id\":4}]}"))
        web.set(
            "\(Fixture.github)/idr.openmicroscopy.org/master/_data/studies.tsv",
            .init(
                "Study\tContainer\tIntroduced\tInternal ID\nidr0998-x\texperimentA\tp\t1\n"
                    + "idr0999-doe-cells\texperimentB\tp\t7\nidr0999-doe-cells\tscreenA\tp\t9\n"))
        web.set("\(base)/api/v0/m/screens/9/plates/", .init("{\"data\":[]}"))
        web.set(
            "\(base)/image/43/download_urls/", .init("{\"download_urls\":[\"\(Fixture.folder)/cell 3.tif\"]}"))
        let dataset = try await describe(web, at: "\(base)/\(path)")
        #expect(dataset.primaryLink?.url == "\(Fixture.folder)/cell%201%2B2%23.tif")
        if !path.contains("well"), !path.contains("plate"), !path.contains("screen") {
            #expect(dataset.links.last?.url == "\(Fixture.folder)/cell%203.tif")
            #expect(dataset.findings.contains { $0.rule == "several-images" })
        }
    }

    @Test func `a DOI leads to the study that its resolver names`() async throws {
        let web = Fixture.web()
        web.set(
            "https://doi.org/10.17867/10000999",
            .init(body: .empty, finalURL: "\(Fixture.base)/webclient/?show=project-7#idr0999"))
        web.set(
            "\(Fixture.github)/idr.openmicroscopy.org/master/_data/studies.tsv",
            .init("Study\tContainer\tIntroduced\tInternal ID\nidr0999-doe-cells\texperimentB\tp\t7\n"))
        web.set("\(Fixture.base)/api/v0/m/projects/7/datasets/", .init("{\"data\":[{\"@id\":8}]}"))
        web.set("\(Fixture.base)/api/v0/m/datasets/8/images/", .init("{\"data\":[{\"@id\":42}]}"))
        #expect(try await describe(web, at: "10.17867/10000999").id == "image-42")
    }
}

/// What the real sites answered, where recordings lie beside the project.
@Suite(.enabled(if: Recordings.folder != nil)) struct EBIRecordingTests {
    private static let idr = "https://idr.openmicroscopy.org/webclient/img_detail/9846137/?dataset=10740"
    private static let empiar = "https://www.ebi.ac.uk/empiar/EMPIAR-11759/"

    @Test func `both portals keep their promises on the recordings`() async throws {
        let web = try #require(Recordings.web)
        let failures = await PortalConformance(IDR(), on: web).failures()
        #expect(failures == [])
        let others = await PortalConformance(EMPIAR(), on: web).failures()
        #expect(others == [])
    }

    @Test func `IDR's image is 184 × 775 × 1121 voxels of 20 nm`() async throws {
        let web = try #require(Recordings.web)
        let dataset = try await IDR().describe(Self.idr, through: web)
        #expect(dataset.claim("shape")?.value == [184, 775, 1121])
        #expect(dataset.claim("voxel_size")?.value.doubles == [20, 20, 20])
        #expect(dataset.licence?.hasPrefix("CC BY 4.0") == true)
        #expect(dataset.primaryLink?.url.hasSuffix("/Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif") == true)
        #expect(dataset.claim(Field.Name.beamCurrent)?.value == 2)
        #expect(dataset.claim(Field.Name.beamEnergy)?.value == 1.2)
        #expect(dataset.claim(Field.Name.scanRate)?.value == 0.5)
    }

    @Test func `EMPIAR's entry is 16 images that its page calls 5628 × 5632`() async throws {
        let web = try #require(Recordings.web)
        let dataset = try await EMPIAR().describe(Self.empiar, through: web)
        #expect(dataset.claim("shape")?.value == [16, 5632, 5628])
        #expect(dataset.claim("voxel_size")?.value.array?[1...].compactMap(\.double) == [8, 8])
        #expect(dataset.claim(Field.Name.beamCurrent)?.value == 0.2)
        #expect(dataset.claim(Field.Name.dwellTime)?.value == 5e-7)
        #expect(dataset.licence == "CC0")
        #expect(dataset.links.count(where: { $0.format == "dm3" && $0.transport == "https" }) == 16)
        #expect(dataset.primaryLink?.format == "slices")
    }

    @Test func `the header file in place of the interface says the same`() async throws {
        let web = try #require(Recordings.web)
        let first = try await EMPIAR().describe(Self.empiar, through: web.copy())
        web.set("https://www.ebi.ac.uk/empiar/api/entry/EMPIAR-11759/", .init("gone", status: 404))
        let second = try await EMPIAR().describe(Self.empiar, through: web)
        #expect(second.title == first.title && second.dois == first.dois && second.links == first.links)
        for field in ["shape", "voxel_size", "dtype"] {
            #expect(second.claim(field)?.value == first.claim(field)?.value)
        }
    }
}
