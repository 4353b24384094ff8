import HarvestCore
import HarvestTesting
import Testing

struct ScatterTests {
    /// One random case: a chunk somewhere in an array, any strides, and the box that is wanted.
    struct Case {
        var dataType: DataType, order: ByteOrder, chunk: Box, layout: ChunkLayout, wanted: Box, region: Box
        var source: [UInt8]

        init?(_ generator: inout SeededGenerator) {
            let rank = Int.random(in: 0...5, using: &generator)
            let shape = (0..<rank).map { _ in Int.random(in: 1...5, using: &generator) }
            dataType = DataType.allCases.randomElement(using: &generator)!
            order = Bool.random(using: &generator) ? .big : .little
            chunk = .random(in: shape, using: &generator)
            wanted = .random(in: shape, using: &generator)
            guard let shared = chunk.intersection(wanted) else { return nil }
            region = shared
            // A permutation of the axes, outermost first, with a gap behind some.
            var strides = chunk.shape, step = 1
            for axis in (0..<rank).shuffled(using: &generator) {
                strides[axis] = step
                step *= chunk.shape[axis] + (Int.random(in: 0...3, using: &generator) == 0 ? 1 : 0)
            }
            layout = ChunkLayout(shape: chunk.shape, strides: strides, byteOrder: order)
            source = (0..<step * dataType.size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }

        /// What one voxel after the other gives.
        func naive() -> [UInt8] {
            var out = [UInt8](repeating: 0xEE, count: wanted.count! * dataType.size)
            var flat = 0
            wanted.forEach { index in
                defer { flat += 1 }
                guard region.contains(Box(origin: index, shape: Coordinate(repeating: 1, count: index.count))) else {
                    return
                }
                let from = (0..<index.count).reduce(0) { $0 + (index[$1] - chunk.origin[$1]) * layout.strides[$1] }
                var voxel = Array(source[from * dataType.size..<(from + 1) * dataType.size])
                if order == .big {
                    let half = dataType.rawValue.hasPrefix("complex") ? voxel.count / 2 : voxel.count
                    voxel = stride(from: 0, to: voxel.count, by: half).flatMap { voxel[$0..<$0 + half].reversed() }
                }
                out.replaceSubrange(flat * voxel.count..<(flat + 1) * voxel.count, with: voxel)
            }
            return out
        }
    }

    @Test(arguments: UInt64(1)...8)
    func `a chunk of any layout lands as a loop over voxels puts it`(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<400 {
            guard let one = Case(&generator) else { continue }
            var out = [UInt8](repeating: 0xEE, count: one.wanted.count! * one.dataType.size)
            out.withUnsafeMutableBytes { memory in
                let destination = Destination(memory.baseAddress!, box: one.wanted, size: one.dataType.size)
                one.source.withUnsafeBytes {
                    destination.scatter(
                        $0, layout: one.layout, origin: one.chunk.origin, region: one.region, dataType: one.dataType)
                }
            }
            try #require(out == one.naive())
        }
    }

    @Test(
        arguments: [
            (2, [1, 2, 3, 4], [2, 1, 4, 3]), (4, [1, 2, 3, 4], [4, 3, 2, 1]),
            (8, [1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1]),
            (1, [1, 2], [1, 2]),
        ] as [(Int, [UInt8], [UInt8])])
    func `bytes swap within each number`(_ size: Int, _ bytes: [UInt8], _ swapped: [UInt8]) {
        var bytes = bytes
        let count = bytes.count / size
        bytes.withUnsafeMutableBytes { swapBytes($0.baseAddress!, count: count, size: size) }
        #expect(bytes == swapped)
    }
}

struct StatisticsTests {
    private func statistics<T: BitwiseCopyable>(_ values: [T], _ dataType: DataType) -> Statistics {
        var statistics = Statistics()
        for value in values { withUnsafeBytes(of: value) { statistics.add($0, dataType) } }
        var whole = Statistics()
        values.withUnsafeBytes { whole.add($0, dataType) }
        #expect(whole.minimum == statistics.minimum)
        #expect(whole.maximum == statistics.maximum)
        return whole
    }

    @Test func `the ends of each integer type are exact`() {
        let long = statistics([Int64.max, .min, 0], .int64)
        #expect(long.minimum == .int(.min))
        #expect(long.maximum == .int(.max))
        #expect(statistics([UInt64.max, 1 << 63], .uint64).maximum == .unsigned(.max))
        #expect(statistics([UInt64.max, 1 << 63], .uint64).minimum == .unsigned(1 << 63))
        #expect(statistics([UInt64.max, 0], .uint64).minimum == 0)
        #expect(statistics([Int8.min, 5], .int8).minimum == -128)
        #expect(statistics([true, false], .bool).maximum == 1)
    }

