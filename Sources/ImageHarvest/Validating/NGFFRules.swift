import HarvestCore

/// Judges the attributes of an OME-NGFF group by themselves, without the arrays they speak of.
///
/// Specification: OME-NGFF 0.1 to 0.5 (0.5 moved everything below `ome`): §"multiscales", "omero", "plate", "well",
/// "image-label". A draft is read as far as it agrees with them and gets a note.
struct NGFFRules {
    private var findings: [Finding] = []
    private var version = ""

    static func judge(_ json: JSON) -> [Finding] {
        var rules = NGFFRules()
        rules.judgeRoot(json)
        return rules.findings
    }

    private mutating func error(_ rule: String, _ message: String) {
        findings.append(Finding(.error, rule: "ngff-\(rule)", message))
    }

    private static let known: Set = ["0.1", "0.2", "0.3", "0.4", "0.5"]

    private mutating func judgeRoot(_ json: JSON) {
        let whole = json["attributes"].flatMap { $0.object == nil ? nil : $0 } ?? json
        let ome = whole["ome"]
        let root = ome ?? whole
        guard root.object != nil else {
            return error("object", "the attributes are no JSON object: no reader finds an image")
        }
        let parts = [
            "multiscales", "plate", "well", "image-label", "labels", "omero", "bioformats2raw.layout", "series",
        ]
        guard parts.contains(where: { root[$0] != nil }) else {
            return error("empty", "the attributes name no multiscales, plate, well or labels: no reader finds an image")
        }
        version =
            ome?["version"]?.string ?? root["multiscales"]?[0]?["version"]?.string ?? root["plate"]?["version"]?.string
            ?? root["well"]?["version"]?.string ?? root["image-label"]?["version"]?.string
            ?? (ome == nil ? Self.implied(root) : "")
        if ome != nil, ome?["version"]?.string == nil {
            error("version", "\"ome\" states no version: readers cannot know its rules")
        }
        if !Self.known.contains(version), !version.isEmpty {
            findings.append(
                Finding(
                    .note, rule: "ngff-draft",
                    "version \(version.displayed(limit: 20)) is judged by the rules of 0.5 as far as they go"))
            if !version.hasPrefix("0.6") {
                error("version", "no version \(version.displayed(limit: 20)) of OME-NGFF exists")
            }
            if version.hasPrefix("0.6") { return }
        }
        if let images = root["multiscales"] { judge(multiscales: images) }
        if let omero = root["omero"] { judge(omero: omero) }
        if let plate = root["plate"] { judge(plate: plate) }
        if let well = root["well"] { judge(well: well) }
        if let label = root["image-label"] { judge(label: label) }
    }

    /// What the form of the axes tells where no version is stated: none before 0.3, names in 0.3, objects since.
    private static func implied(_ root: JSON) -> String {
        guard let image = root["multiscales"]?[0] else { return "0.4" }
        guard let axes = image["axes"]?.array else { return "0.1" }
        return axes.allSatisfy { $0.string != nil } ? "0.3" : "0.4"
    }

    // MARK: Images

    private mutating func judge(multiscales json: JSON) {
        guard let images = json.array, !images.isEmpty else {
            return error("multiscales", "\"multiscales\" is no list with an image: there is nothing to open")
        }
        for image in images {
            if let stated = image["version"], stated.string == nil || !Self.known.contains(stated.string ?? "") {
                error("version", "the multiscale's version \(stated.compact.displayed(limit: 20)) does not exist")
            }
            let rank = judge(axes: image["axes"])
            guard let datasets = image["datasets"]?.array, !datasets.isEmpty else {
                error("datasets", "the multiscale has no datasets: there is nothing to open")
                continue
            }
            for dataset in datasets {
                guard let path = dataset["path"]?.string, !path.isEmpty else {
                    error("path", "a dataset has no path: its level cannot be found")
                    continue
                }
                if (try? Key.components(of: path)) == nil {
                    error("path", "the path \"\(path.displayed(limit: 60))\" leaves its group")
                }
                if version >= "0.4" {
                    judge(
                        transformations: dataset["coordinateTransformations"], rank: rank, isNeeded: true,
                        "dataset \(path.displayed(limit: 40))")
                }
            }
            if image["coordinateTransformations"] != nil {
                judge(
                    transformations: image["coordinateTransformations"], rank: rank, isNeeded: false, "the multiscale")
            }
        }
    }

