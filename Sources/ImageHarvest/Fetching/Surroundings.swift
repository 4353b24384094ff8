import HarvestCore

/// A box by its size and its middle: what a viewer's link shows, or any point.
public struct Surroundings: Sendable, Hashable {
    /// Voxels of the level along z, y, x.
    public var size: [Int]
    public var centre: Centre

    public enum Centre: Sendable, Hashable {
        /// The position that a Neuroglancer link shows.
        case shown
        /// Voxels of the level along z, y, x, from the first.
        case voxel([Double])
        /// nm along z, y, x, where 0 is the corner of the viewer's voxel 0.
        case nanometres([Double])
    }

    public init(size: [Int], centre: Centre = .shown) { (self.size, self.centre) = (size, centre) }

    /// With the centre that `dataset` shows, where that one is asked for.
    ///
    /// - Throws: ``HarvestError`` `.invalid` where the dataset shows none.
    func located(in dataset: Dataset?, _ address: String) throws(HarvestError) -> Surroundings {
        guard centre == .shown else { return self }
        guard let position = dataset?.claim(Field.Name.position)?.value.doubles, position.count == 3,
            let lengths = dataset?.claim(Field.Name.viewerVoxelSize)?.value.doubles, lengths.count == 3
        else {
            throw .invalid(
                "the address shows no position around which a box could lie", at: address,
                next: "name the middle of the box with --centre z,y,x")
        }
        return Surroundings(size: size, centre: .nanometres(zip(position, lengths).map(*)))
    }

    /// The box in a level of that spatial shape, moved inside and cut where it would leave the volume.
    ///
    /// - Parameter shape: z, y, x.
    /// - Throws: ``HarvestError`` `.invalid` where the centre is outside.
    func box(in shape: [Int], _ level: Level, of volume: Volume) throws -> Box {
        let voxel = try voxel(level, volume)
        guard shape.count == 3, voxel.count == 3, size.count == 3, size.allSatisfy({ $0 > 0 }) else {
            throw HarvestError.invalid("size and centre are three numbers along z, y, x, and sizes are at least 1")
        }
        guard (0..<3).allSatisfy({ voxel[$0] >= 0 && voxel[$0] < Double(shape[$0]) }) else {
            let place = voxel.map { JSON.double($0.rounded()).compact }.joined(separator: ", ")
            throw HarvestError.invalid(
                "the centre, voxel \(place), is outside the volume, whose shape is \(shape)",
                next: "it counts in voxels of the level, z,y,x, from the array's first")
        }
        return Box(
            (0..<3).map { axis in
                let length = min(size[axis], shape[axis])
                let start = Int(voxel[axis]) - length / 2
                let first = min(max(0, start), shape[axis] - length)
                return first..<first + length
            })
    }

    /// The centre in voxels of the level.
    private func voxel(_ level: Level, _ volume: Volume) throws -> [Double] {
        let position: [Double]
        switch centre {
        case .voxel(let voxel): return voxel
        case .shown: throw HarvestError.invalid("no position is known", next: "name --centre z,y,x")
        case .nanometres(let found): position = found
        }
        let axes = volume.metadata.axes ?? [], finest = volume.metadata.voxelSize
        func value(_ list: [Double?]?, _ axis: Int) -> Double? {
            list.flatMap { $0.indices.contains(axis) ? $0[axis] : nil }
        }
        return try ["z", "y", "x"].enumerated().map { index, name in
            guard let axis = axes.firstIndex(of: name),
                let size = value(level.voxelSize, axis) ?? value(finest, axis), size > 0
            else {
                throw HarvestError.invalid(
                    "the position is a place in nm, and the voxel size along \(name) is not known",
                    next: "name --centre z,y,x in voxels")
            }
            // The translation is of voxel 0's centre; coarser voxels reach further to both sides.
            let centre = value(level.index == 0 ? volume.metadata.translation : level.translation, axis) ?? 0
            return (position[index] - (centre - (size - (value(finest, axis) ?? size)) / 2)) / size
        }
    }
}
