import HarvestCore
import HarvestTesting
import Testing

@testable import HarvestPortals

/// An entry in the shape in which EMPIAR answers; names, numbers and words are ours.
enum EMPIARFixture {
    static let url = "https://www.ebi.ac.uk/empiar/EMPIAR-10999/"
    static let api = "https://www.ebi.ac.uk/empiar/api/entry/EMPIAR-10999/"
    static let root = "https://ftp.ebi.ac.uk/empiar/world_availability/10999/"
    static let tree = "https://www.ebi.ac.uk/empiar/entry/10999/dirStruct=full&list=1/-1/"

    static func set(_ changes: [String: String] = [:]) -> String {
        var members = [
            "name": "\"the set\"", "directory": "\"/data\"", "data_format": "\"DM3\"",
            "num_images_or_tilt_series": "\"2\"", "voxel_type": "\"UNSIGNED BYTE\"", "pixel_width": "\"80.0\"",
            "pixel_height": "80", "image_width": "\"5000\"", "image_height": "4000",
            "details":
                "\"Cut by a knife.\\nTaken on the Zeiss Sigma VP SEM at 1.9kV and 200pA with 0.5 usec dwell, 50nm per section.\"",
        ]
        for (name, value) in changes { members[name] = value }
        return "{" + members.sorted { $0.key < $1.key }.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    static func entry(_ sets: String..., status: String = "REL") -> String {
        """
        {"EMPIAR-10999":{"title":"An eye.","status":"\(status)","release_date":"2024-01-15","dataset_size":"1.2 GB",
        "experiment_type":"SBF-SEM","entry_doi":"10.6019/EMPIAR-10999","obsolete_date":null,
        "authors":[{"author":{"name":"Doe J","author_orcid":null}}],"citation":[{"doi":null},{"doi":"10.1000/y"}],
        "imagesets":[\(sets.joined(separator: ","))]}}
        """
    }

    static let header = """
        <?xml version="1.0"?><entry xmlns="http://pdbe.org/empiar" accessionCode="EMPIAR-10999"><admin>
        <currentStatus>REL</currentStatus><title>An eye.</title><authorsList><author>Doe J</author></authorsList>
        <datasetSize units="GB">1.2</datasetSize><entryDOI>10.6019/EMPIAR-10999</entryDOI>
        <experimentType>SBF-SEM</experimentType></admin><imageSet><name>Molecular &amp;amp; Cell</name>
        <directory>data/</directory><dataFormat>DM3</dataFormat><numImagesOrTiltSeries>2</numImagesOrTiltSeries>
        <voxelType>UNSIGNED BYTE</voxelType><dimensions><imageWidth>variable</imageWidth><pixelWidth>80.0</pixelWidth>
        <imageHeight>4000</imageHeight><pixelHeight>80.0</pixelHeight></dimensions><details/></imageSet></entry>
        """

    static func index(_ names: String...) -> String {
        let rows = names.map { "<tr><td><a href=\"\($0)\">\($0.prefix(8))..&gt;</a></td><td> 29M</td></tr>" }
        return """
            <html><head><title>Index of /empiar/world_availability/10999/data</title></head><body>
            <h1>Index of /empiar/world_availability/10999/data</h1><table><tr><th><a href="?C=N;O=D">Name</a></th></tr>
            <tr><td><a href="/empiar/world_availability/10999/">Parent Directory</a></td></tr>
            \(rows.joined(separator: "\n"))</table></body></html>
            """
    }

    static let files = """
        [{"id":1,"name":"10999","type":"directory","children":[{"id":2,"name":"data","type":"directory","children":[
        {"id":3,"name":"s 0.dm3","type":"file","size":9},{"id":4,"name":"s 1.dm3","type":"file","size":9},
        {"id":5,"name":"../x.dm3","type":"file"},{"id":6,"name":"more","type":"directory","children":true}]}]}]
        """

    static func web(_ entry: String = entry(set())) -> RecordedWeb {
        let web = RecordedWeb()
        web.set(api, .init(entry, contentType: "application/json"))
        web.set("\(root)10999.xml", .init(header, contentType: "text/xml"))
        web.set(
            "\(root)data/",
            .init(
                index("s%200.dm3", "s%201.dm3", "project.xml", "more/", "..%2Fup.dm3", "https://evil.org/e.dm3"),
                contentType: "text/html"))
        web.set(tree, .init(files, contentType: "application/json"))
        return web
    }
}

@Suite struct EMPIARTests {
    private typealias Fixture = EMPIARFixture

