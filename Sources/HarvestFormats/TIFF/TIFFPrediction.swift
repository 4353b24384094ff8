import HarvestCore

// A writer that appends page after page of one size puts every directory the same number of bytes after the last:
// beside its pixels, or all directories together before or after them. Such a file of a thousand pages would cost a
// thousand requests to walk, or a block of directories that takes several round trips; here the second and the last
// directory are compared with the first, and the pages between are *predicted*: labelled `stride`, proven before a
// voxel is read, or all at once on demand.

extension TIFFPage {
    /// The bytes that hold the directory and its values, pixels excluded. Values further away than the next directory
    /// are not this page's own: ImageJ's pages share the first one's.
    func directorySpan(_ step: Int) -> Range<Int> {
        var lower = directory.offset, upper = directory.offset + directory.length
        for entry in directory.entries.values where !entry.isInline && isOwn(entry, step) {
            lower = min(lower, entry.offset)
            upper = max(upper, entry.offset + entry.count * entry.valueSize)
        }
        return lower..<upper
    }

    /// Whether the values of `entry` stand near this page's directory, as near as the next one.
    private func isOwn(_ entry: TIFFEntry, _ step: Int) -> Bool {
        let (end, overflow) = entry.offset.addingReportingOverflow(entry.count * entry.valueSize)
        return !overflow && entry.offset > directory.offset - step && end - directory.offset <= step
    }

