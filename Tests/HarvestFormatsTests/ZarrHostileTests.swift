import HarvestCore
import HarvestFormats
import Testing

/// A `.zarray` with members replaced, each `key=JSON`; nothing after the `=` leaves the member out.
private func zarray(_ changes: String...) throws -> String {
    var members: JSON.Members = [
        "zarr_format": 2, "shape": [4, 4], "chunks": [2, 2], "dtype": "|u1", "compressor": nil, "fill_value": 0,
        "order": "C", "filters": nil,
    ]
    for change in changes {
        let parts = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        members[parts[0]] = parts[1].isEmpty ? JSON?.none : try JSON(parsing: parts[1])
    }
    return JSON.object(members).compact
}

private func open(_ texts: [String: String]) async throws -> Contents? {
    try await Zarr2().open(ZarrMemoryStore(texts: texts), options: OpenOptions())
}

private func kind(_ body: () async throws -> Void) async -> HarvestError.Kind? {
    do { try await body() } catch { return (error as? HarvestError)?.kind }
    return nil
}

struct ZarrHostileTests {
    @Test(arguments: [
        "shape=", "shape=[4,-4]", "shape=[4.5,4]", "shape=\"4\"", "shape=[4]", "shape=[1e300,4]",
        "shape=[18446744073709551615,4]", "shape=[9223372036854775807,4]", "chunks=", "chunks=[0,2]", "chunks=[-1,2]",
        "chunks=[true,2]", "dtype=", "dtype=\"u2\"", "dtype=\"<u3\"", "dtype=\"<q9\"", "dtype=\"\"", "dtype=7",
        "dtype=null", "dtype=\"=u2\"", "order=", "order=\"X\"", "fill_value=256", "fill_value=-1", "fill_value=0.5",
        "fill_value=\"NaN\"", "fill_value=[0]", "compressor=\"zlib\"", "compressor={}", "filters=[{}]", "filters=3",
        "zarr_format=", "dimension_separator=\"-\"", "compressor={\"id\":\"zlib\",\"level\":\"high\"}",
    ])
    func `a broken array's metadata is malformed`(_ change: String) async {
        #expect(await kind { _ = try await open([".zarray": zarray(change)]) } == .malformed)
    }

    @Test(arguments: ["", "{", "[]", "null", "{\"shape\":", String(repeating: "[", count: 100_000)])
    func `metadata that is no JSON object is malformed`(_ text: String) async {
        #expect(await kind { _ = try await open([".zarray": text]) } == .malformed)
    }

    @Test func `another version of the format is unsupported`() async {
        #expect(await kind { _ = try await open([".zarray": zarray("zarr_format=7")]) } == .unsupported)
        #expect(await kind { _ = try await open(["zarr.json": "{}"]) } == .unsupported)
    }

    @Test(arguments: [
        ["dtype=\"<U7\"", "<U7"], ["dtype=\"|O\"", "|O"], ["dtype=\"<M8[ns]\"", "<M8[ns]"],
        ["dtype=[[\"a\",\"<u2\"]]", "[[\"a\",\"<u2\"]]"], ["compressor={\"id\":\"magic\"}", "uint8"],
        ["filters=[{\"id\":\"delta\"}]", "uint8"],
    ])
    func `what is valid but not read here keeps its header and says why`(_ change: [String]) async throws {
        let contents = try #require(try await open([".zarray": zarray(change[0])]))
        let entry = contents.arrays[0]
        #expect(entry.shape == [4, 4] && entry.dtype == change[1] && entry.array == nil)
        #expect(entry.error?.kind == .unsupported)
        #expect(await kind { _ = try await contents.images[0].array() } == .unsupported)
    }

    @Test func `a random folder is no Zarr`() async throws {
        #expect(try await open(["a.txt": "x", "b/.zarray": zarray()]) == nil)
        #expect(try await open([".zattrs": "{\"title\": 1}"]) == nil)
    }

    @Test func `one broken array of two stands beside the other`() async throws {
        let texts = try [".zgroup": "{\"zarr_format\":2}", "a/.zarray": "{", "b/.zarray": zarray()]
        let contents = try #require(try await open(texts))
        #expect(contents.arrays.map { $0.error?.kind } == [.malformed, nil])
        #expect(await kind { _ = try await open([".zgroup": "{\"zarr_format\":2}", "a/.zarray": "{"]) } == .malformed)
    }

    @Test func `a plain chunk that is cut is malformed, one that is missing holds the fill value`() async throws {
        let texts = try [".zarray": zarray("fill_value=9"), "0.0": "abcd", "0.1": "abc"]
        let image = try #require(try await open(texts)?.images.first)
        #expect(try await image.read([0..<4, 0..<2]).bytes.text == "abcd\t\t\t\t")
        #expect(await kind { _ = try await image.read([0..<2, 0..<4]) } == .malformed)
    }

    @Test func `without a fill value what is missing reads as zeros`() async throws {
        let image = try #require(try await open([".zarray": zarray("fill_value=null")])?.images.first)
        #expect(try await image.read([0..<1, 0..<4]).bytes.array == [0, 0, 0, 0])
    }

