import HarvestCore

/// Walks a box of an array in C order, a bounded piece at a time.
enum Slabs {
    /// Bytes of voxels in memory at one time, where the chunks allow it.
    private static let limit = 64 << 20

    /// Calls `body` with the voxels of `box`, C order, native byte order, piece after piece.
    static func forEach(_ array: any ChunkedArray, _ box: Box, _ body: (UnsafeRawBufferPointer) throws -> Void)
        async throws
    {
        if box.isEmpty { return }
        var pieces: [Box] = [box]
        while let piece = pieces.popLast() {
            let size = (piece.count ?? Int.max).multipliedReportingOverflow(by: array.dataType.size)
            if !size.overflow, size.partialValue <= limit {
                let block = try await BlockReader.read(array, piece)
                try block.bytes.withUnsafeBytes { try body($0) }
                continue
            }
            guard let parts = split(piece, array) else {
                throw HarvestError(.failed, "a single voxel is over \(limit) bytes")
            }
            pieces += parts.reversed()
        }
    }

    /// Cuts along the slowest axis longer than 1, at chunk bounds where a row of chunks is not too much.
    private static func split(_ box: Box, _ array: any ChunkedArray) -> [Box]? {
        guard let axis = (0..<box.rank).first(where: { box.shape[$0] > 1 }) else { return nil }
        var one = box
        one.shape[axis] = 1
        let perIndex = max(1, (one.count ?? Int.max).multipliedReportingOverflow(by: array.dataType.size).partialValue)
        let chunk = array.grid.chunk[axis]
        var step = max(1, limit / perIndex)
        if step >= chunk { step -= step % chunk } else if chunk <= 4 * max(1, limit / perIndex) { step = chunk }
        step = max(1, min(step, (box.shape[axis] + 1) / 2))
        let end = box.origin[axis] + box.shape[axis]
        var parts: [Box] = []
        var start = box.origin[axis]
        while start < end {
            // Pieces after the first begin on a chunk's bound where the step is one.
            var stop = min(end, start + step)
            if step >= chunk, stop < end, stop % chunk != 0 { stop = max(start + 1, stop - stop % chunk) }
            var part = box
            part.origin[axis] = start
            part.shape[axis] = stop - start
            parts.append(part)
            start = stop
            if parts.count > 1 << 20 { return nil }
        }
        return parts
    }
}
