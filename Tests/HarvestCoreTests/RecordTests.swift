import HarvestCore
import Testing

/// A page as EPFL writes it: an approximate voxel size, the extent, and a file whose header has shape and type alone.
private func page(voxelSize: JSON? = [5, 5, 5], extent: JSON? = nil, approximate: Bool = true) -> Dataset {
    var dataset = Dataset(address: "https://example.org/data-em", id: "data-em", portal: "epfl")
    dataset.title = "Electron microscopy"
    dataset.licence = "CC BY 4.0"
    if let voxelSize {
        dataset.claims.append(
            Claim("voxel_size", voxelSize, unit: "nm", at: "page#p1", published: "5x5x5nm", isApproximate: approximate))
    }
    if let extent { dataset.claims.append(Claim("extent", extent, unit: "nm", at: "page#p2")) }
    return dataset
}

private func header(
    shape: [Int] = [1065, 1536, 2048], axes: [String?] = ["z", "y", "x"], voxelSize: [Double?]? = nil,
    dtype: String = "uint8"
) -> Volume {
    var metadata = Metadata(source: .header, place: "https://example.org/volume.tif")
    (metadata.shape, metadata.axes, metadata.dtype, metadata.voxelSize) = (shape, axes, dtype, voxelSize)
    return Volume(metadata: metadata, levels: [])
}

struct RecordTests {
    @Test func `the page's approximate voxel size stands where the header says nothing`() throws {
        let record = Record(page(), header())
        let belief = try #require(record.beliefs["voxel_size"])
        #expect(belief.value == [5.0, 5.0, 5.0])
        #expect(belief.source == .page)
        #expect(belief.place == "page#p1")
        #expect(belief.isApproximate)
        #expect(record.whereFrom == "page, approximate (the file says nothing)")
        #expect(record.findings.map(\.rule) == ["voxel-size-approximate"])
    }

    @Test func `the header's voxel size wins, and the page agrees`() throws {
        let record = Record(page(voxelSize: [3.36, 4, 4], approximate: false), header(voxelSize: [3.36, 4, 4.000001]))
        let belief = try #require(record.beliefs["voxel_size"])
        #expect(belief.source == .header)
        #expect(belief.others.map(\.agrees) == [true])
        #expect(record.whereFrom == "header; page agrees")
        #expect(record.findings.isEmpty)
    }

    @Test func `the header's voxel size wins over a page that contradicts it, with a finding`() throws {
        let record = Record(page(voxelSize: [4, 4, 3.36]), header(voxelSize: [3.36, 4, 4]))
        #expect(record.beliefs["voxel_size"]?.value == [3.36, 4.0, 4.0])
        let finding = try #require(record.findings.first)
        #expect(finding.rule == "voxel-size-contradicted")
        #expect(finding.severity == .warning)
        #expect(finding.message.contains("page#p1"))
        #expect(record.whereFrom == "header; page says 4 × 4 × 3.36")
    }

    @Test func `what the header leaves open is no contradiction`() {
        let record = Record(page(voxelSize: [5, 4, 4]), header(voxelSize: [nil, 4, 4]))
        #expect(record.findings.filter { $0.rule == "voxel-size-contradicted" }.isEmpty)
    }

    @Test func `extent is shape times voxel size`() throws {
        let extent = try #require(Record(page(), header()).beliefs["extent"])
        #expect(extent.value == [5325.0, 7680.0, 10240.0])
        #expect(extent.known == "arithmetic")
        #expect(extent.isApproximate)
    }

    @Test func `an extent that does not fit shape and voxel size is a finding`() {
        let record = Record(page(extent: [5325, 7680, 10239]), header())
        #expect(record.findings.contains { $0.rule == "extent-contradicted" && $0.message.contains("10239") })
        let fitting = Record(page(extent: [5325, 7680, 10240]), header())
        #expect(!fitting.findings.contains { $0.rule == "extent-contradicted" })
    }

