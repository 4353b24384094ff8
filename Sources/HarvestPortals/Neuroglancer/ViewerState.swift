internal import HarvestCore

/// A viewer's state as a dataset: its layers as links, its position as a claim.
struct ViewerState {
    private let state: JSON
    private let place: String
    private var dataset: Dataset

    /// More layers than this are not read.
    private static let mostLayers = 256

    init(_ state: JSON, at place: String, dataset: Dataset) {
        self.state = state
        self.place = place
        self.dataset = dataset
    }

    /// - Throws: ``HarvestError`` `.malformed` for a state without layers, `.notFound` where none has data to read.
    mutating func described() throws(HarvestError) -> Dataset {
        guard let layers = state["layers"]?.array ?? Self.namedLayers(state["layers"]) else {
            throw .malformed("the viewer's state has no layers", at: place)
        }
        dataset.title = Published.text(state["title"])
        addSpace()
        for (index, layer) in layers.prefix(Self.mostLayers).enumerated() { add(layer, index) }
        if layers.count > Self.mostLayers {
            note(.warning, "layers-left-out", "only \(Self.mostLayers) of \(layers.count) layers are read")
        }
        markPrimary(layers)
        guard !dataset.links.isEmpty else {
            throw .notFound("no layer of the viewer has data that can be read", at: place)
        }
        addKnown()
        return dataset
    }

    /// States before 2019 have an object of layers by name.
    private static func namedLayers(_ json: JSON?) -> [JSON]? {
        json?.object?.map { name, layer in layer.setting("name", .string(name)) }
    }

    private mutating func note(_ severity: Finding.Severity, _ rule: String, field: String? = nil, _ message: String) {
        dataset.findings.append(Finding(severity, rule: rule, field: field, message))
    }

    // MARK: Space

    /// `dimensions` (scales in SI units, in the order of `position`), or the older `navigation`.
    private mutating func addSpace() {
        var scales: [String: Double] = [:]
        var names: [String] = []
        for (name, value) in state["dimensions"]?.object ?? [:] {
            names.append(name.lowercased())
            guard let scale = value[0]?.double, let length = LengthUnit.nanometres(scale, value[1]?.string) else {
                continue
            }
            scales[name.lowercased()] = length
        }
        var position = state["position"]?.doubles
        let pose = state["navigation"]?["pose"]?["position"]
        if names.isEmpty, let pose {
            names = ["x", "y", "z"]
            for (name, length) in zip(names, pose["voxelSize"]?.doubles ?? []) { scales[name] = length }
            position = pose["voxelCoordinates"]?.doubles
        }
        let lengths = ["z", "y", "x"].compactMap { scales[$0] }
        if lengths.count == 3 {
            dataset.claims.append(
                Claim(
                    Field.Name.viewerVoxelSize, .numbers(lengths), unit: "nm", at: "\(place)#dimensions",
                    published: state["dimensions"]?.compact))
        }
        guard let position else { return }
        let spatial = ["z", "y", "x"].compactMap { axis -> Double? in
            names.firstIndex(of: axis).flatMap { position.indices.contains($0) ? position[$0] : nil }
        }
        guard spatial.count == 3, spatial.allSatisfy({ $0.isFinite && abs($0) < 1e15 }) else { return }
        dataset.claims.append(
            Claim(
                Field.Name.position, .numbers(spatial), unit: "viewer voxels", at: "\(place)#position",
                published: JSON.numbers(position).compact))
    }

    // MARK: Layers

    private mutating func add(_ layer: JSON, _ index: Int) {
        let name = Published.text(layer["name"]) ?? "layer \(index)"
        let sources = layer["source"].map { $0.array ?? [$0] } ?? []
        for (number, item) in sources.prefix(16).enumerated() {
            guard let text = item.string ?? item["url"]?.string else { continue }
            guard let source = DataSource(text) else {
                note(
                    .warning, "layer-refused",
                    "the data of layer \"\(name)\" is at \"\(text.displayed(limit: 80))\", which is not followed")
                continue
            }
            if let obstacle = source.obstacle {
                note(.warning, "layer-not-readable", "the data of layer \"\(name)\" \(obstacle)")
            }
            if let matrix = item["transform"]?["matrix"], !matrix.isNull {
                note(
                    .note, "viewer-transform",
                    "the viewer moves or scales layer \"\(name)\" by a matrix of its own; voxels are read without it")
            }
            guard !dataset.links.contains(where: { $0.url == source.url }) else { continue }
            let title = number == 0 ? name : "\(name) (\(number + 1))"
            dataset.links.append(
                Link(url: source.url, format: source.format, role: Self.role(layer, source), name: title))
        }
        if Self.isImage(layer), let window = Self.window(layer), dataset.claim(Field.Name.contrastWindow) == nil {
            dataset.claims.append(
                Claim(
                    Field.Name.contrastWindow, .numbers(window), at: "\(place)#layers[\(index)].shaderControls",
                    published: layer["shaderControls"]?.compact))
        }
    }

    private static func isImage(_ layer: JSON) -> Bool { layer["type"]?.string.map { $0 == "image" } ?? true }

    private static func role(_ layer: JSON, _ source: DataSource) -> Link.Role {
        switch layer["type"]?.string {
        case "image", "auto", "new", nil: .image
        case "segmentation": .labels
        case "annotation": .table
        case "mesh": .mesh
        default: .other
        }
    }

    /// The intensities that the layer shows as black and white.
    private static func window(_ layer: JSON) -> [Double]? {
        for (_, control) in layer["shaderControls"]?.object ?? [:] {
            if let range = control["range"]?.doubles, range.count == 2, range[0] < range[1] { return range }
        }
        return nil
    }

    /// The first visible image that can be read, else the first image, else nothing.
    private mutating func markPrimary(_ layers: [JSON]) {
        let hidden = Set(
            layers.filter { $0["visible"]?.bool == false || $0["archived"]?.bool == true }
                .compactMap { Published.text($0["name"]) })
        let readable = dataset.links.indices.filter { dataset.links[$0].role == .image }
        let chosen = readable.first { !hidden.contains(dataset.links[$0].name ?? "") } ?? readable.first
        if let chosen { dataset.links[chosen].isPrimary = true }
    }

    // MARK: What the state does not say

    /// Buckets whose publishers say elsewhere what the viewer's state has no room for.
    private static let publications: [String: (licence: String, doi: String, place: String)] = [
        "neuroglancer-janelia-flyem-hemibrain": (
            "CC BY 4.0", "10.7554/eLife.57443", "https://doi.org/10.7554/eLife.57443"
        )
    ]

    private mutating func addKnown() {
        guard let bucket = dataset.primaryLink.flatMap({ Address($0.url).host }),
            let known = Self.publications[bucket]
        else {
            note(
                .note, "licence-missing", field: Field.Name.licence,
                "a viewer's link states no licence: ask the data's publisher before passing it on")
            return
        }
        dataset.licence = known.licence
        dataset.dois = [known.doi]
        dataset.claims.append(
            Claim(Field.Name.licence, .string(known.licence), at: known.place, isApproximate: true))
        dataset.claims.append(
            Claim(Field.Name.modality, "FIB-SEM", at: known.place, isApproximate: true))
    }
}
