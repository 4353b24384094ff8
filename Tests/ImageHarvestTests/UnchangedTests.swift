import FaultServing
import Foundation
import Glibc
import HarvestCore
@testable import HarvestStores
import ImageHarvest
import Synchronization
import Testing

/// What an earlier run brought is held against what its source says now. Expected bytes: what the server was given.
@Suite struct UnchangedTests {
    /// A folder that goes away with the test.
    private final class Folder {
        private let folder = try! TemporaryFolder(prefix: "harvest-unchanged-")
        var path: String { folder.path }

        deinit { folder.remove() }

        func read(_ name: String) -> [UInt8] {
            guard let file = fopen("\(path)/\(name)", "r") else { return [] }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 32 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            return Array(bytes[..<count])
        }

        func flip(_ name: String, at offset: Int) {
            guard let file = fopen("\(path)/\(name)", "r+") else { return }
            defer { fclose(file) }
            fseek(file, offset, SEEK_SET)
            let byte = UInt8(truncatingIfNeeded: fgetc(file))
            fseek(file, offset, SEEK_SET)
            fputc(Int32(byte ^ 1), file)
        }
    }

    /// What a server holds, to be exchanged.
    private final class Shelf: Sendable {
        let state: Mutex<(bytes: [UInt8], tag: String)>
        init(_ bytes: [UInt8]) { state = Mutex((bytes, "\"v1\"")) }
        func put(_ bytes: [UInt8], tag: String) { state.withLock { $0 = (bytes, tag) } }

        func serve() -> FaultServer {
            FaultServer { [self] request, _ in
                let (bytes, tag) = state.withLock { $0 }
                return FaultServer.ranged(bytes, request, tag: tag)
            }
        }
    }

    private func context() throws -> Context {
        var options = TransportOptions()
        options.retry.base = 0.002
        options.retry.cap = 0.01
        return try Context(transport: options)
    }

    @Test func `a file that its source still holds is kept at one request, another version is brought`() async throws {
        let folder = Folder(), shelf = Shelf(sample(100_000))
        let server = shelf.serve()
        defer { server.stop() }
        let context = try context(), url = server.url + "/v.tif"
        var options = FetchOptions(folder: folder.path)
        let told = Mutex<[String]>([])
        options.events = { event in
            if case .transfer(.changed(let why), _) = event { told.withLock { $0.append(why) } }
        }
        #expect(try await context.fetch(url, options)[0].files.map(\.state) == [.fetched])
        let before = server.requests.count
        #expect(try await context.fetch(url, options)[0].files.map(\.state) == [.kept])
        #expect(server.requests.count == before + 1 && told.withLock { $0.isEmpty })

        let news = sample(100_000, seed: 2)
        shelf.put(news, tag: "\"v2\"")
        #expect(try await context.fetch(url, options)[0].files.map(\.state) == [.fetched])
        #expect(folder.read("v.tif") == news && told.withLock { $0.count } == 1)
        // A file that grew, though its tag is the same.
        let grown = news + [1]
        shelf.put(grown, tag: "\"v2\"")
        #expect(try await context.fetch(url, options)[0].files.map(\.state) == [.fetched])
        #expect(folder.read("v.tif") == grown)
    }

    @Test func `a source that does not answer takes nothing away`() async throws {
        let folder = Folder(), bytes = sample(50_000)
        let server = FaultServer { request, number in
            number == 0 ? FaultServer.ranged(bytes, request) : FaultServer.Answer(status: 500)
        }
        defer { server.stop() }
        let context = try context(), options = FetchOptions(folder: folder.path)
        #expect(try await context.fetch(server.url + "/v.tif", options)[0].files.map(\.state) == [.fetched])
        #expect(try await context.fetch(server.url + "/v.tif", options)[0].files.map(\.state) == [.kept])
        #expect(folder.read("v.tif") == bytes)
    }