    /// Whether `other`, `shift` further on, repeats this page: same tags and values, each offset moved by `shift`, the
    /// page number counted on. `head` are this page's own bytes over ``directorySpan(_:)``.
    func isRepeated(
        _ head: Bytes, in other: Bytes, stride: TIFFStride, page: Int, _ dialect: TIFFDialect
    ) -> Bool {
        let span = directorySpan(stride.directories)
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
                    return isEntryRepeated(a, b, at: at, span: span, stride: stride, page: page, dialect)
                }
            }
        }
    }

    private func isEntryRepeated(
        _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, at: Int, span: Range<Int>, stride: TIFFStride,
        page: Int, _ dialect: TIFFDialect
    ) -> Bool {
        let fixed = 4 + dialect.offsetSize, shift = stride * page
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
            return areRepeated(
                from: valueAt, size: entry.valueSize, count: entry.count, by: isOffsets ? shift.pixels : 0)
        }
        guard isOwn(entry, stride.directories) else {
            return !isOffsets && areRepeated(from: valueAt, size: dialect.offsetSize, count: 1, by: 0)
        }
        let start = entry.offset - span.lowerBound
        guard areRepeated(from: valueAt, size: dialect.offsetSize, count: 1, by: shift.directories),
            start + entry.count * entry.valueSize <= b.count
        else { return false }
        let width = isOffsets ? entry.valueSize : 1
        return areRepeated(
            from: start, size: width, count: entry.count * entry.valueSize / width, by: isOffsets ? shift.pixels : 0)
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
    /// More directories than this in one piece are not read at once.
    static let longestBlock = 8 << 20
    /// Long values, as OME-XML, stand in the first directory only.
    private static let longText = 1 << 10

    /// Longer than any first directory as a rule; its values follow in the next round.
    private static let firstLength = 4 << 10
    /// What stands before the first directory and is so short is its values as a rule: OME-XML, strip offsets.
    private static let longestGap = 64 << 10
    /// What comes in one round trip on a connection that has answered once (RFC 5681 §3.1: twice the first flight):
    /// predicting more exactly what it holds saves nothing.
    private static let secondFlight = 2 * Window.firstFlight

    /// What follows `offset` where all of it comes in one round trip: writers put the directories of a stack at the end.
    private func rest(from offset: Int) -> Range<Int>? {
        guard let total = window.total, offset < total, window.missing(offset..<total) <= Self.secondFlight else {
            return nil
        }
        return offset..<total
    }

    /// The first directory of a remote file, and with it what can be its values or all other directories.
    var wantsFirst: [Range<Int>] {
        guard firstDirectory < Int.max - Self.firstLength else { return [] }
        if let rest = rest(from: firstDirectory) { return [rest] }
        let end = firstDirectory + Self.firstLength
        return [firstDirectory <= Self.longestGap ? 0..<end : firstDirectory..<end]
    }

    /// All that a remote file can be asked for once its first directory is known, in one round: values that stand
    /// elsewhere; all directories where they lie together and come in one round trip; else the second, and the last
    /// where a constant stride would put it.
    func wants(after first: TIFFDirectory, isExact: Bool) -> [Range<Int>] {
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
        let block = block(after: first)
        if let block, isWalked(block, first, isExact: isExact) { return spans + [block] }
        if block == nil, let rest = rest(from: first.next) { return spans + [rest] }
        // One directory may be a little longer than the first one and its values.
        if upper - lower > 4 << 10 { (lower, upper) = (first.offset, first.offset + first.length) }
        let length = max(512, upper - lower), step = first.next - first.offset
        if window.holds(first.next, count: dialect.countSize), block == nil { return spans }
        let last = lastPage(from: first, stride: step, before: block == nil ? total : endOfDirectories(after: first))
        for page in Set([1, last]) where page >= 1 {
            let (start, overflow) = lower.addingReportingOverflow(
                page.multipliedReportingOverflow(by: step).partialValue)
            if !overflow, start >= 0, start < total { spans.append(start..<min(total, start + length)) }
        }
        return spans
    }

    /// What holds all directories where the second follows the first at once: up to the first pixel behind them, or to
    /// the end of the file, and not more than ``longestBlock``.
    func block(after first: TIFFDirectory) -> Range<Int>? {
        guard let total = window.total, first.next > first.offset, first.next < total,
            first.next - (first.offset + first.length) < Self.nearby
        else { return nil }
        let end = endOfDirectories(after: first)
        guard end > first.offset else { return nil }
        return first.offset..<(end - first.offset <= Self.longestBlock ? end : first.offset + 1 << 20)
    }

    /// Where directories that lie together end, as far as it costs no request: at the first page's pixels, or with the
    /// file.
    private func endOfDirectories(after first: TIFFDirectory) -> Int {
        var end = window.total ?? 0
        let pixels = first.segmentOffsets
        if let pixels, pixels.count == 1, let bytes = window.held(at: pixels.offset, count: pixels.valueSize),
            let start = bytes.withUnsafeBytes({ dialect.number($0, at: 0, size: pixels.valueSize) }),
            start > first.offset
        {
            end = min(end, start)
        } else if let pixels, !pixels.isInline, pixels.offset > first.offset {
            end = min(end, pixels.offset)
        }
        return end
    }

    /// Which page would be the last at this stride, `from` being page 0.
    private func lastPage(from: TIFFDirectory, stride: Int, before end: Int) -> Int {
        max(0, end - (from.offset + from.length)) / stride
    }

    /// Whether pages like this one can repeat each other: compressed ones differ in length.
    private func canBePredicted(_ first: TIFFDirectory) -> Bool {
        guard let entry = first.entries[TIFFTag.compression], entry.type == 3, entry.count == 1 else {
            return first.entries[TIFFTag.compression] == nil
        }
        return window.held(at: entry.offset, count: 2)?.withUnsafeBytes { dialect.number($0, at: 0, size: 2) } == 1
    }

    /// The pages of a remote file by prediction: first, second and last directory read; `nil` where they do not
    /// repeat each other.
    ///
    /// A first page that says more than the others (ImageJ's description, OME-XML) stands for itself; then the second
    /// and the last repeat each other.
    func predictedPages(first: TIFFPage, second: TIFFDirectory, isExact: Bool) async throws -> TIFFPages? {
        guard first.directory.next == second.offset else { return nil }
        let step = second.next - second.offset
        let isLike = first.directory.isLike(second) && second.offset - first.directory.offset == step
        let other = TIFFPage(geometry: try await TIFFGeometry(second, self), directory: second)
        let pattern = isLike ? first : other
        let from = pattern.directory, total = window.total ?? 0
        // Of ImageJ's directories the first stands alone, the others together.
        let leader = [first.directory, from].first { block(after: $0) != nil }
        guard step > 0, isLike || pattern.geometry == first.geometry else { return nil }
        if let block = leader.flatMap(block(after:)), isWalked(block, first.directory, isExact: isExact) { return nil }
        let span = pattern.directorySpan(step)
        let last = lastPage(from: from, stride: step, before: leader.map(endOfDirectories(after:)) ?? total)
        guard span.count <= 64 << 10, span.lowerBound >= 0, last >= 2, last < TIFF.mostPages,
            !span.upperBound.addingReportingOverflow(last * step).overflow
        else { return nil }
        let others = isLike ? [1, last] : [last]
        try await window.need(([0] + others).map { span.lowerBound + $0 * step..<span.upperBound + $0 * step })
        guard let pixels = leader == nil ? step : try await pixelStep(first.directory, second),
            let stride = TIFFStride(directories: step, pixels: pixels, pages: last)
        else { return nil }
        let head = try await window.bytes(at: span.lowerBound, count: span.count)
        for page in others {
            guard let bytes = try await window.bytesIfPresent(at: span.lowerBound + page * step, count: span.count)
            else { return nil }
            // Words after the last directory may be cut short; its values may not.
            guard pattern.isRepeated(head, in: bytes, stride: stride, page: page, dialect) else { return nil }
        }
        guard try await directory(at: from.offset + last * step).next == 0 else { return nil }
        return TIFFPages(self, before: isLike ? [] : [first], predicting: pattern, stride: stride, count: last + 1)
    }

    /// Whether directories that lie together are read whole and walked, which is proof: where that is wanted, saves
    /// nothing, or a prediction would fail.
    private func isWalked(_ block: Range<Int>, _ first: TIFFDirectory, isExact: Bool) -> Bool {
        isExact || !canBePredicted(first) || window.missing(block) <= Self.secondFlight
    }

    /// From the pixels of one page to the next one's.
    private func pixelStep(_ first: TIFFDirectory, _ second: TIFFDirectory) async throws -> Int? {
        func start(_ directory: TIFFDirectory) async throws -> Int? {
            guard let entry = directory.segmentOffsets else { return nil }
            return try await integers(entry, limit: 1).first
        }
        guard let a = try await start(first), let b = try await start(second) else { return nil }
        return b - a  // both are positive
    }
}

extension TIFFStride {
    /// - Returns: `nil` where `pages` of these strides leave what a number can say.
    init?(directories: Int, pixels: Int, pages: Int) {
        guard !directories.multipliedReportingOverflow(by: pages).overflow,
            !pixels.multipliedReportingOverflow(by: pages).overflow
        else { return nil }
        self.init(directories: directories, pixels: pixels)
    }
}
