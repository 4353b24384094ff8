import HarvestCore
import HarvestMarkup

/// The images that OME-XML in the first ImageDescription describes (OME 2016-06, `Image`, `Pixels`, `TiffData`).
struct OMEXML: Sendable {
    private let images: [MarkupNode]

    /// `nil` where the text is no OME-XML with pixels of its own (`BinaryOnly` points to another file).
    init?(_ description: String, at place: String) {
        guard description.contains("<OME"), description.contains("<Pixels"),
            let root = try? XMLDocument.parse(bytes: Bytes(description.utf8), at: place), root.name == "OME"
        else { return nil }
        images = root.children("Image")
        if images.isEmpty { return nil }
    }

    /// One series per image; throws what is wrong where the planes do not fit the pages.
    func series(_ pages: TIFFPages) throws -> [TIFFSeries] {
        try images.compactMap { image in try series(image, pages) }
    }

    private func series(_ image: MarkupNode, _ pages: TIFFPages) throws -> TIFFSeries? {
        guard let pixels = image.child("Pixels") else { return nil }
        func size(_ name: String) throws -> Int {
            guard let value = pixels.attributes[name].flatMap({ Int($0) }), (1...1 << 31).contains(value) else {
                throw HarvestError.malformed("OME-XML: \(name) is missing or not positive")
            }
            return value
        }
        let perPixel =
            pixels.children("Channel").compactMap { $0.attributes["SamplesPerPixel"].flatMap { Int($0) } }.max() ?? 1
        let channels = try size("SizeC")
        let lengths = ["T": try size("SizeT"), "Z": try size("SizeZ"), "C": max(1, channels / max(1, perPixel))]
        guard let order = pixels.attributes["DimensionOrder"], order.hasPrefix("XY"),
            Set(order.dropFirst(2)) == Set("ZCT")
        else { throw HarvestError.malformed("OME-XML: DimensionOrder is missing or unknown") }
        let slow = order.dropFirst(2).reversed().map(String.init)  // slowest axis first
        let shape = slow.map { lengths[$0] ?? 1 }
        guard let planes = Coordinate(shape).product, planes <= 1 << 24 else {
            throw HarvestError.malformed("OME-XML: \(shape) planes")
        }
        var pageOf = [Int?](repeating: nil, count: planes)
        let own = image.attributes["ID"]
        for data in pixels.children("TiffData") {
            try place(data, into: &pageOf, order: slow, shape: shape, pages: pages.count)
        }
        if pixels.children("TiffData").isEmpty { for i in 0..<min(planes, pages.count) { pageOf[i] = i } }
        guard let first = pageOf.first ?? nil else {
            throw HarvestError.malformed("OME-XML: the first plane of \(own ?? "an image") is not in this file")
        }
        let geometry = pages[first].geometry
        guard pageOf.allSatisfy({ $0.map { pages[$0].geometry.shape == geometry.shape } ?? false }),
            geometry.width == (try size("SizeX")), geometry.height == (try size("SizeY"))
        else { throw HarvestError.malformed("OME-XML: planes are missing, or differ from the pages in size") }
        var series = TIFFSeries(pageOf: pageOf, geometry: geometry)
        series.name = image.attributes["Name"]
        series.leadingShape = shape
        series.leadingAxes = slow.map { $0.lowercased() }
        series.squeeze()
        for axis in ["X", "Y", "Z"] {
            guard let value = pixels.attributes["PhysicalSize\(axis)"].flatMap({ Double($0) }), value > 0,
                value.isFinite
            else { continue }
            series.voxelSize[axis.lowercased()] = value
            // the schema's default
            series.units[axis.lowercased()] = pixels.attributes["PhysicalSize\(axis)Unit"] ?? "µm"
        }
        if let step = pixels.attributes["TimeIncrement"].flatMap({ Double($0) }), step > 0 {
            series.voxelSize["t"] = step
            series.units["t"] = pixels.attributes["TimeIncrementUnit"] ?? "s"
        }
        return series
    }

    /// Enters the planes of one `TiffData` block: from `IFD` and `FirstT/Z/C` on, `PlaneCount` planes in order.
    private func place(_ data: MarkupNode, into pageOf: inout [Int?], order: [String], shape: [Int], pages: Int) throws
    {
        func number(_ name: String) -> Int? { data.attributes[name].flatMap { Int($0) } }
        let page = number("IFD") ?? 0
        var flat = 0
        for (axis, length) in zip(order, shape) {
            let first = number("First\(axis)") ?? 0
            guard (0..<length).contains(first) else {
                throw HarvestError.malformed("OME-XML: a plane outside the image")
            }
            flat = flat * length + first
        }
        // Without a count: one plane where IFD is given, else all planes (OME-TIFF specification, "The TiffData element").
        let count = number("PlaneCount") ?? (data.attributes["IFD"] == nil ? pageOf.count : 1)
        guard page >= 0, count >= 0, count <= pageOf.count - flat else {
            throw HarvestError.malformed("OME-XML: a block of \(count) planes leaves the image")
        }
        for i in 0..<min(count, max(0, pages - page)) { pageOf[flat + i] = page + i }
    }
}
