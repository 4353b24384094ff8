/// How the voxels of one decoded chunk lie in memory.
public struct ChunkLayout: Sendable {
    /// Lengths in voxels as stored: clipped at the array's edge or not, as the format does.
    public var shape: Coordinate
    /// Distance in voxels between neighbours along each axis.
    public var strides: Coordinate
    public var byteOrder: ByteOrder

    public init(shape: Coordinate, strides: Coordinate, byteOrder: ByteOrder) {
        self.shape = shape
        self.strides = strides
        self.byteOrder = byteOrder
    }

    /// C order.
    public init(shape: Coordinate, byteOrder: ByteOrder = .little) {
        self.init(shape: shape, strides: shape.stridesC, byteOrder: byteOrder)
    }
}

/// Memory for the voxels of `box`, in C order or any other strides.
public struct Destination: @unchecked Sendable {
    /// The first voxel of `box`.
    public let base: UnsafeMutableRawPointer
    public let box: Box
    /// Distance in bytes between neighbours along each axis.
    public let strides: Coordinate

    /// C order over `box`, voxels of `size` bytes.
    public init(_ base: UnsafeMutableRawPointer, box: Box, size: Int) {
        self.base = base
        self.box = box
        var strides = box.shape.stridesC
        for axis in 0..<strides.count { strides[axis] *= size }
        self.strides = strides
    }
}

extension Destination {
    /// Copies the part of a decoded chunk that lies in `region` (inside both this box and the chunk), swapping bytes
    /// where the layout is big-endian.
    ///
    /// - Parameters:
    ///   - source: The decoded chunk, at least as long as `layout` spans.
    ///   - origin: Index of the chunk's first voxel in the array.
    public func scatter(
        _ source: UnsafeRawBufferPointer, layout: ChunkLayout, origin: Coordinate, region: Box, dataType: DataType
    ) {
        let size = dataType.size
        var from = source.baseAddress!
        var to = base
        var runs: [(count: Int, from: Int, to: Int)] = []  // outermost first, in bytes
        for axis in 0..<region.rank {
            let step = (count: region.shape[axis], from: layout.strides[axis] * size, to: strides[axis])
            from += (region.origin[axis] - origin[axis]) * step.from
            to += (region.origin[axis] - box.origin[axis]) * step.to
            if step.count > 1 { runs.append(step) }
        }
        // Merge axes that follow each other without a gap on both sides, so that a run is as long as it can be.
        var merged: [(count: Int, from: Int, to: Int)] = []
        for run in runs.reversed() {
            if let last = merged.last, run.from == last.from * last.count, run.to == last.to * last.count {
                merged[merged.count - 1].count *= run.count
            } else {
                merged.append(run)
            }
        }
        let inner = merged.first ?? (1, size, size)
        let outer = Array(merged.dropFirst())
        let isPlain = inner.from == size && inner.to == size
        let swapSize = layout.byteOrder == .big ? dataType.swapSize : 1
        Self.walk(outer, from, to) { from, to in
            if isPlain {
                to.copyMemory(from: from, byteCount: inner.count * size)
                if swapSize > 1 { swapBytes(to, count: inner.count * size / swapSize, size: swapSize) }
            } else {
                copyStrided(from, inner.from, to, inner.to, inner.count, size)
                if swapSize > 1 {
                    for i in 0..<inner.count { swapBytes(to + i * inner.to, count: size / swapSize, size: swapSize) }
                }
            }
        }
    }

    /// Calls `body` at every combination of `axes`, the last one slowest.
    private static func walk(
        _ axes: [(count: Int, from: Int, to: Int)], _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer,
        _ body: (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    ) {
        guard let axis = axes.last else { return body(from, to) }
        let rest = Array(axes.dropLast())
        for i in 0..<axis.count { walk(rest, from + i * axis.from, to + i * axis.to, body) }
    }
}

/// Reverses the bytes of `count` numbers of `size` bytes.
public func swapBytes(_ memory: UnsafeMutableRawPointer, count: Int, size: Int) {
    func swap<T: FixedWidthInteger>(_: T.Type) {
        for i in 0..<count {
            let at = memory + i * size
            at.storeBytes(of: at.loadUnaligned(as: T.self).byteSwapped, as: T.self)
        }
    }
    switch size {
    case 2: swap(UInt16.self)
    case 4: swap(UInt32.self)
    case 8: swap(UInt64.self)
    default: break
    }
}

private func copyStrided(
    _ from: UnsafeRawPointer, _ fromStep: Int, _ to: UnsafeMutableRawPointer, _ toStep: Int, _ count: Int, _ size: Int
) {
    func copy<T: BitwiseCopyable>(_: T.Type) {
        for i in 0..<count {
            (to + i * toStep).storeBytes(of: (from + i * fromStep).loadUnaligned(as: T.self), as: T.self)
        }
    }
    switch size {
    case 1: copy(UInt8.self)
    case 2: copy(UInt16.self)
    case 4: copy(UInt32.self)
    case 8: copy(UInt64.self)
    default: for i in 0..<count { (to + i * toStep).copyMemory(from: from + i * fromStep, byteCount: size) }
    }
}
