import HarvestCore

// A writer that appends page after page of one size puts every directory the same number of bytes after the last.
// Such a file of a thousand pages would cost a thousand requests to walk; here the second and the last directory are
// compared with the first, and the pages between are *predicted*: labelled `stride`, proven one by one before a voxel
// is read, or all at once on demand.

extension TIFFPage {
    /// The bytes that hold the directory and all its values; pixels excluded.
    var directorySpan: Range<Int> {
        var lower = directory.offset, upper = directory.offset + directory.length
        for entry in directory.entries.values where !entry.isInline {
            lower = min(lower, entry.offset)
            let (end, overflow) = entry.offset.addingReportingOverflow(entry.count * entry.valueSize)
            upper = max(upper, overflow ? Int.max : end)
        }
        return lower..<upper
    }

    /// Whether `other`, `shift` bytes further on, repeats this page: same tags and values, each offset moved by
    /// `shift`, the page number counted on. `head` are this page's own bytes over ``directorySpan``.
    func isRepeated(_ head: Bytes, in other: Bytes, shift: Int, page: Int, _ dialect: TIFFDialect) -> Bool {
        let span = directorySpan
        guard head.count == span.count, other.count >= span.count else { return false }
        return head.withUnsafeBytes { a in
            other.withUnsafeBytes { b in
                let base = directory.offset - span.lowerBound
                guard
                    dialect.number(a, at: base, size: dialect.countSize)
                        == dialect.number(b, at: base, size: dialect.countSize)
                else { return false }
                let count = dialect.number(a, at: base, size: dialect.countSize) ?? 0
                return (0..<count).allSatisfy { i in
                    let at = base + dialect.countSize + i * dialect.entrySize
                    return isEntryRepeated(a, b, at: at, span: span, shift: shift, page: page, dialect)
                }
            }
        }
    }

    private func isEntryRepeated(
        _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, at: Int, span: Range<Int>, shift: Int, page: Int,
        _ dialect: TIFFDialect
    ) -> Bool {
        let fixed = 4 + dialect.offsetSize
        guard (0..<fixed).allSatisfy({ a[at + $0] == b[at + $0] }),
            let tag = dialect.number(a, at: at, size: 2), let entry = directory.entries[UInt16(tag)]
        else { return false }
        let valueAt = at + fixed
        let isOffsets = UInt16(tag) == TIFFTag.stripOffsets || UInt16(tag) == TIFFTag.tileOffsets
        func areRepeated(from start: Int, size: Int, count: Int, by shift: Int) -> Bool {
            (0..<count).allSatisfy { i in
                let old = dialect.number(a, at: start + i * size, size: size)
                let new = dialect.number(b, at: start + i * size, size: size)
                guard let old, let new else { return false }
                let (moved, overflow) = old.addingReportingOverflow(shift)
                return !overflow && moved == new
            }
        }
        if entry.isInline {
            if UInt16(tag) == TIFFTag.pageNumber, entry.type == 3, entry.count == 2 {
                let first = dialect.number(a, at: valueAt, size: 2) ?? 0
                return dialect.number(b, at: valueAt, size: 2) == (first + page) & 0xFFFF
                    && areRepeated(from: valueAt + 2, size: 2, count: 1, by: 0)
            }
            return areRepeated(from: valueAt, size: entry.valueSize, count: entry.count, by: isOffsets ? shift : 0)
        }
        let start = entry.offset - span.lowerBound
        guard areRepeated(from: valueAt, size: dialect.offsetSize, count: 1, by: shift),
            start + entry.count * entry.valueSize <= b.count
        else { return false }
        let width = isOffsets ? entry.valueSize : 1
        return areRepeated(
            from: start, size: width, count: entry.count * entry.valueSize / width, by: isOffsets ? shift : 0)
    }
}

extension TIFFDirectory {
    /// Whether `other` has the same tags, each with as many values of the same type.
    func isLike(_ other: TIFFDirectory) -> Bool {
        entries.count == other.entries.count
            && entries.allSatisfy { tag, entry in
                other.entries[tag].map { $0.type == entry.type && $0.count == entry.count } ?? false
            }
    }
}

extension TIFFReader {
    /// Directories nearer to each other than this lie together, not between pixels.
    private static let nearby = 1 << 10
    /// Long values, as OME-XML, stand in the first directory only.
    private static let longText = 1 << 10

    /// Directories of usual length that are asked for unseen where one stands so near to the end.
    private static let mostAtEnd = 1024
    /// Longer than any first directory as a rule; its values follow in the next round.
    private static let firstLength = 4 << 10

    /// What follows `offset` where it can be all directories: writers put those of a stack at the end.
    private func directoriesAtEnd(from offset: Int) -> Range<Int>? {
        let most = Self.mostAtEnd * (dialect.countSize + 16 * dialect.entrySize + dialect.offsetSize)
        guard let total = window.total, offset < total, total - offset <= most,
            !window.holds(offset, count: dialect.countSize)
        else { return nil }
        return offset..<total
    }

