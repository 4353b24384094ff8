import HarvestCore

/// Counts the voxels of blocks: their range, mean and histogram, and how many are at the ends of their type.
struct VoxelCounter {
    private let type: DataType
    private var values: [Float] = []
    private var count = 0
    private var sum = 0.0
    private var low = Double.infinity
    private var high = -Double.infinity
    private var atLow = 0
    private var atHigh = 0
    /// Exact counts of 8-bit values.
    private var exact = [Int](repeating: 0, count: 256)

    /// Other types' histogram is drawn from this many voxels, evenly spread over each block.
    private static let keptPerBlock = 16_384
    static let bins = 256

    init(_ type: DataType) { self.type = type }

    /// Takes in a block.
    ///
    /// - Parameter counts: Whether its voxels count; else only its planes are looked at.
    /// - Returns: Whether all its voxels are equal, and for each plane along `axis` its one value, as bits, or `nil`.
    mutating func add(_ block: Block, planesAlong axis: Int?, counts: Bool = true) -> (
        isConstant: Bool, planes: [(Int, UInt64?)]
    ) {
        switch type {
        case .bool, .uint8: add(block, axis, counts, UInt8.self) { Double($0) }
        case .int8: add(block, axis, counts, Int8.self) { Double($0) }
        case .uint16: add(block, axis, counts, UInt16.self) { Double($0) }
        case .int16: add(block, axis, counts, Int16.self) { Double($0) }
        case .uint32: add(block, axis, counts, UInt32.self) { Double($0) }
        case .int32: add(block, axis, counts, Int32.self) { Double($0) }
        case .uint64: add(block, axis, counts, UInt64.self) { Double($0) }
        case .int64: add(block, axis, counts, Int64.self) { Double($0) }
        case .float16: add(block, axis, counts, UInt16.self) { Double(half: $0) }
        case .float32: add(block, axis, counts, UInt32.self) { Double(Float(bitPattern: $0)) }
        case .float64: add(block, axis, counts, UInt64.self) { Double(bitPattern: $0) }
        case .complex64, .complex128: (false, [])
        }
    }

    private mutating func add<T: FixedWidthInteger & BitwiseCopyable>(
        _ block: Block, _ axis: Int?, _ counts: Bool, _: T.Type, _ value: (T) -> Double
    ) -> (isConstant: Bool, planes: [(Int, UInt64?)]) {
        let shape = block.box.shape
        let total = block.box.count ?? 0
        guard total > 0 else { return (true, []) }
        let voxels = block.bytes.withUnsafeBytes { raw in
            (0..<total).map { raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self) }
        }
        if counts { count(voxels, value) }
        let inner = axis.map { axis in (axis + 1..<shape.count).reduce(1) { $0 * shape[$1] } } ?? total
        let length = axis.map { shape[$0] } ?? 1
        var planes = [UInt64??](repeating: nil, count: length)
        for (index, voxel) in voxels.enumerated() {
            let plane = index / inner % length
            let bits = UInt64(truncatingIfNeeded: voxel)
            switch planes[plane] {
            case nil: planes[plane] = .some(bits)
            case .some(let known): if let known, known != bits { planes[plane] = .some(nil) }
            }
        }
        let start = axis.map { block.box.origin[$0] } ?? 0
        let known = planes.enumerated().map { (start + $0.offset, $0.element ?? nil) }
        let first = known.first?.1
        return (first != nil && known.allSatisfy { $0.1 == first }, axis == nil ? [] : known)
    }

    private mutating func count<T: FixedWidthInteger>(_ voxels: [T], _ value: (T) -> Double) {
        let isFloat = type == .float16 || type == .float32 || type == .float64
        let step = max(1, voxels.count / Self.keptPerBlock)
        for (index, voxel) in voxels.enumerated() {
            let number = value(voxel)
            guard number.isFinite else { continue }
            count += 1
            sum += number
            if number < low { low = number }
            if number > high { high = number }
            if !isFloat {
                if voxel == T.min { atLow += 1 }
                if voxel == T.max { atHigh += 1 }
            }
            if T.bitWidth == 8 {
                exact[Int(UInt8(truncatingIfNeeded: voxel &- T.min))] += 1
            } else if index % step == 0 {
                values.append(Float(number))
            }
        }
    }

    /// Writes the counts into `sample`.
    func fill(_ sample: inout Sample) {
        guard count > 0 else { return }
        (sample.minimum, sample.maximum) = (low, high)
        sample.mean = (sum / Double(count)).rounded(significantDigits: 9)
        if type != .float16, type != .float32, type != .float64, type != .bool {
            sample.lowShare = Double(atLow) / Double(count)
            sample.highShare = Double(atHigh) / Double(count)
        }
        var bins = [Int](repeating: 0, count: Self.bins)
        if type.size == 1 {
            let offset = type == .int8 ? 128 : 0
            let first = Int(low) + offset, last = Int(high) + offset
            bins = Array(exact[first...last])
        } else {
            let width = (high - low) / Double(Self.bins)
            for value in values {
                let bin = width > 0 ? Int((Double(value) - low) / width) : 0
                bins[min(max(bin, 0), Self.bins - 1)] += 1
            }
        }
        sample.histogram = bins
    }
}
