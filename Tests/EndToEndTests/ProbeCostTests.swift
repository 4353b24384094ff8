import FaultServing
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

    @Test func `a second probe asks once, and says what the cache gave; --no-cache asks all again`() throws {
        let replica = try Replica(), folder = try Folder()
        let cache = ["HARVEST_CACHE": folder.path]
        let runs = try [[], [], ["--no-cache"]].map {
            try replica.run(["probe", Address.files + "testing.tif", "--json"] + $0, cache)
        }
        let costs = runs.compactMap { $0.json["cost"] as? [String: Int] }
        try #require(costs.count == 3, "\(runs.map(\.errors))")
        #expect(costs.map { $0["requests"] } == [costs[0]["requests"], 1, costs[0]["requests"]])
        #expect(costs[0]["requests"] ?? 0 > 1 && costs[0]["cached_requests"] == 0)
        #expect(costs[1]["cached_requests"] ?? 0 > 0 && costs[1]["cached_bytes"] ?? 0 > 1000)
        #expect(replica.requests(to: "documents.epfl.ch").count == costs.reduce(0) { $0 + ($1["requests"] ?? 0) })
        let shapes = runs.map { (($0.json["images"] as? [[String: Any]])?.first?["shape"] as? [Int]) ?? [] }
        #expect(shapes[0].count == 3 && shapes[1] == shapes[0] && shapes[2] == shapes[0])
    }

    @Test func `a budget that is too small is an error, one that just does is none`() throws {
        let replica = try Replica()
        let file = Address.files + "testing.tif"
        let whole = try replica.run(["probe", file, "--json"])
        let cost = try #require(whole.json["cost"] as? [String: Int]), requests = cost["requests"] ?? 0
        let enough = try replica.run(["probe", file, "--json", "--max-requests", "\(requests)"])
        #expect(enough.status == 0 && (enough.json["cost"] as? [String: Int])?["requests"] == requests)
        for flags in [["--max-requests", "1"], ["--max-bytes", "1kB"]] {
            let run = try replica.run(["probe", file, "--json"] + flags)
            #expect(run.status == 64 && run.errors.contains("raise --max-requests or --max-bytes"), "\(run.errors)")
        }
    }

    /// Two for the beginning and the end of a file, opened before curl is there; one to a page. A machine so busy that they
    /// are given up before curl comes gets another try.
    @Test(arguments: [("probe", "/v.tif", 2), ("describe", "/page", 1)])
    func `connections that are opened early are the ones that are used`(verb: String, path: String, count: Int) throws {
        var opened = 0, used = 0
        for _ in 1...3 where opened == 0 || used < opened {
            let server = FaultServer { request, _ in
                var answer = FaultServer.ranged([UInt8](repeating: 0, count: 100_000), request)
                answer.fault = .late(50)  // until all that is asked for at once has been asked for
                return answer
            }
            defer { server.stop() }
            let run = try Command.run([verb, server.url + path])
            #expect(run.status != 0 && server.requests.count >= count, "\(run.errors)")
            (opened, used) = (server.connections, Set(server.requests.map(\.connection)).count)
        }
        #expect(opened >= count && used == opened, "one was opened in vain")
    }
}
