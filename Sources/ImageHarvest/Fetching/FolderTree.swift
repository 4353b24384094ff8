import Glibc
import HarvestCore
import HarvestStores

/// All files below a folder that its server lists.
extension Context {
    /// Names by which a folder says that it is a volume of its own, whose format knows its members better than a listing:
    /// servers hide names that begin with a dot.
    private static let marks: Set = [
        ".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json", "attributes.json", "info",
    ]
    private static let deepest = 32
    private static let mostFiles = 10_000_000

    /// Whether an address is written as a folder's, and nothing of a volume is asked for.
    func isFolder(_ source: Address, _ options: FetchOptions) -> Bool {
        source.isRemote && source.format == nil && source.location.hasSuffix("/") && options.level == nil
            && !options.isPart
    }

    /// What fetching the folder itself comes to, where a folder of files is what was asked for; `nil` where it is
    /// something else.
    ///
    /// - Complexity: One request a folder; of a bucket one per thousand names.
    func tree(_ source: Address, _ store: any Store, _ options: FetchOptions) async throws -> FetchPlan? {
        let top: Listing
        do { top = try await store.list("") } catch let error as HarvestError
            where [.unsupported, .notFound, .denied, .malformed, .invalid].contains(error.kind)
        { return nil }
        // Without a file of its own it may be a group whose documents the server hides.
        guard !top.objects.isEmpty, !top.objects.contains(where: { Self.marks.contains($0.name) }) else { return nil }
        var entries: [Listing.Entry] = [], hostile: [String] = []
        if let store = store as? any WalkingStore {
            try await store.walk("") { page in
                entries += page.objects
                hostile += page.refused
            }
        } else {
            try await walk(top, "", 0, store, &entries, &hostile)
        }
        let all = entries.filter(options.takes)
        let wanted = options.thinned(all.filter { !Self.isReserved($0.name) }, by: \.name)
        let refused = all.filter { Self.isReserved($0.name) }.map(\.name) + hostile.filter { options.takes($0) }
        guard !wanted.isEmpty else {
            throw HarvestError(
                .notFound, "none of the folder's \(entries.count) files is wanted", at: source.text,
                next: "see what is there with: harvest list")
        }
        let sums = options.hashes ? try await SumsFiles.read(entries.map(\.name), in: store) : [:]
        let objects = wanted.map { entry in
            var object = CopiedObject(
                key: entry.name, source: ChunkLocation(key: entry.name, range: .whole), isOptional: false,
                bytes: entry.bytes)
            object.version = entry.version
            if options.hashes, let text = entry.checksum, !text.hasPrefix("etag:") {
                object.checksum = (text, "the listing")
            } else {
                object.checksum = sums[entry.name]
            }
            return object
        }
        let plan = try FetchPlan(
            tree: objects, refused: refused,
            rounded: wanted.reduce(0) { $0 + ($1.bytes == nil ? $1.roundedBytes ?? 0 : 0) }, of: source)
        if let limit = options.maximumBytes, plan.size.bytes.map({ $0 > limit }) ?? true {
            throw HarvestError.invalid(
                "the folder's \(wanted.count) files have \(plan.size.bytes.map { "\($0)" } ?? "too many") bytes, over the limit of \(limit)",
                at: source.text, next: "raise --max-bytes, or name the files with --include")
        }
        return plan
    }

    /// Names that stand here for something else while files come.
    static func isReserved(_ path: String) -> Bool {
        path == Manifest.name || path.hasSuffix(".part") || path.hasSuffix(".part.j") || isTooLong(path)
            || isDisguised(path)
    }

    /// Whether a name does not fit beside what is written behind it on the way (`.part.j`): Linux takes 255 bytes.
    static func isTooLong(_ path: String) -> Bool {
        path.utf8.split(separator: UInt8(ascii: "/")).contains { $0.count > 255 - ".part.j".utf8.count }
    }

