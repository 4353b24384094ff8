import HarvestCore
@testable import ImageHarvest
import Testing

/// What the report is put together from.
@Suite struct ReportTests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `base64 as in RFC 4648 section 10`(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
    }

    @Test(arguments: [
        (1000.0, 200.0, "200 nm"), (22_420, 5000, "5 µm"), (4000, 1000, "1 µm"), (3999, 500, "500 nm"),
        (0.5, 0.1, "0.1 nm"),
        (9e6, 2e6, "2 mm"),
    ])
    func `a scale bar is 1, 2 or 5 of a unit and no longer than a quarter`(width: Double, length: Double, label: String)
    {
        let bar = ScaleBar(width: width)
        #expect(bar.map { abs($0.length - length) < 1e-9 * length } == true && bar?.label == label)
    }

    @Test(arguments: [0, -1, Double.nan, .infinity])
    func `no scale bar without a width`(width: Double) { #expect(ScaleBar(width: width) == nil) }

    @Test func `text from outside is text`() {
        #expect(
            Markup.text("<a href='x' b=\"&\">\u{202E}") == "&lt;a href=&#39;x&#39; b=&quot;&amp;&quot;&gt;\u{FFFD}"
                || !Markup.text("<b>\u{202E}").contains("\u{202E}"))
        #expect(!Markup.text("<script>").contains("<"))
    }

    @Test(arguments: ["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT://x", "file:///etc/passwd", " https://x"])
    func `a link that does more than lead somewhere is shown, not linked`(url: String) {
        #expect(!Markup.link(url).contains("<a"))
    }

    @Test func `a link's address cannot leave its quotes`() {
        let html = Markup.link("https://h.org/\" onclick=\"x", "<b>")
        #expect(html.hasPrefix("<a href=\"https://h.org/&quot; onclick=&quot;x\"") && html.contains("&lt;b&gt;"))
    }

    private func plane(_ values: [Float], columns: Int) -> Plane {
        Plane(
            down: "y", across: "x", cut: "z", index: 0, rows: values.count / columns, columns: columns, rowStep: 1,
            values: values, height: nil, width: nil)
    }

    @Test func `a picture is no larger than a screen, and black and white are its extremes`() throws {
        let picture = try Picture(plane((0..<2000 * 10).map { Float($0 % 2000) }, columns: 2000))
        #expect(picture.width == 666 && picture.height == 10)
        #expect(picture.window.lowerBound < 20 && picture.window.upperBound > 1980)
        #expect(picture.png.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        // IHDR: width and height, big-endian, 8 bits grey.
        #expect(Array(picture.png[16..<26]) == [0, 0, 2, 154, 0, 0, 0, 10, 8, 0])
    }

    @Test(arguments: [[Float](repeating: 3, count: 4), [.nan, .infinity, -.infinity, 1], [.nan, .nan, .nan, .nan]])
    func `a plane of one value, or of none, is a picture too`(values: [Float]) throws {
        #expect(try Picture(plane(values, columns: 2)).width == 2)
    }
}

/// Lists of addresses for `collect`.
@Suite struct CollectRequestTests {
    private func list(_ text: String) throws -> [CollectRequest] { try CollectRequest.list(JSON(parsing: text)) }

    @Test func `items are addresses or objects`() throws {
        let found = try list(
            #"["a", {"address":"b","id":"x","level":2,"box":"0:1,0:1,0:1","max_bytes":5,"fetch":"t.tif","link":null}, {"address":"c","fetch":false}]"#
        )
        #expect(found.map(\.address) == ["a", "b", "c"] && found[1].id == "x" && found[1].level == 2)
        #expect(found[1].box == "0:1,0:1,0:1" && found[1].maximumBytes == 5 && found[1].fetchedLink == "t.tif")
        #expect(found.map(\.fetches) == [true, true, false])
        #expect(try list(#"{"datasets":["a"]}"#).count == 1)
    }

    @Test(arguments: ["{}", "[]", "[1]", #"[""]"#, #"[{"address":""}]"#, #"[{"address":"a","levels":1}]"#, "3"])
    func `what is no list is refused`(text: String) {
        #expect { try list(text) } throws: { ($0 as? HarvestError)?.kind == .invalid }
    }
}
