import HarvestCodecs
import HarvestCore
import HarvestFormats
import HarvestStores
import HarvestTesting
import Testing

/// A TIFF put together by hand: one directory of tags behind `pixels`, which begin at byte 8 (16 in BigTIFF).
struct HandmadeTIFF {
    struct Tag {
        var id: UInt16, type: UInt16, count: UInt64, value: UInt64
        init(_ id: UInt16, _ value: UInt64, type: UInt16 = 4, count: UInt64 = 1) {
            (self.id, self.type, self.count, self.value) = (id, type, count, value)
        }
    }

    var isBig = false
    var pixels = [UInt8](repeating: 5, count: 16)
    var tags: [UInt16: Tag] = [:]
    var next: UInt64 = 0
    /// Behind the directory.
    var tail: [UInt8] = []

    /// Four by four bytes in one strip, with `changes`.
    init(_ changes: Tag..., isBig: Bool = false) {
        self.isBig = isBig
        let plain: [(UInt16, UInt64)] = [
            (256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (277, 1), (278, 4), (279, 16),
        ]
        for (id, value) in plain { tags[id] = Tag(id, value, type: 3) }
        tags[273] = Tag(273, isBig ? 16 : 8)
        for tag in changes { tags[tag.id] = tag }
    }

    var start: Int { (isBig ? 16 : 8) + pixels.count }
    /// Offset of what stands behind the directory.
    var tailStart: Int { start + (isBig ? 8 + tags.count * 20 + 8 : 2 + tags.count * 12 + 4) }

    var bytes: [UInt8] {
        let width = isBig ? 8 : 4
        var out: [UInt8] = [0x49, 0x49, isBig ? 43 : 42, 0]
        if isBig { out += [8, 0, 0, 0] }
        out += little(UInt64(start), width) + pixels + little(UInt64(tags.count), isBig ? 8 : 2)
        for tag in tags.values.sorted(by: { $0.id < $1.id }) {
            out +=
                little(UInt64(tag.id), 2) + little(UInt64(tag.type), 2) + little(tag.count, width)
                + little(tag.value, width)
        }
        return out + little(next, width) + tail
    }

    /// Puts `text` behind the directory as an ASCII tag; the file will stand `shift` bytes further on.
    mutating func add(_ id: UInt16, _ text: String, shift: Int = 0) {
        tags[id] = Tag(id, 0)
        tags[id] = Tag(id, UInt64(tailStart + shift), type: 2, count: UInt64(text.utf8.count + 1))
        tail = Array(text.utf8) + [0]
    }

    private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}

/// What becomes of a file whose images are opened and read: the error's kind, or `nil` where it reads.
private func outcome(_ bytes: [UInt8], isRemote: Bool = false) async throws -> HarvestError.Kind? {
    let store = CountingStore(MemoryStore(["": bytes]), isRemote: isRemote)
    do {
        guard let contents = try await TIFF().open(store, options: OpenOptions()) else { return .unsupported }
        for volume in contents.images {
            let array = try await volume.array()
            // The whole may be refused for its size alone; one voxel is not.
            _ = try await BlockReader.read(array, Box(array.shape.map { 0..<min(1, $0) }))
            _ = try await BlockReader.read(array, array.grid.box)
        }
    } catch let error as HarvestError { return error.kind }
    return nil
}

struct TIFFHostileTests {
    typealias Tag = HandmadeTIFF.Tag

    @Test(arguments: [false, true], [false, true])
    func `the file that the others are made from reads`(_ isBig: Bool, _ isRemote: Bool) async throws {
        #expect(try await outcome(HandmadeTIFF(isBig: isBig).bytes, isRemote: isRemote) == nil)
    }

