public import HarvestCore

extension Context {
    /// The records of several addresses, side by side. One that fails is a finding, not the end.
    ///
    /// - Returns: The table, and each address that failed with its error.
    public func compare(_ addresses: [String], _ options: ProbeOptions = ProbeOptions()) async throws -> (
        table: Table, failed: [(address: String, error: HarvestError)]
    ) {
        let probed = await concurrently(addresses) { address in
            await Self.result { try await probe(address, options) }
        }
        var table = Table([])
        var failed: [(address: String, error: HarvestError)] = []
        for (address, result) in zip(addresses, probed) {
            for one in (try? result.get()) ?? [] {
                switch one {
                case .success(let probe):
                    if let record = probe.record { table.records.append(record) }
                case .failure(let error): failed.append((address, error))
                }
            }
            if case .failure(let error) = result { failed.append((address, error)) }
        }
        table.findings = failed.map { Finding(.error, rule: "address-failed", "\($0.address): \($0.error)") }
        return (table, failed)
    }

    /// `body` for each item at the same time, results in the items' order.
    func concurrently<Item: Sendable, R: Sendable>(
        _ items: [Item], _ body: @escaping @Sendable (Item) async -> R
    ) async -> [R] {
        await withTaskGroup(of: (Int, R).self) { group in
            for (index, item) in items.enumerated() { group.addTask { (index, await body(item)) } }
            var results: [Int: R] = [:]
            for await (index, result) in group { results[index] = result }
            return items.indices.compactMap { results[$0] }
        }
    }
}
