import Glibc
import HarvestCodecs
import HarvestCore
import HarvestFormats
import Testing

/// Stores that zarr-python wrote and NumPy described (Scripts/make_zarr_fixtures.py).
struct ZarrFixture: Sendable, CustomTestStringConvertible {
    struct Facts: Sendable {
        let shape: [Int], dtype: String, sha256: String, box: Box, boxSHA256: String?
    }

    let name: String
    let objects: [String: [UInt8]]
    let arrays: [String: Facts]
    var testDescription: String { name }

    func store(isRemote: Bool = false, canList: Bool = true) -> ZarrMemoryStore {
        ZarrMemoryStore(objects, isRemote: isRemote, canList: canList)
    }

    static let all: [ZarrFixture] = load()

    static func named(_ name: String) -> ZarrFixture { all.first { $0.name == name }! }

    private static func load() -> [ZarrFixture] {
        let path = "\(#filePath)".split(separator: "/").dropLast().joined(separator: "/")
        guard let file = fopen("/\(path)/Fixtures/zarr/v2.json", "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return (try? JSON(parsing: bytes[..<count]))?.array?.map(ZarrFixture.init) ?? []
    }

    private init(_ json: JSON) {
        name = json["name"]?.string ?? ""
        var objects: [String: [UInt8]] = [:], arrays: [String: Facts] = [:]
        for (key, value) in json["objects"]?.object ?? [:] { objects[key] = Self.bytes(value.string ?? "") }
        for (path, facts) in json["arrays"]?.object ?? [:] {
            let ranges = facts["box"]?.array?.map { $0[0]!.int!..<$0[1]!.int! } ?? []
            arrays[path] = Facts(
                shape: facts["shape"]?.ints ?? [], dtype: facts["dtype"]?.string ?? "",
                sha256: facts["sha256"]?.string ?? "", box: Box(ranges), boxSHA256: facts["box_sha256"]?.string)
        }
        (self.objects, self.arrays) = (objects, arrays)
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { UInt8($0 < 58 ? $0 - 48 : $0 - 87) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

func sha256(_ block: Block) -> String { block.bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) } }

struct ZarrFixtureTests {
    @Test func `the fixtures are there`() { #expect(ZarrFixture.all.count > 50) }

    @Test(arguments: ZarrFixture.all, [false, true])
    func `every array reads as NumPy has it, whole and in a box`(_ fixture: ZarrFixture, isRemote: Bool) async throws {
        let contents = try #require(
            try await Zarr2().open(fixture.store(isRemote: isRemote), options: OpenOptions(allLevels: true)))
        for (path, facts) in fixture.arrays where !isRemote || contents.arrays.contains(where: { $0.path == path }) {
            let entry = try #require(contents.arrays.first { $0.path == path })
            let array = try #require(entry.array, "\(String(describing: entry.error))")
            #expect(entry.shape == facts.shape && entry.dtype == facts.dtype)
            #expect(try await sha256(BlockReader.read(array, array.grid.box)) == facts.sha256)
            if let want = facts.boxSHA256 { #expect(try await sha256(BlockReader.read(array, facts.box)) == want) }
        }
        #expect(Set(contents.arrays.map(\.path)).isSubset(of: fixture.arrays.keys))
    }

    @Test func `a box that leaves the array is invalid`() async throws {
        let contents = try await Zarr2().open(ZarrFixture.named("one axis").store(), options: OpenOptions())
        let image = try #require(contents?.images.first)
        await #expect(throws: HarvestError.self) { try await image.read([10..<18]) }
    }

    @Test func `a pyramid has its levels in nanometres and its labels apart`() async throws {
        let store = ZarrFixture.named("pyramid with labels").store()
        let contents = try #require(try await Zarr2().open(store, options: OpenOptions()))
        #expect(contents.images.map(\.path) == ["", "labels/cells"])
        #expect(contents.images.map(\.role) == [.image, .labels])
        let image = contents.images[0], metadata = image.metadata
        #expect(metadata.name == "em")
        #expect(metadata.axes == ["c", "z", "y", "x"])
        #expect(metadata.channels == 2)
        #expect(metadata.voxelSize == [nil, 40, 4, 4])
        #expect(metadata.translation == [nil, 200, 10, 0])
        #expect(metadata.published.voxelSize == [1, 0.04, 4, 4])
        #expect(metadata.published.unit == [nil, "micrometer", "nanometer", "nanometer"])
        #expect(image.levels[1].voxelSize == [nil, 80, 8, 8])
        #expect(image.levels[1].translation == [nil, 220, 12, 2])
        #expect(image.levels[1].shape == [2, 2, 3, 4])
    }

    @Test func `version 0.3 names its axes and knows no voxel size`() async throws {
        let store = ZarrFixture.named("pyramid with labels").store()
        let cells = try #require(try await Zarr2().open(store, options: OpenOptions())?.images.last?.metadata)
        #expect(cells.axes == ["z", "y", "x"])
        #expect(cells.voxelSize == nil && cells.translation == nil && cells.published.voxelSize == nil)
        #expect(cells.channels == 1)
    }

    @Test func `a remote pyramid costs four requests in two round trips`() async throws {
        let store = ZarrFixture.named("pyramid with labels").store(isRemote: true, canList: false)
        let contents = try #require(try await Zarr2().open(store, options: OpenOptions()))
        #expect(store.requests == [".zarray", ".zattrs", ".zgroup", "s0/.zarray"])
        #expect(store.meter.cost.roundTrips == 2)
        #expect(contents.images[0].levels.map(\.shape) == [[2, 4, 6, 8], nil])
        let facts = ZarrFixture.named("pyramid with labels").arrays["s1"]!
        let array = try await contents.images[0].array(level: 1)
        #expect(try await sha256(BlockReader.read(array, array.grid.box)) == facts.sha256)
    }

    @Test func `a hierarchy without multiscales gives every array, with xarray's axes`() async throws {
        let store = ZarrFixture.named("hierarchy, consolidated").store()
        let contents = try #require(try await Zarr2().open(store, options: OpenOptions()))
        #expect(contents.arrays.map(\.path) == ["volumes/mask", "volumes/raw"])
        #expect(contents.images.map(\.metadata.axes) == [nil, ["z", "y", "x"]])
    }

    @Test func `a remote hierarchy that cannot be listed is read from its consolidated metadata`() async throws {
        let store = ZarrFixture.named("hierarchy, consolidated").store(isRemote: true, canList: false)
        let contents = try #require(try await Zarr2().open(store, options: OpenOptions()))
        #expect(contents.arrays.map(\.path) == ["volumes/mask", "volumes/raw"])
        #expect(store.requests == [".zarray", ".zattrs", ".zgroup", ".zmetadata"])
    }
}
