internal import HarvestCore

/// What an address of the Image Data Resource speaks of.
enum IDRSubject: Equatable {
    case image(Int)
    case well(Int)
    case plate(Int)
    case dataset(Int)
    case project(Int)
    case screen(Int)
    /// `idr0086`
    case study(String)
    /// A bare DOI, which only its resolver can tell more of.
    case doi(String)

    static let host = "idr.openmicroscopy.org"

    /// Reads every form in which people pass such addresses on; `nil` for anything else.
    init?(_ text: String) {
        if text.utf8.count == 7, text.wholeMatch(of: /[Ii][Dd][Rr][0-9]{4}/) != nil {
            self = .study(text.lowercased())
            return
        }
        if let doi = Self.doi(text) {
            self = .doi(doi)
            return
        }
        let address = Address(text)
        guard address.scheme == "https" || address.scheme == "http", address.host == Self.host else { return nil }
        let path = address.path.split(separator: "/").map(String.init)
        let query = Self.query(of: text)
        switch (path.first, path.count) {
        case ("webclient", 3) where path[1] == "img_detail": self.init(kind: "image", path[2])
        case ("webclient", 1), ("webclient", 0):
            guard let shown = query["show"]?.split(separator: "|").first?.split(separator: "-"), shown.count == 2 else {
                return nil
            }
            self.init(kind: String(shown[0]), String(shown[1]))
        case ("iviewer", 1):
            guard let first = query["images"]?.split(separator: ",").first else { return nil }
            self.init(kind: "image", String(first))
        case ("image", 2): self.init(kind: "image", path[1])
        case ("study", 2) where path[1].wholeMatch(of: /idr[0-9]{4}/) != nil: self = .study(path[1])
        default: return nil
        }
    }

    private init?(kind: String, _ digits: String) {
        guard let id = Int(digits), id > 0, digits.count <= 15 else { return nil }
        switch kind {
        case "image": self = .image(id)
        case "well": self = .well(id)
        case "plate": self = .plate(id)
        case "dataset": self = .dataset(id)
        case "project": self = .project(id)
        case "screen": self = .screen(id)
        default: return nil
        }
    }

    /// DOIs that the University of Dundee gives to IDR's data: `10.17867/…`, bare or behind a resolver.
    private static func doi(_ text: String) -> String? {
        let address = Address(text)
        let isResolver = address.isRemote && ["doi.org", "dx.doi.org", "www.doi.org"].contains(address.host)
        let bare =
            isResolver
            ? String(address.path.dropFirst()) : text.lowercased().hasPrefix("doi:") ? String(text.dropFirst(4)) : text
        guard bare.hasPrefix("10.17867/"), bare.wholeMatch(of: /10\.17867\/[0-9A-Za-z.\-]{3,40}/) != nil else {
            return nil
        }
        return bare
    }

    private static func query(of url: String) -> [String: String] {
        guard let mark = url.firstIndex(of: "?") else { return [:] }
        let text = url[url.index(after: mark)...].prefix { $0 != "#" }
        let pairs = text.split(separator: "&").map { pair -> (String, String) in
            let parts = pair.split(separator: "=", maxSplits: 1)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
        return Dictionary(pairs) { first, _ in first }
    }
}