    private func describe(_ web: RecordedWeb = Fixture.web()) async throws -> Dataset {
        try await EMPIAR().describe(Fixture.url, through: web)
    }

    private let slices = ["s%200.dm3", "s%201.dm3"].map { "\(Fixture.root)data/\($0)" }

    @Test func `it keeps the promises of every portal`() async {
        let failures = await PortalConformance(EMPIAR(), on: Fixture.web(), at: Fixture.url).failures()
        #expect(failures == [])
    }

    @Test func `what the interface says is normalised`() async throws {
        let dataset = try await describe()
        #expect(dataset.id == "EMPIAR-10999" && dataset.title == "An eye." && dataset.authors == ["Doe J"])
        #expect(dataset.dois == ["10.6019/EMPIAR-10999", "10.1000/y"] && dataset.licence == "CC0")
        #expect(dataset.claim("shape")?.value == [2, 4000, 5000])
        // 80 Å
        #expect(dataset.claim("voxel_size")?.value.array == [.null, 8, 8])
        #expect(dataset.claim("voxel_size")?.unit == "nm" && dataset.claim("dtype")?.value == "uint8")
        #expect(dataset.findings == [])
    }

    @Test func `what the depositor wrote counts as approximate`() async throws {
        let dataset = try await describe()
        for (field, value, unit) in [
            (Field.Name.beamEnergy, 1.9, "keV"), (Field.Name.beamCurrent, 0.2, "nA"), (Field.Name.dwellTime, 5e-7, "s"),
            (Field.Name.sliceThickness, 50, "nm"),
        ] {
            let claim = try #require(dataset.claim(field))
            #expect(claim.value.double == value && claim.unit == unit && claim.isApproximate)
            #expect(claim.place.hasSuffix(".details"))
        }
        #expect(dataset.claim(Field.Name.instrument)?.value == "Zeiss Sigma VP")
    }

    @Test func `a number that stands twice is not taken`() async throws {
        let set = Fixture.set(["details": "\"1.9 kV, then 2.5 kV; 5 pA\""])
        let dataset = try await describe(Fixture.web(Fixture.entry(set)))
        #expect(dataset.claim(Field.Name.beamEnergy) == nil)
        #expect(dataset.claim(Field.Name.beamCurrent)?.value.double == 0.005)
    }

    @Test func `files of the set's format are one volume, and nothing leaves the folder`() async throws {
        let dataset = try await describe()
        #expect(dataset.primaryLink?.url == "\(Fixture.root)data/" && dataset.primaryLink?.format == "slices")
        #expect(dataset.links.filter { $0.format == "dm3" }.map(\.url) == slices)
        #expect(dataset.links.contains { $0.transport == "ftp" })
        #expect(dataset.links.first { $0.name == "project.xml" }?.role == .other)
        #expect(!dataset.links.contains { $0.url.contains("evil") || $0.url.contains("up.dm3") })
    }

    @Test func `without the interface the header file counts, where widths may vary`() async throws {
        let web = Fixture.web()
        web.remove(Fixture.api)
        let dataset = try await describe(web)
        #expect(dataset.title == "An eye." && dataset.links.filter { $0.format == "dm3" }.map(\.url) == slices)
        #expect(dataset.claim("shape") == nil)
        #expect(dataset.claim("voxel_size")?.value.array == [.null, 8, 8])
        #expect(dataset.primaryLink?.name == "Molecular & Cell")
        #expect(dataset.claim("voxel_size")?.place.contains("10999.xml#") == true)
    }

    @Test func `without the index the tree of the page counts`() async throws {
        let web = Fixture.web()
        web.remove("\(Fixture.root)data/")
        let dataset = try await describe(web)
        #expect(dataset.links.filter { $0.format == "dm3" }.map(\.url) == slices)
        #expect(dataset.findings.contains { $0.rule == "source-failed" })
    }

    @Test func `an index that misses files is completed, and that is said`() async throws {
        let web = Fixture.web()
        web.set("\(Fixture.root)data/", .init(Fixture.index("s%200.dm3"), contentType: "text/html"))
        let dataset = try await describe(web)
        #expect(dataset.links.filter { $0.format == "dm3" }.map(\.url) == slices)
        #expect(dataset.findings.map(\.rule) == ["listing-incomplete"])
        #expect(Fixture.web().asked.isEmpty)
    }

