import HarvestCore
import HarvestTesting
import Testing

@testable import HarvestPortals

/// Expected values: neuroglancer/src/util/json.ts and url_hash_binding.ts as described in their documentation, and states
/// of the shapes that sites really link to.
@Suite struct NeuroglancerTests {
    static let state = """
        {"dimensions":{"x":[8e-09,"m"],"y":[8e-09,"m"],"z":[8e-09,"m"]},"position":[16191.5,20705.25,18610],"layers":[\
        {"type":"segmentation","source":{"url":"precomputed://gs://b/v1_0/seg","subsources":{"default":true}},\
        "name":"seg","visible":false},{"type":"image","source":"precomputed://gs://bucket_x/em/jpeg","name":"em_data",\
        "shaderControls":{"normalized":{"range":[10,200]}}},\
        {"type":"annotation","source":"precomputed://gs://b/syn","name":"s'y\\"n"}]}
        """

    @Test(arguments: [
        (#"{'a':[1_2&3,4]_'b':'x_y&z'}"#, #"{"a":[1,2,3,4],"b":"x_y&z"}"#),
        (#"{"a":"it's_'fine'"}"#, #"{"a":"it's_'fine'"}"#),
        (#"{'a':'say \"hi\" it\'s'}"#, #"{"a":"say \"hi\" it's"}"#),
        (#"{'a':'say "hi"'}"#, #"{"a":"say \"hi\""}"#),
        (#"{'a':'back\\slash\n'}"#, #"{"a":"back\\slash\n"}"#),
        (#"['unclosed_]"#, #"['unclosed,]"#),
    ])
    func `url-safe JSON becomes JSON as the viewer reads it`(text: String, json: String) {
        #expect(ViewerFragment.json(of: text) == json)
    }

    @Test func `percent signs are decoded once, and must be codes`() {
        #expect(ViewerFragment.decoded("%7B%22a%22:%2520%7D") == "{\"a\":%20}")
        #expect(ViewerFragment.decoded("100%") == nil)
        #expect(ViewerFragment.decoded("%zz") == nil)
        #expect(ViewerFragment.decoded("%ff") == nil)
    }

    @Test(arguments: [
        ("precomputed://gs://b/p", "gs://b/p", "precomputed"),
        ("gs://b/p/|neuroglancer-precomputed:", "gs://b/p/", "precomputed"),
        ("zarr://s3://b/x.zarr/em/", "s3://b/x.zarr/em/", "zarr"),
        ("https://h/x.zarr/|zarr2:", "https://h/x.zarr/", "zarr2"),
        ("s3://b/x.zarr|zarr3:", "s3://b/x.zarr", "zarr3"), ("n5://https://h/v.n5/s0", "https://h/v.n5/s0", "n5"),
        ("precomputed://s3+https://h/b/k#type=mesh", "https://h/b/k", "precomputed"),
    ])
    func `both spellings of a data source name the store and the driver`(text: String, url: String, format: String) {
        let source = DataSource(text)
        #expect(source?.url == url)
        #expect(source?.format == format)
        #expect(source?.obstacle == nil)
    }

    @Test(arguments: [
        "file:///etc/passwd", "precomputed://file:///etc", "javascript:alert(1)", "", "precomputed://",
        "data:text/html,x",
        "zarr://javascript://x", "https:///x", "gopher://h/x",
    ])
    func `an address that nobody outside should make us follow is refused`(text: String) {
        #expect(DataSource(text) == nil)
    }

    @Test(arguments: [
        "graphene://https://h/segmentation/table/x", "brainmaps://project:dataset:volume",
        "dvid://https://h/abc/grayscale",
        "precomputed://middleauth+https://h/x", "gs://b/x.zip|zip:a/b|zarr3:", "boss://https://api.bossdb.io/a/b/c",
    ])
    func `what needs a login or a service is named, not read`(text: String) {
        #expect(DataSource(text)?.obstacle != nil)
    }

    private func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let plain = UInt8(ascii: "a")...UInt8(ascii: "z")
            return plain.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private func check(_ dataset: Dataset) {
        #expect(dataset.links.map(\.url) == ["gs://b/v1_0/seg", "gs://bucket_x/em/jpeg", "gs://b/syn"])
        #expect(dataset.links.map(\.role) == [.labels, .image, .table])
        #expect(dataset.primaryLink?.name == "em_data")
        #expect(dataset.claim("position")?.value.doubles == [18610, 20705.25, 16191.5])
        #expect(dataset.claim("viewer_voxel_size")?.value.doubles == [8, 8, 8])
        #expect(dataset.claim("contrast_window")?.value.doubles == [10, 200])
    }

    @Test(arguments: ["", "+"])
    func `a state in the link, encoded or over the defaults`(sign: String) async throws {
        let url = "https://neuroglancer-demo.appspot.com/#!\(sign)\(encoded(Self.state))"
        #expect(Neuroglancer().publishes(url))
        check(try await Neuroglancer().describe(url, through: RecordedWeb()))
    }

    @Test(arguments: [
        ("gs://b/v1/base.json", "https://storage.googleapis.com/b/v1/base.json"),
        ("s3://b/v1/base.json", "https://b.s3.amazonaws.com/v1/base.json"),
        ("https://h.org/s.json", "https://h.org/s.json"),
    ])
    func `a state that the link names is fetched`(address: String, url: String) async throws {
        let web = RecordedWeb()
        web.set(url, RecordedWeb.Recording(Self.state, contentType: "application/json"))
        check(try await Neuroglancer().describe("https://neuroglancer-demo.appspot.com/#!\(address)", through: web))
    }

    @Test func `the state of a short link stands in the redirect alone, and the first mark counts`() async throws {
        let web = RecordedWeb()
        let state = Self.state.replacing("em_data", with: "a#!b")
        let target = "https://x-dot-neuroglancer-demo.appspot.com/#!\(encoded(state))"
        web.set("https://tinyurl.com/some-ng", RecordedWeb.Recording(status: 301, body: Bytes([]), finalURL: target))
        let dataset = try await Neuroglancer().describe("https://tinyurl.com/some-ng", through: web)
        #expect(dataset.primaryLink?.name == "a#!b")
        #expect(dataset.id == "some")
    }

    @Test func `it keeps the promises of every portal`() async {
        let web = RecordedWeb()
        let target = "https://x.appspot.com/#!\(encoded(Self.state))"
        web.set(
            "tinyurl.com/hemibrain-ng…", RecordedWeb.Recording(status: 301, body: Bytes([]), finalURL: target))
        #expect(await PortalConformance(Neuroglancer(), on: web).failures() == [])
    }

    @Test(arguments: ["%", "{", "[]", "null", "{}", "{\"layers\":[]}", "{\"layers\":[{\"source\":\"file:///x\"}]}"])
    func `a fragment that is no state of layers is an error, not a crash`(text: String) async {
        await #expect(throws: HarvestError.self) {
            try await Neuroglancer().describe("https://h.org/#!\(text)", through: RecordedWeb())
        }
    }

    @Test func `a state of more than 8 MiB is refused`() {
        let long = String(repeating: "a", count: ViewerFragment.longest + 1)
        #expect(throws: HarvestError.self) { try ViewerFragment(of: "https://h.org/#!\(long)") }
    }

    @Test func `layers in an object, and the older way to say a position`() async throws {
        let state = """
            {"layers":{"em":{"type":"image","source":"n5://s3://b/x.n5"}},"navigation":{"pose":{"position":\
            {"voxelSize":[4,5,6],"voxelCoordinates":[1,2,3]}}}}
            """
        let dataset = try await Neuroglancer().describe("https://h.org/#!\(encoded(state))", through: RecordedWeb())
        #expect(dataset.claim("position")?.value.doubles == [3, 2, 1])
        #expect(dataset.claim("viewer_voxel_size")?.value.doubles == [6, 5, 4])
        #expect(dataset.links.first?.format == "n5")
    }
}

@Suite(.enabled(if: Recordings.folder != nil, "no recordings of the sites here")) struct NeuroglancerRecordingTests {
    @Test func `the 22 links of a challenge, and the states of two sites, parse`() throws {
        let table = try #require(Recordings.text("openorganelle/cellmap_challenge_neuroglancer_urls.csv"))
        let urls = table.split(whereSeparator: \.isNewline).dropFirst().map {
            String($0.drop { $0 != "," }.dropFirst())
        }
        #expect(urls.count == 22)
        for url in urls {
            guard case .remote(let address) = try ViewerFragment(of: url) else {
                Issue.record("\(url) is no remote state")
                continue
            }
            #expect(DataSource(address)?.url.hasPrefix("s3://janelia-cosem-datasets/") == true)
        }
        for (path, count) in [
            ("hemibrain/ng_url_inline_state.constructed.txt", 6),
            ("openorganelle/ng_url_jrc_mus-nacc-2.constructed.txt", 0),
        ] {
            let url = try #require(Recordings.text(path)).trimmingSpaces()
            guard case .state(let state) = try ViewerFragment(of: url) else {
                Issue.record("\(path) is no state")
                continue
            }
            let layers = state["layers"]?.array?.count ?? 0
            #expect(count == 0 ? layers > 0 : layers == count)
        }
        let expected = try #require(Recordings.text("openorganelle/ng_url_jrc_mus-nacc-2.expected.constructed.json"))
        let nacc = try #require(Recordings.text("openorganelle/ng_url_jrc_mus-nacc-2.constructed.txt")).trimmingSpaces()
        #expect(try ViewerFragment(of: nacc) == .state(JSON(parsing: expected)))
    }

    @Test func `the hemibrain's published state has six layers, the image first`() async throws {
        let web = try #require(Recordings.web)
        let dataset = try await Neuroglancer().describe(
            "https://neuroglancer-demo.appspot.com/#!gs://neuroglancer-janelia-flyem-hemibrain/v1.0/neuroglancer_demo_states/base.json",
            through: web)
        #expect(dataset.links.count == 6)
        #expect(dataset.primaryLink?.url == "gs://neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg")
        #expect(dataset.claim("position")?.value.doubles == [18610, 20705.708984375, 16191.96484375])
        #expect(dataset.licence == "CC BY 4.0")
    }
}

/// The general rule for pages that no adapter knows.
@Suite struct WebPageTests {
    private static let page = """
        <html><head><title>T</title><meta name="description" content="Slices &amp; more"></head><body><h1>Our data</h1>
        <a href="a%20b.tif">one</a> <a href="/x/a b.tif#top">two</a> <a href="labels_mask.tif">mask</a>
        <a href="mailto:x@y.z">mail</a> <a href="readme.html">readme</a> <a rel="license" href="https://l.org">CC BY 4.0</a>
        </body></html>
        """

    @Test func `links to data files are collected once, and the page is marked as such`() async throws {
        let web = RecordedWeb()
        web.set("https://h.org/x/data.html", RecordedWeb.Recording(Self.page, contentType: "text/html"))
        let dataset = try await WebPage().describe("https://h.org/x/data.html", through: web)
        #expect(dataset.links.map(\.url) == ["https://h.org/x/a%20b.tif", "https://h.org/x/labels_mask.tif"])
        #expect(dataset.links.map(\.role) == [.image, .labels])
        #expect(dataset.title == "Our data")
        #expect(dataset.description == "Slices & more")
        #expect(dataset.licence == "CC BY 4.0")
        #expect(dataset.findings.contains { $0.rule == "plain-page" })
    }

    @Test func `a folder's index with slices offers the folder itself`() async throws {
        let web = RecordedWeb()
        let index =
            "<html><body><a href=\"s_001.dm3\">s</a><a href=\"s_002.dm3\">s</a><a href=\"x.xml\">x</a></body></html>"
        web.set("https://h.org/d/", RecordedWeb.Recording(index, contentType: "text/html"))
        let dataset = try await WebPage().describe("https://h.org/d/", through: web)
        #expect(dataset.primaryLink?.url == "https://h.org/d/")
        #expect(dataset.primaryLink?.format == "slices")
        #expect(dataset.links.count == 3)
    }

    @Test(arguments: [
        "https://h.org/x.tif", "https://h.org/x.zarr/em/s0", "https://h.org/v|zarr2:", "s3://b/k", "ftp://h.org/x/",
        "https://h.org/v.n5", "data.html", "https://h.org/archive.bin",
    ])
    func `data addresses are no pages`(url: String) {
        #expect(!WebPage().publishes(url))
    }

    @Test func `what is no page, or links to nothing, is unsupported`() async {
        let web = RecordedWeb()
        web.set("https://h.org/a", RecordedWeb.Recording("{}", contentType: "application/json"))
        web.set("https://h.org/b", RecordedWeb.Recording("<p>nothing</p>", contentType: "text/html"))
        for url in ["https://h.org/a", "https://h.org/b"] {
            let error = await #expect(throws: HarvestError.self) { try await WebPage().describe(url, through: web) }
            #expect(error?.kind == .unsupported)
        }
    }
}
