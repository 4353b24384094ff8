/// One check over a record: a line adds one.
public struct Rule: Sendable {
    /// Lower case with hyphens, stable.
    public let id: String
    public let severity: Finding.Severity
    /// The field it is about.
    public let field: String
    /// The sentence where the record breaks the rule, saying what it would do; `nil` where it does not.
    public let sentence: @Sendable (Record) -> String?

    func judge(_ record: Record) -> [Finding] {
        sentence(record).map { [Finding(severity, rule: id, field: field, $0)] } ?? []
    }
}

/// The checks over records.
public enum Rules {
    public static let all: [Rule] = [
        Rule(id: "voxel-size-missing", severity: .warning, field: Field.Name.voxelSize) { record in
            record.beliefs[Field.Name.voxelSize] == nil
                ? "nobody says how large a voxel is; scales of other datasets cannot be matched to this one" : nil
        },
        Rule(id: "voxel-size-not-positive", severity: .error, field: Field.Name.voxelSize) { record in
            let sizes = record.beliefs[Field.Name.voxelSize]?.value.array?.compactMap(\.double) ?? []
            return sizes.contains { !($0 > 0) || !$0.isFinite }
                ? "a voxel size of \(sizes) is no length; resampling by it would fail" : nil
        },
        contradiction("voxel-size-contradicted", Field.Name.voxelSize, "voxel size"),
        contradiction("shape-contradicted", Field.Name.shape, "shape"),
        contradiction("dtype-contradicted", Field.Name.dtype, "voxel type"),
        Rule(id: "extent-contradicted", severity: .warning, field: Field.Name.extent) { record in
            guard let extent = record.beliefs[Field.Name.extent], let other = extent.others.first(where: { !$0.agrees })
            else { return nil }
            return "shape × voxel size is \(Table.text(extent.value)) nm, but the \(other.source.rawValue) says "
                + "\(Table.text(other.value)) nm; one of the three is wrong, so distances may be"
        },
        Rule(id: "voxel-size-approximate", severity: .note, field: Field.Name.voxelSize) { record in
            record.beliefs[Field.Name.voxelSize]?.isApproximate == true
                ? "the voxel size is approximate by its source's own word; measured lengths carry its error" : nil
        },
    ]

    private static func contradiction(_ id: String, _ field: String, _ name: String) -> Rule {
        Rule(id: id, severity: .warning, field: field) { record in
            guard let belief = record.beliefs[field], let other = belief.others.first(where: { !$0.agrees }) else {
                return nil
            }
            return "the \(belief.source.rawValue) says the \(name) is \(Table.text(belief.value)), the "
                + "\(other.source.rawValue) says \(Table.text(other.value)) (\(other.place)); the former is used"
        }
    }
}
