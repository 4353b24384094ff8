import HarvestCore
import HarvestTesting
import Testing

/// An array of random shape, chunks, order and encoding, and its voxels as a plain list.
private struct RandomArray {
    var array: ShelfArray
    var voxels: [UInt8]
    var shape: [Int] { array.shape }

    init(_ generator: inout SeededGenerator, isRemote: Bool) throws {
        let rank = Int.random(in: 1...4, using: &generator)
        let shape = (0..<rank).map { _ in Int.random(in: 1...9, using: &generator) }
        let grid = try Grid(shape: shape, chunk: shape.map { _ in Int.random(in: 1...10, using: &generator) })
        let type = DataType.allCases.randomElement(using: &generator)!
        let fill = (0..<type.size).map { _ in Bool.random(using: &generator) ? UInt8(0) : 7 }
        array = ShelfArray(grid: grid, dataType: type, store: Shelf([:]), fill: fill)
        array.isFull = .random(using: &generator)
        array.isFOrder = .random(using: &generator)
        array.byteOrder = .random(using: &generator) ? .big : .little
        array.mask = .random(using: &generator) ? 0xA5 : nil
        voxels = (0..<grid.shape.product! * type.size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let isOneObject = Bool.random(using: &generator)
        var objects: [String: [UInt8]] = [:]
        var cells: [Coordinate] = []
        grid.cells(meeting: grid.box).forEach { cells.append($0) }
        for cell in cells.shuffled(using: &generator) {
            let box = grid.box(of: cell)
            guard Int.random(in: 0..<5, using: &generator) > 0 else {  // never stored
                replace(box) { _ in fill }
                continue
            }
            let bytes = stored(cell, box), key = isOneObject ? "all" : "\(cell)"
            let start = objects[key, default: []].count + Int.random(in: 0...3, using: &generator)
            objects[key, default: []] +=
                [UInt8](repeating: 0xCC, count: start - objects[key, default: []].count) + bytes
            let isWhole = !isOneObject && start == 0
            array.places[cell] = ChunkLocation(key: key, range: isWhole ? .whole : .bytes(start..<start + bytes.count))
        }
        array.store = Shelf(objects, isRemote: isRemote)
    }

    /// A chunk as the array's layout stores it, one voxel after the other.
    private func stored(_ cell: Coordinate, _ box: Box) -> [UInt8] {
        let layout = array.layout(of: cell), size = array.dataType.size
        var bytes = [UInt8](repeating: array.mask ?? 0, count: layout.shape.product! * size)
        box.forEach { index in
            let at = (0..<index.count).reduce(0) { $0 + (index[$1] - box.origin[$1]) * layout.strides[$1] } * size
            var voxel = voxels.part(
                Box(origin: index, shape: Coordinate(repeating: 1, count: index.count)), of: shape, size: size)
            if layout.byteOrder == .big {
                let width = array.dataType.swapSize
                voxel = stride(from: 0, to: size, by: width).flatMap { voxel[$0..<$0 + width].reversed() }
            }
            for i in 0..<size { bytes[at + i] = voxel[i] ^ (array.mask ?? 0) }
        }
        return bytes
    }

    private mutating func replace(_ box: Box, _ voxel: (Coordinate) -> [UInt8]) {
        let size = array.dataType.size
        box.forEach { index in
            let flat = (0..<index.count).reduce(0) { $0 * shape[$1] + index[$1] }
            voxels.replaceSubrange(flat * size..<(flat + 1) * size, with: voxel(index))
        }
    }
}

/// One byte per voxel, a chunk of four in one object of twelve.
private func line(_ store: any Store, plain: Bool = true) throws -> ShelfArray {
    var array = ShelfArray(grid: try Grid(shape: [12], chunk: [4]), dataType: .uint8, store: store, fill: [9])
    for cell in 0..<3 { array.places[[cell]] = ChunkLocation(key: "a", range: .bytes(cell * 4..<cell * 4 + 4)) }
    array.mask = plain ? nil : 0
    return array
}

private let twelve: [UInt8] = Array(0..<12)

struct BlockReaderTests {
    @Test(arguments: UInt64(1)...6, [false, true])
    func `random boxes of random arrays are the voxels that a loop finds`(_ seed: UInt64, _ isRemote: Bool) async throws
    {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let one = try RandomArray(&generator, isRemote: isRemote)
            let whole = try await BlockReader.read(one.array, one.array.grid.box)
            try #require(whole.bytes.array == one.voxels)
            for _ in 0..<5 {
                let box = Box.random(in: one.shape, using: &generator)
                let block = try await BlockReader.read(one.array, box)
                try #require(block.bytes.array == one.voxels.part(box, of: one.shape, size: one.array.dataType.size))
            }
        }
    }

    @Test(
        arguments: [
            Box([0..<13]), [12..<13], Box(origin: [-1], shape: [2]), Box([0..<2, 0..<2]), Box(shape: []),
            [0..<(1 << 45)],
            Box(origin: [Int.max], shape: [1]), Box(origin: [0], shape: [Int.max]), Box(origin: [4], shape: [-1]),
            [0..<(1 << 38)],
        ], [false, true])
    func `a box outside the array is invalid`(_ box: Box, _ isRemote: Bool) async throws {
        let array = try line(Shelf(["a": twelve], isRemote: isRemote))
        let error = await #expect(throws: HarvestError.self) { try await BlockReader.read(array, box) }
        #expect(error?.kind == .invalid)
    }

