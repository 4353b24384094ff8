import Glibc
import HarvestCore
import Synchronization

/// A program of another's, run for what it prints. It and all it started end with the call.
final class ChildProcess: Sendable {
    private let state = Mutex<(process: pid_t?, isKilled: Bool)>((nil, false))

    /// Ends the child, now or as soon as it starts.
    func kill() {
        state.withLock { state in
            state.isKilled = true
            if let process = state.process { Glibc.kill(-process, SIGKILL) }
        }
    }

    /// Runs `line` and waits for it.
    ///
    /// - Returns: What it wrote to its standard output; `nil` if it took longer than `seconds`, wrote more than `limit`
    ///   bytes, or was killed.
    /// - Throws: `.unsupported` if it does not start.
    func output(of line: [String], limit: Int, seconds: Double) throws(HarvestError) -> Bytes? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .system(errno, "opening a pipe", at: line[0]) }
        let reader = FileDescriptor(ends[0])
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        let process = try spawn(line, output: ends[1])
        let isKilled = state.withLock { state in
            state.process = process
            return state.isKilled
        }
        defer {
            // The group is killed before the child is waited for: its number cannot have been given to another yet.
            state.withLock { state in
                Glibc.kill(-process, SIGKILL)
                state.process = nil
            }
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
        }
        return isKilled ? nil : Self.read(reader.number, limit: limit, until: Monotonic.now + seconds)
    }

    /// Starts the child in a process group of its own, with nothing of ours open but its output.
    private func spawn(_ line: [String], output: Int32) throws(HarvestError) -> pid_t {
        defer { close(output) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = posix_spawn(&process, line[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else {
            throw .unsupported(
                "\(line[0]) does not start: \(String(cString: strerror(code)))", next: "check HARVEST_CHROMIUM")
        }
        return process
    }

    private static func read(_ descriptor: Int32, limit: Int, until end: Double) -> Bytes? {
        var found: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let left = end - Monotonic.now
            guard left > 0 else { return nil }
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wait, 1, Int32(min(left * 1000, 1000)) + 1)
            if ready <= 0 { continue }
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return Bytes(found) }
            found += piece[..<count]
            guard found.count <= limit else { return nil }
        }
    }
}

/// A folder of our own under the system's temporary one.
struct TemporaryFolder: Sendable {
    let path: String

    init(prefix: String) throws(HarvestError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .system(errno, "making a folder", at: parent) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Removes the folder with all that is in it, following no links.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        if let directory = opendir(path) {
            var names: [String] = []
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { names.append(name) }
            }
            closedir(directory)
            for name in names { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }
}
