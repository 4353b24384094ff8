import Glibc
import HarvestCore
import HarvestMarkup

/// A headless Chromium, for pages that draw themselves.
///
/// Each page gets a process and a profile of its own, both gone afterwards. Hosts mapped by `--connect-to` are mapped
/// for it too. Where a certificate authority of the user's own is set and the page's host is mapped, the browser does
/// not check certificates: it has no way to be given an authority, and its address is one the user vouched for.
public struct Browser: Sendable {
    /// The program.
    public let path: String
    /// How long one page may take in all, in seconds.
    public var deadline = 30.0
    /// How far the page's own clock is run ahead, in milliseconds, one try after the other.
    public var budgets = [1000, 3000, 8000, 20_000]

    /// The longest document that is taken, in bytes.
    static let longest = 64 << 20

    public init(path: String) { self.path = path }

    /// The browser that `HARVEST_CHROMIUM` names, or one installed under its usual names; `nil` without one.
    public static func installed(environment: [String: String]) -> Browser? {
        if let named = environment["HARVEST_CHROMIUM"], !named.isEmpty {
            return access(named, X_OK) == 0 ? Browser(path: named) : nil
        }
        for folder in (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            for name in ["chromium", "chromium-browser", "google-chrome"] where access("\(folder)/\(name)", X_OK) == 0 {
                return Browser(path: "\(folder)/\(name)")
            }
        }
        return nil
    }

    /// The document once an element with the id, class or text `marker` is in it; `nil` if there never is one.
    func render(_ address: WebAddress, until marker: String, for client: HTTPClient) async throws -> Bytes? {
        let end = Monotonic.now + deadline
        for budget in budgets {
            let left = end - Monotonic.now
            guard left > 0.1 else { return nil }
            let child = ChildProcess()
            let profile = try TemporaryFolder(prefix: "harvest-browser-")
            let line = arguments(address, budget: budget, profile: profile.path, for: client)
            let text = try await withTaskCancellationHandler {
                try await Self.threads.run {
                    defer { profile.remove() }
                    return try child.output(of: line, limit: Self.longest, seconds: left)
                }
            } onCancel: {
                child.kill()
            }
            try Task.checkCancellation()
            if let text, Self.holds(text, marker) { return text }
        }
        return nil
    }

    /// Whether an element of the document has this id or class, or the document shows this text. A script that only
    /// speaks of it does not count.
    static func holds(_ document: Bytes, _ marker: String) -> Bool {
        guard let root = try? HTMLDocument.parse(bytes: document) else { return false }
        if root.text.contains(marker) { return true }
        return root.first { node in
            node.attributes["id"] == marker
                || node.attributes["class"].map { $0.split { " \t\n".contains($0) }.contains(marker[...]) } ?? false
        } != nil
    }

    private static let threads = Workers(count: 2)

    func arguments(_ address: WebAddress, budget: Int, profile: String, for client: HTTPClient) -> [String] {
        var line = [
            path, "--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio",
            "--user-data-dir=\(profile)", "--virtual-time-budget=\(budget)",
        ]
        if geteuid() == 0 { line.append("--no-sandbox") }  // Chromium refuses to run as root with its sandbox
        let rules = client.connectMap.browserRules
        if !rules.isEmpty { line.append("--host-resolver-rules=\(rules)") }
        if client.options.certificateAuthority != nil, client.connectMap.maps(address.origin) {
            line.append("--ignore-certificate-errors")
        }
        return line + ["--dump-dom", address.display]
    }
}
