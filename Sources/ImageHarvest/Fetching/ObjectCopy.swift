import HarvestCodecs
import HarvestCore
import HarvestStores
import Synchronization

/// Copies many small objects of a store into a folder, byte for byte.
struct ObjectCopy: Sendable {
    let store: any Store
    /// The store's address, without a slash at its end.
    let base: String
    let folder: String
    let manifest: Manifest
    /// Whether sha256 is computed.
    let hashes: Bool
    private let events: @Sendable (FetchEvent) -> Void
    private let folders = MadeFolders()
    private let sums = SumGroups()
    /// Objects that lie elsewhere than in the store, by their keys.
    var mirrored: [String: MirroredFile] = [:]

    init(
        store: any Store, base: String, folder: String, manifest: Manifest, hashes: Bool,
        events: @escaping @Sendable (FetchEvent) -> Void
    ) {
        (self.store, self.base, self.folder, self.manifest, self.hashes) = (store, base, folder, manifest, hashes)
        self.events = events
    }

    /// Objects waiting for the transport's own limits or on their way.
    private static let window = 256
    /// Files that may be too long to be held in memory, on their way at one time, each in so many parts.
    private static let files = 8
    private static let parts = 2
    /// A file no longer than this is brought in one piece.
    private static let small = 4 << 20
    /// An object no longer than this is held before it is written.
    private static let tiny = 128 << 10
    /// An object shorter than this is hashed at once: waiting for others would cost more.
    private static let grouped = 16 << 10

    private enum Copied: Sendable {
        case file(FetchedFile)
        case failure(key: String, HarvestError)
    }

    /// - Parameter progress: Objects done, and their bytes; called by one after the other.
    /// - Throws: Only what stops everything: the disk refused.
    func run(_ objects: [CopiedObject], progress: @escaping @Sendable (Int, Int) -> Void) async throws -> Result {
        // On threads that may block: a copy reads, hashes and writes without being handed from one to another.
        try await withTaskExecutorPreference(Workers.files) { try await copyAll(objects, progress) }
    }

    /// What a copy brought, and what it did not.
    typealias Result = (files: [FetchedFile], failed: [(path: String, url: String, error: HarvestError)])

    private func copyAll(_ objects: [CopiedObject], _ progress: @escaping @Sendable (Int, Int) -> Void) async throws
        -> Result
    {
        let done = Mutex(Done())
        try await sums.forEach(objects.count, atMost: objects.contains { isLong($0) } ? Self.files : Self.window) {
            index in
            let copied = await copy(objects[index])
            try done.withLock { try take(copied, &$0, progress) }
        }
        return done.withLock { ($0.files.sorted { $0.path < $1.path }, $0.failed) }
    }

    /// What has come so far.
    private struct Done {
        var files: [FetchedFile] = []
        var failed: [(path: String, url: String, error: HarvestError)] = []
        var bytes = 0
    }

    private func take(_ copied: Copied, _ done: inout Done, _ progress: (Int, Int) -> Void) throws {
        switch copied {
        case .file(let file):
            done.files.append(file)
            done.bytes += file.bytes
            events(.file(file))
        case .failure(let key, let error):
            if error.kind == .storage || error.kind == .changed && !(error.underlying is OfferedDigest.Mismatch) {
                throw error
            }
            done.failed.append((key, "\(base)/\(key)", error))
            events(.failed(key, error))
        }
        progress(done.files.count + done.failed.count, done.bytes)
    }

    /// Whether an object is a file of its own, of any length, and no chunk.
    private func isLong(_ object: CopiedObject) -> Bool {
        !object.isOptional && object.source.range == .whole && object.unwrap == nil
            && object.bytes.map { $0 > Self.small } ?? true
    }