    /// Whether a name would be shown as another one: `ev\u{202E}fit.exe` looks like `evexe.tif` (Unicode UAX #9, overrides).
    private static func isDisguised(_ path: String) -> Bool {
        path.unicodeScalars.contains { (0x202A...0x202E).contains($0.value) || (0x2066...0x2069).contains($0.value) }
    }

    /// Why a file of a listing is not fetched.
    static func refusal(of path: String, in folder: String) -> HarvestError {
        let place = folder + path.displayed(limit: 300)
        if (try? Key.components(of: path)) == nil || path.isEmpty {
            return HarvestError(.denied, "a name that would leave its folder or can be no file's", at: place)
        }
        if isDisguised(path) {
            return HarvestError(.denied, "a name that would be shown as another one", at: place)
        }
        if isTooLong(path) {
            return HarvestError(.denied, "a name that is too long for a file here", at: place)
        }
        return HarvestError(
            .denied, "a file of that name would take the place of what harvest keeps beside fetched files",
            at: place, next: "fetch it alone, into another folder")
    }

    private func walk(
        _ listing: Listing, _ prefix: String, _ depth: Int, _ store: any Store, _ entries: inout [Listing.Entry],
        _ hostile: inout [String]
    ) async throws {
        hostile += listing.refused.map { prefix + $0 }
        for var entry in listing.objects {
            entry.name = prefix + entry.name
            entries.append(entry)
        }
        guard entries.count <= Self.mostFiles, depth < Self.deepest else {
            throw HarvestError.unsupported(
                "the folder goes on below \(prefix.displayed(limit: 200)): more than \(Self.deepest) levels or \(Self.mostFiles) files",
                at: store.address, next: "fetch a folder below it")
        }
        let folders = listing.folders.map { prefix + $0 }
        let found = try await folders.concurrently(atMost: 16) { ($0, try await store.list($0)) }
        for (folder, below) in found.sorted(by: { $0.0 < $1.0 }) {
            try await walk(below, folder + "/", depth + 1, store, &entries, &hostile)
        }
    }
}

extension FetchOptions {
    /// Leaves out slices that are not wanted; of other volumes nothing can be left out.
    func filter(_ objects: inout [CopiedObject], format: String, _ source: Address) throws {
        guard choosesFiles else { return }
        guard format == "slices" else {
            throw HarvestError.invalid(
                "--include, --exclude, --every and sizes choose files of a folder, and this is a volume of \(format)",
                at: source.text, next: "choose a --level or a --box of it")
        }
        objects = thinned(
            objects.filter { takes(Listing.Entry(name: $0.key, bytes: $0.bytes)) }, by: \.key)
        if objects.isEmpty {
            throw HarvestError(
                .notFound, "none of the slices is wanted", at: source.text, next: "see what is there with: harvest list"
            )
        }
    }

    private var choosesFiles: Bool {
        !include.isEmpty || !exclude.isEmpty || leastFileBytes != nil || mostFileBytes != nil || every > 1
    }

    /// Whether a file of a folder is wanted. One whose size nobody says is.
    func takes(_ entry: Listing.Entry) -> Bool {
        let bytes = entry.bytes ?? entry.roundedBytes
        return takes(entry.name) && bytes.map { $0 >= leastFileBytes ?? 0 && $0 <= mostFileBytes ?? .max } ?? true
    }

    /// Every so many-th, in natural order.
    func thinned<File>(_ files: [File], by name: (File) -> String) -> [File] {
        guard every > 1 else { return files }
        return files.map { ($0, NaturalOrder(name($0))) }.sorted { $0.1 < $1.1 }.enumerated()
            .filter { $0.offset % every == 0 }.map(\.element.0)
    }

    /// Whether a file of a folder is wanted: by its path below the folder, or by its name alone.
    func takes(_ path: String) -> Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        func matches(_ pattern: String) -> Bool {
            fnmatch(pattern, path, 0) == 0 || fnmatch(pattern, name, 0) == 0
        }
        return (include.isEmpty || include.contains(where: matches)) && !exclude.contains(where: matches)
    }
}