    @Test(arguments: ["zlib", "gzip", "zstd", "blosc"])
    func `a compressed chunk of other bytes is malformed`(_ id: String) async throws {
        let texts = try [".zarray": zarray("compressor={\"id\":\"\(id)\"}"), "0.0": "not compressed at all", "1.1": ""]
        let image = try #require(try await open(texts)?.images.first)
        #expect(await kind { _ = try await image.read([0..<2, 0..<2]) } == .malformed)
        #expect(await kind { _ = try await image.read([2..<4, 2..<4]) } == .malformed)
    }

    @Test func `an array past 64 bits is described and read in parts, and refused whole`() async throws {
        let texts = try [".zarray": zarray("shape=[1099511627776,1099511627776,4]", "chunks=[4,4,4]")]
        let image = try #require(try await open(texts)?.images.first)
        let far = 1 << 40 - 3
        #expect(try await image.read([far..<far + 2, 5..<7, 0..<4]).bytes.count == 16)
        #expect(await kind { _ = try await image.read(image.box) } == .invalid)
    }

    @Test func `a chunk past memory is an error, not an allocation`() async throws {
        let huge = "[1099511627776,1099511627776]"
        let texts = try [
            ".zarray": zarray("shape=\(huge)", "chunks=\(huge)", "compressor={\"id\":\"zlib\"}"), "0.0": "x",
        ]
        let image = try #require(try await open(texts)?.images.first)
        #expect(await kind { _ = try await image.read([0..<1, 0..<1]) } == .malformed)
    }

    @Test(arguments: ["../secret", "/etc", "a/../../b", "a//b", ".", "a\\b", "a\u{1B}b"])
    func `a dataset's path that leaves its group is not followed`(_ path: String) async throws {
        let attributes: JSON = ["multiscales": [["version": "0.4", "datasets": [["path": .string(path)]]]]]
        let store = ZarrMemoryStore(
            texts: [".zgroup": "{\"zarr_format\":2}", ".zattrs": attributes.compact], isRemote: true)
        let contents = try #require(try await Zarr2().open(store, options: OpenOptions()))
        #expect(contents.findings.contains { $0.rule == "ngff-path-refused" && $0.severity == .error })
        #expect(store.requests == [".zarray", ".zattrs", ".zgroup"])
    }

    @Test func `a refused key is absent where another one was readable, and denied where none was`() async throws {
        let readable = try ZarrMemoryStore(texts: [".zarray": zarray()], isRemote: true, denied: ["*"])
        let contents = try #require(try await Zarr2().open(readable, options: OpenOptions()))
        #expect(try await contents.images[0].read([0..<2, 0..<2]).bytes.array == [0, 0, 0, 0])
        let closed = ZarrMemoryStore(texts: [:], isRemote: true, denied: ["*"])
        #expect(await kind { _ = try await Zarr2().open(closed, options: OpenOptions()) } == .denied)
    }

    @Test func `a remote group that cannot be listed asks for a path`() async {
        let store = ZarrMemoryStore(texts: [".zgroup": "{\"zarr_format\":2}"], isRemote: true, canList: false)
        do { _ = try await Zarr2().open(store, options: OpenOptions()) } catch {
            let known = error as? HarvestError
            #expect(known?.kind == .unsupported && known?.next?.contains("path") == true)
            return
        }
        Issue.record("no error")
    }

    @Test(arguments: [
        "{\"type\":\"scale\",\"scale\":[0,4]}", "{\"type\":\"scale\",\"scale\":[-1,4]}",
        "{\"type\":\"scale\",\"scale\":[NaN,4]}", "{\"type\":\"scale\",\"scale\":[4]}",
        "{\"type\":\"scale\",\"scale\":\"x\"}", "{\"type\":\"rotation\",\"rotation\":[1,0]}", "7",
    ])
    func `a scale that is no spacing gives no voxel size and a finding`(_ step: String) async throws {
        let axis = "{\"name\":\"Y\",\"type\":\"space\",\"unit\":\"nanometer\"}"
        let dataset = "{\"path\":\"0\",\"coordinateTransformations\":[\(step)]}"
        let image = "{\"version\":\"0.4\",\"axes\":[\(axis),\(axis)],\"datasets\":[\(dataset)]}"
        let texts = try [
            ".zgroup": "{\"zarr_format\":2}", ".zattrs": "{\"multiscales\":[\(image)]}", "0/.zarray": zarray(),
        ]
        let contents = try #require(try await open(texts))
        let voxelSize = contents.images[0].metadata.voxelSize
        #expect(voxelSize == nil || voxelSize?[0] == nil)
        #expect(contents.findings.contains { $0.rule == "ngff-transform" })
        #expect(contents.images[0].metadata.axes == ["y", "y"])
    }

    @Test func `a multiscale that names what is not there says so`() async throws {
        let attributes = "{\"multiscales\":[{\"version\":\"0.1\",\"datasets\":[{\"path\":\"0\"},{\"path\":\"1\"}]}]}"
        let texts = try [".zgroup": "{\"zarr_format\":2}", ".zattrs": attributes, "0/.zarray": zarray()]
        let contents = try #require(try await open(texts))
        #expect(contents.findings.contains { $0.rule == "ngff-path-missing" })
        #expect(contents.images[0].metadata.axes == ["y", "x"])
        #expect(await kind { _ = try await contents.images[0].array(level: 1) } == .notFound)
    }
}
