import Glibc
import HarvestCore
import Synchronization

/// What probes read of remote objects, kept between runs in the folder `probes` of the cache folder.
///
/// A kept object answers nothing before its server has said in this run that it still has the same version. A file that
/// is damaged, foreign or not there is as good as none, and nothing fails if one cannot be written. The least recently
/// used files go first once all are longer than 64 MiB together.
public final class ProbeCache: Sendable {
    private let folder: String
    /// Where hosts are mapped to: the same address is another object there.
    private let mapping: String

    /// Bytes of all files together.
    static let most = 64 << 20
    /// What a file counts for at least, so that their number is bounded too.
    private static let least = 16 << 10

    public init(folder: String, connectTo: [String] = []) {
        self.folder = folder
        mapping = connectTo.joined(separator: ",")
    }

    /// What belongs to an address; `nil` where nothing is kept of it: credentials may stand in it, or in its query.
    func name(of address: WebAddress) -> String? {
        guard address.credentials == nil, address.query == nil else { return nil }
        return mapping.isEmpty ? address.text : "\(address.text) by \(mapping)"
    }

    func object(named name: String) -> KeptObject? {
        Self.read(path(of: name), atMost: KeptObject.most + 256 << 10).flatMap { KeptObject(file: $0, name: name) }
    }

    /// Keeps an object in place of what was kept of it, and lets others go where that is too much.
    func keep(_ object: KeptObject) {
        guard object.isTelling, object.bytes <= KeptObject.most else { return }
        SmallFile.write(object.file, to: path(of: object.name))
        prune()
    }

    /// Notes that an object was of use.
    func touch(_ name: String) { utimensat(AT_FDCWD, path(of: name), nil, Int32(AT_SYMLINK_NOFOLLOW)) }

    private func path(of name: String) -> String { "\(folder)/\(KeptObject.sha256(Array(name.utf8)))" }

    private func prune() {
        guard let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        var files: [(path: String, bytes: Int, used: Int)] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var facts = stat()
            guard !name.hasPrefix("."), lstat("\(folder)/\(name)", &facts) == 0, facts.st_mode & S_IFMT == S_IFREG
            else { continue }
            files.append(("\(folder)/\(name)", max(Self.least, Int(facts.st_size)), Int(facts.st_mtim.tv_sec)))
        }
        var sum = files.reduce(0) { $0 + $1.bytes }
        for file in files.sorted(by: { $0.used < $1.used }) where sum > Self.most {
            unlink(file.path)
            sum -= file.bytes
        }
    }

    private static func read(_ path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= limit else {
            return nil
        }
        return [UInt8](unsafeUninitializedCapacity: Int(facts.st_size)) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
    }
}
