import HarvestCore

/// What stands between a strip's bytes and its samples: packed bits, predictors, bit order.
enum TIFFSamples {
    /// FillOrder 2 (TIFF 6.0 §8): the bits of each byte the other way round.
    static let reversedBits: [UInt8] = (0..<256).map { (value: Int) -> UInt8 in
        var reversed: UInt8 = 0
        for bit in 0..<8 where value & (1 << bit) != 0 { reversed |= 0x80 >> UInt8(bit) }
        return reversed
    }

    /// Spreads samples of `bits` bits, most significant bit first, each row from a byte boundary on (TIFF 6.0 §7),
    /// into numbers of `size` bytes in native order.
    static func unpack(
        _ source: UnsafeRawBufferPointer, rows: Int, bytesPerRow: Int, perRow: Int, bits: Int, size: Int,
        into destination: UnsafeMutableRawBufferPointer
    ) {
        let mask = bits >= 32 ? UInt64(UInt32.max) : (UInt64(1) << UInt64(bits)) - 1
        for row in 0..<rows {
            var held: UInt64 = 0
            var heldBits = 0
            var at = row * bytesPerRow
            for i in 0..<perRow {
                while heldBits < bits {
                    held = held << 8 | UInt64(source[at])
                    heldBits += 8
                    at += 1
                }
                heldBits -= bits
                let value = held >> UInt64(heldBits) & mask
                let to = (row * perRow + i) * size
                switch size {
                case 1: destination.storeBytes(of: UInt8(value), toByteOffset: to, as: UInt8.self)
                case 2: destination.storeBytes(of: UInt16(value), toByteOffset: to, as: UInt16.self)
                default: destination.storeBytes(of: UInt32(value), toByteOffset: to, as: UInt32.self)
                }
            }
        }
    }

    /// Undoes a predictor in place and leaves native byte order.
    ///
    /// Predictor 2 is horizontal differencing per sample, restarting on each row (TIFF 6.0 §14); 3 is Adobe's
    /// floating-point predictor (TIFF Technical Note 3), whose byte planes run from the most significant byte on
    /// whatever the file's byte order.
    static func undo(
        predictor: Int, _ data: UnsafeMutableRawBufferPointer, rows: Int, columns: Int, samples: Int, size: Int,
        byteOrder: ByteOrder
    ) {
        guard predictor != 1, rows > 0, let base = data.baseAddress else { return }
        if predictor == 3 {
            return undoFloating(base, rows: rows, perRow: columns * samples, samples: samples, size: size)
        }
        if byteOrder == .big { swapBytes(base, count: rows * columns * samples, size: size) }
        func accumulate<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
            for row in 0..<rows {
                let start = base + row * columns * samples * size
                for i in stride(from: samples, to: columns * samples, by: 1) {
                    let left = (start + (i - samples) * size).loadUnaligned(as: T.self)
                    let at = start + i * size
                    at.storeBytes(of: at.loadUnaligned(as: T.self) &+ left, as: T.self)
                }
            }
        }
        switch size {
        case 1: accumulate(UInt8.self)
        case 2: accumulate(UInt16.self)
        case 4: accumulate(UInt32.self)
        default: accumulate(UInt64.self)
        }
    }

    private static func undoFloating(_ base: UnsafeMutableRawPointer, rows: Int, perRow: Int, samples: Int, size: Int) {
        let length = perRow * size
        var planes = [UInt8](repeating: 0, count: length)
        for row in 0..<rows {
            let start = base + row * length
            planes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(start: start, count: length)) }
            for i in stride(from: samples, to: length, by: 1) { planes[i] &+= planes[i - samples] }
            for i in 0..<perRow {
                for byte in 0..<size {
                    (start + i * size + size - 1 - byte).storeBytes(of: planes[byte * perRow + i], as: UInt8.self)
                }
            }
        }
    }
}
