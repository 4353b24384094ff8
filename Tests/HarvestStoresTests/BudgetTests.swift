import FaultServing
import HarvestCore
import HarvestStores
import Testing

/// What a meter's budget lets pass to a server.
@Suite struct BudgetTests {
    private let bytes = sample(100_000)

    private func store(_ server: FaultServer, _ budget: Meter.Budget) throws -> HTTPStore {
        try HTTPStore(server.url, client: quickClient(), meter: Meter(budget: budget))
    }

    @Test func `no request more than the budget is sent, redirects and tries among them`() async throws {
        let server = FaultServer { [bytes] request, index in
            if request.path == "/moved" { return .init(status: 302, headers: ["Location": "/v"]) }
            if request.path == "/down" { return .init(status: 503) }
            return FaultServer.ranged(bytes, request)
        }
        let store = try store(server, Meter.Budget(requests: 4))
        _ = try await store.read("moved", .bytes(0..<10))
        await expectError(.invalid, saying: "budget of 4 requests") { try await store.read("down", .bytes(0..<10)) }
        await expectError(.invalid, saying: "budget of 4 requests") { try await store.read("v", .bytes(0..<10)) }
        #expect(server.requests.count == 4)
    }

    @Test func `no range longer than what is left is asked for, nor together`() async throws {
        let server = FaultServer.serving(["v": bytes])
        let store = try store(server, Meter.Budget(bytes: 50_000))
        _ = try await store.read("v", .bytes(0..<30_000))
        await expectError(.invalid, saying: "50000 bytes") { try await store.read("v", .bytes(0..<30_000)) }
        await expectError(.invalid, saying: "50000 bytes") { try await store.read("v", .tail(30_000)) }
        let many = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { (try? await store.read("v", .bytes(0..<15_000))) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(many == 1 && server.requests.count == 2)
    }

    @Test func `an object that is longer than what is left is not taken whole`() async throws {
        let server = FaultServer.serving(["v": bytes, "w": sample(1000)])
        let store = try store(server, Meter.Budget(bytes: 50_000))
        await expectError(.invalid, saying: "50000 bytes") { try await store.read("v", .whole) }
        #expect(try await store.read("w", .whole).bytes.array == sample(1000))
    }
}
