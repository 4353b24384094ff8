import HarvestCore
import HarvestMarkup
import Testing

struct HTMLDocumentTests {
    private func parse(_ text: String) throws -> MarkupNode { try HTMLDocument.parse(bytes: Bytes(Array(text.utf8))) }

    @Test func `names are lower case and missing tags are supplied`() throws {
        let page = try parse("<!DOCTYPE html><TITLE>T</TITLE><P CLASS='a  b' ID=one>Hello<BR>there<p>two")
        #expect(page.name == "html")
        #expect(page.first("title")?.text == "T")
        let first = try #require(page.first("p"))
        #expect(first.classes == ["a", "b"])
        #expect(first.id == "one")
        #expect(first.pieces == ["Hello", "there"])
        #expect(page.all("p").map(\.text) == ["Hellothere", "two"])
    }

    @Test func `entities become characters in text and attributes`() throws {
        let page = try parse("<p title='5&nbsp;&micro;m'>5&micro;m &#8211; &lt;x&gt; &amp;unknown;</p>")
        #expect(page.first("p")?.text == "5µm – <x> &unknown;")
        #expect(page.first("p")?.attributes["title"] == "5\u{A0}µm")
    }

    @Test func `the paragraph after a heading is found through wrappers`() throws {
        let page = try parse("<p>no</p><h3 id=data>Data</h3><div><ul><li>-</ul><div><p>yes</p></div></div><p>late</p>")
        #expect(page.next("p") { $0.id == "data" }?.text == "yes")
        #expect(page.next("p") { $0.id == "gone" } == nil)
    }

    @Test func `scripts are kept but not part of the text`() throws {
        let page = try parse("<body><p>a</p><script>if (a<b) { '</p>' }</script><style>p{}</style><p>b</p></body>")
        #expect(page.first("body")?.text == "ab")
        #expect(page.first("script")?.text == "if (a<b) { '</p>' }")
    }

    @Test func `the character set is UTF-8 unless the bytes say otherwise`() throws {
        #expect(try parse("<p>µ – é</p>").first("p")?.text == "µ – é")
        let latin = Array("<p>5".utf8) + [0xB5] + Array("m ".utf8) + [0x96] + Array("</p>".utf8)
        #expect(try HTMLDocument.parse(bytes: Bytes(latin)).first("p")?.text == "5µm –")
        let declared = Array("<meta charset='iso-8859-1'><p>".utf8) + [0xC3, 0xA9] + Array("</p>".utf8)
        #expect(try HTMLDocument.parse(bytes: Bytes(declared)).first("p")?.text == "Ã©")
        let other = Array("<meta charset='windows-1251'><p>".utf8) + [0xEC] + Array("</p>".utf8)
        #expect(try HTMLDocument.parse(bytes: Bytes(other)).first("p")?.text == "м")
    }

    @Test func `UTF-16 and UTF-8 are read by their byte order mark`() throws {
        let wide: [UInt8] =
            [0xFF, 0xFE]
            + "<p>µ</p>".utf16.flatMap { (unit: UInt16) -> [UInt8] in [UInt8(unit & 255), UInt8(unit >> 8)] }
        #expect(try HTMLDocument.parse(bytes: Bytes(wide)).first("p")?.text == "µ")
        #expect(try parse("\u{FEFF}<p>µ</p>").first("p")?.text == "µ")
    }

    @Test func `zero bytes do not end the page`() throws {
        let page = try parse("<p>a\0b</p><p>c</p>")
        #expect(page.all("p").map(\.text) == ["a\u{FFFD}b", "c"])
    }

    @Test(arguments: ["", "   \n"]) func `an empty page is malformed`(text: String) {
        #expect(throws: HarvestError.self) { try parse(text) }
    }

    @Test(arguments: ["div", "font", "ul><li", "table><tr><td"]) func `nesting without end is refused`(tag: String) {
        do {
            _ = try parse(String(repeating: "<\(tag)>", count: 100_000))
            Issue.record("100,000 levels were accepted")
        } catch { #expect(HarvestError.wrapping(error).kind == .malformed) }
    }

    @Test(arguments: [
        "<", "<!", "<!--", "<p", "<p a", "<p a=", "<p a='", "&", "&#", "&#x110000;", "</p>", "<![CDATA[", "<?php",
        "<html a=1><html b=2><body c=3><body d=4>x", "<frameset><frame>", "<script>", "<p a=1 a=2>", "<a:b:c>", "{}",
    ])
    func `broken pages are recovered or malformed, never a crash`(text: String) {
        do { _ = try parse(text) } catch { #expect(HarvestError.wrapping(error).kind == .malformed) }
    }

    @Test func `every way to cut a page short is survived`() throws {
        let page = Array(
            "<!DOCTYPE html><html><body><p class=\"a\">x &micro; <a href='b.tif'>µ</a></p></body></html>".utf8)
        for length in 1..<page.count { _ = try? HTMLDocument.parse(bytes: Bytes(page.prefix(length))) }
    }
}
