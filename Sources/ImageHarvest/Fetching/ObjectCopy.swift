import HarvestCodecs
import HarvestCore

/// Copies many small objects of a store into a folder, byte for byte.
struct ObjectCopy: Sendable {
    let store: any Store
    /// The store's address, without a slash at its end.
    let base: String
    let folder: String
    let manifest: Manifest

    /// Objects on their way at one time; the transport's own limits hold besides.
    private static let window = 32

    private enum Copied: Sendable {
        case file(FetchedFile)
        case failure(key: String, HarvestError)
    }

    /// - Parameter progress: Objects done, and their bytes.
    /// - Throws: Only what stops everything: the disk refused.
    func run(_ keys: [String], progress: (Int, Int) -> Void) async throws -> (
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
            for (index, key) in keys.enumerated() {
                if index >= Self.window { try take(try await group.next()) }
                group.addTask { await copy(key) }
            }
            while let copied = try await group.next() { try take(copied) }
        }
        return (files.sorted { $0.path < $1.path }, failed)
    }

    private func copy(_ key: String) async -> Copied {
        do {
            let url = "\(base)/\(key)"
            let path = try Key.components(of: key).joined(separator: "/")
            if let kept = manifest.kept(path, from: url) { return .file(kept) }
            let file: FetchedFile
            do {
                let bytes = try await store.read(key, .whole).bytes
                file = try await Workers.files.run {
                    let target = "\(folder)/\(path)"
                    if let slash = target.lastIndex(of: "/") { try Disk.makeFolder(String(target[..<slash])) }
                    try Disk.write(bytes, to: target)
                    let sha256 = bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) }
                    return FetchedFile(path: path, url: url, bytes: bytes.count, sha256: sha256, state: .fetched)
                }
            } catch let error as HarvestError where error.kind == .notFound {
                file = FetchedFile(path: path, url: url, bytes: 0, sha256: nil, state: .absent)
            }
            try manifest.add(file)
            return .file(file)
        } catch { return .failure(key: key, HarvestError.wrapping(error)) }
    }
}
