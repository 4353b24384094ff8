import HarvestCore
import HarvestStores
@testable import ImageHarvest
import Testing

/// Which files of a folder are brought.
@Suite struct FolderTreeTests {
    private func tree(_ names: [String], _ change: (inout FetchOptions) -> Void = { _ in }) async throws -> FetchPlan? {
        var options = FetchOptions(folder: "x")
        change(&options)
        let store = MemoryStore(Dictionary(uniqueKeysWithValues: names.map { ($0, [UInt8](repeating: 1, count: 10)) }))
        return try await Context(environment: [:]).tree(Address("https://h.org/d/"), store, options)
    }

    private func names(_ plan: FetchPlan?) -> (taken: [String], refused: [String]) {
        guard case .tree(let objects, let refused, _)? = plan?.kind else { return ([], []) }
        return (objects.map(\.key).sorted(), refused.sorted())
    }

    @Test func `files below are taken too, and patterns fit paths or names`() async throws {
        let all = ["a.tif", "b.xml", "sub/c.tif", "sub/deep/d.tif"]
        #expect(names(try await tree(all)).taken == all)
        #expect(
            names(try await tree(all) { $0.include = ["*.tif"] }).taken == ["a.tif", "sub/c.tif", "sub/deep/d.tif"])
        #expect(names(try await tree(all) { $0.exclude = ["sub/*"] }).taken == ["a.tif", "b.xml"])
        #expect(try await tree(all)?.size.bytes == 40)
    }

    @Test func `every k-th file in the order of numbers, and only of some sizes`() async throws {
        let slices = (0..<12).map { "s\($0).tif" }
        #expect(names(try await tree(slices) { $0.every = 5 }).taken == ["s0.tif", "s10.tif", "s5.tif"])
        #expect(
            names(try await tree(slices + ["a.xml"]) { ($0.every, $0.include) = (6, ["*.tif"]) }).taken == [
                "s0.tif", "s6.tif",
            ])
        #expect(names(try await tree(slices) { $0.mostFileBytes = 10 }).taken.count == 12)
        await #expect(throws: HarvestError.self) { try await tree(slices) { $0.leastFileBytes = 11 } }
    }

    @Test func `names that we keep beside files are refused one by one`() async throws {
        let plan = try await tree(["a.tif", "a.tif.part", "a.tif.part.j", "manifest.jsonl", "sub/manifest.jsonl"])
        #expect(names(plan).taken == ["a.tif", "sub/manifest.jsonl"])
        #expect(names(plan).refused == ["a.tif.part", "a.tif.part.j", "manifest.jsonl"])
    }

    @Test func `a name that fits no file is refused, and does not stop the others`() async throws {
        let long = String(repeating: "a", count: 249), fits = String(repeating: "b", count: 248)
        let plan = try await tree(["a.tif", long, fits, "sub/\(long)"])
        #expect(names(plan).taken == ["a.tif", fits] && names(plan).refused == [long, "sub/\(long)"])
        #expect(Context.refusal(of: long, in: "https://h.org/d/").message.contains("too long"))
        #expect(Context.refusal(of: "../x", in: "https://h.org/d/").kind == .denied)
    }

    @Test func `a name that is shown as another is refused`() async throws {
        let plan = try await tree(["a.tif", "ev\u{202E}fit.exe", "\u{5D0}.tif"])
        #expect(names(plan).taken == ["a.tif", "\u{5D0}.tif"] && names(plan).refused == ["ev\u{202E}fit.exe"])
    }

    @Test(arguments: ["../x", "/etc/passwd", "a/../../x", "", "a//b"])
    func `a manifest from outside names nothing outside its folder`(path: String) {
        let json: JSON = ["path": .string(path), "url": "https://h.org/x", "bytes": 1, "state": "fetched"]
        #expect(FetchedFile(json: json) == nil)
        #expect(FetchedFile(json: json.setting("path", "a/b.tif"))?.path == "a/b.tif")
    }

    @Test(arguments: [[".zgroup", "x"], ["info", "x"], ["zarr.json"], ["sub/a.tif"]])
    func `a volume of chunks, or a folder of folders, is opened and not listed`(names: [String]) async throws {
        #expect(try await tree(names) == nil)
    }
}