    /// The number of axes; `nil` where none are stated.
    private mutating func judge(axes json: JSON?) -> Int? {
        guard version >= "0.3" else { return nil }
        guard let axes = json?.array else {
            error("axes", "the multiscale names no axes: which one is z is a guess")
            return nil
        }
        guard (2...5).contains(axes.count) else {
            error("axes", "\(axes.count) axes; two to five are allowed")
            return axes.count
        }
        let names = axes.compactMap { $0.string ?? $0["name"]?.string }
        if names.count < axes.count { error("axes", "an axis has no name") }
        if Set(names).count < names.count { error("axes", "two axes have one name") }
        if version == "0.3" {
            if !names.allSatisfy({ ["t", "c", "z", "y", "x"].contains($0) }) {
                error("axes", "0.3 knows the axes t, c, z, y and x alone")
            }
            let order = names.compactMap { ["t", "c", "z", "y", "x"].firstIndex(of: $0) }
            if order != order.sorted() {
                error("axes", "the axes are not in the order t, c, z, y, x: planes would be taken along the wrong axis")
            }
            return axes.count
        }
        let types = axes.map { $0["type"]?.string }
        let space = types.indices.filter { types[$0] == "space" }
        if !(2...3).contains(space.count) {
            error("axes", "\(space.count) axes are of type space; two or three must be")
        }
        if types.count(where: { $0 == "time" }) > 1 { error("axes", "more than one axis is of type time") }
        if types.count(where: { $0 == "channel" || $0 == nil }) > 1 {
            error("axes", "more than one axis is a channel or of no known type")
        }
        if axes.contains(where: { $0["type"] != nil && $0["type"]?.string == nil }) {
            error("axes", "an axis's type is no text")
        }
        let ranks = types.map { $0 == "time" ? 0 : $0 == "space" ? 2 : 1 }
        if ranks != ranks.sorted() {
            error(
                "axes",
                "axes are not in the order time, channel, space: readers that count from the front take the wrong one")
        }
        return axes.count
    }

    private mutating func judge(transformations json: JSON?, rank: Int?, isNeeded: Bool, _ place: String) {
        guard let steps = json?.array, !steps.isEmpty else {
            return error("transformations", "\(place) has no coordinateTransformations: its voxel size is unknown")
        }
        let types = steps.map { $0["type"]?.string ?? "" }
        if types.count(where: { $0 == "scale" }) != 1 {
            error("transformations", "\(place) has not exactly one scale: its voxel size is unclear")
        }
        if types.count(where: { $0 == "translation" }) > 1 {
            error("transformations", "\(place) has more than one translation")
        }
        if let other = types.first(where: { !["scale", "translation", "identity"].contains($0) }) {
            error(
                "transformations",
                "\(place) has a transformation \"\(other.displayed(limit: 30))\" that readers do not know")
        }
        if let translation = types.firstIndex(of: "translation"), let scale = types.firstIndex(of: "scale"),
            translation < scale
        {
            error("transformations", "\(place) translates before it scales: lengths are off by the scale")
        }
        for step in steps {
            for key in ["scale", "translation"] where step["type"]?.string == key {
                if step["path"]?.string != nil, step[key] == nil { continue }
                guard let values = step[key]?.doubles, !values.isEmpty else {
                    error("transformations", "the \(key) of \(place) is no list of numbers")
                    continue
                }
                if let rank, values.count != rank {
                    error("transformations", "the \(key) of \(place) has \(values.count) numbers for \(rank) axes")
                }
            }
        }
    }

    private mutating func judge(omero json: JSON) {
        guard let channels = json["channels"]?.array else {
            if json["channels"] != nil { error("omero", "\"omero.channels\" is no list") }
            return
        }
        for channel in channels {
            if let color = channel["color"], color.string?.wholeMatch(of: /[0-9A-Fa-f]{6}/) == nil {
                error("omero", "a channel's color is no six hexadecimal digits")
            }
            guard let window = channel["window"] else { continue }
            if ["start", "end", "min", "max"].contains(where: { window[$0]?.double == nil }) {
                error(
                    "omero",
                    "a channel's window lacks start, end, min or max, or one is no number: contrast cannot be set")
            }
        }
    }

