import Glibc
public import HarvestCore

/// A file, or a folder of them.
///
/// The empty key is the file itself. Keys and links that lead out of the folder are refused.
public struct FileStore: WalkingStore {
    public let address: String
    private let meter: Meter

    /// Reads up to this length are made where they are asked for: a change of thread costs more.
    private static let small = 64 << 10

    public init(_ path: String, meter: Meter = Meter()) {
        address = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.meter = meter
    }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        let range = try range.checked()
        let path = try self.path(of: key)
        meter.started()
        var count = 0
        defer { meter.ended(bytes: count) }
        let reply: Reply
        if case .bytes(let wanted) = range, wanted.count <= Self.small {
            reply = try Self.read(path, range)
        } else {
            reply = try await Workers.files.run { try Self.read(path, range) }
        }
        count = reply.bytes.count
        return reply
    }

    private static func read(_ path: String, _ range: ByteRange) throws -> Reply {
        let file = try FileDescriptor.reading(path)
        let total = Int(try file.status(at: path).st_size)
        let found = range.clamped(to: total)
        var got = 0
        var bytes = try Bytes(count: found.count) { got = try file.read(into: $0, at: found.lowerBound, path: path) }
        if got < found.count { bytes = bytes.slice(0..<got) ?? .empty }  // cut while we read
        return Reply(bytes: bytes, offset: range.start ?? found.lowerBound, total: total)
    }

    /// The file in memory, by pages as they are touched; it must not be cut short while it is used.
    public func map(_ key: String) throws -> Bytes? {
        let path = try self.path(of: key)
        let file = try FileDescriptor.reading(path)
        let count = Int(try file.status(at: path).st_size)
        guard count > 0 else { return .empty }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.number, 0), start != MAP_FAILED else {
            throw HarvestError.system(errno, "mapping", at: path)
        }
        nonisolated(unsafe) let memory = start
        return Bytes(
            UnsafeRawBufferPointer(start: memory, count: count), owner: Bytes.Owner { munmap(memory, count) })
    }

    public func list(_ prefix: String) async throws -> Listing {
        let folder = try path(of: prefix)
        meter.started()
        defer { meter.ended(bytes: 0) }
        return try await Workers.files.run { try entries(of: folder) }
    }

    public func walk(_ prefix: String, _ page: (Listing) async throws -> Void) async throws {
        var folders = [prefix]
        while let folder = folders.popLast() {
            let listing = try await list(folder)
            if !listing.objects.isEmpty {
                try await page(
                    Listing(
                        objects: listing.objects.map { entry in
                            var entry = entry
                            entry.name = ObjectKey.join(folder, entry.name)
                            return entry
                        }))
            }
            folders += listing.folders.reversed().map { ObjectKey.join(folder, $0) }
        }
    }

    /// What stands in a folder, sorted; links that lead out of the store, and what is neither file nor folder, are
    /// left out.
    private func entries(of folder: String) throws -> Listing {
        guard let directory = opendir(folder) else { throw HarvestError.system(errno, "listing", at: folder) }
        defer { closedir(directory) }
        var listing = Listing()
        while let entry = readdir(directory) {
            guard let name = Self.name(of: entry), (try? Key.components(of: name)) != nil else { continue }
            let isLink = entry.pointee.d_type == UInt8(DT_LNK) || entry.pointee.d_type == UInt8(DT_UNKNOWN)
            if isLink, !isInside("\(folder)/\(name)") { continue }
            var status = stat()
            guard fstatat(dirfd(directory), name, &status, 0) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFREG: listing.objects.append(Listing.Entry(name: name, bytes: Int(status.st_size)))
            // A link to a folder could lead in a circle.
            case S_IFDIR where !isLink || entry.pointee.d_type == UInt8(DT_UNKNOWN): listing.folders.append(name)
            default: break
            }
        }
        listing.objects.sort { $0.name < $1.name }
        listing.folders.sort()
        return listing
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String? {
        withUnsafeBytes(of: &entry.pointee.d_name) { String(validating: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    // MARK: - Paths

    /// The path of a key, known to stay below the root.
    private func path(of key: String) throws(HarvestError) -> String {
        if try Key.components(of: key).isEmpty { return address }
        let path = address.hasSuffix("/") ? address + key : "\(address)/\(key)"
        guard isInside(path) else {
            throw HarvestError(.denied, "a link that leads out of the folder", at: path.displayed(limit: 300))
        }
        return path
    }

    /// Whether a path leads below the root once its links are resolved; what does not exist leads nowhere else.
    private func isInside(_ path: String) -> Bool {
        guard let root = Self.resolved(address), let found = Self.resolved(path) else { return true }
        return root == "/" || found == root || found.hasPrefix(root + "/")
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
