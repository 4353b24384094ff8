import FaultServing
import Glibc
import HarvestCore
@testable import HarvestStores
import Testing

/// A folder of a test's own, gone with it.
final class Folder: Sendable {
    private let folder = try! TemporaryFolder(prefix: "harvest-stores-")
    var path: String { folder.path }

    deinit { folder.remove() }

    func write(_ name: String, _ bytes: [UInt8]) {
        let parts = name.split(separator: "/")
        for count in 1..<max(parts.count, 1) { mkdir("\(path)/\(parts.prefix(count).joined(separator: "/"))", 0o755) }
        let file = fopen("\(path)/\(name)", "w")!
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    func read(_ name: String) throws -> [UInt8]? { try FileStore(path).map(name)?.array }
}

@Suite struct LocalStoreTests {
    private let objects = [
        ".zarray": Array("{}".utf8), "s0/0.0": sample(1000), "s0/c/1": sample(200_000), "s0/.hidden": sample(7),
        "µ m": sample(12),
        "empty": [],
    ]

    @Test func `memory keeps the promises of a store`() async throws {
        let store = MemoryStore(objects)
        try await checkStore(store, holding: objects)
        try await checkWalk(store)
    }

    @Test func `files keep the promises of a store`() async throws {
        let folder = Folder()
        for (name, bytes) in objects { folder.write(name, bytes) }
        let store = FileStore(folder.path + "/")
        try await checkStore(store, holding: objects)
        try await checkWalk(store)
    }

    private func checkWalk(_ store: some WalkingStore) async throws {
        var found: [String: Int] = [:]
        try await store.listAll("") { for entry in $0 { found[entry.name] = entry.bytes } }
        #expect(found == objects.mapValues(\.count))
        var below: Set<String> = []
        try await store.listAll("s0") { below.formUnion($0.map(\.name)) }
        #expect(below == ["s0/0.0", "s0/c/1", "s0/.hidden"])
    }

    @Test func `a file is a store whose empty key is the file`() async throws {
        let folder = Folder()
        folder.write("v.tif", sample(1000))
        let meter = Meter()
        let store = FileStore(folder.path + "/v.tif", meter: meter)
        #expect(try await store.read("", .bytes(10..<20)).bytes.array == Array(sample(1000)[10..<20]))
        #expect(try store.map("")?.count == 1000 && meter.cost.requests == 1 && meter.cost.bytes == 10)
        await expectError(.notFound) { try await store.read("below", .whole) }
    }

    @Test func `a folder is not a file, a file is not a folder`() async throws {
        let folder = Folder()
        folder.write("a/b", [1])
        await expectError(.notFound, saying: "a folder") { try await FileStore(folder.path).read("", .whole) }
        await expectError(.notFound, saying: "a folder") { try await FileStore(folder.path).read("a", .whole) }
        await expectError(.notFound) { try await FileStore(folder.path).list("a/b") }
        await expectError(.notFound) { try await FileStore(folder.path + "/none").list("") }
    }

    @Test func `links may lead within a store, not out of it`() async throws {
        let (folder, other) = (Folder(), Folder())
        folder.write("in/a", [1])
        other.write("secret", [2])
        symlink("in/a", folder.path + "/near")
        symlink(other.path + "/secret", folder.path + "/far")
        symlink(other.path, folder.path + "/away")
        symlink("nowhere", folder.path + "/broken")
        symlink("round", folder.path + "/round")
        let store = FileStore(folder.path)
        #expect(try await store.read("near", .whole).bytes.array == [1])
        await expectError(.denied, saying: "leads out") { try await store.read("far", .whole) }
        await expectError(.denied, saying: "leads out") { try await store.read("away/secret", .whole) }
        await expectError(.notFound) { try await store.read("broken", .whole) }
        await expectError(.denied) { try await store.read("round", .whole) }
        #expect(throws: HarvestError.self) { try store.map("far") }
        let listing = try await store.list("")
        #expect(listing.objects.map(\.name) == ["near"] && listing.folders == ["in"])
        symlink(folder.path, other.path + "/root")
        #expect(try await FileStore(other.path + "/root").read("in/a", .whole).bytes.array == [1])
    }

    @Test func `pipes and devices are refused, not waited for`() async throws {
        let folder = Folder()
        mkfifo(folder.path + "/pipe", 0o644)
        await expectError(.invalid) { try await FileStore(folder.path).read("pipe", .whole) }
        await expectError(.invalid) { try await FileStore("/dev/zero").read("", .bytes(0..<10)) }
        #expect(try await FileStore(folder.path).list("").objects.isEmpty)
    }

    @Test func `a range of no sense is refused`() async throws {
        let store = MemoryStore(["a": [1, 2, 3]])
        await expectError(.invalid) { try await store.read("a", .bytes(-1..<2)) }
        await expectError(.invalid) { try await store.read("a", .tail(-1)) }
    }

    @Test func `each address finds its store, others are named`() throws {
        let stores = try Stores()
        #expect(try stores.open(Address("/tmp/x")) is FileStore)
        #expect(try stores.open(Address("file:///tmp/x")).address == "/tmp/x")
        #expect(try stores.open(Address("https://a.org/x.tif")).isRemote)
        #expect(try stores.open(Address("s3://bucket/p/|zarr2:")).address == "s3://bucket/p/")
        #expect(try stores.open(Address("gs://bucket/p")) is GCSStore)
        #expect(try stores.open(Address("ftp://a.org/x")) is FTPStore)
        #expect { try stores.open(Address("rsync://a.org/x")) } throws: { ($0 as? HarvestError)?.kind == .unsupported }
        #expect { try stores.open(Address("s3://b_?/x")) } throws: { ($0 as? HarvestError)?.kind == .invalid }
    }
}
