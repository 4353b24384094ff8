import HarvestCore

/// A Zarr v2 `dtype`: NumPy's array protocol type string, or a list for structured types.
///
/// Zarr v2 §"Data type encoding".
struct ZarrDataType: Sendable {
    /// As written.
    let text: String
    /// `nil` for text, dates, structures and other types whose voxels are no numbers here.
    let dataType: DataType?
    let byteOrder: ByteOrder

    private static let numbers: [String: DataType] = [
        "b1": .bool, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16,
        "u4": .uint32, "u8": .uint64, "f2": .float16, "f4": .float32, "f8": .float64, "c8": .complex64,
        "c16": .complex128,
    ]

    /// - Throws: ``HarvestError`` `.malformed` for what is no type string at all.
    init(_ json: JSON?, at place: String) throws(HarvestError) {
        guard let json else { throw .malformed("\"dtype\" is missing", at: place) }
        if case .array(let fields) = json, !fields.isEmpty {  // structured: a list of [name, type, shape?]
            (text, dataType, byteOrder) = (json.compact, nil, .little)
            return
        }
        guard let text = json.string, let first = text.unicodeScalars.first else {
            throw .malformed("\"dtype\" \(json.compact.displayed(limit: 60)) is no type string", at: place)
        }
        let hasOrder = first == "<" || first == ">" || first == "|"
        let body = hasOrder ? String(text.dropFirst()) : text
        let known = Self.numbers[body]
        // Where nothing says the order, only a type of single bytes is clear.
        guard hasOrder || known?.size == 1 else {
            throw .malformed("\"dtype\" \"\(text.displayed(limit: 60))\" does not begin with <, > or |", at: place)
        }
        self.text = text
        dataType = known
        byteOrder = first == ">" ? .big : .little
        guard known == nil else { return }
        guard let kind = body.first, let size = Self.size(body.dropFirst()),
            "SUVOmM".contains(kind) || (kind == "f" || kind == "c") && size > 8
        else { throw .malformed("\"dtype\" \"\(text.displayed(limit: 60))\" names no type", at: place) }
    }

    /// The digits after the kind; 0 where there are none (`|O`, `|S`).
    private static func size(_ digits: Substring) -> Int? {
        let number = digits.prefix { $0.isASCII && $0.isNumber }
        let rest = digits.dropFirst(number.count)  // dates carry a unit: [ns]
        guard rest.isEmpty || rest.first == "[" && rest.last == "]" else { return nil }
        return number.isEmpty ? 0 : Int(number)
    }
}
