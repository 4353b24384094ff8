import HarvestCore
import Testing

/// Every rule once broken and once kept; what counts as broken is arithmetic.
@Suite struct RulesTests {
    private func header(_ change: (inout Metadata) -> Void = { _ in }) -> Metadata {
        var metadata = Metadata(source: .header, place: "f.tif")
        (metadata.shape, metadata.axes, metadata.dtype) = ([100, 200, 300], ["z", "y", "x"], "uint8")
        (metadata.voxelSize, metadata.licence) = ([8, 8, 8], "CC BY 4.0")
        change(&metadata)
        return metadata
    }

    private func record(
        _ change: (inout Metadata) -> Void = { _ in }, page: ((inout Metadata) -> Void)? = nil,
        _ evidence: Evidence = Evidence()
    ) -> Record {
        var statements = [header(change)]
        if let page {
            var said = Metadata(source: .page, place: "https://p.org/")
            page(&said)
            statements.append(said)
        }
        return Record(id: "r", address: "r", statements: statements, evidence: evidence)
    }

    private func finding(_ rule: String, in record: Record) -> Finding? { record.findings.first { $0.rule == rule } }

    @Test func `ids are unique, and a record without fault has no finding`() {
        #expect(Set(Rules.all.map(\.id)).count == Rules.all.count)
        #expect(Rules.all.allSatisfy { $0.id == $0.id.lowercased() && !$0.id.contains(" ") })
        #expect(record().findings == [])
    }

    @Test(arguments: [
        ("shape-contradicted", Finding.Severity.warning), ("dtype-contradicted", .warning),
        ("voxel-size-contradicted", .warning),
    ])
    func `what page and header say differently is a finding of its field`(rule: String, severity: Finding.Severity) {
        let differing = record(page: {
            ($0.shape, $0.dtype, $0.voxelSize) = ([100, 200, 301], "uint16", [8, 8, 8.1])
        })
        #expect(finding(rule, in: differing)?.severity == severity)
        #expect(finding(rule, in: differing)?.message.contains("https://p.org/") == true)
        let same = record(page: { ($0.shape, $0.dtype, $0.voxelSize) = ([100, 200, 300], "UINT8", [8, 8, 8.0000001]) })
        #expect(finding(rule, in: same) == nil)
    }

    @Test func `axes that are fewer than the array has are an error`() {
        #expect(finding("axes-rank", in: record { $0.axes = ["y", "x"] })?.severity == .error)
    }

