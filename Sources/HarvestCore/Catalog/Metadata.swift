/// Who made a statement; later cases are trusted more.
public enum Source: String, Sendable, Comparable, CaseIterable {
    case inferred, page, sidecar, header, user
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    public static func < (a: Source, b: Source) -> Bool { a.rank < b.rank }
}

/// What *one* source says about one image. Lists have one item per axis, in array order; lengths are nm.
///
/// Nobody said it: `nil`, never 1.0.
public struct Metadata: Sendable, Hashable {
    /// Numbers as the file gives them, before conversion.
    public struct Published: Sendable, Hashable {
        public var voxelSize: [Double?]?
        public var unit: [String?]?
        public var offset: [Double?]?
        public init(voxelSize: [Double?]? = nil, unit: [String?]? = nil, offset: [Double?]? = nil) {
            self.voxelSize = voxelSize
            self.unit = unit
            self.offset = offset
        }
    }

    public var source: Source
    /// Where it was said: a URL or path.
    public var place: String
    public var name: String?
    public var shape: [Int]?
    /// Lower-case names; unlabelled `nil`.
    public var axes: [String?]?
    public var dtype: String?
    public var channels: Int?
    public var voxelSize: [Double?]?
    /// nm, of the centre of voxel 0.
    public var translation: [Double?]?
    /// Voxel index of the first voxel.
    public var origin: [Int]?
    /// nm, as a page states it; a header's extent is shape × voxel size.
    public var extent: [Double?]?
    public var published = Published()
    public var byteOrder: ByteOrder?
    public var isLossy: Bool?
    /// Pages of a file that has pages.
    public var pages: Int?
    public var chunk: [Int]?
    public var compression: [String]?
    /// Bytes as stored, where known.
    public var bytes: Int?
    public var licence: String?
    /// Acquisition values by ``Field/Name``: numbers or text, in the unit that the field's JSON key names.
    public var instrument: [String: JSON] = [:]
    /// How a value is known, by field: `header`, `page`, `stride`, …; what is not named here is known from ``source``.
    public var known: [String: String] = [:]
    /// Fields that the source itself calls approximate.
    public var approximate: Set<String> = []
    /// The place of single fields, where it is not ``place``.
    public var places: [String: String] = [:]
    /// The untouched source.
    public var raw: JSON = .null

    public init(source: Source, place: String) {
        self.source = source
        self.place = place
    }

    /// `int16 [564, 2520, 2596] zyx  2.96 × 4 × 4 nm`
    public var summary: String {
        var parts: [String] = []
        if let dtype { parts.append(dtype) }
        if let shape { parts.append("\(shape)") }
        if let axes { parts.append(axes.map { $0 ?? "?" }.joined()) }
        if let voxelSize, voxelSize.contains(where: { $0 != nil }) {
            let text = voxelSize.map { $0.map(JSON.text(of:)) ?? "?" }.joined(separator: " × ")
            parts.append(" \(text) nm" + (approximate.contains(Field.Name.voxelSize) ? " (approximate)" : ""))
        }
        return parts.joined(separator: " ")
    }
}
