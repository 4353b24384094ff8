import FaultServing
import Foundation
import HarvestCore
@testable import HarvestStores
import ImageHarvest
import Testing

/// What a fetch asks for. Expected objects: what the server holds.
@Suite struct FetchCostTests {
    @Test func `of a pyramid in chunks nothing is asked for twice, and its folder but once`() async throws {
        let array =
            #"{"zarr_format": 2, "shape": [2, 4, 4], "chunks": [1, 4, 4], "dtype": "|u1", "compressor": null, "fill_value": 0, "order": "C", "filters": null}"#
        let group =
            #"{"multiscales": [{"version": "0.4", "axes": [{"name": "z", "type": "space"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}], "datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]}]}"#
        let objects = [
            "v.zarr/.zgroup": Array(#"{"zarr_format": 2}"#.utf8), "v.zarr/.zattrs": Array(group.utf8),
            "v.zarr/s0/.zarray": Array(array.utf8), "v.zarr/s0/0.0.0": sample(16),
            "v.zarr/s0/1.0.0": sample(16, seed: 2),
        ]
        let server = FaultServer.serving(objects)
        defer { server.stop() }
        let folder = try TemporaryFolder(prefix: "harvest-cost-")
        defer { folder.remove() }
        let outcomes = try await Context().fetch(server.url + "/v.zarr", FetchOptions(folder: folder.path))
        #expect(outcomes[0].failed.isEmpty)
        for (key, bytes) in objects {
            #expect(FileManager.default.contents(atPath: "\(folder.path)/\(key)") == Data(bytes), "\(key)")
        }
        let asked = Dictionary(grouping: server.requests.map(\.path)) { $0 }.mapValues(\.count)
        #expect(asked.allSatisfy { $0.value == 1 }, "\(asked)")
        // Six documents of a probe; .zmetadata, the folder, the array's .zgroup and .zattrs; two chunks.
        #expect(asked.count == 12, "\(asked.keys.sorted())")
        #expect(outcomes[0].cost.requests == 12)
    }
}
