import Foundation
import Testing

/// What a probe costs, as it says itself and as the far side counted it.
struct ProbeCostTests {
    private static let layer =
        "https://storage.googleapis.com/neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg"

    /// An address without an extension may be a page; a volume is known by its documents first.
    @Test(arguments: [(Address.zarr, "zarr2", 7), (layer, "precomputed", 7)])
    func `all documents of a volume in chunks are asked for in one round trip`(
        address: String, format: String, requests: Int
    ) throws {
        let replica = try Replica()
        let run = try replica.run(["probe", address, "--json"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.json["format"] as? String == format)
        let cost = run.json["cost"] as? [String: Any]
        #expect(cost?["round_trips"] as? Int == 1)
        #expect(cost?["portal_requests"] as? Int == 0)
        #expect(cost?["requests"] as? Int ?? 99 <= requests)
        #expect(replica.requests.count <= requests)
    }
}
