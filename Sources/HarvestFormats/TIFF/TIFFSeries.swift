import HarvestCore

/// Which pages of a file form which image: what ImageJ, OME-XML or equal geometry say.
struct TIFFSeries: Sendable {
    /// Lengths and names of the axes over pages, slowest first.
    var leadingShape: [Int] = []
    var leadingAxes: [String?] = []
    /// For each index over the leading axes the page.
    var pageOf: [Int?]
    var geometry: TIFFGeometry
    var name: String?
    /// Numbers as the file gives them, by axis name.
    var voxelSize: [String: Double] = [:]
    var units: [String: String] = [:]
    /// How the axes are known, where the header does not say it.
    var axesSource = "header"

    var shape: [Int] { leadingShape + geometry.shape }
    var axes: [String?] { leadingAxes + geometry.axes.map(Optional.some) }

    /// Drops leading axes of length 1, as every reader does.
    mutating func squeeze() {
        let kept = leadingShape.indices.filter { leadingShape[$0] != 1 }
        leadingAxes = kept.map { leadingAxes[$0] }
        leadingShape = kept.map { leadingShape[$0] }
    }
}

extension TIFFSeries {
    /// Pages of equal geometry, in the order in which the first of each kind appears: a stack along z, by custom.
    static func byGeometry(_ pages: TIFFPages) -> [TIFFSeries] {
        if pages.stride != nil { return [stack(Array(0..<pages.count), pages[0].geometry)] }
        var order: [TIFFGeometry] = []
        var members: [TIFFGeometry: [Int]] = [:]
        for index in 0..<pages.count {
            let geometry = pages[index].geometry.comparable
            if members[geometry] == nil { order.append(geometry) }
            members[geometry, default: []].append(index)
        }
        return order.map { key in
            let indices = members[key] ?? []
            return stack(indices, pages[indices[0]].geometry)
        }
    }

    static func stack(_ indices: [Int], _ geometry: TIFFGeometry) -> TIFFSeries {
        var series = TIFFSeries(pageOf: indices.map(Optional.some), geometry: geometry)
        if indices.count > 1 {
            series.leadingShape = [indices.count]
            // Pages of a volumetric file are something else than its z axis.
            series.leadingAxes = [geometry.depth > 1 ? nil : "z"]
            series.axesSource = "inferred"
        }
        return series
    }
}

extension TIFFGeometry {
    /// The geometry without what may differ between pages of one stack: strip heights and how they are compressed.
    var comparable: TIFFGeometry {
        var copy = self
        copy.obstacle = nil
        return copy
    }
}

extension TIFFSeries {
    /// Series as tifffile writes them: a page whose description is `{"shape": […]}` begins one.
    static func shaped(_ pages: TIFFPages, _ descriptions: [Int: String]) -> [TIFFSeries]? {
        guard descriptions[0]?.hasPrefix("{\"shape\": [") == true else { return nil }
        var result: [TIFFSeries] = []
        var index = 0
        while index < pages.count {
            let geometry = pages[index].geometry
            guard let text = descriptions[index], let json = try? JSON(parsing: text), let shape = json["shape"]?.ints,
                shape.allSatisfy({ $0 > 0 }), shape.count <= Coordinate.maximumRank
            else { return nil }
            let pageShape = geometry.shape
            var leading = shape
            guard leading.count >= pageShape.count, Array(leading.suffix(pageShape.count)) == pageShape else {
                // A shape that is folded otherwise (a volumetric page, a single row): the page speaks for itself.
                result.append(stack([index], geometry))
                index += 1
                continue
            }
            leading.removeLast(pageShape.count)
            guard let count = Coordinate(leading).product, count >= 1, count <= pages.count - index,
                (index..<index + count).allSatisfy({ pages[$0].geometry.shape == pageShape })
            else { return nil }
            var series = TIFFSeries(pageOf: (index..<index + count).map(Optional.some), geometry: geometry)
            series.leadingShape = leading
            let named = json["axes"]?.string?.lowercased().map(String.init)
            series.leadingAxes = leading.indices.map { axis in
                guard let named, named.count == shape.count, named[axis] != "q", named[axis] != "i" else { return nil }
                return named[axis]
            }
            if series.leadingAxes == [nil] { (series.leadingAxes, series.axesSource) = (["z"], "inferred") }
            series.squeeze()
            result.append(series)
            index += count
        }
        return result
    }
}
