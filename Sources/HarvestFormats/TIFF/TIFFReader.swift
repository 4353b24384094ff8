import HarvestCore

/// Reads directories and tag values of one TIFF through a window, trusting nothing.
struct TIFFReader: Sendable {
    let window: Window
    let dialect: TIFFDialect
    let firstDirectory: Int

    /// A tag's values may not be longer than this.
    private static let longestValue = 64 << 20

    var place: String { window.store.address }

    /// Reads the header (TIFF 6.0 §2; BigTIFF, libtiff's specification); `nil` where the file is no TIFF.
    init?(_ window: Window) async throws {
        self.window = window
        guard let head = try await window.bytesIfPresent(at: 0, count: 16), head.count >= 4 else { return nil }
        let order: ByteOrder
        switch (head[0], head[1]) {
        case (0x49, 0x49): order = .little
        case (0x4D, 0x4D): order = .big
        default: return nil
        }
        var dialect = TIFFDialect(byteOrder: order, isBig: false)
        let header: (version: Int?, first: Int?) = head.withUnsafeBytes { bytes in
            let version = dialect.number(bytes, at: 2, size: 2)
            if version == 43 {
                dialect.isBig = true
                let isSane = dialect.number(bytes, at: 4, size: 2) == 8 && dialect.number(bytes, at: 6, size: 2) == 0
                return (version, isSane ? dialect.number(bytes, at: 8, size: 8) : nil)
            }
            return (version, dialect.number(bytes, at: 4, size: 4))
        }
        guard header.version == 42 || header.version == 43 else { return nil }
        guard let first = header.first, first > 0 else {
            throw HarvestError.malformed("the TIFF header names no directory", at: "\(window.store.address) byte 4")
        }
        self.dialect = dialect
        firstDirectory = first
    }

    /// The directory at `offset`.
    ///
    /// A directory cut off by the end of the file keeps the entries that are whole, as libtiff reads them.
    func directory(at offset: Int) async throws -> TIFFDirectory {
        let start = try await window.bytesIfPresent(at: offset, count: dialect.countSize)
        guard let start, let count = start.withUnsafeBytes({ dialect.number($0, at: 0, size: dialect.countSize) })
        else {
            throw HarvestError.malformed("a directory stands past the end of the file", at: "\(place) byte \(offset)")
        }
        guard count > 0, count <= 4096 else {
            throw HarvestError.malformed("a directory of \(count) entries", at: "\(place) byte \(offset)")
        }
        let length = dialect.countSize + count * dialect.entrySize + dialect.offsetSize
        guard let bytes = try await window.bytesIfPresent(at: offset, count: length),
            bytes.count >= dialect.countSize + dialect.entrySize
        else {
            throw HarvestError.malformed("a directory runs past the end of the file", at: "\(place) byte \(offset)")
        }
        return parse(bytes, at: offset, count: count, length: length)
    }

    private func parse(_ bytes: Bytes, at offset: Int, count: Int, length: Int) -> TIFFDirectory {
        var directory = TIFFDirectory(offset: offset, length: length, entries: [:], next: 0)
        bytes.withUnsafeBytes { raw in
            for i in 0..<count {
                let at = dialect.countSize + i * dialect.entrySize
                let valueAt = at + 4 + dialect.offsetSize
                guard let tag = dialect.number(raw, at: at, size: 2),
                    let type = dialect.number(raw, at: at + 2, size: 2),
                    let values = dialect.number(raw, at: at + 4, size: dialect.offsetSize),
                    valueAt + dialect.offsetSize <= raw.count
                else { continue }
                var entry = TIFFEntry(type: UInt16(type), count: values, offset: offset + valueAt, isInline: true)
                let (size, overflow) = values.multipliedReportingOverflow(by: entry.valueSize)
                guard entry.valueSize > 0, !overflow else { continue }  // TIFF 6.0 §2: skip unknown field types
                if size > dialect.offsetSize {
                    guard let pointer = dialect.number(raw, at: valueAt, size: dialect.offsetSize) else { continue }
                    entry.offset = pointer
                    entry.isInline = false
                }
                if directory.entries[UInt16(tag)] == nil { directory.entries[UInt16(tag)] = entry }
            }
            // A file that ends before the last pointer ends the chain.
            directory.next = dialect.number(raw, at: length - dialect.offsetSize, size: dialect.offsetSize) ?? 0
        }
        return directory
    }

    /// The bytes of an entry's values; `shift` is added to the offset of values outside the directory.
    func data(_ entry: TIFFEntry, limit: Int = Int.max) async throws -> Bytes {
        let (whole, overflow) = entry.count.multipliedReportingOverflow(by: entry.valueSize)
        guard !overflow, whole <= window.total ?? Int.max else {
            throw HarvestError.malformed("a tag of \(entry.count) values is longer than the file", at: place)
        }
        let size = min(whole, limit)
        guard size <= Self.longestValue else {
            throw HarvestError.malformed("a tag of \(size) bytes is over the limit of 64 MiB", at: place)
        }
        guard let bytes = try await window.bytesIfPresent(at: entry.offset, count: size), bytes.count == size else {
            throw HarvestError.malformed(
                "a tag's values run past the end of the file", at: "\(place) byte \(entry.offset)")
        }
        return bytes
    }

    /// Unsigned whole numbers (types BYTE, SHORT, LONG, IFD, LONG8, IFD8).
    func integers(_ entry: TIFFEntry, limit: Int = Int.max) async throws -> [Int] {
        guard [1, 3, 4, 13, 16, 18].contains(entry.type) else {
            throw HarvestError.malformed("a tag of field type \(entry.type) where whole numbers are wanted", at: place)
        }
        let count = min(entry.count, limit)
        let bytes = try await data(entry, limit: count * entry.valueSize)
        return try bytes.withUnsafeBytes { raw in
            try (0..<count).map { i in
                guard let value = dialect.number(raw, at: i * entry.valueSize, size: entry.valueSize) else {
                    throw HarvestError.malformed("a tag holds a number past 2^63", at: place)
                }
                return value
            }
        }
    }

    /// The text of an ASCII, BYTE or UNDEFINED entry, up to its first NUL; what is not UTF-8 is read as Latin-1.
    func text(_ entry: TIFFEntry) async throws -> String {
        let bytes = try await data(entry).array.prefix { $0 != 0 }
        return String(validating: bytes, as: UTF8.self)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// The first value of a DOUBLE entry.
    func double(_ entry: TIFFEntry) async throws -> Double? {
        guard entry.type == 12, entry.count >= 1 else { return nil }
        return try await data(entry, limit: 8).withUnsafeBytes { raw in
            var bits = raw.loadUnaligned(as: UInt64.self)
            if dialect.byteOrder == .big { bits = bits.byteSwapped }
            return Double(bitPattern: bits)
        }
    }

    /// The first value of a RATIONAL entry as a fraction.
    func rational(_ entry: TIFFEntry) async throws -> Double? {
        guard entry.type == 5, entry.count >= 1 else { return nil }
        let bytes = try await data(entry, limit: 8)
        return bytes.withUnsafeBytes { raw in
            guard let top = dialect.number(raw, at: 0, size: 4), let bottom = dialect.number(raw, at: 4, size: 4),
                bottom != 0
            else { return nil }
            return Double(top) / Double(bottom)
        }
    }
}
