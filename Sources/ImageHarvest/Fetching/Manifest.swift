import Glibc
import HarvestCore
import Synchronization

/// What was brought into a folder, file by file: `manifest.jsonl`, one line appended as each file is complete.
///
/// A run that was cut off left whole lines behind; the next run keeps what they name, if it is still there.
final class Manifest: Sendable {
    static let name = "manifest.jsonl"

    private struct State {
        var known: [String: FetchedFile] = [:]
        var descriptor: Int32
    }

    private let folder: String
    private let state: Mutex<State>

    init(folder: String) throws {
        self.folder = folder
        let path = "\(folder)/\(Self.name)"
        let old = try? Disk.read(path).text
        let isTorn = old.map { !$0.isEmpty && !$0.hasSuffix("\n") } ?? false
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Disk.error("cannot write", path) }
        if isTorn { _ = write(descriptor, "\n", 1) }
        state = Mutex(State(known: Self.known(old ?? ""), descriptor: descriptor))
    }

    deinit { close(state.withLock { $0.descriptor }) }

    private static func known(_ lines: String) -> [String: FetchedFile] {
        var known: [String: FetchedFile] = [:]
        for line in lines.split(separator: "\n") {
            // A torn last line is not JSON: the file it would have named is fetched again.
            guard let json = try? JSON(parsing: String(line)), let file = FetchedFile(json: json) else { continue }
            known[file.path] = file
        }
        return known
    }

    /// All that the manifest of a folder names, in the order of their paths; the folder may be one that cannot be written.
    static func files(in folder: String) throws -> [FetchedFile] {
        known(try Disk.read("\(folder)/\(name)").text).values.sorted { $0.path < $1.path }
    }

    /// The file as an earlier run left it, from the same source and of the same length.
    ///
    /// - Parameters:
    ///   - bytes: Its length at the source by now, where that is known.
    ///   - version: What tells its version at the source from another one, where that is known.
    func kept(_ path: String, from url: String, bytes: Int? = nil, version: String? = nil) -> FetchedFile? {
        guard var file = state.withLock({ $0.known[path] }), Self.isSame(file.url, url) else { return nil }
        // Asked again: it costs little, and an absence may have been a fault.
        guard file.state != .absent, file.state != .begun else { return nil }
        guard Disk.size("\(folder)/\(path)") == file.bytes, bytes ?? file.bytes == file.bytes else { return nil }
        if let version, let known = file.version, version != known { return nil }
        file.state = .kept
        return file
    }

    /// The same for a file that stands alone; `nil` where it is to be brought.
    ///
    /// - Throws: `.invalid` where a file of that name is there that no earlier run brought from `url`.
    func take(_ path: String, from url: String) throws -> FetchedFile? {
        if let kept = kept(path, from: url) { return kept }
        let place = "\(folder)/\(path)"
        let known = state.withLock { $0.known[path]?.url }
        guard Disk.size(place) == nil || known.map({ Self.isSame($0, url) }) == true else {
            throw HarvestError.invalid(
                "a file of that name is there that did not come from this address", at: place,
                next: "move it away, or choose another --into")
        }
        try begin(path, from: url)
        return nil
    }

    /// Says before the first byte that a file of that name is ours: a run may end between the rename and its next line
    /// here.
    func begin(_ path: String, from url: String) throws {
        try add(FetchedFile(path: path, url: url, bytes: 0, sha256: nil, state: .begun))
    }

    /// Secrets in an address are not written down.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        one == other || one.withoutCredentials == other.withoutCredentials
    }

    func add(_ file: FetchedFile) throws {
        try append(file.line) { $0.known[file.path] = file }
    }

    /// Notes the box that a crop was cut by, and from where.
    func add(_ crop: CopiedBox, of source: String) throws {
        try append(["crop": crop.json.setting("source", .string(source))]) { _ in }
    }

    private func append(_ json: JSON, _ body: (inout State) -> Void) throws {
        let line = Array((json.compact + "\n").utf8)
        let written = state.withLock { state in
            body(&state)
            return write(state.descriptor, line, line.count)
        }
        guard written == line.count else { throw Disk.error("cannot write", "\(folder)/\(Self.name)") }
    }
}
