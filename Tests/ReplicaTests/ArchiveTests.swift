import Testing

@testable import HarvestReplica

/// The hosts of IDR, EMPIAR and the hemibrain. Expected figures: what the portals publish, and arithmetic.
@Suite struct ArchiveTests {
    private func ask(_ url: String) -> Response {
        let slash = url.firstIndex(of: "/") ?? url.endIndex
        return Site().respond(
            to: Request(method: "GET", target: String(url[slash...]), headers: [], host: String(url[..<slash])))
    }

    private func text(_ url: String) -> String { String(decoding: ask(url).body.bytes(), as: UTF8.self) }

    @Test(arguments: [
        (0 as Int64, "  0 "), (972, "972 "), (973, "1.0K"), (2_560, "2.5K"), (30_396_032, " 29M"),
        (159_884_524, "152M"), (1_181_116_006, "1.1G"),
    ])
    func `sizes are shortened as Apache does`(size: Int64, shown: String) {
        #expect(ArchiveHost.rounded(size) == shown)
    }

    @Test func `EMPIAR's folder lists sixteen slices and what lies beside them`() {
        let page = text("ftp.ebi.ac.uk/empiar/world_availability/11759/data/")
        let links = page.split(separator: "<td><a href=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(links.count { $0.hasSuffix(".dm3") } == 16 && links.contains { $0.hasSuffix("/") })
        #expect(page.contains("?C=S;O=A") && page.contains("Parent Directory") && page.contains(" 29M"))
        #expect(ask("ftp.ebi.ac.uk/empiar/world_availability/11759/data").status == 301)
        #expect(ask("ftp.ebi.ac.uk/nosuch/").status == 404)
    }

    @Test func `IDR's TIFF has its published length, and ImageJ's six characters for µ`() throws {
        let path =
            "/pub/databases/IDR/idr0086-miron-micrographs/20200610-ftp/experimentD/Miron_FIB-SEM/Miron_FIB-SEM_processed/Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif"
        let file = try #require(Archive.shared.files[path])
        #expect(file.object.size == 159_884_524)
        let head = String(decoding: file.object.bytes(0..<4096), as: UTF8.self)
        #expect(head.contains("ImageJ=") && head.contains(#"unit=\u00B5m"#) && head.contains("spacing=0.02"))
    }

    @Test func `short links hold the viewer's state in their Location`() {
        let answer = ask("tinyurl.com/hemibrain-ng")
        let location = answer.headers.first { $0.name == "Location" }?.value ?? ""
        #expect(answer.status == 301 && location.hasPrefix("https://hemibrain-dot-neuroglancer-demo.appspot.com/#!"))
        #expect(location.contains("%22dimensions%22") || location.contains("dimensions"))
    }

    @Test func `an image whose pixels are gone answers 200 with an Exception`() {
        #expect(text("idr.openmicroscopy.org/webgateway/imgData/9846137/").contains("\"size\""))
        let login = ask("idr.openmicroscopy.org/webclient/archived_files/download/9846137/")
        #expect(
            login.status == 200
                && text("idr.openmicroscopy.org/webclient/archived_files/download/9846137/").contains("<html"))
    }

    @Test func `the finest scale's chunks are counted by 30 bits of Morton code`() throws {
        // 538 × 621 × 647 chunks take 10 + 10 + 10 bits: preshift 9, minishard 6, shard 15.
        let scale = try #require(Hemibrain.scales.first)
        #expect(scale.grid == [538, 621, 647] && scale.bits.reduce(0, +) == 9 + 6 + 15)
        // Bits of x, y and z take turns: chunk 3, 1, 2 is 0b101011.
        #expect(try #require(scale.position(of: 0b101011)) == (3, 1, 2))
    }
}