    @Test(arguments: [([81.0, 8, 8], true), ([80, 8, 8], false), ([8, 8, 81], true), ([0.5, 5, 5.1], true)])
    func `more than ten to one is anisotropic`(size: [Double], isBroken: Bool) {
        let found = finding("anisotropy", in: record { $0.voxelSize = size })
        #expect((found != nil) == isBroken)
        if size == [81, 8, 8] { #expect(found?.message.contains("10.1 times") == true) }
    }

    // MARK: Levels

    private func levels(_ list: [(shape: [Int]?, size: [Double?], translation: [Double?])]) -> Evidence {
        var evidence = Evidence()
        evidence.levels = list.map { .init(shape: $0.shape, voxelSize: $0.size, translation: $0.translation) }
        return evidence
    }

    @Test func `levels that halve and keep their corner are consistent`() {
        // A centre moves by (16 − 8)/2 = 4 and (32 − 8)/2 = 12 nm; 25 voxels of 32 nm are 100 of 8.
        let evidence = levels([
            ([100, 200, 300], [8, 8, 8], [0, 0, 0]), ([50, 100, 150], [16, 16, 16], [4, 4, 4]),
            ([25, 50, 75], [32, 32, 32], [12, 12, 12]),
        ])
        #expect(record({ _ in }, evidence).findings == [])
    }

    @Test(arguments: [
        ([16.0, 16, 16], [4.0, 4, 8], [50, 100, 150], "begins at 8"), ([16, 16, 16], [0, 0, 0], nil, "begins at 0"),
        ([16, 16, 4], [4, 4, 4], nil, "smaller voxels"), ([16, 16, 16], [4, 4, 4], [50, 100, 200], "200 voxels"),
    ])
    func `a level that is shifted, out of order or too long is named`(
        size: [Double], translation: [Double], shape: [Int]?, words: String
    ) {
        let evidence = levels([([100, 200, 300], [8, 8, 8], [0, 0, 0]), (shape, size, translation)])
        let found = finding("levels-inconsistent", in: record({ _ in }, evidence))
        #expect(found?.message.contains(words) == true, "\(found?.message ?? "-")")
    }

    @Test func `a level of which nothing is known is not judged`() {
        let evidence = levels([([100, 200, 300], [8, 8, 8], [0, 0, 0]), (nil, [nil, nil, nil], [nil, nil, nil])])
        #expect(record({ _ in }, evidence).findings == [])
    }

    // MARK: Voxels

    @Test(arguments: [
        ("complex64", "dtype-not-trainable"), ("text", "dtype-not-trainable"), ("float64", "dtype-converted"),
        ("uint64", "dtype-converted"), ("bool", "dtype-converted"),
    ])
    func `types that cannot be trained on, or only converted, are named`(dtype: String, rule: String) {
        #expect(record { $0.dtype = dtype }.findings.map(\.rule) == [rule])
    }

    @Test(arguments: ["uint8", "int8", "uint16", "int16", "uint32", "float16", "float32"])
    func `types that frameworks take as they are are not`(dtype: String) {
        #expect(record { $0.dtype = dtype }.findings == [])
    }

    @Test func `labels of 64 bits are what labels are`() {
        var evidence = Evidence()
        evidence.role = .labels
        #expect(record({ $0.dtype = "uint64" }, evidence).findings == [])
    }

    private func sampled(_ change: (inout Sample) -> Void) -> Evidence {
        var sample = Sample(seed: 7, level: 2)
        (sample.blocks, sample.voxels, sample.slices) = (64, 4096, 40)
        (sample.minimum, sample.maximum, sample.lowShare, sample.highShare) = (10, 200, 0, 0)
        change(&sample)
        var evidence = Evidence()
        evidence.sample = sample
        return evidence
    }

    private func window(_ low: Double, _ high: Double) -> (inout Metadata) -> Void {
        { $0.instrument[Field.Name.contrastWindow] = [.double(low), .double(high)] }
    }

    @Test(arguments: [
        (0.0, 256.0, "leaves what uint8"), (-1, 100, "leaves what uint8"), (100, 100, "is empty"),
        (200, 10, "is empty"),
        (210, 250, "10 to 200"), (0, 10, "10 to 200"),
    ])
    func `a contrast window that shows nothing is named`(low: Double, high: Double, words: String) {
        let found = finding("contrast-window", in: record(window(low, high), sampled { _ in }))
        #expect(found?.message.contains(words) == true, "\(found?.message ?? "-")")
    }

    @Test func `a contrast window inside the type and the values is kept`() {
        #expect(record(window(0, 255), sampled { _ in }).findings == [])
        #expect(record(window(20, 90)).findings == [])
    }

    @Test func `more than a hundredth at the type's end is saturated, with seed and count`() throws {
        let found = try #require(finding("saturation", in: record({ _ in }, sampled { $0.highShare = 0.011 })))
        #expect(
            found.message.contains("1.1 % are at 255") && found.message.contains("64 blocks, 4096 voxels, of seed 7"))
        #expect(record({ _ in }, sampled { $0.lowShare = 0.01 }).findings == [])
        #expect(finding("saturation", in: record({ $0.dtype = "float32" }, sampled { $0.highShare = 1 })) == nil)
    }

    @Test func `blank slices are listed by number, level, seed and count`() throws {
        let found = try #require(finding("blank-slices", in: record({ _ in }, sampled { $0.blankSlices = [3, 17] })))
        #expect(found.message.contains("2 of 40 slices") && found.message.contains("z = 3, 17 of level 2"))
        #expect(found.message.contains("seed 7"))
    }

    @Test func `a volume that is constant everywhere is one error, not three findings`() {
        let found = record({ _ in }, sampled { ($0.constantBlocks, $0.highShare, $0.blankSlices) = (64, 1, [1, 2]) })
        #expect(found.findings.map(\.rule) == ["constant"] && found.findings[0].severity == .error)
    }

    // MARK: Rights

    @Test func `a file of another length than its link announces is an error`() {
        var evidence = Evidence()
        evidence.linkBytes = 1000
        #expect(finding("size-differs", in: record({ $0.bytes = 999 }, evidence))?.message.contains("999") == true)
        #expect(record({ $0.bytes = 1000 }, evidence).findings == [])
    }

