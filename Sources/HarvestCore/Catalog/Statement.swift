extension Metadata {
    /// What a portal's page says about its main image, as a statement; lists in z,y,x.
    public init(page dataset: Dataset) {
        self.init(source: .page, place: dataset.address)
        licence = dataset.licence
        bytes = dataset.primaryLink?.bytes
        for claim in dataset.claims {
            switch claim.field {
            case Field.Name.dtype: dtype = dtype ?? claim.value.string
            case Field.Name.shape: shape = shape ?? claim.value.ints
            case Field.Name.axes: axes = axes ?? claim.value.strings
            case Field.Name.voxelSize: voxelSize = voxelSize ?? claim.value.array?.map(\.double)
            case Field.Name.extent: extent = extent ?? claim.value.array?.map(\.double)
            case Field.Name.translation: translation = translation ?? claim.value.array?.map(\.double)
            case Field.Name.channels: channels = channels ?? claim.value.int
            default:
                if instrument[claim.field] == nil, let value = Self.acquired(claim) { instrument[claim.field] = value }
            }
            if places[claim.field] == nil { places[claim.field] = claim.place }
            if claim.isApproximate { approximate.insert(claim.field) }
        }
    }

    /// A claim's value in its field's unit; `nil` where its own unit is not one of that kind.
    private static func acquired(_ claim: Claim) -> JSON? {
        guard let wanted = Field.acquisition.first(where: { $0.name == claim.field })?.unit else { return claim.value }
        guard let value = claim.value.double ?? claim.value.string.flatMap(Double.init), value.isFinite else {
            return nil
        }
        guard let unit = claim.unit else { return .double(value) }
        return Quantity.convert(value, from: unit, to: wanted).map(JSON.double)
    }

    /// The value of one column; `nil` where this source does not say it.
    public func value(_ field: String) -> JSON? {
        // A bare `nil` here would be the literal of JSON itself: null, which is a value.
        func list(_ values: [Double?]?) -> JSON? {
            values.flatMap { $0.contains { $0 != nil } ? JSON($0) : JSON?.none }
        }
        return switch field {
        case Field.Name.dtype: dtype.map(JSON.string)
        case Field.Name.shape: shape.map { JSON($0) }
        case Field.Name.axes: axes.flatMap { $0.contains { $0 != nil } ? JSON($0) : JSON?.none }
        case Field.Name.voxelSize: list(voxelSize)
        case Field.Name.extent: list(extent)
        case Field.Name.translation: list(translation)
        case Field.Name.origin: origin.map { JSON($0) }
        case Field.Name.channels: channels.map(JSON.int)
        case Field.Name.chunk: chunk.map { JSON($0) }
        case Field.Name.compression: compression.map { $0.isEmpty ? "none" : .string($0.joined(separator: "+")) }
        case Field.Name.bytes: bytes.map(JSON.int)
        case Field.Name.licence: licence.map(JSON.string)
        default: instrument[field].flatMap { $0.isNull ? JSON?.none : $0 }
        }
    }

    /// This statement with lists over z,y,x turned into lists over `axes`, so that it can be held against a header's.
    func aligned(to axes: [String?]) -> Metadata {
        guard axes != ["z", "y", "x"] else { return self }
        var copy = self
        let spatial = ["z", "y", "x"]
        func align<T>(_ values: [T?]?) -> [T?]? {
            guard let values, values.count == 3 else { return values }
            return axes.map { axis in axis.flatMap { spatial.firstIndex(of: $0) }.flatMap { values[$0] } }
        }
        copy.voxelSize = align(voxelSize)
        copy.extent = align(extent)
        copy.translation = align(translation)
        if let shape, shape.count == 3 {
            let found = axes.map { axis in axis.flatMap { spatial.firstIndex(of: $0) }.map { shape[$0] } }
            copy.shape = found.contains { $0 == nil } ? nil : found.compactMap { $0 }
        }
        return copy
    }
}

/// Whether two sources mean the same: numbers to one part in a million, text without regard to case. An item of a
/// list that one of them leaves open contradicts nothing.
func agree(_ a: JSON, _ b: JSON) -> Bool {
    if let x = a.array, let y = b.array {
        return x.count == y.count && zip(x, y).allSatisfy { $0.isNull || $1.isNull || agree($0, $1) }
    }
    if case .string(let x) = a, case .string(let y) = b { return x.lowercased() == y.lowercased() }
    if let x = a.double, let y = b.double { return x == y || abs(x - y) <= 1e-6 * max(abs(x), abs(y)) }
    return a == b
}