    @Test func `an empty box is an empty block and costs nothing`() async throws {
        let store = CountingStore(Shelf(["a": twelve]), isRemote: true)
        let block = try await BlockReader.read(try line(store), [5..<5])
        #expect(block.bytes.isEmpty)
        #expect(store.count == 0)
    }

    @Test func `neighbouring chunks of one object share a request`() async throws {
        let store = CountingStore(Shelf(["a": twelve]), isRemote: true)
        let block = try await BlockReader.read(try line(store), [2..<10])
        #expect(block.bytes.array == Array(twelve[2..<10]))
        #expect(store.reads == [CountingStore.Read(key: "a", range: .bytes(0..<12), bytes: 12)])
    }

    @Test func `chunks that lie far apart are fetched apart`() async throws {
        let store = CountingStore(Shelf(["a": [UInt8](repeating: 5, count: 1 << 20)]), isRemote: true)
        var array = try line(store)
        for cell in 0..<3 { array.places[[cell]] = ChunkLocation(key: "a", range: .bytes(cell << 18..<cell << 18 + 4)) }
        #expect(try await BlockReader.read(array, [0..<12]).bytes.array == [UInt8](repeating: 5, count: 12))
        #expect(store.count == 3)
        #expect(store.bytes == 12)
    }

    @Test(arguments: [false, true], [false, true])
    func `a chunk that ends with the file too early is malformed`(_ isRemote: Bool, _ isPlain: Bool) async throws {
        let array = try line(Shelf(["a": Array(twelve[..<11])], isRemote: isRemote), plain: isPlain)
        let error = await #expect(throws: HarvestError.self) { try await BlockReader.read(array, [0..<12]) }
        #expect(error?.kind == .malformed)
        #expect(try await BlockReader.read(array, [0..<8]).bytes.array == Array(twelve[..<8]))
    }

    @Test(arguments: [HarvestError.Kind.unavailable, .denied, .changed], [false, true])
    func `an error of the store is the reader's own`(_ kind: HarvestError.Kind, _ isRemote: Bool) async throws {
        let store = FlakyStore(Shelf(["a": twelve], isRemote: isRemote), failing: [0], with: HarvestError(kind, "no"))
        let array = try line(store)
        let error = await #expect(throws: HarvestError.self) { try await BlockReader.read(array, [0..<12]) }
        #expect(error?.kind == kind)
        #expect(try await BlockReader.read(array, [0..<12]).bytes.array == twelve)
    }

    @Test(arguments: [false, true])
    func `only what the format calls absent reads as the fill value`(_ isRemote: Bool) async throws {
        var array = try line(Shelf([:], isRemote: isRemote))
        for cell in 0..<3 { array.places[[cell]] = ChunkLocation(key: "\(cell)", range: .whole) }
        let error = await #expect(throws: HarvestError.self) { try await BlockReader.read(array, [0..<12]) }
        #expect(error?.kind == .notFound)
        array.absence = .notFound
        #expect(try await BlockReader.read(array, [3..<5]).bytes.array == [9, 9])
    }

    @Test func `an array of no axes is one voxel`() async throws {
        var array = ShelfArray(
            grid: try Grid(shape: [], chunk: []), dataType: .uint16, store: Shelf(["a": [1, 2]]), fill: [3, 4])
        #expect(try await BlockReader.read(array, Box(shape: [])).bytes.array == [3, 4])
        array.places[[]] = ChunkLocation(key: "a", range: .whole)
        #expect(try await BlockReader.read(array, Box(shape: [])).bytes.array == [1, 2])
    }

    @Test func `a voxel of an array past every memory is read, the whole refused`() async throws {
        let grid = try Grid(shape: [1 << 50, 1 << 50], chunk: [1, 4])
        let array = ShelfArray(grid: grid, dataType: .uint8, store: Shelf([:]), fill: [7])
        let corner = (1 << 50) - 1
        #expect(try await BlockReader.read(array, [corner..<corner + 1, corner..<corner + 1]).bytes.array == [7])
        let error = await #expect(throws: HarvestError.self) { try await BlockReader.read(array, grid.box) }
        #expect(error?.kind == .invalid)
    }
}

struct VolumeTests {
    private func volume(_ shape: [Int], _ axes: [String?]) throws -> Volume {
        var metadata = Metadata(source: .header, place: "memory://shelf")
        (metadata.shape, metadata.axes) = (shape, axes)
        return Volume(metadata: metadata, levels: [])
    }

    @Test func `a box over z, y, x takes the other axes whole`() throws {
        let box = try volume([2, 5, 3, 6, 7], ["t", "z", "c", "y", "x"]).expand(
            [1..<2, 3..<4, 5..<6], to: [2, 5, 3, 6, 7])
        #expect(box == [0..<2, 1..<2, 0..<3, 3..<4, 5..<6])
    }

    @Test func `an image of one plane has only z 0`() throws {
        let plane = try volume([6, 7], ["y", "x"])
        #expect(try plane.expand([0..<1, 3..<4, 5..<6], to: [6, 7]) == [3..<4, 5..<6])
        #expect(throws: HarvestError.self) { try plane.expand([1..<2, 3..<4, 5..<6], to: [6, 7]) }
        #expect(throws: HarvestError.self) { try plane.expand([0..<1], to: [6, 7]) }
    }

    @Test(arguments: [-1, 0, 1, Int.max])
    func `a level that is not there is invalid`(_ level: Int) async throws {
        let volume = try volume([6, 7], ["y", "x"])
        let error = await #expect(throws: HarvestError.self) { try await volume.array(level: level) }
        #expect(error?.kind == .invalid)
    }
}
