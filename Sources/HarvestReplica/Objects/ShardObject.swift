internal import CZlib
internal import Glibc

/// One shard file of the hemibrain, computed: its index, then for each minishard its chunks and its gzipped index.
///
/// neuroglancer_uint64_sharded_v1: with the identity hash a shard holds the chunks whose codes share all bits from the
/// 15th on, a minishard 512 codes in a row.
final class ShardObject: VirtualObject {
    private enum Piece {
        case bytes([UInt8])
        case chunk(x: Int, y: Int, z: Int)
    }

    private let scale: Hemibrain.Scale
    private let pieces: [Piece]
    /// Where each piece begins, and at last the file's length.
    private let starts: [Int64]

    var size: Int64 { starts[starts.count - 1] }

    /// The shard, kept for a while; `nil` where it holds no chunk, so that there is no such file.
    static func shard(_ number: Int, of scale: Hemibrain.Scale) -> ShardObject? {
        let name = "\(scale.level)/\(number)"
        if let known = kept.withLock({ $0[name] }) { return known }
        guard let made = ShardObject(number, of: scale) else { return nil }
        kept.withLock { kept in
            if kept.count >= 32 { kept = [:] }
            kept[name] = made
        }
        return made
    }

    private static let kept = Guarded<[String: ShardObject]>([:])

    private init?(_ number: Int, of scale: Hemibrain.Scale) {
        let indexBytes = 16 << Hemibrain.minishardBits
        let chunksPerMinishard = 1 << Hemibrain.preshiftBits
        let first = number << (Hemibrain.preshiftBits + Hemibrain.minishardBits)
        var pieces: [Piece] = [.bytes([])], starts: [Int64] = [0], end = Int64(indexBytes)
        var index: [UInt64] = []
        for minishard in 0..<(1 << Hemibrain.minishardBits) {
            var ids: [UInt64] = [], sizes: [UInt64] = []
            let dataStart = end
            let codes = first + minishard * chunksPerMinishard
            for code in codes..<(codes + chunksPerMinishard) {
                guard let place = scale.position(of: code) else { continue }
                let length = scale.block(x: place.x, y: place.y, z: place.z).encoded.count
                pieces.append(.chunk(x: place.x, y: place.y, z: place.z))
                starts.append(end)
                ids.append(UInt64(code))
                sizes.append(UInt64(length))
                end += Int64(length)
            }
            guard !ids.isEmpty else {
                index += [0, 0]
                continue
            }
            // Three rows: ids, starts and lengths, the first two as differences.
            var table: [UInt64] = [ids[0]] + zip(ids.dropFirst(), ids).map { $0 - $1 }
            table += [UInt64(dataStart) - UInt64(indexBytes)] + [UInt64](repeating: 0, count: ids.count - 1)
            table += sizes
            let packed = gzip(littleEndian(table))
            pieces.append(.bytes(packed))
            starts.append(end)
            index += [UInt64(end) - UInt64(indexBytes), UInt64(end) - UInt64(indexBytes) + UInt64(packed.count)]
            end += Int64(packed.count)
        }
        guard pieces.count > 1 else { return nil }
        pieces[0] = .bytes(littleEndian(index))
        starts.append(end)
        self.scale = scale
        self.pieces = pieces
        self.starts = starts
    }

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        var low = 0, high = pieces.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= range.lowerBound { low = middle } else { high = middle }
        }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let end = min(range.upperBound, starts[low + 1])
            let bytes =
                switch pieces[low] {
                case .bytes(let bytes): bytes
                case .chunk(let x, let y, let z): scale.block(x: x, y: y, z: z).encoded
                }
            bytes.withUnsafeBytes { source in
                _ = memcpy(
                    target + Int(offset - range.lowerBound), source.baseAddress! + Int(offset - starts[low]),
                    Int(end - offset))
            }
            offset = end
            low += 1
        }
    }

    /// The same file with other bytes at its end: nothing else would still be readable.
    func replaced() -> any VirtualObject { StoredObject(bytes(0..<min(size, 1 << 20))) }
}

private func littleEndian(_ numbers: [UInt64]) -> [UInt8] {
    numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) } }
}

/// RFC 1952, by zlib.
private func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    // 16 more window bits mean gzip's wrapper.
    guard
        deflateInit2_(
            &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            == Z_OK
    else { fatalError("zlib does not start") }
    defer { deflateEnd(&stream) }
    let bound = Int(deflateBound(&stream, UInt(bytes.count)))
    var source = bytes
    return [UInt8](unsafeUninitializedCapacity: bound) { buffer, written in
        source.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = buffer.baseAddress
            stream.avail_out = UInt32(bound)
            guard deflate(&stream, Z_FINISH) == Z_STREAM_END else {
                fatalError("zlib refuses a buffer of its own size")
            }
        }
        written = Int(stream.total_out)
    }
}
