import Glibc
import HarvestCore
import Synchronization

/// What single hosts turned out to bear, kept between runs in `hosts.json` of the cache folder.
///
/// A hint, no more: a file that is damaged, old or not there is as good as empty, and nothing fails if it cannot be
/// written. It holds names of hosts and numbers, nothing else.
final class HostProfiles: Sendable {
    /// Of one origin.
    struct Profile: Sendable, Equatable {
        /// Connections that it bears.
        var connections: Int?
        /// Requests at a time that bring the most, of many small ones.
        var window: Int?
        /// Retrieves that may start in a second, and how many at once.
        var starts: (Double, Double)?
        /// What the last transfers of some length brought, in bytes a second.
        var speed: Double?
        /// Seconds since 1970.
        var learnt: Int

        static func == (one: Profile, other: Profile) -> Bool {
            one.connections == other.connections && one.window == other.window
                && one.starts?.0 == other.starts?.0 && one.starts?.1 == other.starts?.1 && one.speed == other.speed
        }
    }

    private let file: String?
    /// By origin, spelled as in the file: what no request asks for need not be taken apart, and curl not be loaded for it.
    private let known: Mutex<[String: Profile]>
    /// Servers change: what is older is forgotten.
    private static let longest = 30 * 86_400
    /// The most hosts that are kept.
    private static let most = 500

    /// - Parameter file: `nil` keeps nothing beyond this run.
    init(file: String?) {
        self.file = file
        known = Mutex(file.map(Self.read) ?? [:])
    }

    subscript(origin: WebAddress.Origin) -> Profile? { known.withLock { $0[Self.name(origin)] } }

    /// Changes what is known of an origin, and writes it down.
    func update(_ origin: WebAddress.Origin, _ body: (inout Profile) -> Void) {
        let name = Self.name(origin)
        let all = known.withLock { known -> [String: Profile]? in
            var profile = known[name] ?? Profile(learnt: 0)
            let before = profile
            body(&profile)
            guard profile != before else { return nil }
            profile.learnt = Int(time(nil))
            known[name] = profile
            return known
        }
        if let all, let file { Self.write(all, file) }
    }

    private static func name(_ origin: WebAddress.Origin) -> String {
        "\(origin.scheme)://\(origin.host):\(origin.port)"
    }

    private static func read(_ file: String) -> [String: Profile] {
        guard let text = SmallFile.read(file, atMost: 1 << 20), let json = try? JSON(parsing: text, at: file),
            json["schema"]?.string == "harvest.hosts/1", let hosts = json["hosts"]?.object
        else { return [:] }
        let now = Int(time(nil))
        var found: [String: Profile] = [:]
        for (name, entry) in hosts.prefix(most) {
            guard let learnt = entry["learnt"]?.int, (now - longest...now).contains(learnt) else { continue }
            var profile = Profile(learnt: learnt)
            profile.connections = entry["connections"]?.int.flatMap { (1...256).contains($0) ? $0 : nil }
            profile.window = entry["window"]?.int.flatMap { (1...256).contains($0) ? $0 : nil }
            if let rate = entry["starts_per_second"]?.double, let burst = entry["burst"]?.double,
                (0.1...1000).contains(rate), (1...1000).contains(burst)
            {
                profile.starts = (rate, burst)
            }
            profile.speed = entry["bytes_per_second"]?.double.flatMap { (1...1e12).contains($0) ? $0 : nil }
            found[name] = profile
        }
        return found
    }

    private static func write(_ all: [String: Profile], _ file: String) {
        let kept = all.sorted { ($0.value.learnt, $0.key) > ($1.value.learnt, $1.key) }.prefix(most)
        var hosts: JSON = [:]
        for (name, profile) in kept.sorted(by: { $0.key < $1.key }) {
            hosts = hosts.setting(
                name,
                [
                    "connections": JSON(profile.connections), "window": JSON(profile.window),
                    "starts_per_second": JSON(profile.starts?.0), "burst": JSON(profile.starts?.1),
                    "bytes_per_second": JSON(profile.speed), "learnt": .int(profile.learnt),
                ])
        }
        SmallFile.write((["schema": "harvest.hosts/1", "hosts": hosts] as JSON).pretty + "\n", to: file)
    }
}

/// Files whose loss does no harm.
enum SmallFile {
    static func read(_ path: String, atMost limit: Int) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, (0...limit).contains(Int(status.st_size)) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    static func write(_ text: String, to path: String) { write(Array(text.utf8), to: path) }

    /// Writes under another name and renames: two runs at a time leave one whole file.
    static func write(_ bytes: [UInt8], to path: String) {
        if let slash = path.lastIndex(of: "/") { makeFolders(String(path[..<slash])) }
        var name = Array("\(path).XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { return }
        let isWhole = Glibc.write(descriptor, bytes, bytes.count) == bytes.count
        close(descriptor)
        if !isWhole || rename(name, path) != 0 { unlink(name) }
    }

    private static func makeFolders(_ path: String) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
        makeFolders(String(path[..<slash]))
        mkdir(path, 0o700)
    }
}