    @Test func `random numbers have the smallest and largest that the standard library finds`() {
        var generator = SeededGenerator(seed: 9)
        let values = (0..<999).map { _ in Int32.random(in: .min ... .max, using: &generator) }
        #expect(statistics(values, .int32).minimum == .int(Int(values.min()!)))
        #expect(statistics(values, .int32).maximum == .int(Int(values.max()!)))
        let reals = (0..<999).map { _ in Float.random(in: -1e9...1e9, using: &generator) }
        #expect(statistics(reals, .float32).minimum == .double(Double(reals.min()!)))
        #expect(statistics(reals, .float32).maximum == .double(Double(reals.max()!)))
    }

    @Test func `what is not a number is left out`() {
        let some = statistics([Double.nan, 2, .nan, -1], .float64)
        #expect(some.minimum == .double(-1))
        #expect(some.maximum == .double(2))
        #expect(statistics([Float.nan, .nan], .float32).minimum == .null)
        #expect(statistics([UInt16](), .uint16).maximum == .null)
    }

    @Test func `infinities are numbers`() {
        #expect(statistics([Double.infinity], .float64).minimum == .double(.infinity))
        #expect(statistics([-Float.infinity], .float32).maximum == .double(-.infinity))
        #expect(statistics([0x7C00, 0x7E00] as [UInt16], .float16).maximum == .double(.infinity))
    }

    @Test func `complex numbers have no order`() {
        #expect(statistics([1.0, 2.0], .complex128).minimum == .null)
    }

    /// IEEE 754-2008 binary16: the examples of its usual tables.
    @Test(
        arguments: [
            (0x0000, 0), (0x8000, -0.0), (0x0001, 0x1p-24), (0x03FF, 0x3FFp-24), (0x0400, 0x1p-14),
            (0x3555, 0.333251953125),
            (0x3BFF, 0.99951171875), (0x3C00, 1), (0x3C01, 1.0009765625), (0x7BFF, 65504), (0x7C00, .infinity),
            (0xC000, -2),
            (0xFC00, -.infinity), (0xFBFF, -65504),
        ] as [(UInt16, Double)])
    func `a half-precision number has its value`(_ bits: UInt16, _ value: Double) {
        #expect(Double(half: bits) == value)
        #expect(Double(half: bits).sign == value.sign)
    }

    @Test(arguments: [0x7C01, 0x7E00, 0xFFFF] as [UInt16])
    func `a half-precision NaN is one`(_ bits: UInt16) {
        #expect(Double(half: bits).isNaN)
    }

    @Test func `every half agrees with the compiler's own type`() {
        for bits in UInt16.min...UInt16.max where !Float16(bitPattern: bits).isNaN {
            #expect(Double(half: bits) == Double(Float16(bitPattern: bits)))
        }
    }
}

struct BlockTests {
    @Test func `voxels are given as the type that is as wide, and as no other`() throws {
        let block = Block(box: [0..<2], dataType: .uint16, bytes: Bytes([1, 0, 2, 0]))
        #expect(try block.withVoxels(as: UInt16.self) { Array($0) } == [1, 2])
        #expect(throws: HarvestError.self) { try block.withVoxels(as: UInt32.self) { $0.count } }
    }
}

struct BytesTests {
    @Test(arguments: [(0..<4, [1, 2, 3, 4]), (1..<3, [2, 3]), (4..<4, []), (0..<0, [])] as [(Range<Int>, [UInt8])])
    func `a slice holds its bytes`(_ range: Range<Int>, _ expected: [UInt8]) {
        #expect(Bytes([1, 2, 3, 4]).slice(range)?.array == expected)
    }

    @Test(arguments: [-1..<2, 0..<5, 5..<5, Int.min..<0, 0..<Int.max])
    func `a slice that leaves the bytes is none`(_ range: Range<Int>) {
        #expect(Bytes([1, 2, 3, 4]).slice(range) == nil)
    }

    @Test func `a slice of a slice outlives both, and shares their memory`() {
        var whole: Bytes? = Bytes([1, 2, 3, 4, 5])
        let part = whole?.slice(1..<5)?.slice(1..<3)
        let address = whole?.withUnsafeBytes { $0.baseAddress! + 2 }
        whole = nil
        #expect(part?.array == [3, 4])
        #expect(part?.withUnsafeBytes { $0.baseAddress } == address)
        #expect(part?[1] == 4)
    }

    @Test func `the owner is let go with the last slice`() async {
        await confirmation { released in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
            nonisolated(unsafe) let taken = memory
            var slice = Bytes(
                UnsafeRawBufferPointer(memory),
                owner: Bytes.Owner {
                    taken.deallocate(); released()
                }
            ).slice(1..<2)
            #expect(slice?.count == 1)
            slice = nil
        }
    }

    @Test func `text that is not UTF-8 shows replacement characters`() {
        #expect(Bytes([0x41, 0xFF, 0x42]).text == "A\u{FFFD}B")
        #expect(Bytes.empty.text == "")
    }

    @Test func `an error while filling leaves nothing behind`() {
        #expect(throws: HarvestError.self) {
            try Bytes(count: 8) { _ in throw HarvestError.malformed("no") }
        }
    }
}
