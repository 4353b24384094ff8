import HarvestCore

/// Makes volumes of the images in a tag tree.
struct DMImages {
    private let tree: TagTree
    private let parser: TagParser
    private let total: Int?
    private let store: any Store
    /// The tree for people, made once for all images; a user's own folders and names are nobody's business.
    private let raw: JSON
    private(set) var findings: [Finding] = []

    init(_ parser: TagParser, total: Int?, in store: any Store) {
        self.parser = parser
        self.total = total
        self.store = store
        tree = parser.tree
        raw = tree.json(hiding: Self.isPersonal)
        if microscope("Probe Current (nA)") == 0 {
            findings.append(
                Finding(
                    .note, rule: "beam-current-not-recorded", field: Field.Name.beamCurrent,
                    "the file says a probe current of 0 nA, which is what the driver writes where it does not know it"))
        }
    }

    private func microscope(_ name: String) -> Double? {
        for image in tree.children(tree.node("ImageList")) {
            if let value = tree.number(tree.node("ImageTags", "Microscope Info", name, from: image)) { return value }
        }
        return nil
    }

    /// - Throws: ``HarvestError`` of the first image where none can be read.
    func make() throws -> (images: [Volume], pages: [ArrayEntry]) {
        let thumbnails = Set(
            tree.children(tree.node("Thumbnails")).compactMap { tree.int(tree.node("ImageIndex", from: $0)) })
        var images: [Volume] = []
        var pages: [ArrayEntry] = []
        var first: HarvestError?
        for (index, node) in tree.children(tree.node("ImageList")).enumerated() where !thumbnails.contains(index) {
            guard let data = tree.node("ImageData", from: node) else { continue }
            do {
                let array = try array(data, index)
                images.append(volume(array, node, index))
                pages.append(ArrayEntry(path: "\(index)", array: array))
            } catch {
                let known = HarvestError.wrapping(error)
                first = first ?? known
                pages.append(ArrayEntry(path: "\(index)", error: known))
            }
        }
        if images.isEmpty, let first { throw first }
        return (images, pages)
    }

    private func array(_ data: Int, _ index: Int) throws -> DMArray {
        let place = "\(store.address), ImageList.\(index)"
        guard let stored = tree.stored(tree.node("Data", from: data)) else {
            throw HarvestError.malformed("the image has no data", at: place)
        }
        guard let type = tree.int(tree.node("DataType", from: data)) else {
            throw HarvestError.malformed("the image has no DataType", at: place)
        }
        let lengths = tree.children(tree.node("Dimensions", from: data)).map { tree.int($0) }
        let shape = lengths.compactMap { $0 }
        guard !shape.isEmpty, shape.count == lengths.count, shape.allSatisfy({ $0 >= 0 }) else {
            throw HarvestError.malformed("Dimensions are no lengths", at: place)
        }
        return try DMArray(
            shape.reversed(), type: type, stored: stored, byteOrder: parser.byteOrder, in: store, at: place)
    }

    private func volume(_ array: DMArray, _ node: Int, _ index: Int) -> Volume {
        var metadata = Metadata(source: .header, place: "\(store.address)#ImageList.\(index)")
        let name = tree.text(tree.node("Name", from: node))
        metadata.name = name.flatMap { $0.isEmpty ? nil : $0 }
        metadata.shape = array.shape
        metadata.dtype = array.dataType.rawValue
        metadata.byteOrder = parser.byteOrder
        metadata.isLossy = false
        metadata.compression = []
        metadata.chunk = array.grid.chunk.array
        metadata.bytes = total
        metadata.origin = array.shape.map { _ in 0 }
        metadata.known[Field.Name.shape] = "header"
        calibrate(&metadata, node, array)
        metadata.channels = array.isColour ? 4 : 1
        metadata.instrument = DMInstrument(tree, image: node).values
        metadata.raw = raw
        let level = Level(
            index: 0, path: "\(index)", shape: array.shape, voxelSize: metadata.voxelSize,
            translation: metadata.translation
        ) { array }
        return Volume(metadata: metadata, levels: [level], path: "\(index)")
    }

    private static func isPersonal(_ name: String) -> Bool {
        let lower = name.lowercased()
        return lower == "base file name" || lower == "operator" || lower.contains("save path") || lower == "send to"
            || lower.contains("directory") || lower.contains("folder")
    }

    /// Axes, voxel sizes and offsets, each from x on in the file.
    private func calibrate(_ metadata: inout Metadata, _ node: Int, _ array: DMArray) {
        let rank = array.spatialRank
        let dimensions = tree.children(tree.node("ImageData", "Calibrations", "Dimension", from: node))
        var sizes: [Double?] = [], units: [String?] = [], offsets: [Double?] = []
        for axis in 0..<rank {
            let calibration = dimensions.indices.contains(axis) ? dimensions[axis] : nil
            let scale = calibration.flatMap { tree.number(tree.node("Scale", from: $0)) }
            let origin = calibration.flatMap { tree.number(tree.node("Origin", from: $0)) }
            let unit = calibration.flatMap { tree.text(tree.node("Units", from: $0)) }?.trimmingSpaces()
            units.append(unit.flatMap { $0.isEmpty ? nil : $0 })
            sizes.append(scale)
            // Origin is in pixels: the index at which the coordinate is 0.
            offsets.append(scale.flatMap { scale in origin.map { $0 == 0 ? 0 : -$0 * scale } })
        }
        let labels = Self.axes(units)
        let tail: [Double?] = array.isColour ? [nil] : []
        metadata.axes = labels.reversed() + (array.isColour ? ["s"] : [])
        metadata.published = Metadata.Published(
            voxelSize: sizes.reversed() + tail, unit: units.reversed() + (array.isColour ? [nil] : []),
            offset: offsets.reversed() + tail)
        func nanometres(_ values: [Double?]) -> [Double?] {
            zip(values, units).map { value, unit in value.flatMap { LengthUnit.nanometres($0, unit) } }
        }
        let lengths = nanometres(sizes).map { $0.flatMap { $0 > 0 ? $0 : nil } }
        if lengths.contains(where: { $0 != nil }) {
            metadata.voxelSize = lengths.reversed() + tail
            metadata.translation = nanometres(offsets).reversed() + tail
            metadata.known[Field.Name.voxelSize] = "header"
        }
    }

    /// Names of the axes from x on: an axis in eV is an energy, one of a spectrum of light a wavelength.
    private static func axes(_ units: [String?]) -> [String?] {
        var spatial = ["x", "y", "z", "t"][...]
        return units.map { unit in
            switch unit {
            case "eV", "keV": return "energy"
            default: return spatial.popFirst()
            }
        }
    }
}
