import HarvestCore
import HarvestTesting
import Testing

struct CoordinateTests {
    @Test(arguments: [
        ([Int](), 1), ([3], 3), ([2, 3, 4], 24), ([0, 5], 0), ([Int.max], Int.max), ([Int.max, 0], 0),
        ([1 << 40, 1 << 40, 0], 0), ([1 << 31, 1 << 31], 1 << 62), ([3, 1, 1, 1, 1, 1, 1, 7], 21),
    ])
    func `a product is exact`(_ factors: [Int], _ product: Int) {
        #expect(Coordinate(factors).product == product)
    }

    @Test(arguments: [[1 << 32, 1 << 32], [Int.max, 2], [-1], [-1, -1], [2, -3], [0, -1]])
    func `a product that overflows, or of a negative length, is none`(_ factors: [Int]) {
        #expect(Coordinate(factors).product == nil)
    }

    @Test func `strides count voxels in C and in F order`() {
        let shape: Coordinate = [2, 3, 4]
        #expect(shape.stridesC == [12, 4, 1])
        #expect(shape.stridesF == [1, 2, 6])
        #expect(Coordinate([]).stridesC == [])
        #expect(Coordinate([]).stridesF == [])
    }

    @Test func `coordinates of other lengths are not equal`() {
        #expect(Coordinate([1, 0]) != Coordinate([1]))
        #expect(Set([Coordinate([1, 2]), [1, 2], [2, 1]]).count == 2)
    }
}

struct BoxTests {
    @Test(arguments: [
        ("0:1,2:3,4:6", [0..<1, 2..<3, 4..<6]), (":,:,:", [0..<10, 0..<20, 0..<30]),
        ("5:,:7,9:30", [5..<10, 0..<7, 9..<30]),
        (" 1 : 2 ,0:1, 3:4 ", [1..<2, 0..<1, 3..<4]),
    ])
    func `a box is read as ranges, an open end as the array's`(_ text: String, _ ranges: [Range<Int>]) throws {
        #expect(try Box.parse(text, shape: [10, 20, 30]).ranges == ranges)
    }

    @Test(arguments: [
        "", "0:1", "0:1,0:1", "0:1,0:1,0:1,0:1", "0:11,0:1,0:1", "3:3,0:1,0:1", "3:2,0:1,0:1", "-1:2,0:1,0:1",
        "a:b,0:1,0:1",
        "0-1,0:1,0:1", "1,0:1,0:1", "0:1:2,0:1,0:1", "0:9223372036854775808,0:1,0:1", "0:9223372036854775807,0:1,0:1",
        "10:,0:1,0:1", "0.5:1,0:1,0:1", ",,", "::,::,::",
    ])
    func `what is no box of this shape is invalid`(_ text: String) {
        let error = #expect(throws: HarvestError.self) { try Box.parse(text, shape: [10, 20, 30]) }
        #expect(error?.kind == .invalid)
    }

    @Test func `a box prints as it is read`() throws {
        #expect("\(try Box.parse("0:1,2:3", shape: [4, 4]))" == "0:1,2:3")
    }

    @Test func `intersection and containment agree with sets of voxels`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            let a = Box.random(in: [5, 4], using: &generator), b = Box.random(in: [5, 4], using: &generator)
            let both = voxels(a).intersection(voxels(b))
            #expect(a.intersection(b).map(voxels) ?? [] == both)
            #expect(a.contains(b) == voxels(b).isSubset(of: voxels(a)))
        }
    }

    @Test(arguments: [
        Box(origin: [Int.max], shape: [1]), Box(origin: [1], shape: [Int.max]), Box(origin: [-1], shape: [1]),
        Box(origin: [Int.min], shape: [Int.max]), Box(origin: [0, 0], shape: [1, 1]), Box(origin: [1], shape: [-1]),
    ])
    func `a box of any numbers is outside, not a trap`(_ box: Box) {
        #expect(!Box(shape: [4]).contains(box))
    }

    @Test func `forEach visits each index once, last axis fastest`() {
        var seen: [Coordinate] = []
        Box([1..<3, 5..<7]).forEach { seen.append($0) }
        #expect(seen == [[1, 5], [1, 6], [2, 5], [2, 6]])
        Box([0..<3, 2..<2]).forEach { _ in Issue.record("an empty box has no index") }
    }

    private func voxels(_ box: Box) -> Set<Coordinate> {
        var found: Set<Coordinate> = []
        box.forEach { found.insert($0) }
        return found
    }
}

