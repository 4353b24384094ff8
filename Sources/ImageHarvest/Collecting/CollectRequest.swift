public import HarvestCore

/// One address that `collect` works on, and what of it is wanted.
public struct CollectRequest: Sendable, Hashable {
    public var address: String
    /// The row's name and the folder's; `nil` is the portal's or the file's.
    public var id: String?
    /// On a page: the link that is probed; `nil` is the primary one.
    public var link: String?
    /// On a page: another link that is fetched instead of the probed one.
    public var fetchedLink: String?
    /// Whether anything is fetched.
    public var fetches = true
    /// Of a volume with levels: from this one on, or the one that `box` is in.
    public var level: Int?
    /// `z0:z1,y0:y1,x0:x1` in voxels of the level.
    public var box: String?
    /// Bytes; `nil` is what all share.
    public var maximumBytes: Int?

    public init(_ address: String) { self.address = address }

    /// One item of a list: an address, or an object with `address` and any of `id`, `link`, `fetch` (a link's name, or
    /// `false`), `level`, `box`, `max_bytes`.
    ///
    /// - Throws: ``HarvestError`` `.invalid` naming the key; a key that is not known is refused too, since a misspelt
    ///   `box` would fetch everything.
    public init(json: JSON) throws(HarvestError) {
        if let address = json.string, !address.isEmpty {
            self.init(address)
            return
        }
        guard let members = json.object, let address = members["address"]?.string, !address.isEmpty else {
            throw .invalid("an item of the list is neither an address nor an object with \"address\"")
        }
        self.init(address)
        for (key, value) in members where !value.isNull {
            func wrong(_ what: String) -> HarvestError { .invalid("\"\(key)\" of \(address) is no \(what)") }
            switch key {
            case "address": break
            case "id":
                guard let text = value.string, !text.isEmpty else { throw wrong("name") }
                id = text
            case "link":
                guard let text = value.string else { throw wrong("link's name") }
                link = text
            case "fetch":
                if let flag = value.bool {
                    fetches = flag
                } else if let text = value.string {
                    fetchedLink = text
                } else {
                    throw wrong("link's name, true or false")
                }
            case "level":
                guard let number = value.int, number >= 0 else { throw wrong("level") }
                level = number
            case "box":
                guard let text = value.string else { throw wrong("box \"z0:z1,y0:y1,x0:x1\"") }
                box = text
            case "max_bytes":
                guard let number = value.int, number >= 0 else { throw wrong("number of bytes") }
                maximumBytes = number
            default:
                throw .invalid(
                    "\"\(key.displayed(limit: 60))\" of \(address) is not known",
                    next: "known are address, id, link, fetch, level, box, max_bytes")
            }
        }
    }

    /// A list: an array of items, or an object with the array as `datasets`.
    ///
    /// - Throws: ``HarvestError`` `.invalid`, `.malformed` for what is no JSON.
    public static func list(_ json: JSON) throws(HarvestError) -> [CollectRequest] {
        guard let items = json.array ?? json["datasets"]?.array, !items.isEmpty else {
            throw .invalid("the list is neither an array nor an object with \"datasets\", or it is empty")
        }
        var requests: [CollectRequest] = []
        for item in items { requests.append(try CollectRequest(json: item)) }
        return requests
    }

    /// The list in a file.
    public static func list(inFile path: String) throws -> [CollectRequest] {
        let bytes = try Disk.read(path)
        do { return try list(JSON(parsing: bytes, at: path)) } catch { throw HarvestError.wrapping(error, at: path) }
    }
}
