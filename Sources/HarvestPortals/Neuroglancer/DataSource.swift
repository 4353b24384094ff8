internal import HarvestCore

/// The address of a layer's data, in either of Neuroglancer's spellings.
///
/// `driver://kvstore-url` and, since 2024, `kvstore-url|driver:` with adapters in between (`|zip:a/b|zarr3:`).
struct DataSource: Equatable {
    /// Where the bytes are, as an address here: `gs://…`, `s3://…`, `https://…`.
    var url: String
    /// The driver in our spelling (`precomputed`, `zarr2`, `n5`, `graphene`, …); `nil` where the viewer finds it out.
    var format: String?
    /// Why it is not read here, as the end of a sentence; `nil` where nothing hinders.
    var obstacle: String?

    private static let drivers = [
        "precomputed": "precomputed", "neuroglancer-precomputed": "precomputed", "zarr": "zarr", "zarr2": "zarr2",
        "zarr3": "zarr3", "n5": "n5", "nifti": "nifti", "boss": "boss", "brainmaps": "brainmaps", "dvid": "dvid",
        "graphene": "graphene", "render": "render", "deepzoom": "deepzoom", "python": "python", "local": "local",
        "swc": "swc", "obj": "obj", "vtk": "vtk", "ndb": "ndb",
    ]
    /// Drivers behind which no store of files stands that could be read.
    private static let services: Set = [
        "boss", "brainmaps", "dvid", "graphene", "render", "deepzoom", "python", "local",
    ]
    private static let roots: Set = ["https", "http", "s3", "gs"]

    /// `nil` for text that is no address, and for schemes that nobody outside should make us follow.
    init?(_ text: String) {
        guard text.utf8.count <= 8192, !text.isEmpty else { return nil }
        var pieces = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        var address = pieces.removeFirst()
        if let scheme = Self.scheme(of: address), let known = Self.drivers[scheme] {
            format = known
            address = String(address.dropFirst(scheme.count + 3))
        }
        if let hash = address.firstIndex(of: "#") { address = String(address[..<hash]) }
        for piece in pieces {
            guard let colon = piece.firstIndex(of: ":") else { return nil }
            let name = piece[..<colon].lowercased()
            let rest = String(piece[piece.index(after: colon)...])
            if let known = Self.drivers[name] {
                format = known
                if !rest.isEmpty, rest != "/" { address = Self.joined(address, rest) }
            } else {
                obstacle = "lies inside a \(name.displayed(limit: 20)), which is not read here yet"
            }
        }
        if let format, Self.services.contains(format) {
            obstacle = "is served by \(format), which is not read here"
            url = text
            guard Self.scheme(of: address).map({ Self.roots.contains($0) || $0.hasPrefix("middleauth+") }) ?? true
            else {
                return nil
            }
            return
        }
        guard let root = Self.root(of: address) else { return nil }
        (url, obstacle) = (root.url, root.obstacle ?? obstacle)
    }

    /// The store in our spelling; `nil` for `file:`, `javascript:` and everything else that is no public store.
    private static func root(of address: String) -> (url: String, obstacle: String?)? {
        guard let scheme = scheme(of: address) else { return nil }
        let rest = address.dropFirst(scheme.count + 3)
        guard !rest.isEmpty, !rest.hasPrefix("/") else { return nil }
        switch scheme {
        case "https", "http", "gs", "s3": return (address, nil)
        case "s3+https": return ("https://\(rest)", nil)
        case "s3+http": return ("http://\(rest)", nil)
        case "gs+ngauth+https", "gs+ngauth+http", "middleauth+https", "middleauth+http":
            return ("https://\(rest)", "needs a login")
        default: return nil
        }
    }

    private static func scheme(of text: String) -> String? {
        guard let match = text.prefixMatch(of: /([A-Za-z][A-Za-z0-9+.\-]*):\/\//) else { return nil }
        return match.output.1.lowercased()
    }

    private static func joined(_ address: String, _ path: String) -> String {
        address.hasSuffix("/") || path.hasPrefix("/") ? address + path : "\(address)/\(path)"
    }
}