struct GridTests {
    @Test func `the cells that meet a box are those that brute force finds`() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let shape = (0..<3).map { _ in Int.random(in: 1...9, using: &generator) }
            let grid = try Grid(shape: shape, chunk: shape.map { _ in Int.random(in: 1...10, using: &generator) })
            let box = Box.random(in: shape, using: &generator)
            var expected: Set<Coordinate> = [], found: Set<Coordinate> = []
            box.forEach { index in expected.insert(Coordinate((0..<3).map { index[$0] / grid.chunk[$0] })) }
            grid.cells(meeting: box).forEach { found.insert($0) }
            #expect(found == expected)
        }
    }

    @Test func `the boxes of all cells cover the array once`() throws {
        let grid = try Grid(shape: [5, 7], chunk: [2, 3])
        var times: [Coordinate: Int] = [:]
        grid.cells(meeting: grid.box).forEach { cell in grid.box(of: cell).forEach { times[$0, default: 0] += 1 } }
        #expect(times.count == 35)
        #expect(times.values.allSatisfy { $0 == 1 })
    }

    @Test(arguments: [
        ([1, 2], [1], HarvestError.Kind.malformed), ([1], [0], .malformed), ([-1], [1], .malformed),
        ([1], [-1], .malformed),
        ([Int.max], [1], .malformed), ([1], [Int.max], .malformed),
        ([Int](repeating: 1, count: 9), [Int](repeating: 1, count: 9), .unsupported),
    ])
    func `what makes no grid is refused`(_ shape: [Int], _ chunk: [Int], _ kind: HarvestError.Kind) {
        let error = #expect(throws: HarvestError.self) { try Grid(shape: shape, chunk: chunk) }
        #expect(error?.kind == kind)
    }
}

struct LengthUnitTests {
    /// Nanometres per unit by the SI brochure and ISO 80000; a symbol or a spelling per entry.
    static let spellings: [(Double, [String])] = [
        (1, ["nm", "nanometer", "nanometers", "nanometre", "nanometres", "Nanometer", " nm "]),
        (0.1, ["Å", "\u{212B}", "A\u{30A}", "ang", "angstrom", "Angstrom", "ångström"]),
        (1e-3, ["pm", "picometer"]), (1e6, ["mm", "millimeter", "millimetres"]), (1e7, ["cm", "centimeter"]),
        (1e3, ["\u{B5}m", "\u{3BC}m", "um", "micron", "microns", "micrometer", "micrometre", "\\u00B5m", "\\u00b5m"]),
        (1e9, ["m", "meter", "metre", "metres"]), (25.4e6, ["inch", "in", "\""]), (1e8, ["dm", "decimetre"]),
    ]

    @Test(arguments: spellings)
    func `every spelling is its length`(_ factor: Double, _ units: [String]) {
        for unit in units { #expect(LengthUnit.nanometres(in: unit) == factor, "\(unit)") }
    }

    @Test(arguments: [nil, "", "pixel", "px", "s", "1/nm", "nm^-1", "GHz", "deg", "M", "nmm", "null"])
    func `what is no length has no size`(_ unit: String?) {
        #expect(LengthUnit.nanometres(in: unit) == nil)
        #expect(LengthUnit.nanometres(5, unit) == nil)
    }

    @Test(
        arguments: [
            (0.02, "µm", 20.0), (0.0052, "um", 5.2), (49.9, "Å", 4.99), (1.1e-8, "m", 11), (2.96, "nm", 2.96),
            (0.3, "mm", 3e5),
            (5.0e-9, "m", 5), (1 / 3, "nm", 1 / 3), (-0.02, "µm", -20), (0, "µm", 0),
        ] as [(Double, String, Double)])
    func `a length keeps the digits that were written`(_ value: Double, _ unit: String, _ nanometres: Double) {
        #expect(LengthUnit.nanometres(value, unit) == nanometres)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `a size that is no number is no length`(_ value: Double) {
        #expect(LengthUnit.nanometres(value, "µm") == nil)
    }

    @Test(
        arguments: [
            (0.1 + 0.2, 12, 0.3), (1234.5678, 3, 1230), (-9.996, 3, -10),
            (.leastNonzeroMagnitude, 3, .leastNonzeroMagnitude), (1.7e308, 2, 1.7e308), (0, 3, 0),
            (20.000000000000004, 12, 20),
        ] as [(Double, Int, Double)])
    func `rounding keeps so many digits`(_ value: Double, _ digits: Int, _ rounded: Double) {
        #expect(value.rounded(significantDigits: digits) == rounded)
    }
}