    @Test func `a voxel size that nobody says is missing, never 1`() throws {
        let record = Record(page(voxelSize: nil), header())
        #expect(record.beliefs["voxel_size"] == nil)
        #expect(record.findings.map(\.rule) == ["voxel-size-missing"])
        #expect(record.json["fields"]?["voxel_size"] == .null)
    }

    @Test(arguments: [[0, 5, 5], [5, -1, 5], [.infinity, 5, 5]] as [[Double]])
    func `a voxel size that is no length is an error`(_ size: [Double]) {
        let record = Record(page(voxelSize: nil), header(voxelSize: size))
        #expect(record.findings.contains { $0.rule == "voxel-size-not-positive" && $0.severity == .error })
    }

    @Test func `a page's z, y, x are held against a header's own axes`() {
        let volume = header(
            shape: [2, 10, 20, 30], axes: ["c", "z", "y", "x"], voxelSize: [nil, 8, 4, 2])
        let record = Record(page(voxelSize: [8, 4, 2], extent: [80, 80, 60]), volume)
        #expect(record.beliefs["voxel_size"]?.others.map(\.agrees) == [true])
        #expect(record.beliefs["extent"]?.value == [nil, 80.0, 80.0, 60.0])
        #expect(record.findings.map(\.rule) == [])
    }

    @Test func `a user's word wins over all`() {
        var user = Metadata(source: .user, place: "--voxel-size")
        user.voxelSize = [1, 2, 3]
        let record = Record(id: "a", address: "a", statements: [header(voxelSize: [5, 5, 5]).metadata, user])
        #expect(record.beliefs["voxel_size"]?.value == [1.0, 2.0, 3.0])
        #expect(record.beliefs["voxel_size"]?.others.first?.source == .header)
    }

    @Test func `the same fact from a dataset's finding comes first`() {
        var dataset = page()
        dataset.findings = [Finding(.note, rule: "from-the-page", "x")]
        #expect(Record(dataset, header()).findings.map(\.rule) == ["from-the-page", "voxel-size-approximate"])
    }

    @Test func `acquisition values of the page are fields of the record`() {
        var dataset = page()
        dataset.claims.append(Claim("beam_energy", 1.5, unit: "keV", at: "page#t"))
        #expect(Record(dataset, header()).beliefs["beam_energy"]?.value == 1.5)
    }
}

struct MetadataTests {
    @Test func `a summary says type, shape, axes and voxel size`() {
        var metadata = header(shape: [564, 2520, 2596], voxelSize: [2.96, 4, nil], dtype: "int16").metadata
        metadata.approximate = ["voxel_size"]
        #expect(metadata.summary == "int16 [564, 2520, 2596] zyx  2.96 × 4 × ? nm (approximate)")
    }

    @Test func `a list of which nothing is known is no value`() {
        var metadata = Metadata(source: .header, place: "")
        metadata.voxelSize = [nil, nil]
        metadata.axes = [nil]
        metadata.compression = []
        #expect(metadata.value("voxel_size") == nil)
        #expect(metadata.value("axes") == nil)
        #expect(metadata.value("compression") == "none")
    }

    @Test func `a header whose sizes are all unknown leaves the word to the page`() {
        #expect(Record(page(), header(voxelSize: [nil, nil, nil])).beliefs["voxel_size"]?.source == .page)
    }

    @Test func `sources are trusted in this order`() {
        #expect(Source.allCases.sorted() == [.inferred, .page, .sidecar, .header, .user])
        #expect(Finding.Severity.note < .warning)
        #expect(Finding.Severity.warning < .error)
    }

    @Test func `the main image is the marked one, else the largest, else the first`() {
        var dataset = Dataset(address: "a", id: "a")
        dataset.links = [Link(url: "a", role: .table, bytes: 99), Link(url: "b"), Link(url: "c", bytes: 5)]
        #expect(dataset.primaryLink?.url == "c")
        dataset.links[0].isPrimary = true
        #expect(dataset.primaryLink?.url == "a")
        dataset.links = []
        #expect(dataset.primaryLink == nil)
    }
}