    @Test func `to verify writes nothing, not even where a manifest was torn`() async throws {
        let folder = Folder(), bytes = sample(3_000_000), server = Shelf(bytes).serve()
        defer { server.stop() }
        let context = try context()
        _ = try await context.fetch(server.url + "/v.tif", FetchOptions(folder: folder.path))
        let torn = folder.read("manifest.jsonl") + Array(#"{"path":"w.t"#.utf8)
        try Data(torn).write(to: URL(filePath: folder.path + "/manifest.jsonl"))
        let found = try await context.verify(folder.path)
        #expect(found.isGood && found.files == 1 && found.bytes == bytes.count)
        #expect(folder.read("manifest.jsonl") == torn)
    }

    @Test func `a manifest's lengths need not be true`() async throws {
        let folder = Folder()
        let lines = ["a", "b", "../c", "d/../../e"].map {
            #"{"path":"\#($0)","url":"http://127.0.0.1/x","bytes":9223372036854775807,"sha256":"00","state":"fetched"}"#
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: folder.path + "/manifest.jsonl"))
        let found = try await context().verify(folder.path)
        #expect(found.bad.map(\.path) == ["a", "b"] && found.bytes == .max)
    }

    @Test func `a repair brings only the piece that is damaged`() async throws {
        let folder = Folder(), bytes = sample(13_000_000), shelf = Shelf(bytes)
        let server = shelf.serve()
        defer { server.stop() }
        let context = try context()
        _ = try await context.fetch(server.url + "/v.tif", FetchOptions(folder: folder.path))
        folder.flip("v.tif", at: 5_000_000)
        #expect(try await context.verify(folder.path).bad.map(\.path) == ["v.tif"])
        let found = try await context.verify(folder.path, repairs: true)
        #expect(found.isGood && found.bad.map(\.isRepaired) == [true])
        // A piece has 4 MiB; a request may bring some more than is wanted.
        #expect(found.bad[0].fetched >= 4 << 20 && found.bad[0].fetched < 5 << 20)
        #expect(folder.read("v.tif") == bytes)
        // Cut short: what is missing is brought.
        truncate("\(folder.path)/v.tif", 9_000_000)
        let again = try await context.verify(folder.path, repairs: true)
        #expect(again.bad.map(\.isRepaired) == [true] && again.bad[0].fetched < 6 << 20)
        #expect(folder.read("v.tif") == bytes)
        // Gone: all of it is.
        unlink("\(folder.path)/v.tif")
        #expect(try await context.verify(folder.path, repairs: true).isGood)
        #expect(folder.read("v.tif") == bytes)
        // Another version lies there by now: the damaged file stays as it is, and that is said.
        folder.flip("v.tif", at: 77)
        let damaged = folder.read("v.tif")
        shelf.put(sample(13_000_000, seed: 3), tag: "\"v2\"")
        let refused = try await context.verify(folder.path, repairs: true)
        #expect(!refused.isGood && refused.bad[0].reason.contains("another version"))
        #expect(folder.read("v.tif") == damaged)
        // Nothing is left beside the file, and its manifest.
        #expect(access("\(folder.path)/v.tif.part", F_OK) != 0 && access("\(folder.path)/v.tif.part.j", F_OK) != 0)
    }

    @Test func `of a folder only what its listing says to be another version is brought again`() async throws {
        let folder = Folder()
        let page = Mutex("Nov 2024 10:00")
        let objects = Mutex(["a.tif": sample(1000), "b.tif": sample(2000)])
        let server = FaultServer { request, _ in
            let (files, date) = (objects.withLock { $0 }, page.withLock { $0 })
            guard request.path != "/d/" else {
                let rows = files.sorted { $0.key < $1.key }.map { name, bytes in
                    "<a href=\"\(name)\">\(name)</a>  \(name == "b.tif" ? date : "01-Jan-2024 09:00")  \(bytes.count)\n"
                }
                let text =
                    "<html><head><title>Index of /d/</title></head><body><pre>\(rows.joined())</pre></body></html>"
                return FaultServer.Answer(headers: ["Content-Type": "text/html"], body: Array(text.utf8))
            }
            guard let bytes = files[String(request.path.dropFirst(3))] else { return FaultServer.Answer(status: 404) }
            return FaultServer.ranged(bytes, request)
        }
        defer { server.stop() }
        let context = try context(), url = server.url + "/d/"
        func states() async throws -> [FetchedFile.State] {
            try await context.fetch(url, FetchOptions(folder: folder.path))[0].files.map(\.state)
        }
        #expect(try await states() == [.fetched, .fetched])
        let before = server.requests.count
        #expect(try await states() == [.kept, .kept])
        #expect(server.requests.dropFirst(before).allSatisfy { $0.path == "/d/" })
        // Another date, the same length.
        let news = sample(2000, seed: 9)
        objects.withLock { $0["b.tif"] = news }
        page.withLock { $0 = "Dec 2024 11:00" }
        #expect(try await states() == [.kept, .fetched])
        #expect(folder.read("d/b.tif") == news)
    }
}
