import Glibc
import HarvestCore
import Synchronization

/// A store in memory, local or pretending to be far away; notes what is asked for.
final class ZarrMemoryStore: Store {
    let address: String
    let isRemote: Bool
    private let objects: [String: [UInt8]]
    private let canList: Bool
    private let denied: Set<String>
    private let log = Mutex<[String]>([])
    let meter = Meter()

    init(
        _ objects: [String: [UInt8]], isRemote: Bool = false, canList: Bool = true, denied: Set<String> = [],
        address: String = "memory://test"
    ) {
        self.objects = objects
        self.isRemote = isRemote
        self.canList = canList
        self.denied = denied
        self.address = address
    }

    /// Texts as objects.
    convenience init(texts: [String: String], isRemote: Bool = false, canList: Bool = true, denied: Set<String> = []) {
        self.init(texts.mapValues { Array($0.utf8) }, isRemote: isRemote, canList: canList, denied: denied)
    }

    var requests: [String] { log.withLock { $0.sorted() } }

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        log.withLock { $0.append(key) }
        meter.started()
        defer { meter.ended(bytes: 0) }
        try await Task.sleep(for: .zero)
        let bytes = try found(key)
        guard case .bytes(let wanted) = range else { return Reply(bytes: bytes, offset: 0, total: bytes.count) }
        let part = min(wanted.lowerBound, bytes.count)..<min(wanted.upperBound, bytes.count)
        return Reply(bytes: bytes.slice(part) ?? .empty, offset: part.lowerBound, total: bytes.count)
    }

    func map(_ key: String) throws -> Bytes? { isRemote ? nil : try found(key) }

    private func found(_ key: String) throws -> Bytes {
        if denied.contains(key) || denied.contains("*") && objects[key] == nil {
            throw HarvestError(.denied, "refused", at: key)
        }
        guard let bytes = objects[key] else { throw HarvestError.notFound("nothing there", at: key) }
        return Bytes(bytes)
    }

    func list(_ prefix: String) async throws -> Listing {
        log.withLock { $0.append("list \(prefix)") }
        guard canList else { throw HarvestError.unsupported("cannot list") }
        let start = prefix.isEmpty ? "" : prefix + "/"
        var folders: Set<String> = [], files: Set<String> = []
        for key in objects.keys where key.hasPrefix(start) {
            let parts = key.dropFirst(start.count).split(separator: "/", maxSplits: 1).map(String.init)
            if parts.count > 1 { folders.insert(parts[0]) } else { files.insert(parts[0]) }
        }
        return Listing(objects: files.sorted().map { Listing.Entry(name: $0) }, folders: folders.sorted())
    }
}

/// A folder, read plainly.
struct ZarrFolderStore: Store {
    let address: String

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        let bytes = try contents(key)
        return Reply(bytes: bytes, offset: 0, total: bytes.count)
    }

    func map(_ key: String) throws -> Bytes? { try contents(key) }

    private func path(_ key: String) -> String { key.isEmpty ? address : "\(address)/\(key)" }

    private func contents(_ key: String) throws -> Bytes {
        let descriptor = open(path(key), O_RDONLY)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            if descriptor >= 0 { close(descriptor) }
            throw HarvestError.notFound("no file", at: path(key))
        }
        defer { close(descriptor) }
        return Bytes(count: Int(status.st_size)) { memory in
            var done = 0
            while done < memory.count {
                let step = Glibc.read(descriptor, memory.baseAddress! + done, memory.count - done)
                guard step > 0 else { break }
                done += step
            }
        }
    }

    func list(_ prefix: String) async throws -> Listing {
        guard let folder = opendir(path(prefix)) else { throw HarvestError.notFound("no folder", at: path(prefix)) }
        defer { closedir(folder) }
        var listing = Listing()
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            if Int32(entry.pointee.d_type) == DT_DIR {
                listing.folders.append(name)
            } else {
                listing.objects.append(Listing.Entry(name: name))
            }
        }
        return listing
    }
}
