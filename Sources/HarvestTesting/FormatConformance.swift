public import HarvestCore

/// A promise of ``Format`` that was not kept, in one sentence.
public struct ConformanceFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The promises every ``Format`` makes, checked on one image whose voxels are known from elsewhere.
///
/// ```swift
/// try await FormatConformance(shape: [2, 9, 7], dataType: .uint16, voxels: voxels).check(TIFF(), opens: store)
/// ```
public struct FormatConformance: Sendable {
    /// Shape of the first image that the store holds.
    public var shape: [Int]
    public var dataType: DataType
    /// All its voxels: C order, native byte order, from a reference reader or written by hand.
    public var voxels: [UInt8]
    /// Boxes to draw at random, each read as from this machine and as from another.
    public var boxes = 12
    /// Lengths to which each object is cut, and single bytes that are flipped in each.
    public var edits = 64
    public var seed: UInt64 = 1

    public init(shape: [Int], dataType: DataType, voxels: [UInt8]) {
        self.shape = shape
        self.dataType = dataType
        self.voxels = voxels
    }

    /// Runs every check.
    ///
    /// - Throws: ``ConformanceFailure`` naming the first promise that is not kept.
    public func check(_ format: any Format, opens store: any Store) async throws {
        let local = try await open(format, store), counting = CountingStore(store, isRemote: true)
        let remote = try await open(format, counting)
        for volume in [local, remote] {
            try await checkBox(Box(shape: shape), of: volume)
            var generator = SeededGenerator(seed: seed)
            for _ in 0..<boxes { try await checkBox(.random(in: shape, using: &generator), of: volume) }
        }
        try await checkLevels(format, store)
        try await checkOtherBytes(format)
        for key in Set(counting.reads.map(\.key)).sorted() { try await checkEdits(of: key, format, store) }
    }
}

// MARK: - Voxels

extension FormatConformance {
    private func open(_ format: any Format, _ store: any Store) async throws -> Volume {
        guard let contents = try await format.open(store, options: OpenOptions()) else {
            throw ConformanceFailure("\(format.name) does not know \(store.address) as its own")
        }
        guard let volume = contents.images.first else {
            throw ConformanceFailure("\(format.name) finds no image in \(store.address)")
        }
        guard volume.metadata.shape == shape, volume.metadata.dtype == dataType.rawValue else {
            throw ConformanceFailure(
                "\(store.address) is \(volume.metadata.summary), where \(dataType.rawValue) \(shape) is expected")
        }
        return volume
    }

    private func checkBox(_ box: Box, of volume: Volume) async throws {
        let block = try await BlockReader.read(try await volume.array(), box)
        let expected = voxels.part(box, of: shape, size: dataType.size)
        guard block.bytes.array == expected else {
            throw ConformanceFailure("the voxels of \(box) are not the expected ones (\(volume.metadata.place))")
        }
    }

    private func checkLevels(_ format: any Format, _ store: any Store) async throws {
        let contents = try await format.open(store, options: OpenOptions(allLevels: true))
        for volume in contents?.images ?? [] {
            for level in volume.levels.indices {
                let array = try await volume.array(level: level)
                guard let stated = volume.levels[level].shape, stated == array.shape else {
                    throw ConformanceFailure("level \(level) of \"\(volume.path)\" has another shape than its array")
                }
            }
        }
    }

    private func checkOtherBytes(_ format: any Format) async throws {
        let texts = ["nothing of the kind", "", "\u{1}", #"{"some": "JSON"}"#, "<html></html>"]
        for text in texts {
            let store = EditedStore(base: nil, objects: ["": Array(text.utf8), "readme.txt": Array(text.utf8)])
            guard try await format.open(store, options: OpenOptions()) == nil else {
                throw ConformanceFailure("\(format.name) takes bytes of no format for its own")
            }
        }
    }
}

// MARK: - Broken bytes

extension FormatConformance {
    private func checkEdits(of key: String, _ format: any Format, _ store: any Store) async throws {
        guard let whole = try await store.readIfPresent(key)?.array, !whole.isEmpty else { return }
        var generator = SeededGenerator(seed: seed)
        for edit in 0..<edits {
            let length = whole.count <= edits ? edit % whole.count : Int.random(in: 0..<whole.count, using: &generator)
            try await checkBroken(Array(whole[..<length]), "cut to \(length) bytes", key, format, store, edit)
            var flipped = whole
            // Headers stand at the start or the end; half of the flips go there.
            let reach = edit % 2 == 0 ? min(512, whole.count) : whole.count
            let at = Int.random(in: 0..<reach, using: &generator)
            flipped[edit % 4 == 0 ? whole.count - 1 - at : at] ^= UInt8.random(in: 1...255, using: &generator)
            try await checkBroken(flipped, "with one byte other", key, format, store, edit)
        }
    }