struct TableTests {
    private func table(_ licence: String, id: String = "x") -> Table {
        var metadata = header(voxelSize: [5, 5.5, 5]).metadata
        metadata.licence = licence
        return Table([Record(id: id, address: "https://example.org/a,b", statements: [metadata])])
    }

    /// The cells of RFC 4180 text, by the state machine of its grammar.
    private func parse(_ text: String) -> [[String]] {
        var rows: [[String]] = [[]], cell: [UInt8] = [], isQuoted = false
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            switch byte {
            case 0x22 where isQuoted && bytes.first == 0x22: cell.append(bytes.removeFirst())
            case 0x22: isQuoted.toggle()
            case 0x2C where !isQuoted, 0x0A where !isQuoted:
                rows[rows.count - 1].append(String(decoding: cell, as: UTF8.self))
                if byte == 0x0A { rows.append([]) }
                cell = []
            case 0x0D where !isQuoted: break
            default: cell.append(byte)
            }
        }
        return rows.filter { !$0.isEmpty }
    }

    @Test(arguments: [
        "plain", "a,b", "say \"yes\"", "\"", "two\nlines", "two\r\nlines", "cr\rhere", "a | b", ",\u{301}",
        "\"\u{301},x",
        "", "=1+1", "é,😀", "\n",
    ])
    func `a CSV cell reads back as it was`(_ licence: String) throws {
        let rows = parse(table(licence).csv)
        #expect(rows.count == 2)
        #expect(rows[0].count == rows[1].count)
        let column = try #require(rows[0].firstIndex(of: "licence"))
        #expect(Array(rows[1][column].utf8) == Array(licence.utf8))
    }

    @Test func `CSV holds exact values, lists as JSON, unknown as nothing`() throws {
        let rows = parse(table("x").csv)
        let row = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[1]))
        #expect(row["address"] == "https://example.org/a,b")
        #expect(row["voxel_size"] == "[5,5.5,5]")
        #expect(row["shape"] == "[1065,1536,2048]")
        #expect(row["channels"] == "")
        #expect(row["where_from"] == "header")
    }

    @Test(arguments: ["a|b", "|", "||", "a\nb", "\u{1B}[31m", "|\u{301}", "ab\r\n|"])
    func `a Markdown row has the columns of its heading, whatever its cells hold`(_ licence: String) {
        let lines = table(licence).markdown.unicodeScalars.split(separator: "\n")
        #expect(lines.count == 3)
        let columns = lines.map { line in
            zip(line, ["x"] + Array(line)).count { $0 == "|" && $1 != "\\" }
        }
        #expect(Set(columns).count == 1)
    }

    @Test func `Markdown shows approximate and contradicted values as such`() {
        let text = Table([Record(page(voxelSize: [4, 4, 4]), header(voxelSize: [5, 5, 5])), Record(page(), header())])
            .markdown
        #expect(text.contains("5 × 5 × 5 (contradicted)"))
        #expect(text.contains("≈ 5 × 5 × 5"))
    }

    @Test func `the text for a terminal holds no control character and no empty field`() {
        let text = table("a\u{1B}]0;x\u{7}\r\nb", id: "\u{202E}abc").text
        #expect(
            text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x202A...0x202E).contains($0.value) })
        #expect(!text.contains("channels"))
    }

    @Test func `JSON of a table holds every field and finding`() {
        let json = Table([Record(page(), header())], findings: [Finding(.error, rule: "failed", "x")]).json
        #expect(json["rows"]?[0]?["fields"]?["dtype"]?["value"] == "uint8")
        #expect(json["findings"]?.array?.compactMap { $0["rule"]?.string } == ["voxel-size-approximate", "failed"])
        #expect(json["rows"]?[0]?["fields"]?.object?.count == Field.table.count)
    }
}
