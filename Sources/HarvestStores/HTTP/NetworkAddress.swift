import Glibc

/// Tells addresses of the public internet from those of this machine and its networks.
enum NetworkAddress {
    /// How far inside an address lies. Nobody further out may lead there.
    enum Depth: Comparable {
        case internet
        /// The networks that this machine is in.
        case network
        /// This machine, and what speaks to it alone (169.254.0.0/16 has the secrets of cloud machines).
        case machine
    }

    /// The depth of a URL's host as it is written; names but `localhost` count as the internet's.
    static func depth(host: String) -> Depth {
        guard isPrivate(host: host) else { return .internet }
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") || name.hasSuffix(".localhost.") { return .machine }
        return depth(literal: name.hasPrefix("[") ? String(name.dropFirst().prefix { $0 != "]" }) : name) ?? .network
    }

    /// The depth of a numeric address; `nil` if it is not one.
    static func depth(literal: String) -> Depth? {
        guard let isInside = isPrivate(literal: literal) else { return nil }
        guard isInside else { return .internet }
        var four = in_addr()
        if inet_aton(literal, &four) != 0 {
            let address = UInt32(bigEndian: four.s_addr)
            return address >> 24 == 0x7F || address >> 24 == 0 || address >> 16 == 0xA9FE ? .machine : .network
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(literal.prefix { $0 != "%" }), &six) == 1 else { return .network }
        return withUnsafeBytes(of: six) { bytes in
            if bytes.prefix(10).allSatisfy({ $0 == 0 }) {  // ::, ::1, and IPv4 in it
                let isMapped = bytes[10] == 0xFF && bytes[11] == 0xFF
                return !isMapped || bytes[12] == 127 || bytes[12] == 0 || bytes[12] == 169 && bytes[13] == 254
                    ? .machine : .network
            }
            return bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 ? .machine : .network
        }
    }

    /// Whether `host` of a URL is, as it is written, an address or name inside: `localhost`, `10.0.0.1`, `[::1]`,
    /// also in the odd spellings (`0x7f.1`, `2130706433`) that resolvers take.
    static func isPrivate(host: String) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") || name.hasSuffix(".localhost.") { return true }
        let bare = name.hasPrefix("[") ? String(name.dropFirst().prefix { $0 != "]" && $0 != "%" }) : name
        return isPrivate(literal: bare) ?? false
    }

    /// Whether a numeric address is inside; `nil` if it is not a numeric address.
    static func isPrivate(literal: String) -> Bool? {
        var four = in_addr()
        if inet_aton(literal, &four) != 0 { return isPrivate(ipv4: UInt32(bigEndian: four.s_addr)) }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(literal.prefix { $0 != "%" }), &six) == 1 else { return nil }
        return withUnsafeBytes(of: six) { isPrivate(ipv6: Array($0)) }
    }

    /// RFC 6890 and the IANA special-purpose registry: everything that is not globally reachable unicast.
    private static func isPrivate(ipv4 address: UInt32) -> Bool {
        let blocks: [(UInt32, UInt32)] = [
            (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
            (0xAC10_0000, 12), (0xC000_0000, 24), (0xC0A8_0000, 16), (0xC612_0000, 15), (0xE000_0000, 3),
        ]
        return blocks.contains { base, bits in (address ^ base) >> (32 - bits) == 0 }
    }

    private static func isPrivate(ipv6 bytes: [UInt8]) -> Bool {
        func embedded(at start: Int) -> Bool {
            isPrivate(ipv4: bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        if bytes.prefix(10).allSatisfy({ $0 == 0 }) {  // ::, ::1, ::ffff:a.b.c.d, ::a.b.c.d
            if bytes[10] == 0xFF && bytes[11] == 0xFF { return embedded(at: 12) }
            return bytes[10] == 0 && bytes[11] == 0 ? bytes[12] == 0 || embedded(at: 12) : true
        }
        if bytes.starts(with: [0x00, 0x64, 0xFF, 0x9B]) { return embedded(at: 12) }  // NAT64
        if bytes.starts(with: [0x20, 0x02]) { return embedded(at: 2) }  // 6to4
        return bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFF || (bytes[0] == 0xFE && bytes[1] >= 0x80)
    }
}