    /// Broken bytes may still read; what they may not do is trap, throw what has no kind, or give too few voxels.
    private func checkBroken(
        _ bytes: [UInt8], _ what: String, _ key: String, _ format: any Format, _ store: any Store, _ edit: Int
    ) async throws {
        let broken = CountingStore(EditedStore(base: store, objects: [key: bytes]), isRemote: edit % 2 == 1)
        do {
            guard let contents = try await format.open(broken, options: OpenOptions()) else { return }
            for volume in contents.images.prefix(4) {
                let array = try await volume.array()
                let isSmall = (array.byteCount ?? .max) <= 16 << 20
                let box = isSmall ? array.grid.box : Box(array.shape.map { 0..<min(1, $0) })
                let block = try await BlockReader.read(array, box)
                guard block.bytes.count == (box.count ?? 0) * array.dataType.size else {
                    throw ConformanceFailure("\"\(key)\" \(what) gives too few voxels")
                }
            }
        } catch let error as HarvestError where error.kind != .failed {
            return
        } catch let failure as ConformanceFailure {
            throw failure
        } catch {
            throw ConformanceFailure("\"\(key)\" \(what) gives an error without a kind: \(error)")
        }
    }
}

/// Another store with some objects replaced, or objects alone.
private struct EditedStore: Store {
    var base: (any Store)?
    var objects: [String: [UInt8]]

    var address: String { base?.address ?? "memory://edited" }

    func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        guard let bytes = objects[key] else {
            guard let base else { throw HarvestError.notFound("nothing is there", at: key) }
            return try await base.read(key, range)
        }
        let found: Range<Int> =
            switch range {
            case .whole: 0..<bytes.count
            case .bytes(let wanted): wanted.clamped(to: 0..<bytes.count)
            case .tail(let count): max(0, bytes.count - count)..<bytes.count
            }
        return Reply(bytes: Bytes(bytes[found]), offset: found.lowerBound, total: bytes.count)
    }

    func map(_ key: String) throws -> Bytes? {
        if let bytes = objects[key] { return Bytes(bytes) }
        guard let base else { throw HarvestError.notFound("nothing is there", at: key) }
        return try base.map(key)
    }

    func list(_ prefix: String) async throws -> Listing {
        if let base { return try await base.list(prefix) }
        return Listing(objects: prefix.isEmpty ? objects.keys.sorted().map { Listing.Entry(name: $0) } : [])
    }
}

// MARK: - Expected values

extension [UInt8] {
    /// The voxels of `box`, copied one by one out of an array of `shape` in C order: slow, and plain to see.
    public func part(_ box: Box, of shape: [Int], size: Int) -> [UInt8] {
        var part: [UInt8] = []
        box.forEach { index in
            let flat = shape.indices.reduce(0) { $0 * shape[$1] + index[$1] }
            part += self[flat * size..<(flat + 1) * size]
        }
        return part
    }
}

extension Box {
    /// A box of at least one voxel inside an array of `shape`; every length of `shape` is positive.
    public static func random(in shape: [Int], using generator: inout some RandomNumberGenerator) -> Box {
        Box(
            shape.map { length in
                let lower = Int.random(in: 0..<length, using: &generator)
                return lower..<Int.random(in: lower + 1...length, using: &generator)
            })
    }
}

/// Random numbers that are the same on every run: SplitMix64 (Steele, Lea and Flood, 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