    /// What stands before the first directory and is so short is its values as a rule: OME-XML, strip offsets.
    private static let longestGap = 64 << 10

    /// The first directory of a remote file, and with it what can be its values or all other directories.
    var wantsFirst: [Range<Int>] {
        guard firstDirectory < Int.max - Self.firstLength else { return [] }
        if let rest = directoriesAtEnd(from: firstDirectory) { return [rest] }
        let end = firstDirectory + Self.firstLength
        return [firstDirectory <= Self.longestGap ? 0..<end : firstDirectory..<end]
    }

    /// All that a remote file can be asked for once its first directory is known, in one round: values that stand
    /// elsewhere; the block of directories where they lie together; else the second, and the last where a constant
    /// stride would put it.
    func wants(after first: TIFFDirectory) -> [Range<Int>] {
        var spans: [Range<Int>] = []
        var (lower, upper) = (first.offset, first.offset + first.length)
        for (tag, entry) in first.entries where !entry.isInline {
            let size = entry.count * entry.valueSize  // checked when the directory was parsed
            let (end, overflow) = entry.offset.addingReportingOverflow(size)
            guard !overflow, entry.offset >= 0, size <= 64 << 10 || tag == TIFFTag.description, size <= 8 << 20,
                end <= window.total ?? Int.max
            else { continue }
            if spans.count < 64 { spans.append(entry.offset..<end) }
            if size <= Self.longText || tag != TIFFTag.description {
                (lower, upper) = (min(lower, entry.offset), max(upper, end))
            }
        }
        guard let total = window.total, first.next > first.offset, first.next < total else { return spans }
        let step = first.next - first.offset
        if first.next - (first.offset + first.length) < Self.nearby {
            let pixels = first.entries[TIFFTag.stripOffsets] ?? first.entries[TIFFTag.tileOffsets]
            var end = total
            if let pixels, pixels.count == 1, let bytes = window.held(at: pixels.offset, count: pixels.valueSize),
                let start = bytes.withUnsafeBytes({ dialect.number($0, at: 0, size: pixels.valueSize) }),
                start > first.offset
            {
                end = min(end, start)
            } else if let pixels, !pixels.isInline, pixels.offset > first.offset {
                end = min(end, pixels.offset)
            }
            guard end > first.offset else { return spans }
            spans.append(first.offset..<(end - first.offset <= 8 << 20 ? end : first.offset + 1 << 20))
            return spans
        }
        if let rest = directoriesAtEnd(from: first.next) { return spans + [rest] }
        guard !window.holds(first.next, count: dialect.countSize) else { return spans }
        // One directory may be a little longer than the first one and its values.
        if upper - lower > 4 << 10 { (lower, upper) = (first.offset, first.offset + first.length) }
        let length = max(512, upper - lower)
        let last = (total - (first.offset + first.length)) / step
        for page in Set([1, last]) where page >= 1 {
            let (start, overflow) = lower.addingReportingOverflow(
                page.multipliedReportingOverflow(by: step).partialValue)
            if !overflow, start >= 0, start < total { spans.append(start..<min(total, start + length)) }
        }
        return spans
    }

    /// The pages of a remote file by prediction: first, second and last directory read; `nil` where they do not
    /// repeat each other.
    ///
    /// A first page that says more than the others (ImageJ's description, OME-XML) stands for itself; then the second
    /// and the last repeat each other.
    func predictedPages(first: TIFFPage, second: TIFFDirectory) async throws -> TIFFPages? {
        guard let total = window.total, first.directory.next == second.offset else { return nil }
        let isLike = first.directory.isLike(second)
        var pattern = first
        if !isLike {
            pattern = TIFFPage(geometry: try await TIFFGeometry(second, self), directory: second)
            guard pattern.geometry == first.geometry else { return nil }
        }
        let from = pattern.directory
        let stride = isLike ? second.offset - first.directory.offset : second.next - second.offset
        let span = pattern.directorySpan
        guard stride > 0, span.count <= 64 << 10, span.lowerBound >= 0 else { return nil }
        let last = (total - (from.offset + from.length)) / stride
        guard last >= 2, last < TIFF.mostPages, second.next == second.offset + stride else { return nil }
        let others = isLike ? [1, last] : [last]
        try await window.need(([0] + others).map { span.lowerBound + $0 * stride..<span.upperBound + $0 * stride })
        let head = try await window.bytes(at: span.lowerBound, count: span.count)
        for page in others {
            guard let bytes = try await window.bytesIfPresent(at: span.lowerBound + page * stride, count: span.count)
            else { return nil }
            // Words after the last directory may be cut short; its values may not.
            guard pattern.isRepeated(head, in: bytes, shift: page * stride, page: page, dialect) else { return nil }
        }
        guard try await directory(at: from.offset + last * stride).next == 0 else { return nil }
        return TIFFPages(self, before: isLike ? [] : [first], predicting: pattern, stride: stride, count: last + 1)
    }
}
