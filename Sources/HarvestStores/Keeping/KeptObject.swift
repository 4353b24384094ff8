import HarvestCodecs
import HarvestCore

/// Parts of one version of a remote object, as they lie in the cache folder: a line of JSON, then the bytes.
struct KeptObject: Sendable {
    /// The address, and where its host was mapped to: what the parts belong to.
    var name: String
    var validator: Validator
    /// Sorted, and apart from each other.
    private(set) var parts: [(offset: Int, bytes: Bytes)] = []

    /// An object whose parts are longer than this together is not kept.
    static let most = 8 << 20
    private static let schema = "harvest.kept/1"
    private static let longestLine = 256 << 10

    init(name: String, validator: Validator) {
        self.name = name
        self.validator = validator
    }

    /// Whether what the server says proves that it still has this version: the same strong ETag, or, of a server that
    /// knows none, the same date and length.
    func isProven(by other: Validator) -> Bool {
        guard validator.agrees(with: other) else { return false }
        if let tag = validator.tag { return tag == other.tag }
        return isTelling && validator.modified == other.modified && validator.total == other.total && other.tag == nil
    }

    /// Whether it can ever be proven.
    var isTelling: Bool { validator.total != nil && (validator.tag != nil || validator.modified != nil) }

    var bytes: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// What a server would answer, where the parts hold it.
    func reply(_ range: ByteRange) -> Reply? {
        guard let total = validator.total else { return nil }
        let wanted = range.clamped(to: total)
        if wanted.isEmpty { return Reply(bytes: .empty, offset: range.start ?? total, total: total) }
        for part in parts where part.offset <= wanted.lowerBound {
            let start = wanted.lowerBound - part.offset
            if let found = part.bytes.slice(start..<start + wanted.count) {
                return Reply(bytes: found, offset: wanted.lowerBound, total: total)
            }
        }
        return nil
    }

    /// Takes in a part; parts that touch become one.
    mutating func add(_ bytes: Bytes, at offset: Int) {
        guard bytes.count > 0 else { return }
        let all = (parts + [(offset, bytes)]).sorted { ($0.offset, $1.bytes.count) < ($1.offset, $0.bytes.count) }
        parts = []
        for part in all {
            guard let last = parts.last, part.offset <= last.offset + last.bytes.count else {
                parts.append(part)
                continue
            }
            let shared = last.offset + last.bytes.count - part.offset
            if let rest = part.bytes.slice(min(shared, part.bytes.count)..<part.bytes.count), rest.count > 0 {
                parts[parts.count - 1].bytes = Bytes(last.bytes.array + rest.array)
            }
        }
    }

    // MARK: - The file

    var file: [UInt8] {
        let body = parts.flatMap { $0.bytes.array }
        let head: JSON = [
            "schema": .string(Self.schema), "name": .string(name), "tag": JSON(validator.tag),
            "modified": JSON(validator.modified), "total": JSON(validator.total),
            "parts": .array(parts.map { [.int($0.offset), .int($0.bytes.count)] }),
            "sha256": .string(Self.sha256(body)),
        ]
        return Array((head.compact + "\n").utf8) + body
    }

    /// `nil` for a file that is not exactly what ``file`` writes for that name.
    init?(file: [UInt8], name: String) {
        guard let end = file.prefix(Self.longestLine).firstIndex(of: 0x0A),
            let head = try? JSON(parsing: Bytes(file[..<end])), head["schema"]?.string == Self.schema,
            head["name"]?.string == name, let total = head["total"]?.int, total >= 0, let list = head["parts"]?.array
        else { return nil }
        self.init(
            name: name,
            validator: Validator(tag: head["tag"]?.string, modified: head["modified"]?.string, total: total))
        let body = Array(file[(end + 1)...])
        guard isTelling, body.count <= Self.most, head["sha256"]?.string == Self.sha256(body) else { return nil }
        let bytes = Bytes(body)
        var at = 0, last = -1
        for item in list {
            guard let pair = item.ints, pair.count == 2, pair[0] > last, pair[1] > 0, pair[1] <= body.count - at,
                pair[0] <= total - pair[1], let part = bytes.slice(at..<at + pair[1])
            else { return nil }
            parts.append((pair[0], part))
            (at, last) = (at + pair[1], pair[0] + pair[1])
        }
        guard at == body.count else { return nil }
    }

    static func sha256(_ bytes: [UInt8]) -> String {
        var digest = Digest(.sha256)
        digest.update(bytes)
        return digest.hex
    }
}
