import HarvestCore
import HarvestFormats
import HarvestStores
import HarvestTesting
import Testing

/// A store that asks its meter for leave, as remote ones do.
private struct Frugal: Store {
    let base: MemoryStore
    let meter: Meter
    var address: String { base.address }

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        try meter.admit()
        let reply = try await base.read(key, range)
        meter.ended(bytes: reply.bytes.count)
        return reply
    }

    func list(_ prefix: String) async throws -> Listing { try await base.list(prefix) }
}

/// Forty pages at a constant stride, and ways to tamper with single ones.
private struct Stack {
    var bytes: [UInt8]
    let fixture: TIFFFixture
    let step: Int, first: Int
    let pages = 40

    init() throws {
        fixture = try TIFFFixture.named("stride.tif.zz")
        bytes = try fixture.bytes
        step = fixture.expected["step"]?.int ?? 0
        first = fixture.expected["first"]?.int ?? 0
    }

    /// Offset of a page's directory.
    func directory(_ page: Int) -> Int { first + page * step }

    /// Offset of the value of a page's `entry`th tag.
    func value(_ entry: Int, of page: Int) -> Int { directory(page) + 2 + 12 * entry + 8 }

    /// Offset of a page's software string: behind the directory, four strip offsets and four strip lengths.
    func software(_ page: Int) -> Int { directory(page) + 2 + 14 * 12 + 4 + 32 }

    /// - Parameter requests: A budget.
    func open(
        isExact: Bool = false, requests: Int? = nil
    ) async throws -> (volume: Volume, store: CountingStore, contents: Contents) {
        let meter = Meter(budget: requests.map { Meter.Budget(requests: $0) })
        let store = CountingStore(Frugal(base: MemoryStore(["": bytes]), meter: meter), isRemote: true)
        let contents = try #require(await TIFF().open(store, options: OpenOptions(isExact: isExact)))
        return (try #require(contents.images.first), store, contents)
    }
}

struct TIFFStrideTests {
    @Test func `pages at a constant stride are counted in a few reads, and said to be predicted`() async throws {
        let stack = try Stack()
        let (volume, store, contents) = try await stack.open()
        #expect(store.count <= 6)
        #expect(volume.metadata.pages == 40)
        #expect(contents.pages.count == 40)
        #expect(volume.metadata.shape == [40, 64, 48])
        #expect(volume.metadata.known["shape"] == "stride")
        #expect(contents.findings.map(\.rule) == ["pages-by-stride"])
    }

