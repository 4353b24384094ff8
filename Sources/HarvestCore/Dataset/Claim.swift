/// One thing a portal says about a dataset, and where it says it.
public struct Claim: Sendable, Hashable {
    /// A field of ``Field/Name``, or the portal's own word in snake_case for what we have no field for.
    public var field: String
    /// The value, normalised: lists in z,y,x; lengths in nm; energies as `unit` says.
    public var value: JSON
    /// The unit of `value`; `nil` where it has none.
    public var unit: String?
    /// Where it was said: a URL, and after `#` the element, key or column.
    public var place: String
    /// The words or number as published, before any conversion.
    public var published: String?
    /// Whether the source itself calls the value approximate.
    public var isApproximate: Bool

    public init(
        _ field: String, _ value: JSON, unit: String? = nil, at place: String, published: String? = nil,
        isApproximate: Bool = false
    ) {
        self.field = field
        self.value = value
        self.unit = unit
        self.place = place
        self.published = published
        self.isApproximate = isApproximate
    }
}

extension Claim: JSONCodable {
    public var json: JSON {
        [
            "field": .string(field), "value": value, "unit": JSON(unit), "where": .string(place),
            "published": JSON(published), "approximate": .bool(isApproximate),
        ]
    }

    public init(json: JSON) throws {
        guard let field = json["field"]?.string else { throw HarvestError.malformed("a claim without \"field\"") }
        self.init(
            field, json["value"] ?? .null, unit: json["unit"]?.string, at: json["where"]?.string ?? "",
            published: json["published"]?.string, isApproximate: json["approximate"]?.bool ?? false)
    }
}