    @Test func `a full index is enough: the tree is not asked`() async throws {
        let web = Fixture.web()
        _ = try await describe(web)
        #expect(web.asked.map(\.url) == [Fixture.api, "\(Fixture.root)data/"])
    }

    @Test func `fewer files than announced is a finding`() async throws {
        let dataset = try await describe(Fixture.web(Fixture.entry(Fixture.set(["num_images_or_tilt_series": "3"]))))
        #expect(
            dataset.findings.contains { $0.rule == "files-missing" && $0.message.contains("3 images, and 2 files") })
    }

    @Test func `one file may hold all images`() async throws {
        let web = Fixture.web(
            Fixture.entry(Fixture.set(["data_format": "\"MRC\"", "num_images_or_tilt_series": "100"])))
        web.set("\(Fixture.root)data/", .init(Fixture.index("v.mrc", "v.txt"), contentType: "text/html"))
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == "\(Fixture.root)data/v.mrc")
        #expect(!dataset.findings.contains { $0.rule == "files-missing" })
    }

    @Test func `the first of several sets is the main one`() async throws {
        let web = Fixture.web(
            Fixture.entry(Fixture.set(), Fixture.set(["directory": "\"/raw\"", "data_format": "\"TIFF\""])))
        web.set("\(Fixture.root)raw/", .init(Fixture.index("a.tif", "b.tif", "c.dm3"), contentType: "text/html"))
        let dataset = try await describe(web)
        #expect(dataset.primaryLink?.url == "\(Fixture.root)data/")
        #expect(dataset.links.contains { $0.url == "\(Fixture.root)raw/a.tif" && $0.format == "tiff" })
        #expect(dataset.links.contains { $0.url == "\(Fixture.root)raw/c.dm3" && $0.role == .other })
        #expect(dataset.findings.map(\.rule) == ["several-image-sets"])
    }

    @Test func `members that are null are not made up`() async throws {
        let nothing = Dictionary(
            uniqueKeysWithValues: [
                "name", "num_images_or_tilt_series", "voxel_type", "pixel_width", "pixel_height", "image_width",
                "image_height", "details",
            ].map { ($0, "null") })
        let dataset = try await describe(Fixture.web(Fixture.entry(Fixture.set(nothing))))
        for field in ["shape", "voxel_size", "dtype", Field.Name.beamEnergy] { #expect(dataset.claim(field) == nil) }
        #expect(dataset.primaryLink?.name == "2 slices")
    }

    @Test func `an entry that was withdrawn is marked`() async throws {
        let dataset = try await describe(Fixture.web(Fixture.entry(Fixture.set(), status: "WDRN")))
        #expect(dataset.findings.map(\.rule) == ["not-released"])
    }

    @Test func `a folder that would leave the entry is the entry's own`() async throws {
        let web = Fixture.web(Fixture.entry(Fixture.set(["directory": "\"/../../etc\""])))
        _ = try? await describe(web)
        #expect(web.asked.allSatisfy { !$0.url.contains("..") && !$0.url.contains("etc") })
        #expect(web.asked.contains { $0.url == Fixture.root })
    }

    @Test(arguments: [
        "https://www.ebi.ac.uk/empiar/EMPIAR-10999/", "https://www.ebi.ac.uk/empiar/EMPIAR-10999",
        "http://www.ebi.ac.uk/empiar/entry/10999/", "https://www.ebi.ac.uk/pdbe/emdb/empiar/entry/10999/",
        "https://empiar.org/10999", "https://www.empiar.org/EMPIAR-10999", "EMPIAR-10999", "empiar-10999",
        "10.6019/EMPIAR-10999", "doi:10.6019/EMPIAR-10999", "https://doi.org/10.6019/EMPIAR-10999",
        "https://ftp.ebi.ac.uk/empiar/world_availability/10999/",
    ])
    func `every form of an address is read`(text: String) { #expect(EMPIAR.number(in: text) == 10999) }

    @Test(arguments: [
        "https://www.ebi.ac.uk/empiar/", "https://www.ebi.ac.uk/empiar/EMPIAR-99999999999/", "EMPIAR-1", "10999",
        "https://ftp.ebi.ac.uk/empiar/world_availability/10999/data/", "https://ebi.ac.uk.evil.org/empiar/EMPIAR-10999",
    ])
    func `other addresses are not ours`(text: String) { #expect(EMPIAR.number(in: text) == nil) }
}
