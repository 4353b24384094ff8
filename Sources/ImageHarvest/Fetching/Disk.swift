import Glibc
import HarvestCodecs
import HarvestCore
import HarvestStores

/// Small dealings with the local disk.
enum Disk {
    static func error(_ what: String, _ path: String) -> HarvestError {
        let code = errno
        let next = code == ENOSPC || code == EDQUOT ? "free some space and run the same command again" : nil
        return HarvestError(.storage, "\(what): \(String(cString: strerror(code)))", at: path, next: next)
    }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String) throws {
        if mkdir(path, 0o755) == 0 { return }  // as a rule only the last one is missing
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += (made.isEmpty || made == "/" ? "" : "/") + part
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw error("cannot make the folder", made) }
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw HarvestError(.storage, "not a folder", at: path, next: "choose another --into")
        }
    }

    static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Bytes that may still be written below `path`.
    static func free(_ path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }

    static func read(_ path: String) throws -> Bytes {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("cannot read", path) }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error("cannot read", path) }
            if count == 0 { return Bytes(all) }
            all += buffer[..<count]
        }
    }

    /// Writes a file whole or not at all: another name first, then a rename.
    static func write(_ bytes: Bytes, to path: String) throws {
        let file = try OutputFile(path)
        try bytes.withUnsafeBytes { try file.write($0) }
        try file.publish(isDurable: false)
    }

    static func write(_ text: String, to path: String) throws { try write(Bytes(text.utf8), to: path) }

    static func sha256(_ path: String) throws -> String { try hex(.sha256, of: path) }

    /// Checksum of a file; lower-case hexadecimal.
    static func hex(_ algorithm: Digest.Algorithm, of path: String) throws -> String {
        var digest = Digest(algorithm)
        try forEachPiece(of: path) { digest.update($0) }
        return digest.hex
    }

    /// Checksums of the pieces of a file that should have `total` bytes.
    static func pieces(of path: String, total: Int) throws -> PieceSums {
        var pieces = PieceSums(total: total)
        try forEachPiece(of: path) { pieces.update($0) }
        pieces.finish()
        return pieces
    }

    /// Reads a file through, a mebibyte at a time.
    private static func forEachPiece(of path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("cannot read", path) }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error("cannot read", path) }
            if count == 0 { return }
            buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }
}

/// A file that is read here and there.
final class InputFile: Sendable {
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Disk.error("cannot read", path) }
    }

    deinit { close(descriptor) }

    /// Fills the memory with the bytes from a place on.
    func read(into memory: UnsafeMutableRawBufferPointer, at place: Int) throws {
        var done = 0
        while done < memory.count, let start = memory.baseAddress {
            let count = pread(descriptor, start + done, memory.count - done, off_t(place + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Disk.error("cannot read", path) }
            guard count > 0 else { throw HarvestError(.storage, "the file became shorter", at: path) }
            done += count
        }
    }
}
