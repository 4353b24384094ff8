/// An address a person typed: a portal's page, a link into a store, a path.
///
/// `STORE-URL|format:` is the form Neuroglancer and TensorStore share; the older `zarr://s3://…` is read too.
public struct Address: Sendable, Hashable {
    /// As typed.
    public let text: String
    /// The URL or path without any format around it.
    public let location: String
    /// `https`, `http`, `s3`, `gs`, `ftp`, `file`, `memory`, or another one, for which there is no store.
    public let scheme: String
    /// The format the address names, in our spelling; `nil` where it must be found out.
    public let format: String?

    private static let formats = [
        "zarr": "zarr", "zarr2": "zarr2", "zarr3": "zarr3", "n5": "n5", "precomputed": "precomputed",
        "neuroglancer-precomputed": "precomputed", "tiff": "tiff", "tif": "tiff", "dm3": "dm", "dm4": "dm",
        "dm": "dm", "slices": "slices",
    ]

    public init(_ text: String) {
        self.text = text
        var location = text
        var format: String?
        if let bar = text.lastIndex(of: "|"), text.hasSuffix(":") {  // s3://bucket/key/|zarr2:
            format = Self.formats[text[text.index(after: bar)...].dropLast().lowercased()]
            if format != nil { location = String(text[..<bar]) }
        } else if let end = text.firstRange(of: "://")?.lowerBound, let known = Self.formats[text[..<end].lowercased()]
        {
            let rest = String(text[end...].dropFirst(3))  // zarr://s3://…
            if rest.contains("://") || rest.hasPrefix("/") { (location, format) = (rest, known) }
        }
        // A file here whose name looks like a URL is given as ./name.
        if let end = Self.endOfScheme(location) {
            scheme = location[..<end].lowercased()
            if scheme == "file" { location = String(location[end...].dropFirst(3)) }
        } else {
            scheme = "file"
        }
        self.location = location
        self.format = format
    }

    /// Where the `://` after a scheme stands (RFC 3986 §3.1). By hand: an address is what every run begins with, and a
    /// pattern takes a millisecond to be compiled.
    private static func endOfScheme(_ text: String) -> String.Index? {
        let scheme = text.utf8.prefix { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E].contains(byte)
        }
        guard let first = scheme.first, (0x61...0x7A).contains(first | 0x20), text[scheme.endIndex...].hasPrefix("://")
        else { return nil }
        return scheme.endIndex
    }

    /// Schemes of files that lie elsewhere, and may stand on a page or in a list from there.
    public static let remoteSchemes: Set = ["http", "https", "ftp", "ftps", "ftpes", "s3", "gs"]

    public var isRemote: Bool { scheme != "file" && scheme != "memory" }

    /// The host of a URL, lower case, without port and user; `nil` for a path.
    public var host: String? {
        guard isRemote, let start = location.firstRange(of: "://")?.upperBound else { return nil }
        var authority = location[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") { authority = authority[..<colon] }
        return authority.lowercased()
    }

    /// The path of a URL, from its first `/`, without query and fragment; the path itself of a local address.
    public var path: String {
        guard isRemote, let start = location.firstRange(of: "://")?.upperBound else { return location }
        let hierarchy = location[start...].prefix { $0 != "?" && $0 != "#" }
        return hierarchy.firstIndex(of: "/").map { String(hierarchy[$0...]) } ?? "/"
    }

    /// The last component of the path that is not empty.
    public var name: String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// The lower-case extension of the last component, without the dot; `""` where there is none.
    public var fileExtension: String {
        let name = name
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
        return name[name.index(after: dot)...].lowercased()
    }
}
