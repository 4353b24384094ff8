import HarvestCore

/// A Zarr v2 `fill_value` as the bytes of one voxel.
///
/// Zarr v2 §"Fill value encoding": floats may be `"NaN"`, `"Infinity"`, `"-Infinity"`; complex numbers are pairs;
/// `null` leaves the voxels undefined, which every reader takes for zero.
enum ZarrFill {
    /// - Throws: ``HarvestError`` `.malformed` for a value that `type` cannot hold.
    static func bytes(_ json: JSON, _ type: DataType, at place: String) throws(HarvestError) -> [UInt8] {
        if json.isNull { return [UInt8](repeating: 0, count: type.size) }
        let json = number(json)
        let found: [UInt8]? =
            switch type {
            case .bool: json.bool.map { [$0 ? 1 : 0] } ?? json.int.flatMap { $0 == 0 || $0 == 1 ? [UInt8($0)] : nil }
            case .int8: integer(json, Int8.self)
            case .uint8: integer(json, UInt8.self)
            case .int16: integer(json, Int16.self)
            case .uint16: integer(json, UInt16.self)
            case .int32: integer(json, Int32.self)
            case .uint32: integer(json, UInt32.self)
            case .int64: integer(json, Int64.self)
            case .uint64: integer(json, UInt64.self)
            case .float16: float(json, Float16.self)
            case .float32: float(json, Float.self)
            case .float64: float(json, Double.self)
            case .complex64: complex(json, Float.self)
            case .complex128: complex(json, Double.self)
            }
        guard let found else {
            throw .malformed("\"fill_value\" \(json.compact.displayed(limit: 60)) is no \(type.rawValue)", at: place)
        }
        return found
    }

    /// Bioformats2raw's first writers put numbers into quotes.
    private static func number(_ json: JSON) -> JSON {
        guard let text = json.string, let first = text.first, first.isNumber || first == "-",
            let value = try? JSON(parsing: text), value.double != nil
        else { return json }
        return value
    }

    private static func integer<T: FixedWidthInteger & BitwiseCopyable>(_ json: JSON, _: T.Type) -> [UInt8]? {
        if case .unsigned(let large) = json { return T(exactly: large).map { raw($0) } }
        guard let value = json.int, let exact = T(exactly: value) else { return nil }
        return raw(exact)
    }

    private static func float<T: BinaryFloatingPoint & BitwiseCopyable>(_ json: JSON, _: T.Type) -> [UInt8]? {
        guard let value = json.double else { return nil }
        let rounded = T(value)
        return value.isFinite && rounded.isInfinite ? nil : raw(rounded)
    }

    private static func complex<T: BinaryFloatingPoint & BitwiseCopyable>(_ json: JSON, _: T.Type) -> [UInt8]? {
        guard let parts = json.array else { return float(json, T.self).map { $0 + raw(T(0)) } }
        guard parts.count == 2, let real = float(parts[0], T.self), let imaginary = float(parts[1], T.self) else {
            return nil
        }
        return real + imaginary
    }

    private static func raw<T: BitwiseCopyable>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
}
