extension Sequence where Element: Sendable {
    /// Runs `body` on every element, so many at a time; the results come in the order in which they were ready.
    ///
    /// - Throws: The first error; the others are cancelled.
    package func concurrently<R: Sendable>(
        atMost count: Int, _ body: @escaping @Sendable (Element) async throws -> R
    ) async throws -> [R] {
        try await withThrowingTaskGroup(of: R.self) { group in
            var results: [R] = []
            for (index, element) in enumerated() {
                if index >= count, let result = try await group.next() { results.append(result) }
                group.addTask { try await body(element) }
            }
            for try await result in group { results.append(result) }
            return results
        }
    }
}
