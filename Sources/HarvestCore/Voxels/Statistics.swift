/// Smallest and largest of the voxels seen so far; NaN is left out.
public struct Statistics: Sendable {
    public private(set) var minimum: JSON = .null
    public private(set) var maximum: JSON = .null

    public init() {}

    /// Takes in voxels in native byte order; complex numbers have no order and are passed over.
    public mutating func add(_ bytes: UnsafeRawBufferPointer, _ dataType: DataType) {
        switch dataType {
        case .bool, .uint8: integers(bytes, UInt8.self)
        case .int8: integers(bytes, Int8.self)
        case .uint16: integers(bytes, UInt16.self)
        case .int16: integers(bytes, Int16.self)
        case .uint32: integers(bytes, UInt32.self)
        case .int32: integers(bytes, Int32.self)
        case .uint64: integers(bytes, UInt64.self)
        case .int64: integers(bytes, Int64.self)
        case .float32: floats(bytes, Float.self)
        case .float64: floats(bytes, Double.self)
        case .float16: halves(bytes)
        case .complex64, .complex128: break
        }
    }

    private mutating func integers<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _: T.Type) {
        let count = bytes.count / MemoryLayout<T>.size
        guard count > 0, let base = bytes.baseAddress else { return }
        var low = T.max, high = T.min
        for i in 0..<count {
            let value = base.loadUnaligned(fromByteOffset: i &* MemoryLayout<T>.size, as: T.self)
            low = Swift.min(low, value)
            high = Swift.max(high, value)
        }
        widen(low: Self.json(low), high: Self.json(high))
    }

    private mutating func floats<T: BinaryFloatingPoint & BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _: T.Type) {
        guard let base = bytes.baseAddress else { return }
        var low = T.infinity, high = -T.infinity
        for i in 0..<bytes.count / MemoryLayout<T>.size {
            let value = base.loadUnaligned(fromByteOffset: i &* MemoryLayout<T>.size, as: T.self)
            if value < low { low = value }
            if value > high { high = value }
        }
        if low <= high { widen(low: .double(Double(low)), high: .double(Double(high))) }
    }

    private mutating func halves(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        var low = Double.infinity, high = -Double.infinity
        for i in 0..<bytes.count / 2 {
            let value = Double(half: base.loadUnaligned(fromByteOffset: i &* 2, as: UInt16.self))
            if value < low { low = value }
            if value > high { high = value }
        }
        if low <= high { widen(low: .double(low), high: .double(high)) }
    }

    private mutating func widen(low: JSON, high: JSON) {
        if minimum.isNull || Self.isLess(low, minimum) { minimum = low }
        if maximum.isNull || Self.isLess(maximum, high) { maximum = high }
    }

    private static func json(_ value: some FixedWidthInteger) -> JSON {
        Int(exactly: value).map(JSON.int) ?? .unsigned(UInt64(value))
    }

    private static func isLess(_ a: JSON, _ b: JSON) -> Bool {
        switch (a, b) {
        case (.int(let a), .int(let b)): a < b
        case (.unsigned(let a), .unsigned(let b)): a < b
        case (.int, .unsigned): true
        case (.unsigned, .int): false
        default: (a.double ?? .nan) < (b.double ?? .nan)
        }
    }
}

extension Double {
    /// The value of an IEEE 754 binary16 number.
    public init(half bits: UInt16) {
        let sign: Double = bits >> 15 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F), fraction = Double(bits & 0x3FF)
        switch exponent {
        case 0: self = sign * fraction * 0x1p-24
        case 31: self = fraction == 0 ? sign * .infinity : .nan
        default: self = sign * (1 + fraction / 1024) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
        }
    }
}
