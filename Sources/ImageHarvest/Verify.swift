import Glibc
public import HarvestCore
import HarvestStores
import Synchronization

/// What `verify` found out about the files that earlier runs brought into a folder.
public struct Verification: Sendable {
    /// A file that is not as it was brought.
    public struct Bad: Sendable, Hashable {
        /// From the folder that was asked about.
        public var path: String
        public var reason: String
        /// Whether it was brought again and is right now.
        public var isRepaired = false
        /// Bytes that the repair brought.
        public var fetched = 0
    }

    public var folder: String
    public var files = 0
    public var bytes = 0
    public var bad: [Bad] = []

    /// Whether every file is as it was brought, or is again.
    public var isGood: Bool { bad.allSatisfy(\.isRepaired) }

    public var json: JSON {
        [
            "schema": "harvest.verify/1", "address": .string(folder), "ok": .bool(isGood), "files": .int(files),
            "bytes": .int(bytes),
            "bad": .array(
                bad.map {
                    [
                        "path": .string($0.path), "reason": .string($0.reason), "repaired": .bool($0.isRepaired),
                        "fetched": .int($0.fetched),
                    ]
                }),
        ]
    }
}

extension Context {
    /// Computes the sha256 of every file that a manifest in `folder` or below it names, and holds it against the manifest.
    ///
    /// - Parameter repairs: Whether bad files are brought again from where they came: only the pieces that are damaged,
    ///   where the manifest knows the pieces. A source that holds another version by now leaves the file as it is.
    /// - Throws: ``HarvestError`` `.notFound` where no manifest is there.
    /// - Complexity: Reads every byte once, of several files at a time.
    public func verify(
        _ folder: String, repairs: Bool = false, progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> Verification {
        let manifests = Self.manifests(below: folder)
        guard !manifests.isEmpty else {
            throw HarvestError(
                .notFound, "no \(Manifest.name) is there", at: folder,
                next: "name a folder that fetch or collect filled")
        }
        var found = Verification(folder: folder)
        let named = try manifests.map { place in
            (place, try Manifest.files(in: place).filter { $0.state != .absent && $0.sha256 != nil })
        }
        let total = named.reduce(0) { $1.1.reduce($0) { Self.sum($0, $1.bytes) } }
        for (place, files) in named {
            let before = (files: found.files, bytes: found.bytes)
            let faults = try await Self.faults(of: files, in: place) {
                progress(Tally(subject: $0, done: Self.sum(before.bytes, $1), total: total))
            }
            found.files = before.files + files.count
            found.bytes = files.reduce(before.bytes) { Self.sum($0, $1.bytes) }
            for (index, reason) in faults.sorted(by: { $0.key < $1.key }) {
                let file = files[index], path = "\(place)/\(file.path)"
                var bad = Verification.Bad(path: Self.below(folder, path), reason: reason)
                if repairs, let expected = file.sha256, file.url.firstIndex(of: "#") == nil, file.state != .written {
                    try await repair(file, expected, path, &bad)
                }
                found.bad.append(bad)
            }
        }
        return found
    }

    /// Makes a file what it was.
    private func repair(
        _ file: FetchedFile, _ sha256: String, _ path: String, _ bad: inout Verification.Bad
    ) async throws {
        let store = try stores.open(Address(file.url))
        var download = Download()
        download.expected = OfferedDigest("sha256:\(sha256)", source: "the manifest")
        let remote = store as? any RangeStreamingStore
        let facts = await remote?.facts(of: "")
        if let news = facts.flatMap({ Self.news(of: file, $0) }) {
            bad.reason += "; \(news)"
            return
        }
        do {
            if let remote, let facts, let pieces = file.pieces, Disk.size(path) != nil {
                let here = try await Workers.files.run { try Disk.pieces(of: path, total: file.bytes) }
                let good = pieces.agreement(with: here, total: file.bytes)
                let mended = try? await download.mend(path, keeping: good, as: facts, "", of: remote)
                bad.fetched += mended?.fetched ?? 0
                bad.isRepaired = mended != nil
            }
            if !bad.isRepaired {
                bad.fetched += try await download.fetch("", of: store, to: path).fetched
                bad.isRepaired = true
            }
        } catch let error as HarvestError where error.underlying is OfferedDigest.Mismatch {
            bad.reason += "; the source holds another file by now"
        }
    }

    /// Files that are looked at at a time, and those short enough to be hashed side by side.
    private static let window = 64, short = 4 << 20

    /// Why files are not as they were brought, by their numbers.
    ///
    /// - Parameter checked: Told the file, and the bytes of all so far.
    private static func faults(
        of files: [FetchedFile], in place: String, _ checked: @escaping @Sendable (String, Int) -> Void
    ) async throws -> [Int: String] {
        let found = Mutex((faults: [Int: String](), bytes: 0)), sums = SumGroups()
        try await withTaskExecutorPreference(Workers.files) {
            try await sums.forEach(files.count, atMost: window) { index in
                let file = files[index]
                let reason = try await fault("\(place)/\(file.path)", file, sums)
                found.withLock { found in
                    found.faults[index] = reason
                    found.bytes = sum(found.bytes, file.bytes)
                    checked(file.path, found.bytes)
                }
            }
        }
        return found.withLock { $0.faults }
    }

    private static func fault(_ path: String, _ file: FetchedFile, _ sums: SumGroups) async throws -> String? {
        guard let size = Disk.size(path) else { return "it is not there" }
        guard size == file.bytes else { return "it has \(size) bytes and should have \(file.bytes)" }
        let sum = size <= short ? try await sums.sha256(ofFile: path, size) : try Disk.sha256(path)
        return sum == file.sha256 ? nil : "its sha256 is another one"
    }

    /// Lengths that a manifest names need not be true.
    private static func sum(_ bytes: Int, _ more: Int) -> Int {
        let (sum, overflow) = bytes.addingReportingOverflow(more)
        return overflow ? .max : sum
    }

    private static func below(_ folder: String, _ path: String) -> String {
        path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
    }

    /// The folders at and below `folder` that hold a manifest, following no links.
    private static func manifests(below folder: String) -> [String] {
        var found: [String] = []
        var waiting = [folder]
        while let place = waiting.popLast() {
            guard let stream = opendir(place) else { continue }
            defer { closedir(stream) }
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name == Manifest.name { found.append(place) }
                if Int32(entry.pointee.d_type) == Int32(DT_DIR), name != ".", name != ".." {
                    waiting.append("\(place)/\(name)")
                }
            }
        }
        return found.sorted()
    }
}