    @Test func `random boxes of a predicted stack are its voxels`() async throws {
        let stack = try Stack()
        let whole = try await voxels(try #require(await tiff(stack.bytes)?.images.first))
        let volume = try await stack.open().volume
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<20 {
            let box = Box.random(in: stack.fixture.shape, using: &generator)
            #expect(try await volume.read(box).bytes.array == whole.part(box, of: stack.fixture.shape, size: 1))
        }
    }

    @Test func `on request every page is proven`() async throws {
        let (volume, store, contents) = try await Stack().open(isExact: true)
        #expect(store.count >= 40)
        #expect(volume.metadata.known["shape"] == "header")
        #expect(contents.findings.isEmpty)
    }

    /// The entries of the fixture's directory: 1 ImageWidth, 2 ImageLength, 4 Compression, 6 StripOffsets, 12 PageNumber.
    @Test(arguments: [1, 2, 4, 6, 12])
    func `a page in the middle that is not as predicted is an error where its voxels are read`(_ entry: Int)
        async throws
    {
        var stack = try Stack()
        stack.bytes[stack.value(entry, of: 20)] ^= 1
        let volume = try await stack.open().volume
        #expect(volume.metadata.pages == 40)
        #expect(try await volume.read([10..<20, 0..<4, 0..<4]).bytes.count == 160)
        let error = await #expect(throws: HarvestError.self) { try await volume.read([20..<21, 0..<4, 0..<4]) }
        #expect(error?.kind == .malformed)
        await #expect(throws: HarvestError.self) { try await stack.open(isExact: true) }
    }

    @Test(arguments: [1, 20, 38]) func `a directory that leads past the next page is an error`(page: Int) async throws {
        var stack = try Stack()
        let pointer = stack.directory(page) + 2 + 14 * 12
        let other = stack.directory(page == 38 ? 20 : page + 2)
        for i in 0..<4 { stack.bytes[pointer + i] = UInt8(truncatingIfNeeded: other >> (8 * i)) }
        guard page != 1 else {
            // The second directory is read anyway: no stride is seen, and the chain is walked as it stands.
            #expect(try await stack.open(isExact: true).volume.metadata.pages == 39)
            return
        }
        #expect(try await stack.open().volume.metadata.pages == 40)
        let error = await #expect(throws: HarvestError.self) { try await stack.open(isExact: true) }
        #expect(error?.kind == .malformed)
    }

    @Test func `where the budget ends the proof, the pages stay predicted and it is said`() async throws {
        let stack = try Stack()
        let (volume, _, contents) = try await stack.open(isExact: true, requests: 20)
        #expect(volume.metadata.pages == 40)
        #expect(volume.metadata.known["shape"] == "stride")
        #expect(contents.findings.map(\.rule) == ["pages-by-stride"])
        #expect(contents.findings.first?.message.contains("budget of 20 requests") == true)
    }

    @Test func `where the budget ends the chain, the pages so far are at least those`() async throws {
        var stack = try Stack()
        stack.bytes[stack.software(1) + 3] = 0x21  // no stride, though the store is remote
        let (volume, store, contents) = try await stack.open(requests: 6)
        let pages = try #require(volume.metadata.pages)
        #expect(pages > 2 && pages < 40 && volume.metadata.shape?.first == pages)
        #expect(volume.metadata.known["shape"] == "at least")
        #expect(contents.findings.map(\.rule) == ["pages-at-least"])
        #expect(store.reads.count { $0.bytes > 0 } == 6)
    }

    @Test func `strips that stand elsewhere are an error, not other pixels`() async throws {
        var stack = try Stack()
        stack.bytes[stack.directory(20) + 2 + 14 * 12 + 4] ^= 4
        let volume = try await stack.open().volume
        let error = await #expect(throws: HarvestError.self) { try await volume.read([20..<21, 0..<4, 0..<4]) }
        #expect(error?.kind == .malformed)
    }

    @Test(arguments: [0, 1, 39])
    func `where the first, second or last page is other, the chain is walked`(_ page: Int) async throws {
        var stack = try Stack()
        stack.bytes[stack.software(page) + 3] = 0x21
        let (volume, store, contents) = try await stack.open()
        #expect(volume.metadata.pages == 40)
        #expect(volume.metadata.known["shape"] == "header")
        #expect(contents.findings.isEmpty)
        #expect(store.count > 6)
        #expect(try await digest(volume) == stack.fixture.expected["sha256"]?.string)
    }

    @Test func `a chain that ends before the predicted last page is walked`() async throws {
        var stack = try Stack()
        let next = stack.directory(29) + 2 + 14 * 12
        for i in 0..<4 { stack.bytes[next + i] = 0 }
        stack.bytes.removeLast(stack.step * 3)
        #expect(try await stack.open().volume.metadata.pages == 30)
    }

    @Test func `a file cut in its last directory is an error or its whole pages, never a trap`() async throws {
        let stack = try Stack()
        for cut in stride(from: 1, to: 260, by: 7) {
            var short = stack
            short.bytes.removeLast(cut)
            do { #expect(try await short.open().volume.metadata.pages ?? 0 <= 40) } catch {
                #expect((error as? HarvestError)?.kind == .malformed)
            }
        }
    }

    @Test func `a file on this machine is walked, not predicted`() async throws {
        let contents = try await tiff(try Stack().bytes)
        #expect(contents?.images.first?.metadata.known["shape"] == "header")
        #expect(contents?.pages.count == 40)
    }
}