    /// Each breaks one promise of TIFF 6.0; both byte widths, both kinds of store.
    private static let broken: [(String, [Tag])] = [
        ("10^9 strip offsets", [Tag(273, 8, count: 1_000_000_000)]),
        ("10^9 bits per sample", [Tag(258, 8, type: 3, count: 1_000_000_000)]),
        ("2^32 - 1 byte counts", [Tag(279, 8, count: 0xFFFF_FFFF)]),
        ("an offset past the end", [Tag(273, 0xFFFF_FFF0)]),
        ("rows per strip 0", [Tag(278, 0)]),
        ("width 2^31", [Tag(256, 1 << 31)]),
        ("width and height 2^32 - 1", [Tag(256, 0xFFFF_FFFF), Tag(257, 0xFFFF_FFFF)]),
        ("2^31 - 1 squared pixels", [Tag(256, 0x7FFF_FFFF), Tag(257, 0x7FFF_FFFF), Tag(278, 1)]),
        ("65535 samples", [Tag(277, 65535)]), ("0 samples", [Tag(277, 0)]), ("0 bits", [Tag(258, 0)]),
        ("129 bits", [Tag(258, 129)]), ("2^32 - 1 planes", [Tag(32997, 0xFFFF_FFFF)]),
        ("2^31 - 1 planes", [Tag(32997, 0x7FFF_FFFF)]),
        ("no width", [Tag(256, 0, count: 0)]), ("width as text", [Tag(256, 4, type: 2)]),
        ("width as a double", [Tag(256, 8, type: 12)]),
        ("tiles of 0", [Tag(322, 0), Tag(323, 16), Tag(324, 8), Tag(325, 16)]),
        ("tiles of 2^31 - 1", [Tag(322, 0x7FFF_FFFF), Tag(323, 0x7FFF_FFFF), Tag(324, 8), Tag(325, 16)]),
        ("tiles without length", [Tag(322, 16), Tag(324, 8), Tag(325, 16)]),
        (
            "a million tiles, one offset",
            [Tag(256, 16000), Tag(257, 16000), Tag(322, 16), Tag(323, 16), Tag(324, 8), Tag(325, 16)]
        ),
        (
            "tiles of one pixel in a page of 2^93",
            [
                Tag(256, 0x7FFF_FFFF), Tag(257, 0x7FFF_FFFF), Tag(32997, 0x7FFF_FFFF), Tag(322, 1), Tag(323, 1),
                Tag(324, 8), Tag(325, 1),
            ]
        ),
        (
            "planes of tiles of one pixel in a page of 2^78",
            [
                Tag(256, 0x7FFF_FFFF), Tag(257, 0x7FFF_FFFF), Tag(284, 2), Tag(277, 65535), Tag(322, 1), Tag(323, 1),
                Tag(324, 8),
                Tag(325, 1),
            ]
        ),
    ]

    @Test(arguments: broken.indices, [false, true])
    func `a broken directory is an error with a kind, not a trap`(_ index: Int, _ isBig: Bool) async throws {
        var file = HandmadeTIFF(isBig: isBig)
        for tag in Self.broken[index].1 { file.tags[tag.id] = tag }
        for isRemote in [false, true] {
            let kind = try await outcome(file.bytes, isRemote: isRemote)
            #expect([.malformed, .unsupported, .invalid].contains(kind), "\(Self.broken[index].0)")
        }
    }

    @Test(
        arguments: [256, 257, 258, 259, 273, 277, 278, 279, 317, 322, 324, 330, 32997] as [UInt16],
        [UInt64(1) << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, .max])
    func `a BigTIFF number past every memory is no trap`(_ id: UInt16, _ value: UInt64) async throws {
        for isRemote in [false, true] {
            for tag in [
                Tag(id, value, type: 16), Tag(id, 16, type: 16, count: value), Tag(id, value, type: 16, count: 2),
            ] {
                _ = try await outcome(HandmadeTIFF(tag, isBig: true).bytes, isRemote: isRemote)
            }
        }
    }

    /// Three equal directories at one stride, as the prediction of remote files wants them, with one odd tag in each.
    @Test(arguments: [
        HandmadeTIFF.Tag(273, .max >> 1, type: 16), .init(273, .max, type: 16),
        .init(305, .max >> 1, type: 2, count: 1 << 40),
        .init(305, (.max >> 1) - 10, type: 2, count: 64), .init(279, .max >> 1, type: 16),
    ])
    func `predicting pages adds no offsets that overflow`(_ tag: HandmadeTIFF.Tag) async throws {
        var bytes: [UInt8] = []
        for index in 0..<6 {
            var page = HandmadeTIFF(tag, isBig: true)
            let length = page.bytes.count - 16
            page.next = index == 5 ? 0 : UInt64(page.start + (index + 1) * length)
            bytes += index == 0 ? page.bytes : Array(page.bytes[16...])
        }
        _ = try await outcome(bytes, isRemote: true)
    }