    @Test func `a licence counts as missing only where a page could have stated it`() {
        #expect(record { $0.licence = nil }.findings == [])
        #expect(record({ $0.licence = nil }, page: { _ in }).findings.map(\.rule) == ["licence-missing"])
    }

    @Test(arguments: [
        ("CC BY-NC 4.0", 1), ("CC-BY-ND-4.0", 1), ("CC BY-NC-ND 4.0", 2),
        ("https://creativecommons.org/licenses/by-nc/4.0/", 1), ("Attribution-NonCommercial", 1), ("CC BY 4.0", 0),
        ("CC0", 0), ("CC BY-SA 4.0", 0), ("Reference and Bond licence", 0),
    ])
    func `NC and ND limit use, and letters inside words do not`(licence: String, limits: Int) {
        let found = finding("licence-restricts", in: record { $0.licence = licence })
        #expect((found?.message.split(separator: ";").count ?? 0) == limits, "\(found?.message ?? "-")")
    }
}

@Suite struct QuantityTests {
    @Test(arguments: [
        (200.0, "pA", "nA", 0.2), (1.9, "kV", "keV", 1.9), (1900, "V", "keV", 1.9), (200, "eV", "keV", 0.2),
        (0.5, "µs", "s", 5e-7), (0.5, "\u{3BC}s", "s", 5e-7), (0.5, "usec", "s", 5e-7), (400, "kHz", "MHz", 0.4),
        (5500, "µm", "mm", 5.5), (0.05, "µm", "nm", 50), (36, "h", "days", 1.5), (500, "V", "V", 500),
    ])
    func `a value in another unit of its kind`(value: Double, from: String, to: String, expected: Double) {
        #expect(Quantity.convert(value, from: from, to: to) == expected)
    }

    @Test(arguments: [
        (1.0, "nm", "s"), (1, "parsec", "nm"), (1, "nm", ""), (.nan, "nm", "mm"), (.infinity, "V", "V"),
        (1, "keV", "V"),
    ])
    func `what measures something else is nothing`(value: Double, from: String, to: String) {
        #expect(Quantity.convert(value, from: from, to: to) == nil)
    }
}

@Suite struct AcquisitionTableTests {
    private func record(
        _ id: String, _ header: [String: JSON], page: [String: JSON] = [:], approximate: Set<String> = []
    ) -> Record {
        var file = Metadata(source: .header, place: "\(id).dm3")
        file.instrument = header
        var said = Metadata(source: .page, place: "https://p.org/\(id)")
        (said.instrument, said.approximate) = (page, approximate)
        return Record(id: id, address: id, statements: [file, said])
    }

    private var table: Table {
        Table([
            record(
                "a", ["beam_energy": 1.9, "dwell_time": 5e-7], page: ["beam_energy": 2, "beam_current": 0.2],
                approximate: ["beam_current"]),
            record("b", [:]),
        ])
    }

    @Test func `a row for each field in one unit; absent is blank, contradicted is marked and explained`() {
        let lines = table.acquisition.markdown.split(separator: "\n").map(String.init)
        func cells(_ heading: String) -> [String] {
            lines.first { $0.contains(heading) }?.split(separator: "|").map { $0.trimmingPrefix(" ").description } ?? []
        }
        #expect(lines.count { $0.hasPrefix("|") } == Field.acquisition.count + 2)
        #expect(cells("beam energy (keV)")[1].hasPrefix("1.9 [1]"))
        #expect(cells("beam energy (keV)")[2].allSatisfy { $0 == " " })
        #expect(cells("beam current (nA)")[1].hasPrefix("≈ 0.2"))
        #expect(cells("dwell time (µs)")[1].hasPrefix("0.5"))
        #expect(lines.last == "[1] a, beam energy (keV): the header says 1.9, the page says 2 (https://p.org/a)")
    }

    @Test func `CSV holds each field's own unit and nothing for what nobody says`() {
        let lines = table.acquisition.csv.split(whereSeparator: \.isNewline).map(String.init)
        #expect(lines[0] == "field,unit,a,b")
        #expect(lines.contains("dwell_time,s,5e-07,") || lines.contains("dwell_time,s,5e-7,"))
        #expect(lines.contains("detector,,,"))
    }

    @Test func `a table of which nobody says anything is empty`() {
        #expect(Table([record("b", [:])]).acquisition.isEmpty && !table.acquisition.isEmpty)
    }
}
