import HarvestCore
import HarvestTesting

/// The public suite, in the words these tests use.
func checkStore(_ store: any Store, holding objects: [String: [UInt8]], lists: Bool = true) async throws {
    try await StoreConformance(objects, lists: lists).check(store)
}
