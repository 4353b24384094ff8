import CCurl
public import HarvestCore

/// An `http`, `https`, `ftp`, `ftps` or `ftpes` address, taken apart by the same parser that later connects to it.
public struct WebAddress: Sendable, Hashable {
    /// What a request's secrets belong to, and what a limit counts.
    public struct Origin: Sendable, Hashable {
        public var scheme: String
        /// Lower case; an IPv6 address keeps its brackets.
        public var host: String
        public var port: Int

        /// Whether it speaks FTP, over TLS or not.
        var isFTP: Bool { scheme == "ftp" || isSecretFTP }

        /// FTP over TLS: `ftps` from the first byte on, `ftpes` once the server was asked for it (RFC 4217 §4).
        var isSecretFTP: Bool { scheme == "ftps" || scheme == "ftpes" }
    }

    public let origin: Origin
    /// The address without user, password and fragment, every odd character percent-encoded once.
    public private(set) var text: String
    /// From the first `/`, percent-encoded, without the query.
    public private(set) var path: String
    /// Without the `?`.
    public let query: String?
    /// Without the `#`, as it was written.
    public private(set) var fragment: String?
    /// `user:password` as it was written; only ever sent to this address itself.
    public private(set) var credentials: String?

    /// Parses an absolute address.
    ///
    /// - Throws: `.invalid` where it is none, or has another scheme.
    public init(_ typed: String) throws(HarvestError) { try self.init(typed, relativeTo: nil) }

    /// Parses `reference` as a server's `Location` gives it, absolute or relative.
    public init(_ reference: String, relativeTo base: WebAddress?) throws(HarvestError) {
        guard let handle = curl_url() else { throw HarvestError(.failed, "no memory for a URL") }
        defer { curl_url_cleanup(handle) }
        if let base { _ = curl_url_set(handle, CURLUPART_URL, base.text, UInt32(CURLU_NON_SUPPORT_SCHEME)) }
        let (body, fragment) = Self.splitFragment(reference)
        let code = curl_url_set(
            handle, CURLUPART_URL, Self.encoded(body), UInt32(CURLU_NON_SUPPORT_SCHEME))
        guard code == CURLUE_OK || (base != nil && body.isEmpty) else {
            let why = curl_url_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
            throw .invalid("not a web address: \(why.lowercased())", at: reference.displayed(limit: 300))
        }
        func part(_ what: CURLUPart, _ flags: Int32 = 0) -> String? {
            var out: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, what, &out, UInt32(flags)) == CURLUE_OK, let out else { return nil }
            defer { curl_free(out) }
            return String(cString: out)
        }
        let scheme = (part(CURLUPART_SCHEME) ?? "").lowercased()
        guard Self.schemes.contains(scheme), let host = part(CURLUPART_HOST), !host.isEmpty else {
            throw .invalid("not an http, https, ftp, ftps or ftpes address", at: reference.displayed(limit: 300))
        }
        if let user = part(CURLUPART_USER) {
            credentials = part(CURLUPART_PASSWORD).map { "\(user):\($0)" } ?? user
        } else {
            credentials = nil
        }
        let port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT).flatMap(Int.init) ?? Self.usualPort(scheme)
        origin = Origin(scheme: scheme, host: host.lowercased(), port: port)
        path = part(CURLUPART_PATH) ?? "/"
        query = part(CURLUPART_QUERY)
        self.fragment = fragment
        text = Self.text(origin, path, query)
    }

    /// As it stands in the `Host` line: the port only where it is not the scheme's own.
    var hostHeader: String {
        origin.port == Self.usualPort(origin.scheme) ? origin.host : "\(origin.host):\(origin.port)"
    }

    /// The schemes that such an address may have.
    public static let schemes: Set = ["http", "https", "ftp", "ftps", "ftpes"]

    /// The address as curl takes it, which knows `ftpes` as `ftp` with TLS asked for.
    var curlText: String { origin.scheme == "ftpes" ? "ftp" + text.dropFirst("ftpes".count) : text }

    static func usualPort(_ scheme: String) -> Int {
        switch scheme {
        case "https": 443
        case "ftp", "ftpes": 21
        case "ftps": 990
        default: 80
        }
    }

    /// The address as a person would copy it, with the fragment, never with the credentials.
    public var display: String { fragment.map { "\(text)#\($0)" } ?? text }

    /// This address with `components` below its path, each percent-encoded.
    public func appending(_ components: [String]) throws(HarvestError) -> WebAddress {
        if components.isEmpty { return self }
        guard !components.contains(where: { $0 == "." || $0 == ".." }) else {
            throw .invalid("\"\(components.joined(separator: "/").displayed(limit: 300))\" leads elsewhere", at: text)
        }
        var copy = self
        copy.path += path.utf8.last == UInt8(ascii: "/") ? "" : "/"
        copy.path += components.map(Self.percentEncoded).joined(separator: "/")
        copy.text = Self.text(origin, copy.path, query)
        copy.fragment = nil
        return copy
    }

    private static func text(_ origin: Origin, _ path: String, _ query: String?) -> String {
        let port = origin.port == usualPort(origin.scheme) ? "" : ":\(origin.port)"
        return "\(origin.scheme)://\(origin.host)\(port)\(path)\(query.map { "?\($0)" } ?? "")"
    }

    /// The same place for another user; percent-encoded.
    func with(credentials: String) -> WebAddress {
        var copy = self
        copy.credentials = credentials
        return copy
    }

    /// RFC 9110 §10.2.2: a `Location` without a fragment inherits the one of the address that led there.
    func keeping(fragmentOf other: WebAddress) -> WebAddress {
        var copy = self
        copy.fragment = other.fragment
        return copy
    }

    /// The first `#` parts the fragment off: Neuroglancer's fragments hold further ones.
    private static func splitFragment(_ text: String) -> (String, String?) {
        guard let hash = text.firstIndex(of: "#") else { return (text, nil) }
        return (String(text[..<hash]), String(text[text.index(after: hash)...]))
    }

    /// Percent-encodes what may not stand in a URL, and a `%` that escapes nothing; existing escapes stay.
    static func encoded(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        func isHex(_ index: Int) -> Bool { bytes.indices.contains(index) && Character(bytes[index]).isHexDigit }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "%") where !(isHex(index + 1) && isHex(index + 2)): out += escape(byte)
            case 0x21, 0x23...0x3B, 0x3D, 0x3F...0x5B, 0x5D, 0x5F, 0x61...0x7A, 0x7E: out.append(byte)
            default: out += escape(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters, for one component or one value.
    static func percentEncoded(_ text: String) -> String { percentEncoded(text.utf8) }

    static func percentEncoded(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.append(byte)
            default: out += escape(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}

extension Character {
    fileprivate init(_ byte: UInt8) { self.init(Unicode.Scalar(byte)) }
}
