import Glibc
import HarvestCore

/// A file on its way to its name.
final class PartFile: Sendable {
    private let path: String
    private let part: String
    private let file: FileDescriptor

    /// Opens `path.part`, with what is in it.
    ///
    /// - Parameter isInPlace: Whether the file that has its name already is written instead.
    init(_ path: String, isInPlace: Bool = false) throws(HarvestError) {
        self.path = path
        part = isInPlace ? path : path + ".part"
        let number = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard number >= 0 else { throw .system(errno, "writing", at: part) }
        file = FileDescriptor(number)
    }

    /// Empties it.
    func clear() throws(HarvestError) {
        guard ftruncate(file.number, 0) == 0 || errno == EINVAL else { throw .system(errno, "writing", at: part) }
    }

    /// Takes it away.
    func remove() { unlink(part) }

    /// Length as it is now, in bytes.
    var count: Int { (try? Int(file.status(at: part).st_size)) ?? 0 }

    /// Puts on the disk what was written so far.
    func sync() throws(HarvestError) {
        guard fdatasync(file.number) == 0 else { throw .system(errno, "writing", at: part) }
    }

    /// Reads what was written.
    func read(into memory: UnsafeMutableRawBufferPointer, at offset: Int) throws(HarvestError) -> Int {
        try file.read(into: memory, at: offset, path: part)
    }

    /// - Throws: `.storage` if the disk has no room for this many bytes.
    func checkSpace(for count: Int) throws(HarvestError) {
        var space = statvfs()
        guard fstatvfs(file.number, &space) == 0 else { return }
        let (free, isHuge) = Int(space.f_bavail).multipliedReportingOverflow(by: Int(space.f_frsize))
        guard isHuge || free >= count else {
            throw HarvestError(
                .storage, "\(count) bytes do not fit: the disk has \(free) left", at: path,
                next: "free some space and run the same command again")
        }
    }

    func write(_ bytes: Bytes, at offset: Int) throws(HarvestError) {
        try bytes.withUnsafeBytes { memory throws(HarvestError) in try write(memory, at: offset) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(HarvestError) {
        try file.write(bytes, at: offset, path: part)
    }

    /// Gives the file its name, once all `count` bytes are on the disk.
    ///
    /// - Parameter modified: Seconds since 1970 at which the source says that it was changed.
    func publish(count: Int, modified: Int? = nil) throws(HarvestError) {
        let status = try file.status(at: part)
        guard Int(status.st_size) >= count else {
            throw HarvestError(.storage, "the file is shorter than what was written", at: part)
        }
        // An attempt that failed may have left more.
        guard ftruncate(file.number, off_t(count)) == 0, fsync(file.number) == 0 else {
            throw .system(errno, "writing", at: path)
        }
        if let modified {
            var times = [timespec(tv_sec: modified, tv_nsec: 0), timespec(tv_sec: modified, tv_nsec: 0)]
            futimens(file.number, &times)
        }
        guard rename(part, path) == 0 else { throw .system(errno, "writing", at: path) }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }
}
