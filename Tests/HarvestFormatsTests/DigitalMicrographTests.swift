import HarvestCore
import HarvestFormats
import HarvestStores
import HarvestTesting
import Testing

/// A DM file written by hand, as every reader of the format describes it; the corpus holds real ones.
private struct DMFile {
    var version = 3
    var isLittle = true

    private func big(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }
    private func length(_ value: Int) -> [UInt8] { big(value, version == 4 ? 8 : 4) }
    func number(_ value: Int, _ count: Int) -> [UInt8] { isLittle ? big(value, count).reversed() : big(value, count) }

    private func tag(_ kind: UInt8, _ name: String, _ body: [UInt8]) -> [UInt8] {
        [kind] + big(name.utf8.count, 2) + Array(name.utf8) + (version == 4 ? big(body.count, 8) : []) + body
    }

    func group(_ name: String, _ tags: [[UInt8]]) -> [UInt8] {
        tag(20, name, [1, 0] + length(tags.count) + tags.flatMap(\.self))
    }
    func data(_ name: String, _ words: [Int], _ value: [UInt8]) -> [UInt8] {
        tag(21, name, Array("%%%%".utf8) + length(words.count) + words.flatMap { length($0) } + value)
    }
    func int(_ name: String, _ value: Int) -> [UInt8] { data(name, [3], number(value, 4)) }
    func float(_ name: String, _ value: Float) -> [UInt8] { data(name, [6], number(Int(value.bitPattern), 4)) }
    func text(_ name: String, _ text: String) -> [UInt8] {
        data(name, [20, 4, text.utf16.count], text.utf16.flatMap { number(Int($0), 2) })
    }
    func double(_ name: String, _ value: Double) -> [UInt8] {
        data(name, [7], number(Int(bitPattern: UInt(value.bitPattern)), 8))
    }

    func image(_ shape: [Int], type: Int, _ element: Int, _ bytes: [UInt8], count: Int, tags: [[UInt8]] = []) -> [UInt8]
    {
        let dimension = group("", [float("Origin", 1), float("Scale", 0.00799825), text("Units", "µm")])
        return group(
            "",
            [
                group(
                    "ImageData",
                    [
                        group("Calibrations", [group("Dimension", shape.map { _ in dimension })]),
                        data("Data", [20, element, count], bytes), int("DataType", type),
                        group("Dimensions", shape.map { int("", $0) }),
                    ]), group("ImageTags", tags), text("Name", "slice"),
            ])
    }

    func file(_ images: [[UInt8]], thumbnails: [Int] = []) -> [UInt8] {
        let tags = [
            group("ImageList", images), group("Thumbnails", thumbnails.map { group("", [int("ImageIndex", $0)]) }),
        ]
        let body = [1, 0] + length(tags.count) + tags.flatMap(\.self) + [UInt8](repeating: 0, count: 8)
        return big(version, 4) + length(body.count) + big(isLittle ? 1 : 0, 4) + body
    }
}

private func open(_ bytes: [UInt8]) async throws -> Contents? {
    try await DigitalMicrograph().open(ZarrMemoryStore(["": bytes]), options: OpenOptions())
}

@Suite struct DigitalMicrographTests {
    private func slice(_ dm: DMFile, _ shape: [Int] = [4, 3]) -> [UInt8] {
        let voxels = (0..<shape.reduce(1, *)).map { UInt8(truncatingIfNeeded: $0) }
        let tags = [
            dm.group(
                "Microscope Info",
                [
                    dm.double("Voltage", 1900), dm.double("WD (mm)", 5.5), dm.double("Probe Current (nA)", 0),
                    dm.text("Name", "M"),
                ]),
            dm.group("DigiScan", [dm.double("Sample Time", 0.5), dm.text("TimeStamp", "Mon Jun 11 22:26:45 2018 ")]),
            dm.group("DataBar", [dm.text("Acquisition Date", "11.06.2018")]),
            dm.group(
                "SBFSEM",
                [
                    dm.group("Approach", [dm.double("Slice thickness", 200)]),
                    dm.group(
                        "Record", [dm.double("Slice thickness", 50), dm.text("Base file name", "D:\\somebody\\x")]),
                ]),
            dm.group("Session Info", [dm.text("Detector", "BSED"), dm.text("WD (mm)", "5591.26")]),
        ]
        let thumbnail = dm.image([2, 2], type: 23, 10, [UInt8](repeating: 9, count: 16), count: 16)
        return dm.file(
            [thumbnail, dm.image(shape, type: 6, 10, voxels, count: voxels.count, tags: tags)], thumbnails: [0])
    }

