import Glibc
import HarvestCodecs
import HarvestCore
import HarvestFormats
import HarvestStores
import Testing

/// What `Scripts/make_tiff_fixtures.py` wrote, and what it knows of each file.
struct TIFFFixture: Sendable, CustomTestStringConvertible {
    let name: String
    let expected: JSON

    /// All fixtures by name.
    static let all: [TIFFFixture] = {
        guard let json = try? JSON(parsing: bytes("expected.json")), let members = json.object else { return [] }
        return members.map { TIFFFixture(name: $0.key, expected: $0.value) }
    }()

    /// Those that are small and of one directory, for checks that read a file many times.
    static let plain = all.filter {
        $0.name.hasPrefix("classic") || $0.name.hasPrefix("big") || $0.name.hasPrefix("bits")
    }

    static func named(_ name: String) throws -> TIFFFixture {
        guard let found = all.first(where: { $0.name == name }) else {
            throw HarvestError.notFound("no fixture \(name)")
        }
        return found
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = #filePath.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        guard let file = fopen("\(folder)/Fixtures/tiff/\(name)", "r") else {
            throw HarvestError.notFound("no fixture \(name)")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
    }

    var testDescription: String { name }

    /// The file; the stack with a stride is kept compressed.
    var bytes: [UInt8] {
        get throws {
            let stored = try Self.bytes(name)
            guard let size = expected["bytes"]?.int else { return stored }
            var whole = [UInt8](repeating: 0, count: size)
            let count = try whole.withUnsafeMutableBytes { out in
                try stored.withUnsafeBytes { try Zlib().decode($0, into: out) }
            }
            guard count == size else { throw HarvestError.malformed("\(name) holds \(count) bytes") }
            return whole
        }
    }

    var store: MemoryStore { get throws { MemoryStore(["": try bytes], address: "memory://\(name)") } }

    var shape: [Int] { expected["shape"]?.ints ?? [] }
}

func tiff(_ bytes: [UInt8], isExact: Bool = false) async throws -> Contents? {
    try await TIFF().open(MemoryStore(["": bytes]), options: OpenOptions(isExact: isExact))
}

/// The digest of all voxels of a level.
func digest(_ volume: Volume, level: Int = 0) async throws -> String {
    let array = try await volume.array(level: level)
    return try await BlockReader.read(array, array.grid.box).bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) }
}

func voxels(_ volume: Volume) async throws -> [UInt8] {
    let array = try await volume.array()
    return try await BlockReader.read(array, array.grid.box).bytes.array
}
