import HarvestCodecs
import HarvestCore
import HarvestStores

/// Copies many small objects of a store into a folder, byte for byte.
struct ObjectCopy: Sendable {
    let store: any Store
    /// The store's address, without a slash at its end.
    let base: String
    let folder: String
    let manifest: Manifest

    /// Objects on their way at one time; the transport's own limits hold besides.
    private static let window = 64
    /// Files that may be too long to be held in memory, on their way at one time, each in so many parts.
    private static let files = 8
    private static let parts = 2
    /// A file no longer than this is brought in one piece.
    private static let small = 4 << 20

    private enum Copied: Sendable {
        case file(FetchedFile)
        case failure(key: String, HarvestError)
    }

    /// - Parameter progress: Objects done, and their bytes.
    /// - Throws: Only what stops everything: the disk refused.
    func run(_ objects: [CopiedObject], progress: (Int, Int) -> Void) async throws -> (
        files: [FetchedFile], failed: [(path: String, url: String, error: HarvestError)]
    ) {
        var files: [FetchedFile] = []
        var failed: [(path: String, url: String, error: HarvestError)] = []
        var bytes = 0
        try await withThrowingTaskGroup(of: Copied.self) { group in
            func take(_ copied: Copied?) throws {
                switch copied {
                case .file(let file):
                    files.append(file)
                    bytes += file.bytes
                case .failure(let key, let error):
                    if error.kind == .storage || error.kind == .changed { throw error }
                    failed.append((key, "\(base)/\(key)", error))
                case nil: return
                }
                progress(files.count + failed.count, bytes)
            }
            let window = objects.contains { isLong($0) } ? Self.files : Self.window
            for (index, object) in objects.enumerated() {
                if index >= window { try take(try await group.next()) }
                group.addTask { await copy(object) }
            }
            while let copied = try await group.next() { try take(copied) }
        }
        return (files.sorted { $0.path < $1.path }, failed)
    }

    /// Whether an object is a file of its own, of any length, and no chunk.
    private func isLong(_ object: CopiedObject) -> Bool {
        !object.isOptional && object.source.range == .whole && object.unwrap == nil
            && object.bytes.map { $0 > Self.small } ?? true
    }

    /// Asks once more for an object that was not there, and holds it against the listing where the store has one: a
    /// chunk taken for absent by mistake would read as the fill value for ever.
    private func requireAbsence(of key: String) async throws {
        let slash = key.lastIndex(of: "/")
        let folder = slash.map { String(key[..<$0]) } ?? ""
        let name = slash.map { String(key[key.index(after: $0)...]) } ?? key
        let isThere: Bool
        do { isThere = try await store.list(folder).objects.contains { $0.name == name } } catch let error
            as HarvestError
            where error.kind == .unsupported || error.kind == .denied || error.kind == .notFound
        {
            isThere = try await store.readIfPresent(key) != nil
        }
        guard !isThere else {
            throw HarvestError(.unavailable, "the object was not there at first, and is now", at: "\(base)/\(key)")
        }
    }

    private func copy(_ object: CopiedObject) async -> Copied {
        do {
            let key = object.source.key
            let url = object.source.range == .whole ? "\(base)/\(key)" : "\(base)/\(key)#\(object.source.range.text)"
            let path = try Key.components(of: object.key).joined(separator: "/")
            if let kept = manifest.kept(path, from: url) { return .file(kept) }
            let file: FetchedFile
            if isLong(object) {
                let target = "\(folder)/\(path)"
                if let slash = target.lastIndex(of: "/") { try Disk.makeFolder(String(target[..<slash])) }
                let brought = try await Download(connections: Self.parts).fetch(key, of: store, to: target)
                file = FetchedFile(
                    path: path, url: url, bytes: brought.bytes, sha256: brought.sha256,
                    verifiedBy: brought.verifiedBy, state: .fetched)
                try manifest.add(file)
                return .file(file)
            }
            do {
                let read = try await store.read(key, object.source.range).bytes
                file = try await Workers.files.run {
                    let bytes = try object.unwrap?(read) ?? read
                    let target = "\(folder)/\(path)"
                    if let slash = target.lastIndex(of: "/") { try Disk.makeFolder(String(target[..<slash])) }
                    try Disk.write(bytes, to: target)
                    let sha256 = bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) }
                    return FetchedFile(path: path, url: url, bytes: bytes.count, sha256: sha256, state: .fetched)
                }
            } catch let error as HarvestError where error.kind == .notFound && object.isOptional {
                try await requireAbsence(of: key)
                file = FetchedFile(path: path, url: url, bytes: 0, sha256: nil, state: .absent)
            }
            try manifest.add(file)
            return .file(file)
        } catch { return .failure(key: object.key, HarvestError.wrapping(error)) }
    }
}

extension ByteRange {
    /// As a URL's fragment and a Range header write it: `bytes=0-9`.
    fileprivate var text: String {
        switch self {
        case .whole: "bytes=0-"
        case .bytes(let range): "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        case .tail(let count): "bytes=-\(count)"
        }
    }
}
