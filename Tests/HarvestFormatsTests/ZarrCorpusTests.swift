import Glibc
import HarvestCodecs
import HarvestCore
import HarvestFormats
import Testing

/// Real stores and the answers of reference readers, where a folder of them is at hand: `HARVEST_CORPUS` names it.
struct ZarrCorpusTests {
    static let root = getenv("HARVEST_CORPUS").map { String(cString: $0) }
    private static let codecs: Set = ["zlib", "gzip", "zstd", "blosc"]

    @Test(.enabled(if: root != nil, "HARVEST_CORPUS is not set"))
    func `every Zarr v2 store of the corpus reads as the reference readers read it`() async throws {
        var count = (passed: 0, failed: 0, left: 0)
        for entry in try await Self.entries() {
            let path = try #require(entry["path"]?.string)
            let verdict = await Self.judge(entry, ZarrFolderStore(address: "\(Self.root!)/corpus/\(path)"))
            switch verdict {
            case .passed: count.passed += 1
            case .left(let why):
                count.left += 1
                print("LEFT \(path): \(why)")
            case .failed(let why):
                count.failed += 1
                print("FAIL \(path) [\(entry["expected"]?.string ?? "")]: \(why)")
            }
        }
        print("Zarr corpus: \(count.passed) passed, \(count.failed) failed, \(count.left) of another kind")
        #expect(count.failed == 0)
        #expect(count.passed > 0)
    }

    private enum Verdict { case passed, failed(String), left(String) }

    private static func entries() async throws -> [JSON] {
        let store = ZarrFolderStore(address: root! + "/expected")
        var folders = [""], entries: [JSON] = []
        while let folder = folders.popLast() {
            let listing = try await store.list(folder)
            folders += listing.folders.map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
            for object in listing.objects where folder.contains("zarr") && object.name.hasSuffix(".json") {
                let entry = try JSON(parsing: await store.read("\(folder)/\(object.name)", .whole).bytes)
                if entry["format"]?.string == "zarr" { entries.append(entry) }
            }
        }
        return entries.sorted { ($0["path"]?.string ?? "") < ($1["path"]?.string ?? "") }
    }

    private static func judge(_ entry: JSON, _ store: ZarrFolderStore) async -> Verdict {
        let kind = entry["expected"]?.string
        do {
            guard let contents = try await Zarr2().open(store, options: OpenOptions()) else {
                return .left("no Zarr v2 metadata at the root")
            }
            var digests: [String: String] = [:], errors: [String] = []
            for found in contents.arrays {
                do {
                    if let error = found.error { throw error }
                    let block = try await BlockReader.read(found.array!, found.array!.grid.box)
                    digests[found.path] = block.bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) }
                } catch { errors.append("\(error)") }
            }
            let known = readings(entry)
            if kind != "ok" {
                let isRefused = digests.isEmpty || known.contains(Set(digests.values))
                return isRefused ? .passed : .failed("accepted with voxels no reader gives")
            }
            let faults = metadataFaults(entry["normalized"] ?? .null, contents)
            if !faults.isEmpty { return .failed(faults.joined(separator: "; ")) }
            return judgeVoxels(entry, digests, errors)
        } catch let error as HarvestError {
            let isOther = error.kind == .unsupported || kind != "ok"
            if kind != "ok" {
                return [.malformed, .notFound, .unsupported].contains(error.kind) ? .passed : .failed("\(error)")
            }
            return isOther ? .left("\(error)") : .failed("\(error)")
        } catch { return .failed("\(error)") }
    }

    private static func judgeVoxels(_ entry: JSON, _ digests: [String: String], _ errors: [String]) -> Verdict {
        var left: [String] = []
        for node in entry["nodes"]?.array ?? [] {
            let want = hashes(node)
            guard node["kind"]?.string == "array", want.count == 1, let path = node["path"]?.string else { continue }
            if digests[path].map(want.contains) ?? false { continue }
            let text = "\"\(path)\" \(digests[path] == nil ? "was not read" : "has other voxels"); \(errors.prefix(2))"
            guard isOurs(node) else {
                left.append(text)
                continue
            }
            return .failed(text)
        }
        return left.isEmpty ? .passed : .left(left[0])
    }

    /// Whether a node is of the kind that is read here: version 2, these codecs, no filters, numbers.
    private static func isOurs(_ node: JSON) -> Bool {
        let metadata = node["metadata"] ?? .null
        let compressor = metadata["compressor"]?["id"]?.string
        let isText = metadata["dtype"]?.string.map { $0.contains("U") || $0.contains("S") || $0.contains("O") } ?? true
        return node["zarr_format"]?.int == 2 && compressor.map(codecs.contains) ?? true && !isText
            && metadata["filters"]?.array?.isEmpty ?? true
    }

    private static func hashes(_ node: JSON) -> Set<String> {
        var found: Set<String> = []
        for (_, reader) in node["readers"]?.object ?? [:] {
            if let hash = reader["pixels"]?["sha256"]?.string { found.insert(hash) }
        }
        return found
    }

    /// What each reader says all arrays hold.
    private static func readings(_ entry: JSON) -> [Set<String>] {
        var readers: [String: Set<String>] = [:]
        for node in entry["nodes"]?.array ?? [] {
            for (name, reader) in node["readers"]?.object ?? [:] {
                if let hash = reader["pixels"]?["sha256"]?.string { readers[name, default: []].insert(hash) }
            }
        }
        return Array(readers.values)
    }

    private static func metadataFaults(_ want: JSON, _ contents: Contents) -> [String] {
        guard let shape = want["shape"]?.ints else { return [] }
        let path = want["node"]?.string ?? ""
        guard let image = contents.images.first(where: { $0.path == path && $0.metadata.shape == shape }) else {
            return ["no image \"\(path)\" of shape \(shape)"]
        }
        var faults: [String] = []
        let metadata = image.metadata
        if let dtype = want["dtype"]?.string, dtype != "object", metadata.dtype != dtype { faults.append("dtype") }
        if let axes = want["axes"]?.array?.map(\.string), axes.contains(where: { $0 != nil }), metadata.axes != axes {
            faults.append("axes \(metadata.axes ?? []) for \(axes)")
        }
        let sizes = want["voxel_size"]?.array ?? [], units = want["unit"]?.array ?? []
        for (axis, (size, unit)) in zip(sizes, units).enumerated() {
            let expected = size.double.flatMap { LengthUnit.nanometres($0, unit.string) }
            if metadata.voxelSize?[axis] != expected { faults.append("voxel size of axis \(axis) for \(size) \(unit)") }
        }
        for (axis, offset) in (want["offset"]?.array ?? []).enumerated() {
            let expected = offset.double.flatMap { LengthUnit.nanometres($0, units[axis].string) }
            if metadata.translation?[axis] != expected { faults.append("translation of axis \(axis) for \(offset)") }
        }
        return faults
    }
}
