/// Where bytes live and what they are.
public struct Link: Sendable, Hashable {
    /// What the bytes are to the dataset.
    public enum Role: String, Sendable {
        case image, labels, result, mesh, thumbnail, table, other
    }

    /// The address as a person can use it: `https://…`, `s3://bucket/key`.
    public var url: String
    /// `https`, `s3`, `gs`, `ftp`, `file`.
    public var transport: String
    /// A format's name (`tiff`, `zarr2`, `n5`, `precomputed`, …), `nil` while unknown.
    public var format: String?
    public var role: Role
    /// Whether this is the page's main image.
    public var isPrimary: Bool
    /// What the page calls it.
    public var name: String?
    /// Exact length in bytes, where known.
    public var bytes: Int?
    /// `md5:…`, `sha256:…`, where the portal says it.
    public var checksum: String?

    public init(
        url: String, format: String? = nil, role: Role = .image, isPrimary: Bool = false, name: String? = nil,
        bytes: Int? = nil, checksum: String? = nil
    ) {
        self.url = url
        self.transport = Address(url).scheme
        self.format = format
        self.role = role
        self.isPrimary = isPrimary
        self.name = name
        self.bytes = bytes
        self.checksum = checksum
    }
}

extension Link: JSONCodable {
    public var json: JSON {
        [
            "url": .string(url), "protocol": .string(transport), "format": JSON(format), "role": .string(role.rawValue),
            "primary": .bool(isPrimary), "name": JSON(name), "bytes": JSON(bytes), "checksum": JSON(checksum),
        ]
    }

    public init(json: JSON) throws {
        guard let url = json["url"]?.string else { throw HarvestError.malformed("a link without \"url\"") }
        self.init(
            url: url, format: json["format"]?.string,
            role: json["role"]?.string.flatMap(Role.init(rawValue:)) ?? .other,
            isPrimary: json["primary"]?.bool ?? false, name: json["name"]?.string, bytes: json["bytes"]?.int,
            checksum: json["checksum"]?.string)
    }
}