    @Test(arguments: [3, 4], [true, false])
    func `an image behind its thumbnail, in either version and byte order`(version: Int, isLittle: Bool) async throws {
        let dm = DMFile(version: version, isLittle: isLittle)
        let contents = try #require(try await open(slice(dm)))
        try #require(contents.images.count == 1)
        let metadata = contents.images[0].metadata
        #expect(metadata.shape == [3, 4] && metadata.dtype == "uint8" && metadata.axes == ["y", "x"])
        #expect(metadata.voxelSize == [7.99825, 7.99825])  // the float's shortest decimal, in µm
        #expect(metadata.translation == [-7.99825, -7.99825])  // Origin is in pixels
        let block = try await BlockReader.read(try await contents.images[0].array(), [0..<3, 0..<4])
        #expect(block.bytes.array == (0..<12).map { UInt8($0) })
    }

    @Test func `acquisition values come in the contract's units, and traps are avoided`() async throws {
        let metadata = try #require(try await open(slice(DMFile()))).images[0].metadata
        let values = metadata.instrument
        #expect(values["beam_energy"] == .double(1.9))
        #expect(values["beam_current"] == nil)  // 0.0 is what nobody wrote
        #expect(values["working_distance"] == .double(5.5))  // not Session Info's micrometres
        #expect(values["dwell_time"] == .double(5e-7))
        #expect(values["slice_thickness"] == .double(50))  // not Approach's
        #expect(values["date"] == .string("2018-06-11"))  // day first
        #expect(values["detector"] == .string("BSED"))
        #expect(!metadata.raw.compact.contains("somebody"))
    }

    @Test(arguments: [3, 4], [true, false])
    func `16-bit voxels follow the file's byte order`(version: Int, isLittle: Bool) async throws {
        let dm = DMFile(version: version, isLittle: isLittle)
        let voxels = [1, 258, 65_535, 7].flatMap { dm.number($0, 2) }
        let contents = try #require(try await open(dm.file([dm.image([2, 2], type: 10, 4, voxels, count: 4)])))
        let block = try await BlockReader.read(try await contents.images[0].array(), [0..<2, 0..<2])
        #expect(try block.withVoxels(as: UInt16.self) { Array($0) } == [1, 258, 65_535, 7])
    }