    @Test func `a directory among its own SubIFDs is read once`() async throws {
        let plain = HandmadeTIFF()
        let file = HandmadeTIFF(.init(330, UInt64(plain.start)))
        let contents = try await tiff(file.bytes)
        #expect(contents?.images.first?.levels.count == 1)
        #expect(try await outcome(file.bytes) == nil)
    }

    @Test(arguments: [UInt64(4), 0xFFFF_FFFF, 1000])
    func `a chain that leaves the file is malformed`(_ next: UInt64) async throws {
        var file = HandmadeTIFF()
        file.next = next
        #expect(try await outcome(file.bytes) == .malformed)
    }

    /// TIFF Technical Note 3 defines predictor 3 for floating point alone; no specification defines one for complex numbers.
    @Test(arguments: [(3, 8, 1), (3, 16, 2), (2, 64, 6), (3, 128, 6)] as [(UInt64, UInt64, UInt64)])
    func `a predictor that its samples do not have is unsupported`(
        _ predictor: UInt64, _ bits: UInt64, _ format: UInt64
    )
        async throws
    {
        var file = HandmadeTIFF(Tag(317, predictor), Tag(258, bits), Tag(339, format), Tag(279, 2 * bits))
        file.pixels = [UInt8](repeating: 5, count: Int(2 * bits))
        #expect(try await outcome(file.bytes) == .unsupported)
    }

    /// A MiB in about a thousand bytes; the header says 16.
    @Test func `a strip that inflates to more than its rows gives its rows`() async throws {
        var file = HandmadeTIFF(.init(259, 8, type: 3))
        file.pixels = try [UInt8](repeating: 3, count: 1 << 20).withUnsafeBytes { try Zlib().encode($0) }
        file.tags[279] = Tag(279, UInt64(file.pixels.count))
        let kind = try await outcome(file.bytes)
        #expect(kind == nil || kind == .malformed)
    }

    @Test func `a header that claims a gigabyte of deflated pixels is refused before memory is taken`() async throws {
        let tags: [Tag] = [Tag(256, 32768), Tag(257, 32768), Tag(278, 32768), Tag(259, 8, type: 3)]
        var file = HandmadeTIFF()
        for tag in tags { file.tags[tag.id] = tag }
        #expect(try await outcome(file.bytes) == .malformed)
    }

    @Test func `every cut of a small file is an error or its whole voxels`() async throws {
        for name in ["classic-le-strips-deflate.tif", "big-be-tiles-none.tif", "bits12-be.tif", "pages.tif"] {
            let whole = try TIFFFixture.bytes(name)
            for length in 0..<whole.count {
                let kind = try await outcome(Array(whole[..<length]), isRemote: length % 2 == 0)
                #expect(kind != .failed, "\(name) cut to \(length)")
            }
        }
    }

    @Test(arguments: [
        "", "I", "II", "II*", "II*\0", "MM\0", "MM\0*", "II+\0", "II+\0\u{8}\0\0", "IIx\0aaaa", "PK\u{3}\u{4}", "MM",
        "II*\0\0\0\0",
    ])
    func `a few bytes are no TIFF, or a malformed one`(_ text: String) async throws {
        let kind = try await outcome(Array(text.utf8))
        #expect(kind == .unsupported || kind == .malformed)
    }
}

struct TIFFMetadataHostileTests {
    /// One page of four by four bytes with this description.
    private func file(_ description: String, _ more: HandmadeTIFF.Tag...) -> [UInt8] {
        var file = HandmadeTIFF()
        for tag in more { file.tags[tag.id] = tag }
        file.add(270, description)
        file.tail += [UInt8](repeating: 1, count: 64)
        return file.bytes
    }

    private func ome(_ pixels: String, _ inside: String = "") -> String {
        "<?xml version=\"1.0\"?><OME><Image ID=\"Image:0\"><Pixels DimensionOrder=\"XYZCT\" SizeX=\"4\" SizeY=\"4\" "
            + "\(pixels)>\(inside)</Pixels></Image></OME>"
    }

