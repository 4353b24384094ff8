import Glibc
import HarvestCore

/// Which proxy a request goes through, by the variables that curl and others read (everything.curl.dev, "Proxy environment
/// variables"): `http_proxy` (in lower case only: in capitals a CGI program's client could set it), `https_proxy`, `ftp_proxy`,
/// `all_proxy`, and `no_proxy` for the hosts that are asked directly.
struct ProxySettings: Sendable {
    private var proxies: [String: String] = [:]
    private var all: String?
    private var direct: [String] = []

    init(_ environment: [String: String] = [:]) {
        func value(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        proxies["http"] = value("http_proxy")
        proxies["https"] = value("https_proxy", "HTTPS_PROXY")
        proxies["ftp"] = value("ftp_proxy", "FTP_PROXY")
        (proxies["ftps"], proxies["ftpes"]) = (proxies["ftp"], proxies["ftp"])
        all = value("all_proxy", "ALL_PROXY")
        direct = (value("no_proxy", "NO_PROXY") ?? "").split(whereSeparator: { $0 == "," || $0 == " " })
            .map { $0.lowercased() }
    }

    /// `nil` where the host is asked directly.
    func proxy(for origin: WebAddress.Origin) -> String? {
        guard let proxy = proxies[origin.scheme] ?? all, !isDirect(origin.host) else { return nil }
        return proxy
    }

    /// Names cover the hosts below them, with or without a dot in front; addresses may be networks (`10.0.0.0/8`); `*` is all.
    private func isDirect(_ host: String) -> Bool {
        let bare = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" }) : host
        let name = bare.hasSuffix(".") ? String(bare.dropLast()) : bare
        return direct.contains { entry in
            if entry == "*" { return true }
            var entry = entry
            if entry.hasPrefix("["), let end = entry.firstIndex(of: "]") {
                entry = String(entry[entry.index(after: entry.startIndex)..<end])
            }
            if let network = NetworkRange(entry), network.contains(name) { return true }
            while entry.hasPrefix(".") { entry.removeFirst() }
            while entry.hasSuffix(".") { entry.removeLast() }
            return !entry.isEmpty && (name == entry || name.hasSuffix("." + entry))
        }
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address.
private struct NetworkRange {
    private let bytes: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.bytes(String(parts[0])) else { return nil }
        let bits = parts.count == 2 ? Int(parts[1]) ?? -1 : 8 * bytes.count
        guard (0...8 * bytes.count).contains(bits) else { return nil }
        (self.bytes, self.bits) = (bytes, bits)
    }

    func contains(_ host: String) -> Bool {
        guard let other = Self.bytes(host), other.count == bytes.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return bytes[bit / 8] & mask == other[bit / 8] & mask
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr(), six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }
}
