import HarvestCore
import Synchronization

/// One page: its geometry, and where its segments stand.
struct TIFFPage: Sendable {
    var geometry: TIFFGeometry
    var directory: TIFFDirectory
    /// How far on this page is from where ``directory`` says: nothing, but for predicted pages.
    var shift = TIFFStride(directories: 0, pixels: 0)
    /// Where the segments stand, if no tag says it: slices after the first of an ImageJ stack with one directory.
    var fixed: [Range<Int>]?

    /// Offsets and lengths of the segments; `nil` for one that is not stored (a sparse tile).
    func segments(_ reader: TIFFReader) async throws -> [Range<Int>?] {
        if let fixed { return fixed }
        let place = "\(reader.place) IFD at byte \(directory.offset + shift.directories)"
        guard let offsetEntry = directory.segmentOffsets else {
            throw HarvestError.malformed("a page without StripOffsets or TileOffsets", at: place)
        }
        let wanted = geometry.segmentCount
        let offsets = try await reader.integers(offsetEntry, limit: wanted)
        guard offsets.count == wanted else {
            throw HarvestError.malformed("\(offsets.count) offsets for \(wanted) strips or tiles", at: place)
        }
        // TIFF 6.0 §8, StripByteCounts: "For each strip, the number of bytes in the strip after compression", required.
        guard let countEntry = directory.entries[TIFFTag.tileByteCounts] ?? directory.entries[TIFFTag.stripByteCounts]
        else {
            throw HarvestError.malformed("a page without StripByteCounts or TileByteCounts", at: place)
        }
        let counts = try await reader.integers(countEntry, limit: wanted)
        let total = reader.window.total ?? Int.max
        return try offsets.enumerated().map { index, offset in
            var count = counts.indices.contains(index) ? counts[index] : 0
            if offset == 0 { return nil }  // a sparse tile (libtiff, GDAL)
            if geometry.compression == 1 {
                // Old writers leave the count out or wrong; the geometry knows it.
                let plain = plainByteCount(index)
                if count == 0 || count > plain { count = plain }
            } else if count == 0 {
                if counts.indices.contains(index), geometry.segmentCount > 1 { return nil }
                count = max(0, total - offset)
            }
            let (start, isFar) = offset.addingReportingOverflow(shift.pixels)
            let (end, isLong) = start.addingReportingOverflow(count)
            guard !isFar, !isLong, start >= 0, start <= total else {
                throw HarvestError.malformed("strip \(index) stands past the end of the file", at: place)
            }
            return start..<min(end, total)
        }
    }

    /// Bytes of segment `index` where nothing is compressed; the last strip of a plane may be short.
    private func plainByteCount(_ index: Int) -> Int {
        let row = index % geometry.segmentsPerPlane
        let isLast = !geometry.isTiled && row % geometry.segmentGrid[1] == geometry.segmentGrid[1] - 1
        let rows = isLast ? geometry.height - (geometry.segmentGrid[1] - 1) * geometry.segment[1] : geometry.segment[1]
        return geometry.segment[0] * rows * geometry.bytesPerRow
    }
}

/// Bytes from one page to the next.
struct TIFFStride: Hashable, Sendable {
    /// From directory to directory.
    var directories: Int
    /// From pixels to pixels: the same where each directory stands beside its page's.
    var pixels: Int

    static func * (stride: Self, pages: Int) -> Self {
        Self(directories: stride.directories * pages, pixels: stride.pixels * pages)
    }
}

/// The pages of a file: each read, or predicted from the first by a constant stride.
struct TIFFPages: Sendable {
    let reader: TIFFReader
    private let pages: [TIFFPage]
    /// Where the pages after the first are predicted. What it comes to at the last page was checked for overflow.
    let stride: TIFFStride?
    let count: Int
    private let proofs: Proofs

    /// Which predicted pages were compared with the file.
    private final class Proofs: Sendable {
        let proven = Mutex(Set<Int>())
        /// Fetches directories that lie together, once for all pages.
        let directories = Mutex<Task<Void, any Error>?>(nil)
    }

    init(_ reader: TIFFReader, _ pages: [TIFFPage]) {
        self.init(reader, pages, stride: nil, count: pages.count)
    }

    /// The pages that were read, then `count` like `pattern`, itself the first of them, `stride` bytes apart.
    init(_ reader: TIFFReader, before: [TIFFPage] = [], predicting pattern: TIFFPage, stride: TIFFStride, count: Int) {
        self.init(reader, before + [pattern], stride: stride, count: before.count + count)
    }

    private init(_ reader: TIFFReader, _ pages: [TIFFPage], stride: TIFFStride?, count: Int) {
        self.reader = reader
        self.pages = pages
        self.stride = stride
        self.count = count
        proofs = Proofs()
    }

    subscript(index: Int) -> TIFFPage {
        guard let stride, index >= pages.count else { return pages[index] }
        var page = pages[pages.count - 1]
        page.shift = stride * (index - pages.count + 1)
        return page
    }

    /// Makes sure that page `index` is what it was predicted to be, by reading its directory once.
    ///
    /// Voxels are never taken from where a prediction alone says they are.
    func prove(_ index: Int) async throws {
        guard let stride, index >= pages.count, !proofs.proven.withLock({ $0.contains(index) }) else { return }
        let pattern = pages[pages.count - 1]
        let further = index - pages.count + 1
        let span = pattern.directorySpan(stride.directories), shift = stride * further
        let bytes = try await directoryBytes(
            span, shift: shift.directories, last: stride.directories * (count - pages.count))
        let head = try await reader.window.bytes(at: span.lowerBound, count: span.count)
        // The last directory ends the chain, any other leads to the next page and nowhere else.
        let next = index == count - 1 ? 0 : pattern.directory.offset + shift.directories + stride.directories
        let pointer = pattern.directory.offset - span.lowerBound + pattern.directory.length - reader.dialect.offsetSize
        let found = bytes.withUnsafeBytes {
            reader.dialect.number($0, at: pointer, size: reader.dialect.offsetSize)
        }
        guard found == next,
            pattern.isRepeated(head, in: bytes, stride: stride, page: further, reader.dialect)
        else {
            throw HarvestError(
                .malformed, "page \(index) is not where the first pages predict it",
                at: "\(reader.place) byte \(span.lowerBound + shift.directories)",
                next: "probe with --exact, or fetch the file whole first")
        }
        proofs.proven.withLock { _ = $0.insert(index) }
    }

    /// The bytes of the directory and its values that stand `shift` behind the pattern's, the last one's `last`; where
    /// directories lie together, all are fetched with the first.
    private func directoryBytes(_ span: Range<Int>, shift: Int, last: Int) async throws -> Bytes {
        let window = reader.window
        guard last <= TIFFReader.longestBlock,
            reader.block(after: pages[pages.count - 1].directory) != nil
        else {
            return try await window.store.read(
                window.key, .bytes(span.lowerBound + shift..<span.upperBound + shift)
            ).bytes
        }
        let task = proofs.directories.withLock { task in
            if let task { return task }
            let all = span.lowerBound..<span.upperBound + last
            let new = Task { try await window.need([all]) }
            task = new
            return new
        }
        do { try await task.value } catch {
            proofs.directories.withLock { if $0 == task { $0 = nil } }  // the next one tries again
            throw error
        }
        return try await window.bytes(at: span.lowerBound + shift, count: span.count)
    }
}
