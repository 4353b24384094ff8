import HarvestCore
import HarvestTesting
import Synchronization
import Testing

struct WindowTests {
    private let hundred: [UInt8] = (0..<100).map { UInt8($0) }

    @Test(arguments: [false, true])
    func `bytes past the end are malformed, or given as far as they go`(_ isRemote: Bool) async throws {
        let window = try Window(Shelf(["": hundred], isRemote: isRemote), readAhead: 10)
        #expect(try await window.bytes(at: 98, count: 2).array == [98, 99])
        #expect(try await window.bytesIfPresent(at: 98, count: 5)?.array == [98, 99])
        let error = await #expect(throws: HarvestError.self) { try await window.bytes(at: 98, count: 3) }
        #expect(error?.kind == .malformed)
        #expect(window.total == 100)
    }

    @Test(
        arguments: [(101, 1), (-1, 1), (0, -1), (Int.max, 1), (1, Int.max), (Int.max, Int.max), (Int.min, 0)],
        [false, true])
    func `a range that cannot be is nothing`(_ range: (Int, Int), _ isRemote: Bool) async throws {
        let window = try Window(Shelf(["": hundred], isRemote: isRemote))
        _ = try await window.bytes(at: 0, count: 1)
        #expect(try await window.bytesIfPresent(at: range.0, count: range.1) == nil)
    }

    @Test func `parts that lie together cost one request`() async throws {
        let store = CountingStore(Shelf(["": hundred]), isRemote: true)
        let window = try Window(store, readAhead: 40)
        for at in stride(from: 0, to: 40, by: 4) { #expect(try await window.bytes(at: at, count: 4)[0] == UInt8(at)) }
        #expect(store.reads == [CountingStore.Read(key: "", range: .bytes(0..<40), bytes: 40)])
        _ = try await window.bytes(at: 38, count: 4)
        #expect(store.count == 2)
        _ = try await window.bytes(at: 41, count: 30)
        #expect(store.count == 2)
    }

    @Test func `a mapped object costs no request`() async throws {
        let store = CountingStore(Shelf(["": hundred]))
        #expect(try await Window(store).bytes(at: 50, count: 50).count == 50)
        #expect(store.count == 0)
    }

    @Test func `more than 64 MiB of header is refused`() async throws {
        let store = CountingStore(Shelf(["": [UInt8](repeating: 0, count: 65 << 20)]), isRemote: true)
        let window = try Window(store, readAhead: 1 << 20)
        for part in 0..<64 { _ = try await window.bytes(at: part << 20, count: 1) }
        let error = await #expect(throws: HarvestError.self) { try await window.bytes(at: 64 << 20, count: 1) }
        #expect(error?.kind == .malformed)
        #expect(store.bytes == 64 << 20)
    }

    @Test func `a read that failed may be tried again`() async throws {
        let shelf = Shelf(["": hundred], isRemote: true)
        let window = try Window(FlakyStore(shelf, failing: [0], with: HarvestError(.unavailable, "no")))
        await #expect(throws: HarvestError.self) { try await window.bytes(at: 0, count: 4) }
        #expect(try await window.bytes(at: 0, count: 4).array == [0, 1, 2, 3])
    }

    @Test func `an empty object holds nothing`() async throws {
        let window = try Window(Shelf(["": []], isRemote: true))
        #expect(try await window.bytesIfPresent(at: 0, count: 4)?.count ?? 0 == 0)
        await #expect(throws: HarvestError.self) { try await window.bytes(at: 0, count: 1) }
    }
}

struct StoreTests {
    @Test func `what is not there is nil, what is refused an error`() async throws {
        let shelf = Shelf(["a": [1]])
        #expect(try await shelf.readIfPresent("a")?.array == [1])
        #expect(try await shelf.readIfPresent("b") == nil)
        let refusing = FlakyStore(shelf, failing: [0], with: HarvestError(.denied, "no"))
        await #expect(throws: HarvestError.self) { try await refusing.readIfPresent("a") }
    }
}

struct MeterTests {
    @Test func `requests that wait for an earlier answer are round trips of their own`() {
        let meter = Meter()
        meter.started()
        meter.started()
        meter.ended(bytes: 5)
        meter.started()
        meter.ended(bytes: 0)
        meter.ended(bytes: 7)
        meter.started()
        meter.ended(bytes: 1)
        #expect(meter.cost.requests == 4)
        #expect(meter.cost.roundTrips == 2)
        #expect(meter.cost.bytes == 13)
    }
}

struct WorkersTests {
    @Test(arguments: [0, 1, 2, 3, 1000], [1, 4])
    func `each index is visited once`(_ total: Int, _ threads: Int) async throws {
        let seen = Mutex([Int]())
        try await Workers(count: threads).forEach(total) { index in seen.withLock { $0.append(index) } }
        #expect(seen.withLock { $0.sorted() } == Array(0..<total))
    }

    @Test func `an error is thrown, and stops what has not begun`() async throws {
        let begun = Atomic(0)
        let error = await #expect(throws: HarvestError.self) {
            try await Workers(count: 1).forEach(1000) { index in
                begun.add(1, ordering: .relaxed)
                if index == 5 { throw HarvestError.malformed("five") }
            }
        }
        #expect(error?.message == "five")
        #expect(begun.load(ordering: .relaxed) == 6)
    }

    @Test func `the threads still work after an error`() async throws {
        let workers = Workers(count: 2)
        await #expect(throws: HarvestError.self) { try await workers.run { throw HarvestError.malformed("no") } }
        #expect(try await workers.run { 42 } == 42)
    }
}

struct HarvestErrorTests {
    /// sysexits.h of 4.3BSD.
    @Test(
        arguments: [
            (HarvestError.Kind.invalid, 64), (.malformed, 65), (.notFound, 66), (.unsupported, 69), (.failed, 70),
            (.storage, 73),
            (.changed, 74), (.unavailable, 75), (.denied, 77),
        ] as [(HarvestError.Kind, Int32)])
    func `each kind has its exit status`(_ kind: HarvestError.Kind, _ status: Int32) {
        #expect(kind.exitCode == status)
        #expect(kind.isRetried == (kind == .unavailable))
    }

    @Test func `an error is one sentence on one line, whatever stands in it`() {
        let error = HarvestError(.denied, "a\nb\u{1B}[2J", at: "x\r\ny", next: "do\tthis")
        #expect(error.description == "a b\u{FFFD}[2J (x  y); do this")
    }

    @Test func `the first place stays, an unknown error is a bug`() {
        #expect(HarvestError.malformed("m", at: "first").located(at: "second").place == "first")
        #expect(HarvestError.malformed("m").located(at: "second").place == "second")
        #expect(HarvestError.wrapping(ConformanceFailure("x")).kind == .failed)
        #expect(HarvestError.wrapping(CancellationError()).kind == .unavailable)
        #expect(HarvestError.wrapping(HarvestError.notFound("n"), at: "p").place == "p")
    }
}
