/// What one voxel is, without its byte order.
public enum DataType: String, Sendable, CaseIterable {
    case bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64
    case float16, float32, float64, complex64, complex128

    /// Bytes per voxel.
    public var size: Int {
        switch self {
        case .bool, .int8, .uint8: 1
        case .int16, .uint16, .float16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64, .complex64: 8
        case .complex128: 16
        }
    }

    /// Bytes that swap together when the byte order changes (a complex number is two floats).
    public var swapSize: Int {
        switch self {
        case .complex64: 4
        case .complex128: 8
        default: size
        }
    }
}

/// Order of the bytes of one number.
public enum ByteOrder: String, Sendable {
    case little, big
}
