public import HarvestCore

/// Objects in memory, for tests and for what is too small to store.
public struct MemoryStore: WalkingStore {
    public let address: String
    private let objects: [String: Bytes]
    private let meter: Meter

    public init(_ objects: [String: [UInt8]], address: String = "memory://", meter: Meter = Meter()) {
        self.objects = objects.mapValues { Bytes($0) }
        self.address = address
        self.meter = meter
    }

    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        let bytes = try object(key)
        let found = try range.checked().clamped(to: bytes.count)
        meter.started()
        meter.ended(bytes: found.count)
        return Reply(bytes: bytes.slice(found) ?? .empty, offset: range.start ?? found.lowerBound, total: bytes.count)
    }

    public func list(_ prefix: String) async throws -> Listing {
        let folder = try ObjectKey.folder("", prefix)
        var listing = Listing()
        for (key, bytes) in objects.sorted(by: { $0.key < $1.key }) {
            guard let rest = ObjectKey.relative(key, to: folder) else { continue }
            if let slash = rest.firstIndex(of: "/") {
                let name = String(rest[..<slash])
                if listing.folders.last != name { listing.folders.append(name) }
            } else {
                listing.objects.append(Listing.Entry(name: rest, bytes: bytes.count))
            }
        }
        return listing
    }

    public func walk(_ prefix: String, _ page: (Listing) async throws -> Void) async throws {
        let folder = try ObjectKey.folder("", prefix)
        let found = objects.keys.filter { ObjectKey.relative($0, to: folder) != nil }.sorted()
        try await page(Listing(objects: found.map { Listing.Entry(name: $0, bytes: objects[$0]?.count) }))
    }

    public func map(_ key: String) throws -> Bytes? { try object(key) }

    private func object(_ key: String) throws(HarvestError) -> Bytes {
        _ = try Key.components(of: key)
        guard let bytes = objects[key] else {
            throw .notFound("nothing is there", at: ObjectKey.join(address, key))
        }
        return bytes
    }
}

extension ByteRange {
    /// This, if it can be asked for at all.
    func checked() throws(HarvestError) -> ByteRange {
        switch self {
        case .bytes(let wanted) where wanted.lowerBound < 0: throw .invalid("a range that starts before the first byte")
        case .tail(let count) where count < 0: throw .invalid("a tail of \(count) bytes")
        default: return self
        }
    }
}