    // MARK: Plates and labels

    private mutating func judge(plate json: JSON) {
        if version == "0.1" || version >= "0.5", json["version"]?.string == nil, version == "0.1" {
            error("plate", "the plate states no version")
        }
        for key in ["columns", "rows"] {
            guard let items = json[key]?.array, !items.isEmpty else {
                error("plate", "the plate has no \(key)")
                continue
            }
            let names = items.compactMap { $0["name"]?.string }
            if names.count < items.count { error("plate", "one of the plate's \(key) has no name") }
            if Set(names).count < names.count { error("plate", "two of the plate's \(key) have one name") }
            if !names.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } }) {
                error("plate", "one of the plate's \(key) has a name that is not letters and digits")
            }
        }
        guard let wells = json["wells"]?.array, !wells.isEmpty else { return error("plate", "the plate has no wells") }
        for well in wells {
            let parts = well["path"]?.string?.split(separator: "/", omittingEmptySubsequences: false) ?? []
            if parts.count != 2 || parts.contains("") { error("plate", "a well's path is not row/column") }
            if version >= "0.4" {
                for (key, list) in [("rowIndex", "rows"), ("columnIndex", "columns")] {
                    guard let index = well[key]?.int, index >= 0, index < json[list]?.array?.count ?? 0 else {
                        error("plate", "a well's \(key) is missing or leaves the plate")
                        continue
                    }
                }
            }
        }
        if let count = json["field_count"], count.int ?? 0 <= 0 {
            error("plate", "the plate's field_count is not positive")
        }
        for acquisition in json["acquisitions"]?.array ?? [] {
            guard let id = acquisition["id"]?.int, id >= 0 else {
                error("plate", "an acquisition's id is missing or negative")
                continue
            }
            if let count = acquisition["maximumfieldcount"], count.int ?? 0 <= 0 {
                error("plate", "an acquisition's maximumfieldcount is not positive")
            }
            for key in ["starttime", "endtime"] {
                if let time = acquisition[key], time.int ?? -1 < 0 {
                    error("plate", "an acquisition's \(key) is no time")
                }
            }
        }
    }

    private mutating func judge(well json: JSON) {
        guard let images = json["images"]?.array, !images.isEmpty else {
            return error("well", "the well has no images")
        }
        let paths = images.compactMap { $0["path"]?.string }
        if paths.count < images.count { error("well", "an image of the well has no path") }
        if Set(paths).count < paths.count { error("well", "two images of the well have one path") }
        if !paths.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } }) {
            error("well", "an image's path is not letters and digits")
        }
        if images.contains(where: { $0["acquisition"] != nil && $0["acquisition"]?.int == nil }) {
            error("well", "an image's acquisition is no number")
        }
    }

    private mutating func judge(label json: JSON) {
        if let colors = json["colors"] {
            guard let items = colors.array, !items.isEmpty else {
                return error("label", "\"colors\" is no list with a color")
            }
            let values = items.compactMap { $0["label-value"]?.double }
            if values.count < items.count { error("label", "a color has no label-value") }
            if Set(values).count < values.count { error("label", "two colors are for one label") }
            for item in items {
                guard let rgba = item["rgba"] else { continue }
                if rgba.ints.map({ $0.count == 4 && $0.allSatisfy { (0...255).contains($0) } }) != true {
                    error("label", "a color's rgba is not four numbers from 0 to 255")
                }
            }
        }
        if let properties = json["properties"] {
            guard let items = properties.array, !items.isEmpty else {
                return error("label", "\"properties\" is no list")
            }
            if items.contains(where: { $0["label-value"]?.int == nil }) {
                error("label", "a property has no label-value")
            }
        }
        if let source = json["source"], source["image"] != nil, source["image"]?.string == nil {
            error("label", "the label's source is no path")
        }
    }
}
