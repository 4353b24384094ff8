import HarvestCore
import HarvestTesting
import Synchronization
import Testing

/// Answers nobody before so many have asked.
private final class Gathering: Store {
    let address = "memory://gathering"
    private let wanted: Int
    private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

    init(_ wanted: Int) { self.wanted = wanted }

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        await withCheckedContinuation { continuation in
            let all = waiting.withLock { waiting in
                waiting.append(continuation)
                return waiting.count == wanted ? waiting : []
            }
            for one in all { one.resume() }
        }
        return Reply(bytes: Bytes(Array(key.utf8)), offset: 0, total: key.utf8.count)
    }

    func list(_ prefix: String) async throws -> Listing { Listing() }
}

struct AheadStoreTests {
    @Test(.timeLimit(.minutes(1))) func `all are asked for before any is answered`() async throws {
        let store = AheadStore(Gathering(3), asking: ["a", "b", "c", "a"])
        for key in ["c", "a", "b"] { #expect(try await store.read(key, .whole).bytes.text == key) }
    }

    @Test func `an answer is given once; everything else is asked below`() async throws {
        let base = CountingStore(Shelf(["a": [1, 2], "b": [3]]), isRemote: true)
        let store = AheadStore(base, asking: ["a"])
        #expect(try await store.read("a", .whole).bytes.array == [1, 2])
        #expect(base.count == 1)
        #expect(try await store.read("a", .whole).bytes.array == [1, 2])
        #expect(try await store.read("a", .bytes(1..<2)).bytes.array == [2])
        #expect(try await store.readIfPresent("b")?.array == [3])
        #expect(base.count == 4)
    }

    @Test func `an answer that is kept is given to all, absence too, until nobody wants what is left`() async throws {
        let base = CountingStore(Shelf(["a": [1, 2]]), isRemote: true)
        let store = AheadStore(base, asking: ["a", "b", "c"], keepsAnswers: true)
        for _ in 0..<3 {
            #expect(try await store.read("a", .whole).bytes.array == [1, 2])
            #expect(try await store.readIfPresent("b") == nil)
        }
        #expect(try await store.hasAny() && base.count == 3)
        store.finish()
        #expect(try await store.read("a", .whole).bytes.array == [1, 2])
        #expect(base.count == 3)
        #expect(try await store.readIfPresent("c") == nil)
        #expect(base.count == 4)
    }

    @Test func `absence is handed on, and is no presence`() async throws {
        let store = AheadStore(Shelf(["b": [1]]), asking: ["a", "c"])
        #expect(try await store.hasAny() == false)
        #expect(try await store.readIfPresent("a") == nil)
        #expect(try await AheadStore(Shelf(["b": [1]]), asking: ["a", "b"]).hasAny())
    }

    @Test func `a host that is not reached is an error, unless an object is there all the same`() async throws {
        let down = HarvestError(.unavailable, "no answer")
        let base = FlakyStore(Shelf(["b": [1]])) { _, key in key == "a" ? down : nil }
        let error = await #expect(throws: HarvestError.self) {
            try await AheadStore(base, asking: ["a", "c"]).hasAny()
        }
        #expect(error?.kind == .unavailable)
        #expect(try await AheadStore(base, asking: ["a", "b"]).hasAny())
    }
}
