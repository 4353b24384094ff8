@testable import ImageHarvest
import Testing

/// Checksum files as md5sum(1), sha256sum(1) and BSD's md5(1) write them.
@Suite struct SumsFileTests {
    private let md5 = "d41d8cd98f00b204e9800998ecf8427e"

    @Test(
        arguments: [
            ("md5sum.txt", "md5"), ("data/MD5SUMS", "md5"), ("a.tif.md5", "md5"), ("SHA256SUMS", "sha256"),
            ("x/checksums.sha256", "sha256"), ("a.tif", nil), ("md5", nil),
        ] as [(String, String?)])
    func `the name says what it is`(path: String, kind: String?) { #expect(SumsFiles.kind(of: path) == kind) }

    @Test func `each line names a file`() {
        let text =
            "\(md5)  a.tif\n\(md5) *b c.tif\r\n\(md5)  ./sub/d.tif\nMD5 (e (1).tif) = \(md5.uppercased())\n\n# x\n"
        let found = SumsFiles.parse(text, alone: nil)
        #expect(found.map(\.name) == ["a.tif", "b c.tif", "sub/d.tif", "e (1).tif"])
        #expect(found.allSatisfy { $0.hex == md5 })
    }

    @Test func `a checksum alone is of the one file`() {
        #expect(SumsFiles.parse("\(md5)\n", alone: "a.tif").map(\.name) == ["a.tif"])
        #expect(SumsFiles.parse("\(md5)\n", alone: nil).isEmpty)
    }

    @Test(arguments: ["", "(", ") = (", "\0\0", "abc def", "MD5 ) = ("]) func `nonsense says nothing`(text: String) {
        #expect(SumsFiles.parse(text, alone: "a").isEmpty)
    }
}

/// Plans for other tools.
@Suite struct PlanFormatTests {
    private let files = [
        PlannedFile(
            path: "d/a&b.tif", url: "https://h.org/a%26b.tif", bytes: 5,
            checksum: "md5:d41d8cd98f00b204e9800998ecf8427e"),
        PlannedFile(path: "d/c.tif", url: "ftp://h.org/c.tif", bytes: nil, checksum: nil),
    ]

    @Test func `urls, aria2 and Metalink say the same`() {
        #expect(PlanFormat.urls.text(files) == "https://h.org/a%26b.tif\nftp://h.org/c.tif\n")
        #expect(
            PlanFormat.aria2.text(files)
                == "https://h.org/a%26b.tif\n  out=d/a&b.tif\n  checksum=md5=d41d8cd98f00b204e9800998ecf8427e\nftp://h.org/c.tif\n  out=d/c.tif\n"
        )
        let link = PlanFormat.metalink.text(files)
        #expect(link.contains(#"<file name="d/a&amp;b.tif">"#) && link.contains("<size>5</size>"))
        #expect(link.contains(#"<hash type="md5">d41d8cd98f00b204e9800998ecf8427e</hash>"#))
    }
}
