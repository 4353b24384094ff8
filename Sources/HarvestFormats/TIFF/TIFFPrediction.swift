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

extension TIFFReader {
    /// The pages of a remote file by prediction: first, second and last directory read; `nil` where they do not
    /// repeat each other.
    func predictedPages(first: TIFFPage, second: TIFFDirectory) async throws -> TIFFPages? {
        let stride = second.offset - first.directory.offset
        let span = first.directorySpan
        guard stride > 0, span.count <= 64 << 10, let total = window.total else { return nil }
        let last = (total - (first.directory.offset + first.directory.length)) / stride
        guard last >= 2, last < TIFF.mostPages, first.directory.next == second.offset,
            second.next == second.offset + stride
        else { return nil }
        let head = try await window.bytes(at: span.lowerBound, count: span.count)
        for page in [1, last] {
            guard let bytes = try await window.bytesIfPresent(at: span.lowerBound + page * stride, count: span.count)
            else { return nil }
            // Words after the last directory may be cut short; its values may not.
            guard first.isRepeated(head, in: bytes, shift: page * stride, page: page, dialect) else { return nil }
        }
        guard try await directory(at: first.directory.offset + last * stride).next == 0 else { return nil }
        return TIFFPages(self, predicting: first, stride: stride, count: last + 1)
    }
}
