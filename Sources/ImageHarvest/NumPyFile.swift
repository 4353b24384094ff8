import HarvestCore

extension Context {
    /// Writes a box of voxels as a NumPy array file, version 1.0: little-endian, C order.
    ///
    /// Specification: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".
    func writeNumPy(_ array: any ChunkedArray, _ box: Box, to path: String) async throws {
        let file = try OutputFile(path)
        let shape = box.shape.array.map(String.init).joined(separator: ", ") + (box.rank == 1 ? "," : "")
        var header = "{'descr': '\(array.dataType.numPyName)', 'fortran_order': False, 'shape': (\(shape)), }"
        let unpadded = 10 + header.utf8.count + 1
        header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let count = header.utf8.count
        let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(count & 0xFF), UInt8(count >> 8)]
        try (magic + Array(header.utf8)).withUnsafeBytes { try file.write($0) }
        try await Slabs.forEach(array, box) { try file.write($0) }
        try file.publish()
    }
}

extension DataType {
    /// NumPy's type string, little-endian.
    var numPyName: String {
        switch self {
        case .bool: "|b1"
        case .int8: "|i1"
        case .uint8: "|u1"
        case .int16: "<i2"
        case .uint16: "<u2"
        case .int32: "<i4"
        case .uint32: "<u4"
        case .int64: "<i8"
        case .uint64: "<u8"
        case .float16: "<f2"
        case .float32: "<f4"
        case .float64: "<f8"
        case .complex64: "<c8"
        case .complex128: "<c16"
        }
    }
}
