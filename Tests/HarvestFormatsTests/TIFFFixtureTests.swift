import HarvestCore
import HarvestFormats
import HarvestStores
import HarvestTesting
import Testing

struct TIFFFixtureTests {
    @Test func `the fixtures are there`() {
        #expect(TIFFFixture.all.count > 100)
    }

    @Test(arguments: TIFFFixture.all, [false, true])
    func `a file's voxels are those that its writer was given`(_ fixture: TIFFFixture, _ isRemote: Bool) async throws {
        let store = CountingStore(try fixture.store, isRemote: isRemote)
        let contents = try #require(await TIFF().open(store, options: OpenOptions()))
        let volume = try #require(contents.images.first)
        #expect(volume.metadata.shape == fixture.shape)
        #expect(volume.metadata.dtype == fixture.expected["dtype"]?.string)
        #expect(try await digest(volume) == fixture.expected["sha256"]?.string)
        #expect(contents.images.count == fixture.expected["images"]?.int)
    }

    @Test(arguments: TIFFFixture.all)
    func `a file's axes, pages and voxel size are those that its writer was given`(_ fixture: TIFFFixture) async throws
    {
        let contents = try #require(await TIFF().open(try fixture.store, options: OpenOptions()))
        let metadata = try #require(contents.images.first).metadata
        #expect(metadata.axes == fixture.expected["axes"]?.strings)
        #expect(metadata.pages == fixture.expected["pages"]?.int)
        #expect(contents.pages.count == metadata.pages)
        #expect(metadata.voxelSize == fixture.expected["voxel_size"]?.array?.map(\.double))
    }

    @Test(arguments: TIFFFixture.all)
    func `every page reads as its part of the whole`(_ fixture: TIFFFixture) async throws {
        let contents = try #require(await TIFF().open(try fixture.store, options: OpenOptions()))
        guard contents.images.count == 1 else { return }
        var joined: [UInt8] = []
        for page in contents.pages {
            let array = try #require(page.array)
            joined += try await BlockReader.read(array, array.grid.box).bytes.array
        }
        #expect(try await joined == voxels(contents.images[0]))
    }

    @Test(arguments: TIFFFixture.all.filter { $0.expected["images"]?.int == 1 && $0.expected["bytes"] == nil })
    func `a file keeps every promise of a format`(_ fixture: TIFFFixture) async throws {
        let store = try fixture.store
        let volume = try #require(await TIFF().open(store, options: OpenOptions())?.images.first)
        let type = try #require(volume.metadata.dtype.flatMap(DataType.init(rawValue:)))
        // The voxels as a whole were compared with the writer's digest above.
        var suite = FormatConformance(shape: fixture.shape, dataType: type, voxels: try await voxels(volume))
        (suite.boxes, suite.edits) = (6, 40)
        try await suite.check(TIFF(), opens: store)
    }

    @Test func `each level of a pyramid has its own voxels and voxel size`() async throws {
        let fixture = try TIFFFixture.named("ome-pyramid.tif")
        let volume = try #require(await TIFF().open(try fixture.store, options: OpenOptions())?.images.first)
        #expect(volume.levels.map(\.shape) == fixture.expected["levels"]?.array?.map(\.ints))
        #expect(volume.levels.map(\.voxelSize) == [[30, 4, 4], [30, 8, 8], [30, 16, 16]])
        let digests = fixture.expected["level_sha256"]?.strings ?? []
        #expect(digests.count == 3)
        for (level, expected) in digests.enumerated() { #expect(try await digest(volume, level: level) == expected) }
    }

    @Test func `two images of one OME-XML are two volumes`() async throws {
        let fixture = try TIFFFixture.named("ome-two-images.tif"), second = fixture.expected["second"]
        let volume = try #require(await TIFF().open(try fixture.store, options: OpenOptions())?.images.last)
        #expect(volume.metadata.shape == second?["shape"]?.ints)
        #expect(volume.metadata.axes == second?["axes"]?.strings)
        #expect(volume.metadata.voxelSize == second?["voxel_size"]?.array?.map(\.double))
        #expect(try await digest(volume) == second?["sha256"]?.string)
    }

    @Test(arguments: ["fei.tif", "fei-empty.tif"])
    func `acquisition values stand in the maker's tag`(_ name: String) async throws {
        let fixture = try TIFFFixture.named(name)
        let found = try #require(await TIFF().open(try fixture.store, options: OpenOptions())?.images.first).metadata
        for (field, value) in fixture.expected["instrument"]?.object ?? [:] {
            let known = found.instrument[field]
            #expect(known == value || known?.double == value.double, "\(field)")
        }
        #expect(found.instrument.count == fixture.expected["instrument"]?.object?.count)
    }

    @Test func `what the file published stays beside its nanometres`() async throws {
        let fixture = try TIFFFixture.named("ome-tczyx.tif")
        let metadata = try #require(await TIFF().open(try fixture.store, options: OpenOptions())?.images.first).metadata
        #expect(metadata.published.voxelSize == [nil, nil, 0.005, 4, 3])
        #expect(metadata.published.unit == [nil, nil, "µm", "Å", "Å"])
    }

    @Test func `a chain of directories that turns back is read once, with a finding`() async throws {
        let contents = try await tiff(TIFFFixture.bytes("loop.tif"))
        #expect(contents?.pages.count == 1)
        #expect(contents?.findings.map(\.rule) == ["tiff-directory-loop"])
    }

    @Test func `tiles that are not stored cost no request`() async throws {
        let store = CountingStore(try TIFFFixture.named("sparse-tiles.tif").store, isRemote: true)
        let volume = try #require(await TIFF().open(store, options: OpenOptions())?.images.first)
        _ = try await volume.read([0..<1, 0..<1])
        let before = store.count
        #expect(try await volume.read([0..<16, 16..<32]).bytes.array.allSatisfy { $0 == 0 })
        #expect(store.count == before)
    }
}
