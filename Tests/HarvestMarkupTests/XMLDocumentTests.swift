import HarvestCore
import HarvestMarkup
import Testing

struct XMLDocumentTests {
    private func parse(_ text: String) throws -> MarkupNode { try XMLDocument.parse(bytes: Bytes(Array(text.utf8))) }

    private func kind(_ bytes: [UInt8]) -> HarvestError.Kind? {
        do {
            _ = try XMLDocument.parse(bytes: Bytes(bytes))
            return nil
        } catch { return error.kind }
    }

    @Test func `elements, attributes and text come out by local name`() throws {
        let root = try parse("<o:OME xmlns:o='urn:ome'><o:Image ID='a&amp;b'>x<b/>y &lt; z</o:Image></o:OME>")
        #expect(root.name == "OME")
        #expect(root.namespace == "urn:ome")
        let image = try #require(root.child("Image"))
        #expect(image.attributes == ["ID": "a&b"])
        #expect(image.content == [.text("x"), .element(MarkupNode("b")), .text("y < z")])
        #expect(image.text == "xy < z")
    }

    @Test func `a listing's quoted ETag and its prefixes are found in order`() throws {
        let root = try parse(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <L xmlns="http://s3"><Contents><ETag>&quot;d4&quot;</ETag></Contents><P><Prefix>a/</Prefix></P>\
            <P><Prefix>b/</Prefix></P></L>
            """)
        #expect(root.first("ETag")?.text == "\"d4\"")
        #expect(root.all("Prefix").map(\.text) == ["a/", "b/"])
        #expect(root.children("P").count == 2)
    }

    @Test func `a prefix nobody declared is tolerated`() throws {
        let root = try parse("<x:a y:k='1' k='2'><x:b/></x:a>")
        #expect(root.name == "a")
        #expect(root.attributes["k"] == "2")
        #expect(root.child("b") != nil)
    }

    @Test(arguments: [
        ("&amp;", "&"), ("&#38;", "&"), ("&amp;#38;", "&#38;"), ("&lt;&quot;&#x26;amp;", "<\"&amp;"), ("a  b", "a  b"),
    ])
    func `references in attributes are resolved once`(written: String, meant: String) throws {
        #expect(try parse("<a k='\(written)'>\(written)</a>").attributes["k"] == meant)
        #expect(try parse("<a k='\(written)'>\(written)</a>").text == meant)
    }

    @Test func `CDATA is text`() throws {
        #expect(try parse("<a>1<![CDATA[<b>&amp;]]>2</a>").content == [.text("1<b>&amp;2")])
    }

    @Test func `other character sets are read by their declaration`() throws {
        let latin = Array("<?xml version='1.0' encoding='ISO-8859-1'?><a>".utf8) + [0xB5] + Array("m</a>".utf8)
        #expect(try XMLDocument.parse(bytes: Bytes(latin)).text == "µm")
    }

    @Test func `an external entity is refused and its file not read`() {
        let text = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>"
        do {
            _ = try parse(text)
            Issue.record("a document type was accepted")
        } catch { #expect("\(error)".contains("document type")) }
    }

    @Test func `a billion laughs are refused at once`() {
        var text = "<!DOCTYPE a [<!ENTITY l0 'ha'>"
        for level in 1...9 {
            text += "<!ENTITY l\(level) '" + String(repeating: "&l\(level - 1);", count: 10) + "'>"
        }
        text += "]><a b='&l9;'>&l9;</a>"
        let took = ContinuousClock().measure { #expect(kind(Array(text.utf8)) == .malformed) }
        #expect(took < .milliseconds(200))
    }

    @Test(arguments: [256, 257, 100_000]) func `nesting is refused past 256 levels`(depth: Int) {
        let text = String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        #expect(kind(Array(text.utf8)) == (depth <= 256 ? nil : .malformed))
    }

    @Test(arguments: [
        "", "   ", "\0\0", "text", "<a>", "<a></b>", "<a b=1/>", "<a>&nosuch;</a>", "<a/><b/>", "<a\0/>", "<!--",
    ])
    func `what is not XML is malformed`(text: String) {
        #expect(kind(Array(text.utf8)) == .malformed)
    }

    @Test func `the zero and the spaces that TIFF leaves around a text are dropped`() throws {
        #expect(try parse("\n <?xml version='1.0'?><a/>\n\0\0").name == "a")
    }

    @Test func `a million elements and more are refused`() {
        #expect(kind(Array(("<a>" + String(repeating: "<b/>", count: 1_000_001) + "</a>").utf8)) == .malformed)
    }

    @Test func `the error names the place and the line`() {
        do {
            _ = try XMLDocument.parse(bytes: Bytes(Array("<a>\n<b></a>".utf8)), at: "s3://bucket/?list")
            Issue.record("broken XML was accepted")
        } catch {
            #expect(error.place == "s3://bucket/?list")
            #expect(error.message.contains("line 2"))
        }
    }
}
