import HarvestCore
@testable import ImageHarvest
import Testing

/// Metalinks as RFC 5854 and its forerunner write them.
@Suite struct MetalinkTests {
    private func metalink(_ text: String) throws -> Metalink { try Metalink(Bytes(text.utf8), at: "x.meta4") }

    @Test func `version 4`() throws {
        // The shape of RFC 5854 §1.1.
        let found = try metalink(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <metalink xmlns="urn:ietf:params:xml:ns:metalink">
              <published>2009-05-15T12:23:23Z</published>
              <file name="example.ext">
                <size>14471447</size>
                <identity>Example</identity>
                <hash type="sha-1">a9993e364706816aba3e25717850c26c9cd0d89d</hash>
                <hash type="sha-256">f0ad929cd259957e160ea442eb80986b5f01e7c4a4b1d8d5ab4bb7ecb9b6e0dc</hash>
                <pieces length="10485760" type="sha-1">
                  <hash>a9993e364706816aba3e25717850c26c9cd0d89d</hash>
                  <hash>A9993E364706816ABA3E25717850C26C9CD0D89D</hash>
                </pieces>
                <url location="de" priority="2">ftp://ftp.example.com/example.ext</url>
                <url location="fr" priority="1"> http://example.com/example.ext </url>
                <url>https://last.example.com/example.ext</url>
                <url>file:///etc/passwd</url>
                <metaurl mediatype="torrent" priority="2">http://example.com/example.ext.torrent</metaurl>
              </file>
            </metalink>
            """)
        #expect(found.files.map(\.name) == ["example.ext"] && found.refused == [])
        let file = try #require(found.files.first)
        #expect(file.bytes == 14_471_447 && file.pieces?.sums.count == 2 && file.pieces?.length == 10_485_760)
        #expect(file.checksum?.text == "sha256:f0ad929cd259957e160ea442eb80986b5f01e7c4a4b1d8d5ab4bb7ecb9b6e0dc")
        #expect(
            file.urls == [
                "http://example.com/example.ext", "ftp://ftp.example.com/example.ext",
                "https://last.example.com/example.ext",
            ])
    }

    @Test func `version 3`() throws {
        let found = try metalink(
            """
            <metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="a/b.tif"><size>5</size>
            <verification><hash type="md5">900150983cd24fb0d6963f7d28e17f72</hash>
            <pieces length="4" type="sha1"><hash piece="0">x</hash></pieces></verification>
            <resources><url type="ftp" preference="10">ftp://h.org/b.tif</url>
            <url type="http" preference="90">http://h.org/b.tif</url></resources></file></files></metalink>
            """)
        #expect(found.files[0].checksum?.text == "md5:900150983cd24fb0d6963f7d28e17f72")
        #expect(found.files[0].urls == ["http://h.org/b.tif", "ftp://h.org/b.tif"] && found.files[0].pieces == nil)
    }

    @Test func `names that leave the folder are refused one by one`() throws {
        let names = ["../x", "/etc/passwd", "", "a/../b", "manifest.jsonl", "v.tif.part", "good.tif", "good.tif"]
        let files = names.map { "<file name=\"\($0)\"><url>https://h.org/x</url></file>" }.joined()
        let found = try metalink("<metalink>\(files)</metalink>")
        #expect(found.files.map(\.name) == ["good.tif"] && found.refused.count == 7)
    }

    @Test(arguments: [
        "", "<html/>", "<metalink/>", "<metalink><file name=\"a\"/></metalink>",
        "<metalink><file name=\"a\"><url>file:///etc/passwd</url></file></metalink>",
    ])
    func `what names nothing to fetch is one error`(text: String) {
        #expect { try metalink(text) } throws: { ($0 as? HarvestError)?.kind == .malformed }
    }
}
