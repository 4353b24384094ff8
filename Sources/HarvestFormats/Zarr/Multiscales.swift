import HarvestCore

/// One item of OME-NGFF `multiscales`: an image, its axes, and the arrays that hold its levels.
///
/// Specification: OME-NGFF 0.1, 0.2 (no axes: five of them), 0.3 (axes are names), 0.4 (axes are objects, scales and
/// translations per level and for all).
struct Multiscale: Sendable {
    struct Axis: Sendable {
        /// Lower case; `nil` where the file gives none.
        var name: String?
        var isLength: Bool
        /// As written.
        var unit: String?
    }

    struct Dataset: Sendable {
        /// From the address.
        let path: String
        let transform: NGFFTransform?
    }

    private(set) var name: String?
    /// `nil` where the version has none: then the rank decides.
    private(set) var namedAxes: [Axis]?
    private(set) var datasets: [Dataset] = []
    private(set) var findings: [Finding] = []
    private let version: String?

    /// More than this many images or levels of one group are no longer read.
    static let limit = 256
    private static let fiveAxes = ["t", "c", "z", "y", "x"]
    private static let knownVersions: Set = ["0.1", "0.2", "0.3", "0.4"]

    /// All images that a group's attributes declare; none where they declare none.
    static func all(in attributes: JSON, group path: String) -> [Multiscale] {
        (attributes["multiscales"]?.array ?? []).prefix(limit).map { Multiscale($0, group: path) }
    }

    private init(_ json: JSON, group: String) {
        name = json["name"]?.string
        version = json["version"]?.string
        if let version, !Self.knownVersions.contains(version) {
            report(.warning, "ngff-version-unknown", "version", "OME-NGFF version \(version) is read as 0.4")
        } else if version == nil {
            report(.note, "ngff-version-missing", "version", "the multiscale names no version")
        }
        if let axes = json["axes"], !axes.isNull { readAxes(axes) }
        guard let items = json["datasets"]?.array, !items.isEmpty else {
            report(.error, "ngff-datasets-missing", nil, "the multiscale names no datasets")
            return
        }
        if items.count > Self.limit {
            report(.warning, "ngff-too-many-levels", nil, "only \(Self.limit) of \(items.count) levels are read")
        }
        let shared = json["coordinateTransformations"]
        for item in items.prefix(Self.limit) { readDataset(item, shared: shared, group: group) }
    }

    private mutating func report(_ severity: Finding.Severity, _ rule: String, _ field: String?, _ message: String) {
        findings.append(Finding(severity, rule: rule, field: field, message))
    }

    private mutating func readAxes(_ json: JSON) {
        guard let items = json.array, !items.isEmpty else {
            return report(.error, "ngff-axes", Field.Name.axes, "the multiscale's axes are no list")
        }
        namedAxes = items.prefix(64).map { item in
            let name = (item.string ?? item["name"]?.string).map { $0.lowercased() }
            let kind = item["type"]?.string
            let isSpatial = name.map { ["x", "y", "z"].contains($0) } ?? false
            return Axis(name: name, isLength: kind.map { $0 == "space" } ?? isSpatial, unit: item["unit"]?.string)
        }
    }

    private mutating func readDataset(_ json: JSON, shared: JSON?, group: String) {
        guard let relative = json["path"]?.string else {
            return report(.error, "ngff-path-missing", nil, "a dataset of the multiscale has no path")
        }
        guard let parts = try? Key.components(of: relative) else {
            return report(
                .error, "ngff-path-refused", nil,
                "the path \"\(relative.displayed(limit: 200))\" would leave its group and is not followed")
        }
        let path = ((group.isEmpty ? [] : [group]) + parts).joined(separator: "/")
        var transform = NGFFTransform(rank: namedAxes?.count)
        var isWhole = true
        for list in [json["coordinateTransformations"], shared] {
            for step in list?.array ?? [] where isWhole { isWhole = transform.append(step) }
        }
        if !isWhole || transform.isBroken {
            report(
                .error, "ngff-transform", Field.Name.voxelSize,
                "a transformation of \"\(relative.displayed(limit: 200))\" is no scale or translation of its axes")
        }
        datasets.append(Dataset(path: path, transform: isWhole ? transform : nil))
    }

    /// The axes of an array of that many; `nil` where nothing says them.
    func axes(rank: Int) -> [Axis]? {
        if let namedAxes { return namedAxes.count == rank ? namedAxes : nil }
        // OME-NGFF 0.1, 0.2: "5D data … in the order (t, c, z, y, x)"; fewer are the last of them.
        guard version.map({ $0 == "0.1" || $0 == "0.2" }) ?? true, rank <= Self.fiveAxes.count else { return nil }
        return Self.fiveAxes.suffix(rank).map { Axis(name: $0, isLength: "zyx".contains($0), unit: nil) }
    }
}

/// Scales and translations in the order in which they are applied, as one of each.
struct NGFFTransform: Sendable {
    /// Per axis; `nil` for a number that can be no spacing. `nil` altogether where no scale is given.
    private(set) var scale: [Double?]?
    /// `nil` where no translation is given.
    private(set) var translation: [Double?]?
    /// A number was no spacing or no place.
    private(set) var isBroken = false
    private var rank: Int?

    init(rank: Int?) { self.rank = rank }

    /// Applies one more step. Returns whether it is one that 0.4 knows, for as many axes as there are.
    mutating func append(_ step: JSON) -> Bool {
        switch step["type"]?.string {
        case "identity": return true
        case "scale":
            guard let factors = numbers(step["scale"], where: { $0 > 0 }) else { return false }
            scale = Self.combine(scale, factors, *)
            if let before = translation { translation = Self.combine(before, factors, *) }
            return true
        case "translation":
            guard let shifts = numbers(step["translation"], where: { _ in true }) else { return false }
            translation = Self.combine(translation, shifts, +)
            return true
        default: return false
        }
    }

    private mutating func numbers(_ json: JSON?, where isSound: (Double) -> Bool) -> [Double?]? {
        guard let items = json?.array, rank == nil || rank == items.count else { return nil }
        rank = items.count
        let values = items.map { item in item.double.flatMap { $0.isFinite && isSound($0) ? $0 : nil } }
        if values.contains(where: { $0 == nil }) { isBroken = true }
        return values
    }

    private static func combine(
        _ before: [Double?]?, _ next: [Double?], _ operation: (Double, Double) -> Double
    ) -> [Double?] {
        guard let before else { return next }
        return zip(before, next).map { a, b in
            guard let a, let b else { return nil }
            let value = operation(a, b)
            return value.isFinite ? value : nil
        }
    }

    /// nm between voxel centres; `nil` for what is no length or has no unit, and where nothing is known at all.
    func voxelSize(_ axes: [Multiscale.Axis]?) -> [Double?]? { nanometres(scale, axes) }

    /// nm, of the centre of voxel 0: zero where the file gives a scale and no translation.
    func translation(_ axes: [Multiscale.Axis]?) -> [Double?]? {
        nanometres(translation ?? scale.map { $0.map { _ in 0 } }, axes)
    }

    private func nanometres(_ values: [Double?]?, _ axes: [Multiscale.Axis]?) -> [Double?]? {
        guard let values, let axes, values.count == axes.count else { return nil }
        let result = zip(values, axes).map { value, axis -> Double? in
            guard let value, axis.isLength else { return nil }
            return LengthUnit.nanometres(value, axis.unit).flatMap { $0.isFinite ? $0 : nil }
        }
        return result.contains { $0 != nil } ? result : nil
    }
}