    /// Whether an object is written as it comes: what does not fit a cache is not held first.
    private func isStreamed(_ object: CopiedObject) -> Bool {
        object.source.range == .whole && object.unwrap == nil && object.bytes ?? 0 > Self.tiny
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

    private func write(_ read: Bytes, _ object: CopiedObject, _ path: String, _ url: String) async throws -> FetchedFile
    {
        let bytes = try object.unwrap?(read) ?? read
        let target = "\(folder)/\(path)"
        let source = try check(object) { digest in bytes.withUnsafeBytes { digest.fault(of: $0, at: url) } }
        try folders.make(above: target)
        try Disk.write(bytes, to: target)
        let sha256 = hashes ? try await sha256(of: bytes) : nil
        return FetchedFile(
            path: path, url: url, bytes: bytes.count, sha256: sha256, verifiedBy: source, state: .fetched)
    }

    private func sha256(of bytes: Bytes) async throws -> String {
        guard bytes.count >= Self.grouped else { return bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) } }
        return try await sums.sha256(of: bytes.count) { memory, offset in
            bytes.withUnsafeBytes {
                memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + memory.count]))
            }
        }
    }

    /// Holds an object against the checksum that is known of it, before it gets its name.
    ///
    /// - Returns: Where that was said; `nil` where none is known.
    private func check(_ object: CopiedObject, _ fault: (OfferedDigest) throws -> HarvestError?) throws -> String? {
        guard let (text, source) = object.checksum, let expected = OfferedDigest(text, source: source) else {
            return nil
        }
        if let error = try fault(expected) { throw error }
        return source
    }

    /// Writes an object as it comes, from the start again where it breaks off.
    private func stream(
        _ object: CopiedObject, _ key: String, of store: any StreamingStore, _ path: String, _ url: String
    ) async throws -> FetchedFile {
        let target = "\(folder)/\(path)"
        try folders.make(above: target)
        let file = try OutputFile(target)
        let count = try await store.stream(
            key, listed: object.bytes, begins: { file.restart() }, to: { try file.write($0) })
        let part = target + ".part"
        let sha256 = hashes ? try await sums.sha256(ofFile: part, count) : nil
        let source = try check(object) { digest in
            let known = digest.algorithm == .sha256 ? sha256 : nil
            return digest.fault(try known ?? Disk.hex(digest.algorithm, of: part), at: url)
        }
        try file.publish(isDurable: false)
        return FetchedFile(path: path, url: url, bytes: count, sha256: sha256, verifiedBy: source, state: .fetched)
    }

    private func copy(_ object: CopiedObject) async -> Copied {
        do {
            let mirrored = mirrored[object.key]
            let store: any Store = mirrored?.store ?? store
            let key = mirrored == nil ? object.source.key : ""
            let place = mirrored?.store.addresses.first ?? "\(base)/\(key)"
            let url = object.source.range == .whole ? place : "\(place)#\(object.source.range.text)"
            let path = try Key.components(of: object.key).joined(separator: "/")
            let isWhole = object.source.range == .whole && object.unwrap == nil
            if let kept = manifest.kept(path, from: url, bytes: isWhole ? object.bytes : nil, version: object.version) {
                return .file(kept)
            }
            var file: FetchedFile
            if isLong(object) {
                let target = "\(folder)/\(path)"
                try folders.make(above: target)
                var download = Download(connections: Self.parts)
                download.hashes = hashes
                let said = object.checksum.flatMap { OfferedDigest($0.text, source: $0.source) }
                download.pieces = mirrored?.pieces
                if said?.source == "the listing" || mirrored != nil {
                    download.expected = said
                } else {
                    download.hint = said
                }
                download.events = { [events] in events(.transfer($0, file: path)) }
                let brought = try await download.fetch(key, of: store, to: target)
                file = FetchedFile(
                    path: path, url: url, bytes: brought.bytes, sha256: brought.sha256,
                    verifiedBy: brought.verifiedBy, state: .fetched)
                (file.version, file.pieces) = (object.version ?? brought.version, brought.pieces)
                try manifest.add(file)
                return .file(file)
            }
            do {
                if isStreamed(object), let store = store as? any StreamingStore {
                    file = try await stream(object, key, of: store, path, url)
                } else {
                    let read = try await store.read(key, object.source.range).bytes
                    file = try await write(read, object, path, url)
                }
            } catch let error as HarvestError where error.kind == .notFound && object.isOptional {
                try await requireAbsence(of: key)
                file = FetchedFile(path: path, url: url, bytes: 0, sha256: nil, state: .absent)
            }
            file.version = object.version
            try manifest.add(file)
            return .file(file)
        } catch { return .failure(key: object.key, HarvestError.wrapping(error)) }
    }
}

/// Folders that are there already.
private final class MadeFolders: Sendable {
    private let made = Mutex<Set<String>>([])

    /// Makes the folder of the file `path`, once.
    func make(above path: String) throws {
        guard let slash = path.lastIndex(of: "/") else { return }
        let folder = String(path[..<slash])
        if made.withLock({ $0.contains(folder) }) { return }
        try Disk.makeFolder(folder)
        made.withLock { _ = $0.insert(folder) }
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
