import Glibc
public import HarvestCore
import HarvestStores

/// One thing that this machine should have, and whether it has.
public struct Check: Sendable {
    public var name: String
    public var isFine: Bool
    /// Whether the program cannot do its work without it.
    public var isNeeded: Bool
    public var message: String

    public var json: JSON {
        ["name": .string(name), "ok": .bool(isFine), "needed": .bool(isNeeded), "message": .string(message)]
    }
}

/// Looks at what the program stands on.
public enum Doctor {
    public static func checks(_ context: Context, environment: [String: String]) -> [Check] {
        var checks = [
            Check(
                name: "processors", isFine: true, isNeeded: true,
                message: "\(Workers.shared.count) threads decode chunks"),
            Check(
                name: "known", isFine: true, isNeeded: true,
                message:
                    "portals \(context.portals.map(\.name).joined(separator: ", ")); formats \(context.formats.map(\.name).joined(separator: ", "))"
            ),
        ]
        for (name, path) in [("temporary folder", environment["TMPDIR"] ?? "/tmp"), ("this folder", ".")] {
            let isWritable = access(path, W_OK) == 0
            checks.append(
                Check(
                    name: name, isFine: isWritable, isNeeded: name == "temporary folder",
                    message: isWritable
                        ? "\(path) has \((Disk.free(path) ?? 0) / 1_000_000) MB free" : "\(path) cannot be written"))
        }
        if let ca = environment["HARVEST_CA"] {
            let isThere = access(ca, R_OK) == 0
            checks.append(
                Check(
                    name: "certificate authority", isFine: isThere, isNeeded: true,
                    message: isThere ? ca : "\(ca) cannot be read"))
        }
        if let map = environment["HARVEST_CONNECT_TO"] {
            checks.append(Check(name: "connect-to", isFine: true, isNeeded: false, message: map))
        }
        for name in ["https_proxy", "all_proxy", "no_proxy"] {
            if let value = environment[name] ?? environment[name.uppercased()] {
                checks.append(Check(name: name, isFine: true, isNeeded: false, message: withoutPassword(value)))
            }
        }
        let key = environment["HARVEST_OPENORGANELLE_KEY"] != nil
        checks.append(
            Check(
                name: "OpenOrganelle key", isFine: key, isNeeded: false,
                message: key
                    ? "set"
                    : "not set; acquisition values come from the rendered page instead (HARVEST_OPENORGANELLE_KEY)"))
        let browser = Browser.installed(environment: environment)
        checks.append(
            Check(
                name: "browser", isFine: browser != nil, isNeeded: false,
                message: browser?.path ?? "none; pages that draw themselves stay unread (apt-get install chromium)"))
        return checks
    }

    /// A proxy's address without what stands before `@`.
    private static func withoutPassword(_ url: String) -> String {
        guard let at = url.lastIndex(of: "@") else { return url }
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        return url[..<start] + "***" + url[at...]
    }
}