    @Test(arguments: [
        ("SizeZ='2' SizeC='1' SizeT='1'", "<TiffData IFD='9223372036854775807' PlaneCount='2'/>"),
        ("SizeZ='2' SizeC='1' SizeT='1'", "<TiffData IFD='-1'/>"),
        ("SizeZ='2' SizeC='1' SizeT='1'", "<TiffData FirstZ='7'/>"),
        ("SizeZ='1' SizeC='1' SizeT='1'", "<TiffData PlaneCount='9223372036854775807'/>"),
        ("SizeZ='1000000' SizeC='1000000' SizeT='1000000'", ""), ("SizeZ='0' SizeC='1' SizeT='1'", ""),
        ("SizeZ='-1' SizeC='1' SizeT='1'", ""), ("SizeC='1'", ""), ("SizeZ='3' SizeC='1' SizeT='1'", ""),
        ("SizeZ='1' SizeC='1' SizeT='1'", "<Channel SamplesPerPixel='0'/>"),
        ("SizeZ='1' SizeC='1' SizeT='1'", "<Channel SamplesPerPixel='-5'/>"),
    ])
    func `OME-XML that does not fit its file leaves the pages readable`(_ pixels: String, _ inside: String) async throws
    {
        #expect(try await outcome(file(ome(pixels, inside))) == nil)
    }

    @Test(arguments: [
        "<!DOCTYPE OME [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><OME><Image><Pixels>&a;</Pixels></Image></OME>",
        "<OME><Image><Pixels", "<OME xmlns=\"x\"><Pixels/></OME>", String(repeating: "<OME>", count: 5000) + "<Pixels",
    ])
    func `XML that is hostile or broken leaves the pages readable`(_ text: String) async throws {
        #expect(try await outcome(file(text)) == nil)
    }

    @Test(arguments: [
        "ImageJ=1\nimages=2147483648\nslices=2147483648\nframes=2147483648\nchannels=2147483648\n",
        "ImageJ=1\nimages=3\nspacing=nan\nunit=nm\n", "ImageJ=1\nimages=-3\n",
        "ImageJ=1\nimages=99999999999999999999\n",
        "ImageJ=", "ImageJ=1\nimages=3\nunit=\\u00B5m\nspacing=1e999\nfinterval=inf\n",
    ])
    func `numbers of ImageJ that cannot be leave the pages readable`(_ text: String) async throws {
        #expect(try await outcome(file(text)) == nil)
    }

    @Test func `an ImageJ description alone does not make a million pages of one byte`() async throws {
        let bytes = file("ImageJ=1\nimages=2000000\n", .init(256, 1), .init(257, 1), .init(278, 1), .init(279, 1))
        #expect(try await tiff(bytes + [UInt8](repeating: 1, count: 2_000_000))?.pages.count == 1)
    }

    @Test func `an ImageJ stack of volumetric pages in one directory is no trap`() async throws {
        let twoOffsets = HandmadeTIFF.Tag(273, 16 << 16 | 8, type: 3, count: 2)
        let bytes = file("ImageJ=1\nimages=3\nslices=3\n", .init(32997, 2), .init(257, 2), .init(278, 2), twoOffsets)
        #expect(try await outcome(bytes) == nil)
    }

    @Test(arguments: [
        #"{"shape": [9223372036854775807, 4, 4]}"#, #"{"shape": [-1, 4, 4]}"#, #"{"shape": []}"#, #"{"shape": "x"}"#,
        #"{"shape": [4, 4], "axes": "é"}"#, #"{"shape": [1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4]}"#,
        #"{"shape": [4294967296, 4294967296, 4, 4]}"#,
    ])
    func `a shape in JSON that cannot be leaves the pages readable`(_ text: String) async throws {
        #expect(try await outcome(file(text)) == nil)
    }

    @Test func `a second page whose JSON claims 2^63 - 1 pages is no trap`() async throws {
        var bytes = file(#"{"shape": [4, 4]}"#)
        var second = HandmadeTIFF()
        let offset = bytes.count
        // Without its own header and pixels: what it points to moves by the first file's length.
        second.pixels = []
        second.add(270, #"{"shape": [9223372036854775807, 4, 4]}"#, shift: offset - 8)
        let next = 24 + 2 + 12 * 10
        for i in 0..<4 { bytes[next + i] = UInt8(truncatingIfNeeded: offset >> (8 * i)) }
        #expect(try await outcome(bytes + Array(second.bytes[8...])) == nil)
    }
}
