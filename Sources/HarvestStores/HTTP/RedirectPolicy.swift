import HarvestCore

/// Decides which redirects are followed, and what of the request goes along: a pure value.
///
/// At most ten hops; never from https to http, to another scheme, or from the public internet to an address inside,
/// unless the user mapped that host (`--connect-to`). Whatever the caller put into the headers stays with the origin
/// it was meant for.
struct RedirectPolicy {
    private static let longest = 10

    let first: WebAddress
    private let mapped: ConnectMap
    private(set) var current: WebAddress
    private var hops = 0
    /// Whether the caller's headers and credentials still go along.
    private(set) var keepsHeaders = true
    /// How far inside the request began; an address further inside is out of bounds.
    private(set) var start: NetworkAddress.Depth

    init(_ first: WebAddress, mapped: ConnectMap) {
        self.first = first
        self.mapped = mapped
        current = first
        start = NetworkAddress.depth(host: first.origin.host)
    }

    /// How far inside the current hop may end; `nil` where the user vouched for its host.
    var limit: NetworkAddress.Depth? { hops > 0 && !mapped.maps(current.origin) ? start : nil }

    /// The first hop was answered from `address`: a name inside a private network may lead to others inside.
    mutating func answered(from address: String?, throughProxy: Bool) {
        guard hops == 0, !throughProxy, !mapped.maps(first.origin), let address else { return }
        if let found = NetworkAddress.depth(literal: address) { start = max(start, found) }
    }

    /// Follows one `Location`.
    ///
    /// - Throws: `.denied` where policy refuses, `.malformed` where the location is none.
    mutating func follow(_ location: String) throws(HarvestError) {
        hops += 1
        guard hops <= Self.longest else {
            throw HarvestError(.denied, "more than \(Self.longest) redirects", at: first.text)
        }
        let shown = location.displayed(limit: 300)
        if let end = location.firstRange(of: "://")?.lowerBound {
            let scheme = location[..<end].lowercased()
            let isName = !scheme.isEmpty && scheme.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2B }
            if isName, scheme != "http", scheme != "https" {
                throw HarvestError(.denied, "a redirect to \(scheme), which is not followed", at: shown)
            }
        }
        let next: WebAddress
        do { next = try WebAddress(location, relativeTo: current) } catch {
            throw HarvestError(.denied, "a redirect to what is not a web address", at: shown, underlying: error)
        }
        if current.origin.scheme == "https", next.origin.scheme == "http" {
            throw HarvestError(.denied, "a redirect from https to http", at: next.text)
        }
        if NetworkAddress.depth(host: next.origin.host) > start, !mapped.maps(next.origin) {
            throw HarvestError(
                .denied, "a redirect to an address inside this network or machine, from outside it", at: next.text,
                next: "give the address itself if it is meant")
        }
        if next.origin != current.origin { keepsHeaders = false }
        current = next.fragment == nil && current.fragment != nil ? next.keeping(fragmentOf: current) : next
    }
}

/// The hosts a user mapped by `--connect-to HOST:PORT:HOST:PORT`.
struct ConnectMap: Sendable {
    private struct Entry: Sendable {
        var host: String
        var port: Int?
        var target: String
    }

    private let entries: [Entry]

    /// Reads curl's form; an IPv6 address stands in brackets.
    ///
    /// - Throws: `.invalid` for anything else.
    init(_ lines: [String]) throws(HarvestError) {
        var entries: [Entry] = []
        for line in lines {
            let fields = Self.fields(line)
            guard fields.count == 4, fields[1].isEmpty || Int(fields[1]) != nil,
                fields[3].isEmpty || Int(fields[3]) != nil
            else {
                throw .invalid(
                    "\"\(line.displayed(limit: 200))\" is not HOST:PORT:HOST:PORT", next: "see --connect-to in curl")
            }
            entries.append(
                Entry(host: fields[0].lowercased(), port: Int(fields[1]), target: "\(fields[2]):\(fields[3])"))
        }
        self.entries = entries
    }

    /// Whether the user said where this host is.
    func maps(_ origin: WebAddress.Origin) -> Bool {
        entries.contains {
            ($0.host.isEmpty || $0.host == origin.host) && ($0.port == nil || $0.port == origin.port)
        }
    }

    /// Where an origin is: what the user said, else its own name and port.
    func target(of origin: WebAddress.Origin) -> (host: String, port: Int) {
        let entry = entries.first {
            ($0.host.isEmpty || $0.host == origin.host) && ($0.port == nil || $0.port == origin.port)
        }
        guard let entry, let colon = entry.target.lastIndex(of: ":") else { return (origin.host, origin.port) }
        let (host, port) = (entry.target[..<colon], entry.target[entry.target.index(after: colon)...])
        return (host.isEmpty ? origin.host : String(host), Int(port) ?? origin.port)
    }

    /// The same as a browser's `--host-resolver-rules`.
    var browserRules: String {
        entries.map { "MAP \($0.host.isEmpty ? "*" : $0.host)\($0.port.map { ":\($0)" } ?? "") \($0.target)" }
            .joined(separator: ", ")
    }

    /// Splits at colons outside brackets.
    private static func fields(_ line: String) -> [String] {
        var fields = [""]
        var isBracketed = false
        for character in line {
            if character == "[" { isBracketed = true }
            if character == "]" { isBracketed = false }
            if character == ":" && !isBracketed {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
        }
        return fields
    }
}