    @Test func `colours are stored B, G, R, A and given as R, G, B, A`() async throws {
        let dm = DMFile()
        let contents = try #require(
            try await open(dm.file([dm.image([1, 2], type: 23, 10, [1, 2, 3, 4, 5, 6, 7, 8], count: 8)])))
        #expect(contents.images[0].metadata.shape == [2, 1, 4] && contents.images[0].metadata.axes == ["y", "x", "s"])
        let block = try await BlockReader.read(try await contents.images[0].array(), [0..<2, 0..<1, 0..<4])
        #expect(block.bytes.array == [3, 2, 1, 4, 7, 6, 5, 8])
    }

    @Test func `it keeps the promises of formats, broken bytes included`() async throws {
        for version in [3, 4] {
            var suite = FormatConformance(shape: [3, 4], dataType: .uint8, voxels: (0..<12).map { UInt8($0) })
            suite.edits = 400
            try await suite.check(DigitalMicrograph(), opens: ZarrMemoryStore(["": slice(DMFile(version: version))]))
        }
    }

    /// Thumbnail and image as DigitalMicrograph writes them, and 30 KB of tags behind the data.
    private func large(thumbnail side: Int) -> [UInt8] {
        let dm = DMFile()
        let small = dm.image(
            [side, side], type: 23, 10, [UInt8](repeating: 9, count: 4 * side * side), count: 4 * side * side)
        let notes = (0..<200).map { dm.text("Note \($0)", String(repeating: "x", count: 60)) }
        let count = 5496 * 5500
        let image = dm.image(
            [5496, 5500], type: 6, 10, [UInt8](repeating: 7, count: count), count: count, tags: notes)
        return dm.file([small, image], thumbnails: [0])
    }

    @Test(arguments: [(32, 2, 44 << 10), (192, 3, 52 << 10)])
    func `a remote file of 30 MB is read at both ends, and behind its thumbnail`(
        side: Int, requests: Int, most: Int
    ) async throws {
        let store = CountingStore(
            MemoryStore(["": large(thumbnail: side)], address: "https://host.org/slice.dm3"), isRemote: true,
            knowsTails: true)
        let contents = try #require(try await DigitalMicrograph().open(store, options: OpenOptions()))
        #expect(contents.images[0].metadata.shape == [5500, 5496])
        #expect(store.count == requests && store.bytes <= most)
    }

    @Test func `a store that knows no tails says the same in two requests`() async throws {
        let store = CountingStore(MemoryStore(["": large(thumbnail: 192)]), isRemote: true)
        let contents = try #require(try await DigitalMicrograph().open(store, options: OpenOptions()))
        #expect(contents.images[0].metadata.shape == [5500, 5496])
        #expect(store.count == 2 && store.bytes <= 208 << 10)
    }

    @Test(arguments: [
        [1, 0, 0xFF, 0xFF, 0xFF, 0xFF], [1, 0, 0, 0, 0, 1, 20, 0, 0],
        [1, 0, 0, 0, 0, 1, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 1, 21, 0, 1, 65, 37, 37, 37, 37, 0x7F, 0xFF, 0xFF, 0xFF],
        [1, 0, 0, 0, 0, 1, 21, 0, 1, 65, 37, 37, 37, 37, 0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 7, 0x7F, 0xFF, 0xFF, 0xFF],
    ])
    func `counts past the file are malformed`(body: [UInt8]) async {
        let error = await #expect(throws: HarvestError.self) {
            try await open([0, 0, 0, 3, 0, 0, 0, 99, 0, 0, 0, 1] + body)
        }
        #expect(error?.kind == .malformed)
    }

    @Test func `groups a thousand deep are malformed, not a full stack`() async {
        let deep: [UInt8] = (0..<1000).flatMap { _ in [20, 0, 0, 1, 0, 0, 0, 0, 1] as [UInt8] }
        let error = await #expect(throws: HarvestError.self) {
            try await open([0, 0, 0, 3, 0, 0, 0, 99, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1] + deep)
        }
        #expect(error?.kind == .malformed)
    }

    @Test func `data that is cut short is malformed`() async {
        let whole = slice(DMFile())
        let error = await #expect(throws: HarvestError.self) { try await open(Array(whole.dropLast(40))) }
        #expect(error?.kind == .malformed)
    }

    // MARK: Slices

    private func folder(_ names: [String], _ extra: [String: [UInt8]] = [:], isRemote: Bool = false) -> ZarrMemoryStore
    {
        var objects = extra
        for (index, name) in names.enumerated() {
            let dm = DMFile()
            let tags = [dm.group("SBFSEM", [dm.group("Record", [dm.double("Slice thickness", 50)])])]
            let voxels = (0..<12).map { UInt8(index * 20 + $0) }
            objects[name] = dm.file([dm.image([4, 3], type: 6, 10, voxels, count: 12, tags: tags)])
        }
        return ZarrMemoryStore(objects, isRemote: isRemote)
    }

    @Test(arguments: [false, true]) func `slices are sorted by their number, and one volume along z`(isRemote: Bool)
        async throws
    {
        let store = folder(
            ["s_2.dm3", "s_10.dm3", "s_1.dm3"], ["project.xml": [1], ".hidden.dm3": [2]], isRemote: isRemote)
        let contents = try #require(try await SliceFolder().open(store, options: OpenOptions()))
        let volume = contents.images[0]
        #expect(volume.metadata.shape == [3, 3, 4] && volume.metadata.axes == ["z", "y", "x"])
        #expect(volume.metadata.voxelSize == [50, 7.99825, 7.99825])
        let block = try await BlockReader.read(try await volume.array(), [0..<3, 0..<1, 0..<1])
        #expect(block.bytes.array == [40, 0, 20])
        #expect(contents.findings.contains { $0.rule == "slices-gap" })  // 3 to 9
        #expect(contents.findings.contains { $0.rule == "slices-others-ignored" })
    }

    @Test func `a slice of another size is named, one of another shape refused when it is met`() async throws {
        let dm = DMFile()
        let other = dm.file([dm.image([5, 5], type: 6, 10, [UInt8](repeating: 1, count: 25), count: 25)])
        let store = folder(["s_1.dm3", "s_3.dm3", "s_4.dm3"], ["s_2.dm3": other])
        let contents = try #require(try await SliceFolder().open(store, options: OpenOptions(isExact: true)))
        #expect(contents.findings.contains { $0.rule == "slice-size-differs" && $0.message.contains("s_2.dm3") })
        let array = try await contents.images[0].array()
        _ = try await BlockReader.read(array, [0..<1, 0..<3, 0..<4])
        let error = await #expect(throws: HarvestError.self) {
            try await BlockReader.read(array, [1..<2, 0..<3, 0..<4])
        }
        #expect(error?.kind == .malformed && error?.place?.contains("s_2.dm3") == true)
    }

    @Test func `a Zarr group, a single file and an empty folder are no slices`() async throws {
        for store in [folder(["s_1.dm3", "s_2.dm3"], [".zgroup": [1]]), folder(["s_1.dm3"]), ZarrMemoryStore([:])] {
            #expect(try await SliceFolder().open(store, options: OpenOptions()) == nil)
        }
    }

    @Test func `a crop keeps the slices it meets, whole`() async throws {
        let store = folder(["s_1.dm3", "s_2.dm3", "s_3.dm3", "s_4.dm3"])
        let contents = try #require(try await SliceFolder().open(store, options: OpenOptions()))
        let copy = try await SliceFolder().copy(
            .box([1..<3, 1..<2, 0..<1], image: 0, level: 0), of: contents, in: store)
        #expect(copy.objects.map(\.key) == ["s_2.dm3", "s_3.dm3"])
        #expect(copy.box == [1..<3, 0..<3, 0..<4])
    }
}
