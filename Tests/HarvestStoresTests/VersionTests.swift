import FaultServing
import HarvestCore
import HarvestStores
import Testing

/// What a server says of an object's version, and what is put together from several answers.
@Suite struct VersionTests {
    private let old = sample(1_000_000), new = Array(sample(1_000_000).reversed())
    private let folder = Folder()

    /// A server whose first answer is of `old` and cut short, and whose later ones are of `new`.
    private func fetch(
        first: [String: String], later: [String: String], _ download: Download = Download(connections: 4)
    ) async throws -> [UInt8]? {
        let server = FaultServer { [old, new] request, index in
            var answer = FaultServer.ranged(index == 0 ? old : new, request)
            answer.headers["ETag"] = nil
            answer.headers.merge(index == 0 ? first : later) { $1 }
            if index == 0 { answer.fault = .cut(after: 300_000) }
            return answer
        }
        let store = try HTTPStore(server.url + "/v.tif", client: quickClient())
        _ = try await download.fetch("", of: store, to: folder.path + "/v.tif")
        return try folder.read("v.tif")
    }

    @Test func `an object without a word on its version is not gone on with`() async throws {
        #expect(try await fetch(first: [:], later: [:]) == new)
    }

    @Test func `a later answer without the word that the first one had is not joined to it`() async throws {
        #expect(try await fetch(first: ["ETag": "\"a\""], later: [:]) == new)
        let date = ["Last-Modified": "Tue, 01 Nov 2022 10:00:00 GMT"]
        #expect(try await fetch(first: ["ETag": "\"a\""], later: date) == new)
    }

    @Test func `an object whose weak tag differs, and nothing else, comes in one piece`() async throws {
        let date = "Tue, 01 Nov 2022 10:00:00 GMT"
        let first = ["ETag": "W/\"a\"", "Last-Modified": date], later = ["ETag": "W/\"b\"", "Last-Modified": date]
        #expect(try await fetch(first: first, later: later) == new)
    }

    @Test func `a checksum that is not looked at tells no versions apart`() async throws {
        var download = Download(connections: 4)
        download.hashes = false
        let digest = ["Repr-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"]
        #expect(try await fetch(first: digest, later: digest, download) == new)
    }
}
