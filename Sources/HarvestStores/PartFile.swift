import Glibc
import HarvestCore

/// A file on its way to its name.
final class PartFile: Sendable {
    private let path: String
    private let part: String
    private let file: FileDescriptor

    /// Opens `path.part`, empty.
    init(_ path: String) throws(HarvestError) {
        self.path = path
        part = path + ".part"
        let number = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard number >= 0 else { throw .system(errno, "writing", at: part) }
        file = FileDescriptor(number)
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
    func publish(count: Int) throws(HarvestError) {
        let status = try file.status(at: part)
        guard Int(status.st_size) >= count else {
            throw HarvestError(.storage, "the file is shorter than what was written", at: part)
        }
        // An attempt that failed may have left more.
        guard ftruncate(file.number, off_t(count)) == 0, fsync(file.number) == 0, rename(part, path) == 0 else {
            throw .system(errno, "writing", at: path)
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }
}
