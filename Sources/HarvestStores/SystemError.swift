import Glibc
import HarvestCore

extension HarvestError {
    /// What a call of the operating system refused, as an error for the caller.
    ///
    /// - Parameter action: What was tried: `reading`, `writing`.
    static func system(_ code: Int32, _ action: String, at path: String) -> HarvestError {
        let said = String(cString: strerror(code)).lowercased()
        switch code {
        case ENOENT, ENOTDIR: return .notFound("nothing is there", at: path)
        case EACCES, EPERM: return HarvestError(.denied, "\(action) is not permitted", at: path)
        case ELOOP: return HarvestError(.denied, "links that lead in a circle", at: path)
        case ENAMETOOLONG: return .invalid("the name is too long", at: path)
        case ENOSPC, EDQUOT:
            return HarvestError(
                .storage, "the disk is full", at: path, next: "free some space and run the same command again")
        case EMFILE, ENFILE:
            return HarvestError(.storage, "too many open files", at: path, next: "raise the limit (ulimit -n)")
        default: return HarvestError(.storage, "\(action) failed: \(said)", at: path)
        }
    }
}

/// An open file, closed when it goes away.
struct FileDescriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Opens a regular file to read; a pipe or a device is refused, and never waited for.
    static func reading(_ path: String) throws(HarvestError) -> FileDescriptor {
        let number = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard number >= 0 else { throw .system(errno, "reading", at: path) }
        let file = FileDescriptor(number)
        let mode = try file.status(at: path).st_mode & S_IFMT
        if mode == S_IFDIR { throw .notFound("it is a folder, not a file", at: path) }
        guard mode == S_IFREG else { throw .invalid("not a file but a device, pipe or socket", at: path) }
        return file
    }

    func status(at path: String) throws(HarvestError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw .system(errno, "reading", at: path) }
        return status
    }

    /// Reads until `memory` is full or the file ends.
    func read(into memory: UnsafeMutableRawBufferPointer, at offset: Int, path: String) throws(HarvestError) -> Int {
        var count = 0
        while count < memory.count {
            let got = pread(number, memory.baseAddress! + count, memory.count - count, off_t(offset + count))
            if got < 0 {
                if errno == EINTR { continue }
                throw .system(errno, "reading", at: path)
            }
            if got == 0 { break }
            count += got
        }
        return count
    }

    /// Writes all of `memory`.
    func write(_ memory: UnsafeRawBufferPointer, at offset: Int, path: String) throws(HarvestError) {
        var count = 0
        while count < memory.count {
            let put = pwrite(number, memory.baseAddress! + count, memory.count - count, off_t(offset + count))
            if put < 0 {
                if errno == EINTR { continue }
                throw .system(errno, "writing", at: path)
            }
            count += put
        }
    }
}
