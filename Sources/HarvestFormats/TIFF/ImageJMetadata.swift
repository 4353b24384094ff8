import HarvestCore

/// What ImageJ writes into ImageDescription: `key=value` lines after `ImageJ=…` (ij.io.FileInfo, ij.io.TiffEncoder).
struct ImageJMetadata: Sendable {
    private let values: [String: String]

    init?(_ description: String) {
        guard description.hasPrefix("ImageJ=") else { return nil }
        var values: [String: String] = [:]
        for line in description.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        self.values = values
    }

    private func count(_ key: String) -> Int {
        values[key].flatMap { Int($0.trimmingSpaces()) }.flatMap { (1...1 << 31).contains($0) ? $0 : nil } ?? 1
    }

    var images: Int { max(count("images"), 1) }

    /// The unit of x, or of another axis where the file names one; `\u00B5` stands as six ASCII characters.
    private func unit(_ key: String) -> String? {
        guard let text = values[key] ?? values["unit"] else { return nil }
        let unit = text.replacing("\\u00B5", with: "µ").replacing("\\u00b5", with: "µ").trimmingSpaces()
        return unit.isEmpty || unit == "pixel" || unit == "pixels" ? nil : unit
    }

    private func number(_ key: String) -> Double? {
        guard let value = values[key].flatMap({ Double($0.trimmingSpaces()) }), value.isFinite, value != 0 else {
            return nil
        }
        return abs(value)
    }

    /// The one image of the file: frames, slices, channels over the pages, in that order.
    func series(_ pages: TIFFPages, resolution: (x: Double?, y: Double?)) -> TIFFSeries? {
        let geometry = pages[0].geometry
        var leading = [count("frames"), count("slices"), count("channels")]
        let product = Coordinate(leading).product ?? 0
        if product != pages.count { leading = [1, pages.count, 1] }
        var series = TIFFSeries(pageOf: (0..<pages.count).map(Optional.some), geometry: geometry)
        series.leadingShape = leading
        series.leadingAxes = ["t", "z", "c"]
        series.squeeze()
        // ImageJ fills in "unit" for x; y and z follow it unless they have their own.
        for (axis, size, unit) in [
            ("x", resolution.x, unit("unit")), ("y", resolution.y, unit("yunit")),
            ("z", number("spacing"), unit("zunit")),
        ] where unit != nil {
            series.voxelSize[axis] = size
            series.units[axis] = size == nil ? nil : unit
        }
        if let interval = number("finterval") {
            series.voxelSize["t"] = interval
            series.units["t"] = values["tunit"] ?? "s"
        }
        return series
    }

    /// The slices behind the only directory of a stack that outgrew its 32-bit offsets: they follow the first one.
    func contiguousPages(_ reader: TIFFReader, first: TIFFPage) async throws -> TIFFPages? {
        let geometry = first.geometry
        guard images > 1, geometry.compression == 1, geometry.bits % 8 == 0, !geometry.isTiled, !geometry.isPlanar,
            geometry.depth == 1, images <= TIFF.mostPages,
            let start = try await first.segments(reader).first ?? nil, let total = reader.window.total
        else { return nil }
        let (size, overflow) = geometry.bytesPerRow.multipliedReportingOverflow(by: geometry.height)
        guard !overflow, size > 0, start.lowerBound <= total else { return nil }
        let held = min(images, (total - start.lowerBound) / size)
        guard held > 1 else { return nil }
        var whole = first
        whole.geometry.segment = [1, geometry.height, geometry.width]
        return TIFFPages(
            reader,
            (0..<held).map { index in
                var page = whole
                page.fixed = [start.lowerBound + index * size..<start.lowerBound + (index + 1) * size]
                return page
            })
    }
}
