import Foundation
import HarvestCore
import HarvestFormats
import HarvestTesting
import Testing

@testable import HarvestFormats

/// Volumes that TensorStore wrote, and the voxels it read back (Scripts/make_precomputed_fixtures.py).
struct PrecomputedFixture: Sendable, CustomTestStringConvertible {
    let name: String
    let objects: [String: [UInt8]]
    /// By key: shape c,z,y,x, type, voxels.
    let arrays: [String: (shape: [Int], dtype: String, voxels: [UInt8])]
    /// z,y,x
    let offset: [Int]
    var testDescription: String { name }

    func store(isRemote: Bool = false) -> ZarrMemoryStore { ZarrMemoryStore(objects, isRemote: isRemote) }

    static let all: [PrecomputedFixture] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/precomputed/volumes.json")
        let json = (try? Data(contentsOf: path)).flatMap { try? JSON(parsing: Bytes(Array($0))) }
        return json?.array?.map(PrecomputedFixture.init) ?? []
    }()

    static func named(_ name: String) -> PrecomputedFixture { all.first { $0.name == name }! }

    private init(_ json: JSON) {
        name = json["name"]?.string ?? ""
        var objects: [String: [UInt8]] = [:]
        for (key, value) in json["objects"]?.object ?? [:] { objects[key] = Self.bytes(value.string ?? "") }
        var arrays: [String: (shape: [Int], dtype: String, voxels: [UInt8])] = [:]
        for (key, value) in json["arrays"]?.object ?? [:] {
            arrays[key] = (
                value["shape"]?.ints ?? [], value["dtype"]?.string ?? "", Self.bytes(value["voxels"]?.string ?? "")
            )
        }
        (self.objects, self.arrays, offset) = (objects, arrays, json["offset"]?.ints ?? [])
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { UInt8($0 < 58 ? $0 - 48 : $0 - 87) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

@Suite struct PrecomputedTests {
    @Test func `the fixtures are there`() { #expect(PrecomputedFixture.all.count == 12) }

    @Test(arguments: PrecomputedFixture.all, [false, true])
    func `every scale reads as TensorStore has it`(_ fixture: PrecomputedFixture, isRemote: Bool) async throws {
        let contents = try #require(
            try await Precomputed().open(fixture.store(isRemote: isRemote), options: OpenOptions()))
        #expect(contents.arrays.count == fixture.arrays.count)
        for entry in contents.arrays {
            let expected = try #require(fixture.arrays[entry.path])
            let array = try #require(entry.array)
            #expect(array.shape == expected.shape && array.dataType.rawValue == expected.dtype)
            let block = try await BlockReader.read(array, array.grid.box)
            #expect(block.bytes.array == expected.voxels)
        }
    }

    @Test(arguments: PrecomputedFixture.all)
    func `it keeps the promises of formats, broken bytes included`(_ fixture: PrecomputedFixture) async throws {
        let first = try #require(try await Precomputed().open(fixture.store(), options: OpenOptions())).arrays[0].path
        let facts = try #require(fixture.arrays[first])
        let shape = facts.shape[0] == 1 ? Array(facts.shape.dropFirst()) : facts.shape
        var suite = FormatConformance(
            shape: shape, dataType: try #require(DataType(rawValue: facts.dtype)), voxels: facts.voxels)
        suite.edits = 24
        try await suite.check(Precomputed(), opens: fixture.store())
    }

    @Test func `resolution, offset and levels are turned into z,y,x and nm`() async throws {
        let fixture = PrecomputedFixture.named("raw_offset")
        let volume = try #require(
            try await Precomputed().open(fixture.store(), options: OpenOptions())?.images.first)
        #expect(volume.metadata.origin == [30, 200, 100])
        #expect(volume.metadata.voxelSize == [40, 4, 4])
        #expect(volume.metadata.translation == [1200, 800, 400])
        let levels = try #require(
            try await Precomputed().open(PrecomputedFixture.named("raw_levels").store(), options: OpenOptions())?.images
                .first
        ).levels
        // Scales share a corner: a voxel twice as long has its centre half a fine voxel further on.
        #expect(levels[1].translation == [20, 2, 2] && levels[2].translation == [60, 6, 6])
        #expect(levels[2].voxelSize == [160, 16, 16])
    }

    @Test func `a remote probe costs one request, a box of a shard three round trips`() async throws {
        let store = PrecomputedFixture.named("sharded_gzip").store(isRemote: true)
        let volume = try #require(try await Precomputed().open(store, options: OpenOptions())?.images.first)
        #expect(store.meter.cost.requests == 1)
        _ = try await BlockReader.read(try await volume.array(), [0..<4, 0..<8, 0..<8])
        #expect(store.meter.cost.roundTrips <= 4)  // info, shard index, minishard index, chunk
    }

    private func copy(_ fixture: PrecomputedFixture, _ part: CopiedPart) async throws -> (ZarrMemoryStore, FolderCopy) {
        let store = fixture.store(isRemote: true)
        let contents = try #require(try await Precomputed().open(store, options: OpenOptions()))
        let copy = try await Precomputed().copy(part, of: contents, in: store)
        var objects: [String: [UInt8]] = [:]
        for object in copy.metadata { objects[object.key] = object.bytes.array }
        for object in copy.objects {
            guard let reply = try? await store.read(object.source.key, .whole) else { continue }
            guard case .bytes(let range) = object.source.range else {
                objects[object.key] = reply.bytes.array
                continue
            }
            let bytes = try #require(reply.bytes.slice(range))
            objects[object.key] = try object.unwrap?(bytes).array ?? bytes.array
        }
        return (ZarrMemoryStore(objects), copy)
    }

    @Test(arguments: PrecomputedFixture.all)
    func `a crop is a plain volume with the same voxels at their own place`(_ fixture: PrecomputedFixture) async throws
    {
        let asked: Box = [5..<9, 9..<10, 3..<15]
        let box = fixture.name.hasSuffix("channels") ? Box([0..<3] + asked.ranges) : asked
        let (store, plan) = try await copy(fixture, .box(box, image: 0, level: 0))
        let grown: Box = [4..<12, 8..<16, 0..<16]  // chunks of 4, 8, 8
        #expect(Array((plan.box ?? box).ranges.suffix(3)) == grown.ranges)
        let contents = try #require(try await Precomputed().open(store, options: OpenOptions()))
        #expect(Array((contents.images[0].metadata.origin ?? []).suffix(3)) == zip(fixture.offset, [4, 8, 0]).map(+))
        let source = try #require(try await Precomputed().open(fixture.store(), options: OpenOptions()))
        let channels = source.arrays[0].shape?[0] ?? 1
        let expected = try await BlockReader.read(source.arrays[0].array!, Box([0..<channels] + grown.ranges))
        let found = contents.arrays[0].array!
        #expect(try await BlockReader.read(found, found.grid.box).bytes.array == expected.bytes.array)
    }

    @Test(arguments: ["raw_levels", "sharded_gzip"])
    func `a copy of everything opens with every level`(_ name: String) async throws {
        let fixture = PrecomputedFixture.named(name)
        let (store, _) = try await copy(fixture, .everything)
        let contents = try #require(try await Precomputed().open(store, options: OpenOptions()))
        #expect(contents.arrays.count == fixture.arrays.count)
        for entry in contents.arrays {
            let array = try #require(entry.array)
            #expect(try await BlockReader.read(array, array.grid.box).bytes.array == fixture.arrays[entry.path]?.voxels)
        }
    }

    private static let info =
        #"{"type":"image","data_type":"uint8","num_channels":1,"scales":[{"key":"k","size":[8,8,8],"resolution":[1,1,1],"chunk_sizes":[[4,4,4]],"encoding":"raw"}]}"#

    @Test(arguments: [
        ("\"k\"", "\"../k\""), ("\"k\"", "\"/etc\""), ("\"k\"", "\"\""), ("[8,8,8]", "[8,8]"), ("[8,8,8]", "[-1,8,8]"),
        ("[8,8,8]", "[9223372036854775807,8,8]"), ("[[4,4,4]]", "[[0,4,4]]"), ("[[4,4,4]]", "[]"), ("\"raw\"", "7"),
        ("\"uint8\"", "\"uint7\""), ("\"image\"", "\"mesh\""), (":1,", ":0,"), ("[1,1,1]", "[1,1]"),
        ("\"scales\"", "\"s\""),
        (
            "\"raw\"}",
            "\"raw\",\"sharding\":{\"@type\":\"neuroglancer_uint64_sharded_v1\",\"preshift_bits\":1,\"minishard_bits\":60,\"shard_bits\":1,\"hash\":\"identity\"}}"
        ),
        (
            "\"raw\"}",
            "\"raw\",\"sharding\":{\"@type\":\"neuroglancer_uint64_sharded_v1\",\"preshift_bits\":1,\"minishard_bits\":6,\"shard_bits\":1,\"hash\":\"md5\"}}"
        ),
    ])
    func `a broken info is malformed`(old: String, new: String) async {
        let text = Self.info.replacingOccurrences(of: old, with: new)
        let error = await #expect(throws: HarvestError.self) {
            try await Precomputed().open(ZarrMemoryStore(texts: ["info": text]), options: OpenOptions())
        }
        #expect(error?.kind == .malformed, "\(text)")
    }

    @Test func `a volume past 2^63 voxels gives its metadata and small boxes`() async throws {
        let text = Self.info.replacingOccurrences(of: "[8,8,8]", with: "[1152921504606846976,1152921504606846976,4]")
        let contents = try #require(
            try await Precomputed().open(ZarrMemoryStore(texts: ["info": text]), options: OpenOptions()))
        let array = try await contents.images[0].array()
        #expect(array.byteCount == nil)
        let block = try await BlockReader.read(
            array, [0..<2, 5..<6, 1_152_921_504_606_846_970..<1_152_921_504_606_846_976])
        #expect(block.bytes.array == [UInt8](repeating: 0, count: 12))
    }

    @Test func `compressed Morton codes leave out the bits that an axis has not`() {
        // By hand: x 3 of 5 (bits 0, 1), y 1 of 2, z 2 of 3: x0 y0 z0 | x1 z1 | x2.
        #expect(Sharding.mortonCode([3, 1, 2], grid: [5, 2, 3]) == 0b0_11_011)
        #expect(Sharding.mortonCode([4, 0, 0], grid: [5, 2, 3]) == 0b1_00_000)
    }
}
