import Glibc
import HarvestCore

/// Where keys and passwords are looked for: in variables, and in the files that the tools of Amazon, Google and curl
/// share. Nothing is read before a store wants it, and nothing of it is printed.
public struct AccessOptions: Sendable {
    /// Whether all is asked for as nobody.
    var isAnonymous = true
    private var variables: [String: Secret] = [:]

    /// The longest file of keys, in bytes.
    private static let longest = 1 << 20

    /// As nobody.
    public init() {}

    /// As the variables say; with `HARVEST_ANONYMOUS` (anything but empty or `0`) as nobody.
    public init(environment: [String: String]) {
        variables = environment.filter { !$0.value.isEmpty }.mapValues { Secret($0) }
        isAnonymous = variable("HARVEST_ANONYMOUS") ?? "0" != "0"
    }

    /// A variable's value; `nil` where it is empty or not set.
    func variable(_ name: String) -> String? { variables[name]?.value }

    /// The path that `variable` names, a leading `~/` resolved, else `usual` below the home folder.
    func path(_ variable: String, usual: String) -> String? {
        let home = self.variable("HOME")
        guard let named = self.variable(variable) else { return home.map { "\($0)/\(usual)" } }
        guard named.hasPrefix("~/"), let home else { return named }
        return home + named.dropFirst()
    }

    /// A file's text.
    ///
    /// - Throws: `.notFound`, `.denied`, `.storage`, `.invalid` for one longer than 1 MiB.
    static func text(at path: String) throws(HarvestError) -> String {
        let file = try FileDescriptor.reading(path)
        let count = Int(try file.status(at: path).st_size)
        guard count <= longest else { throw .invalid("too long for a file of keys", at: path) }
        var bytes = [UInt8](repeating: 0, count: count)
        var got = 0
        do { got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0, path: path) } } catch {
            throw .wrapping(error, at: path)
        }
        return String(decoding: bytes.prefix(got), as: UTF8.self)
    }
}
