/// Voxels in memory, in a box: C order, native byte order.
public struct Block: Sendable {
    public let box: Box
    public let dataType: DataType
    /// The voxels, last axis fastest.
    public let bytes: Bytes

    public init(box: Box, dataType: DataType, bytes: Bytes) {
        self.box = box
        self.dataType = dataType
        self.bytes = bytes
    }

    public var shape: [Int] { box.shape.array }

    /// Calls `body` with the voxels as `T`.
    ///
    /// - Throws: ``HarvestError`` `.invalid` where `T` is not as wide as a voxel.
    public func withVoxels<T: BitwiseCopyable, R>(as type: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R) throws
        -> R
    {
        guard MemoryLayout<T>.size == dataType.size else {
            throw HarvestError.invalid("voxels of \(dataType.rawValue) cannot be read as \(T.self)")
        }
        return try bytes.withUnsafeBytes { try body($0.bindMemory(to: T.self)) }
    }
}
