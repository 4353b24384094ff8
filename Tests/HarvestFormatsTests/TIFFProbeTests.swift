import HarvestCore
import HarvestFormats
import HarvestStores
import HarvestTesting
import Testing

/// Forty pages of 256 × 512 zeros, laid out as writers lay them out; see ``make(_:description:)``.
enum DirectoryLayout: String, CaseIterable { case front, end, interleaved, after, imageJ }

private enum Pages {
    static let count = 40, width = 512
    /// Eight entries (TIFF 6.0 §2), the pointer to the next directory, and 16 bytes for two rationals.
    static let directory = 2 + 12 * 8 + 4 + 16

    /// A description belongs to the first page; the others have an empty one.
    static func make(_ layout: DirectoryLayout, description: String = "", pages: Int = count, height: Int = 256)
        -> [UInt8]
    {
        let text = Array(description.utf8) + [0]
        let page = width * height
        var at = 8 + (text.count + 1) & ~1
        var directories: [Int] = [], pixels: [Int] = []
        func place(_ list: inout [Int], _ size: Int) {
            list.append(at)
            at += size
        }
        switch layout {
        case .front:
            for _ in 0..<pages { place(&directories, directory) }
            for _ in 0..<pages { place(&pixels, page) }
        case .end:
            for _ in 0..<pages { place(&pixels, page) }
            for _ in 0..<pages { place(&directories, directory) }
        case .interleaved:
            for _ in 0..<pages {
                place(&directories, directory)
                place(&pixels, page)
            }
        case .after:
            for _ in 0..<pages {
                place(&pixels, page)
                place(&directories, directory)
            }
        case .imageJ:
            // The first directory before all pixels, the others behind them, their values with the first one.
            place(&directories, directory)
            for _ in 0..<pages { place(&pixels, page) }
            for _ in 1..<pages { place(&directories, directory) }
        }
        var bytes = [UInt8](repeating: 0, count: at)
        func put(_ value: Int, _ size: Int, at offset: Int) {
            for i in 0..<size { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
        }
        bytes.replaceSubrange(0..<4, with: [0x49, 0x49, 42, 0])
        put(directories[0], 4, at: 4)
        bytes.replaceSubrange(8..<8 + text.count, with: text)
        for index in 0..<pages {
            let start = directories[index], isLong = index == 0 && text.count > 4
            put(8, 2, at: start)
            let entries = [
                (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (262, 3, 1, 1),
                (270, 2, isLong ? text.count : 1, isLong ? 8 : 0), (273, 4, 1, pixels[index]), (279, 4, 1, page),
                (282, 5, 1, (layout == .imageJ ? directories[0] : start) + directory - 16),
            ]
            for (i, entry) in entries.enumerated() {
                put(entry.0, 2, at: start + 2 + 12 * i)
                put(entry.1, 2, at: start + 4 + 12 * i)
                put(entry.2, 4, at: start + 6 + 12 * i)
                put(entry.3, 4, at: start + 10 + 12 * i)
            }
            put(index + 1 < pages ? directories[index + 1] : 0, 4, at: start + 2 + 12 * 8)
            put(50, 4, at: start + directory - 16)
            put(1, 4, at: start + directory - 12)
        }
        return bytes
    }
}

/// What a probe over a link costs: exact, so that no round trip creeps in. The figures follow from the layout.
struct TIFFProbeTests {
    private let head = 12 << 10, tail = 12 << 10

    private func open(_ bytes: [UInt8], isExact: Bool = false, knowsTails: Bool = true) async throws -> (
        Metadata, CountingStore
    ) {
        let store = CountingStore(
            MemoryStore(["": bytes], address: "memory://a.tif"), isRemote: true, knowsTails: knowsTails)
        let contents = try #require(await TIFF().open(store, options: OpenOptions(isExact: isExact)))
        return (try #require(contents.images.first).metadata, store)
    }

    @Test(arguments: [DirectoryLayout.front, .end])
    func `one page costs two requests at once, whichever end its directory stands at`(layout: DirectoryLayout)
        async throws
    {
        let (metadata, store) = try await open(Pages.make(layout, pages: 1))
        #expect(metadata.shape == [256, 512])
        #expect(Set(store.reads.map(\.range)) == [.bytes(0..<head), .tail(tail)])
    }

    @Test(arguments: [DirectoryLayout.front, .end])
    func `directories that lie together are walked within the head or the tail`(layout: DirectoryLayout) async throws {
        let (metadata, store) = try await open(Pages.make(layout))
        #expect(metadata.shape == [40, 256, 512])
        #expect(metadata.known["shape"] == "header")
        #expect(store.count == 2)
    }

    @Test(arguments: [DirectoryLayout.front, .end, .imageJ])
    func `directories that take several round trips are predicted`(layout: DirectoryLayout) async throws {
        // 700 directories of 118 bytes are 82,600 bytes: longer than head or tail, and cut off before the pixels.
        let (metadata, store) = try await open(Pages.make(layout, pages: 700, height: 16))
        #expect(metadata.shape == [700, 16, 512])
        #expect(metadata.known["shape"] == "stride")
        // At the front the last one is asked for, at the end the first two, of ImageJ's the second.
        #expect(store.count == 3)
        #expect(store.bytes <= head + tail + (4 << 10))
    }

    @Test(arguments: [DirectoryLayout.front, .end, .imageJ])
    func `exact reads directories that lie together in one round trip more, in two halves`(layout: DirectoryLayout)
        async throws
    {
        let (metadata, store) = try await open(Pages.make(layout, pages: 700, height: 16), isExact: true)
        #expect(metadata.shape == [700, 16, 512])
        #expect(metadata.known["shape"] == "header")
        #expect(store.count == (layout == .front ? 4 : 5))
        #expect(store.bytes <= head + tail + 700 * Pages.directory)
    }

    @Test(arguments: [DirectoryLayout.front, .end, .imageJ])
    func `compressed pages are not predicted from directories that lie together`(layout: DirectoryLayout) async throws {
        var bytes = Pages.make(layout, pages: 700, height: 16)
        // TIFF 6.0 §3: PhotometricInterpretation (262) gives way to Compression (259), PackBits.
        for page in 0..<700 {
            let isFirst = layout == .front || layout == .imageJ && page == 0
            let start = isFirst ? 10 + page * Pages.directory : bytes.count - (700 - page) * Pages.directory
            let entry = start + 2 + 3 * 12
            (bytes[entry], bytes[entry + 8], bytes[entry + 9]) = (0x03, 0x05, 0x80)
        }
        let (metadata, store) = try await open(bytes)
        #expect(metadata.shape == [700, 16, 512])
        #expect(metadata.known["shape"] == "header")
        #expect(store.count == (layout == .front ? 4 : 5))
    }

    @Test(arguments: [DirectoryLayout.front, .end], [1, 350, 699])
    func `voxels are never taken from where a prediction alone says`(layout: DirectoryLayout, page: Int) async throws {
        var bytes = Pages.make(layout, pages: 700, height: 16)
        let first = layout == .front ? 10 : bytes.count - 700 * Pages.directory
        bytes[first + page * Pages.directory + 2 + 5 * 12 + 8] ^= 4  // StripOffsets
        let store = CountingStore(MemoryStore(["": bytes]), isRemote: true, knowsTails: true)
        let volume = try #require(await TIFF().open(store, options: OpenOptions())?.images.first)
        #expect(volume.metadata.pages == 700)
        // Where the second or the last is other, all are walked and the page is read as it says.
        guard page == 350 else {
            #expect(volume.metadata.known["shape"] == "header")
            return
        }
        #expect(volume.metadata.known["shape"] == "stride")
        let error = await #expect(throws: HarvestError.self) { try await volume.read([page..<page + 1, 0..<4, 0..<4]) }
        #expect(error?.kind == .malformed)
    }

    @Test(arguments: [DirectoryLayout.front, .end])
    func `voxels of predicted pages cost their directories once, all together`(layout: DirectoryLayout) async throws {
        var bytes = Pages.make(layout, pages: 700, height: 16)
        let pixels = layout == .end ? 10 : bytes.count - 700 * 16 * 512
        for page in 0..<700 { bytes[pixels + page * 16 * 512] = UInt8(truncatingIfNeeded: page) }
        let store = CountingStore(MemoryStore(["": bytes]), isRemote: true, knowsTails: true)
        let volume = try #require(await TIFF().open(store, options: OpenOptions())?.images.first)
        let before = store.count
        let read = try await volume.read([0..<700, 0..<1, 0..<1]).bytes.array
        #expect(read == (0..<700).map { UInt8(truncatingIfNeeded: $0) })
        #expect(store.count - before == 2)
    }

    @Test(arguments: [DirectoryLayout.interleaved, .after])
    func `directories between pixels cost the second and the last at once`(layout: DirectoryLayout) async throws {
        let (metadata, store) = try await open(Pages.make(layout))
        #expect(metadata.shape == [40, 256, 512])
        #expect(metadata.known["shape"] == "stride")
        #expect(store.count == 4)
        // After the pixels the first directory is past the head, and the last one in the tail.
        #expect(store.bytes <= head + tail + (layout == .after ? 4096 : 512) + 512)
    }

    @Test(arguments: [40, 39])
    func `a first page that alone has a description leaves the others predicted`(images: Int) async throws {
        let text = "ImageJ=1.53\nimages=\(images)\nslices=\(images)\nunit=um\nspacing=0.02\n"
        let (metadata, store) = try await open(Pages.make(.interleaved, description: text))
        #expect(metadata.pages == 40)
        #expect(metadata.known["shape"] == "stride")
        #expect(store.count == 4)
        #expect(store.bytes == head + tail + 2 * 512)
    }

    @Test(arguments: [DirectoryLayout.front, .end, .interleaved])
    func `a shape that tifffile wrote holds for predicted pages too, if it is that of all`(layout: DirectoryLayout)
        async throws
    {
        func shape(_ text: String) async throws -> [Int]? {
            let (metadata, _) = try await open(Pages.make(layout, description: text, pages: 700, height: 16))
            #expect(metadata.known["shape"] == "stride")
            return metadata.shape
        }
        #expect(try await shape("{\"shape\": [2, 350, 16, 512]}") == [2, 350, 16, 512])
        #expect(try await shape("{\"shape\": [2, 340, 16, 512]}") == [700, 16, 512])
    }

    @Test func `OME-XML longer than the head is one more request in the same round`() async throws {
        let planes = (0..<40).map { "<TiffData IFD=\"\($0)\" FirstZ=\"\($0)\" PlaneCount=\"1\"/>" }.joined()
        let text =
            "<OME><Image ID=\"Image:0\"><Description>" + String(repeating: "long ", count: 6000)
            + "</Description><Pixels DimensionOrder=\"XYZCT\" Type=\"uint8\" SizeX=\"512\" SizeY=\"256\" SizeZ=\"40\" "
            + "SizeC=\"1\" SizeT=\"1\" PhysicalSizeX=\"0.01\" PhysicalSizeY=\"0.01\" PhysicalSizeZ=\"0.03\">\(planes)"
            + "</Pixels></Image></OME>"
        let (metadata, store) = try await open(Pages.make(.interleaved, description: text))
        #expect(metadata.shape == [40, 256, 512])
        #expect(metadata.voxelSize == [30, 10, 10])
        #expect(metadata.known["shape"] == "stride")
        #expect(store.count <= 6)
        #expect(store.bytes <= head + tail + text.utf8.count + head + 2 * 512)
    }

    @Test func `exact reads every other directory, and says header`() async throws {
        let (metadata, store) = try await open(Pages.make(.interleaved), isExact: true)
        #expect(metadata.known["shape"] == "header")
        #expect(store.count == 4 + 39)
    }

    @Test(arguments: DirectoryLayout.allCases)
    func `a store that knows no tails says the same, in more requests`(layout: DirectoryLayout) async throws {
        let (metadata, store) = try await open(Pages.make(layout), knowsTails: false)
        #expect(metadata.shape == [40, 256, 512])
        #expect(!store.reads.contains { if case .tail = $0.range { true } else { false } })
    }
}
