import Glibc

/// Reads boxes of voxels from any ``ChunkedArray``: finds the chunks, fetches them together where they lie together,
/// decodes them on worker threads and scatters them into the caller's memory.
public enum BlockReader {
    /// Chunks whose bytes are this near to each other share a request; what lies between is thrown away.
    private static let gap = 32 << 10
    /// A request is not made longer than this by joining.
    private static let longest = 8 << 20
    /// Requests on their way at one time; the transport's own limits hold besides.
    private static let window = 16
    /// Cells that are located and fetched together, so that a box of countless tiny chunks needs no list of them all.
    private static let batch = 4096

    private struct Job: Sendable {
        var cell: Coordinate
        var location: ChunkLocation
    }

    /// Neighbouring chunks of one object, fetched by one request.
    private struct Piece: Sendable {
        var key: String
        var range: ByteRange
        var jobs: [Job]
    }

    /// A new block with the voxels of `box`.
    public static func read(_ array: any ChunkedArray, _ box: Box) async throws -> Block {
        guard let count = box.count, !count.multipliedReportingOverflow(by: array.dataType.size).overflow,
            count * array.dataType.size <= 1 << 40
        else { throw HarvestError.invalid("the box \(box) holds more voxels than can be read at once") }
        let size = array.dataType.size
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, max(1, count * size)) == 0, let base = memory else {
            throw HarvestError.invalid("there is no memory for the \(count * size) bytes of the box \(box)")
        }
        nonisolated(unsafe) let taken = base
        let owner = Bytes.Owner { free(taken) }  // frees on every way out
        try await read(array, box, into: Destination(base, box: box, size: size))
        return Block(
            box: box, dataType: array.dataType,
            bytes: Bytes(UnsafeRawBufferPointer(start: base, count: count * size), owner: owner))
    }

    /// Fills `destination` (C order over `box`) with the voxels of `box`.
    public static func read(_ array: any ChunkedArray, _ box: Box, into destination: Destination) async throws {
        guard array.grid.box.contains(box) else {
            throw HarvestError.invalid("the box \(box) leaves the volume, whose shape is \(array.shape)")
        }
        guard !box.isEmpty else { return }
        let cells = array.grid.cells(meeting: box)
        guard let total = cells.count else {
            throw HarvestError.invalid("the box \(box) meets more chunks than can be counted")
        }
        for start in stride(from: 0, to: total, by: batch) {
            let part = (start..<min(start + batch, total)).map { cells.index(at: $0) }
            try await read(array, cells: part, into: destination)
        }
    }

    private static func read(_ array: any ChunkedArray, cells: [Coordinate], into destination: Destination) async throws
    {
        let locations = try await array.locate(cells)
        var jobs: [Job] = []
        for (cell, location) in zip(cells, locations) {
            if let location {
                jobs.append(Job(cell: cell, location: location))
            } else {
                fill(array, cell, destination)
            }
        }
        if array.store.isRemote {
            try await readRemote(array, join(jobs), destination)
        } else {
            try await readLocal(array, jobs, destination)
        }
    }

    private static func readLocal(_ array: any ChunkedArray, _ jobs: [Job], _ destination: Destination) async throws {
        // One file of many chunks is mapped once. By the bytes of its key: keys that look alike are two files.
        var mapped: [[UInt8]: Bytes] = [:]
        for job in jobs where job.location.range != .whole && mapped[Array(job.location.key.utf8)] == nil {
            mapped[Array(job.location.key.utf8)] = try array.store.map(job.location.key)
        }
        let files = mapped
        try await Workers.shared.forEach(jobs.count) { index in
            let job = jobs[index]
            do {
                guard let whole = try files[Array(job.location.key.utf8)] ?? array.store.map(job.location.key) else {
                    throw HarvestError(.failed, "a local store gave no bytes", at: array.store.address)
                }
                try decode(array, job, try slice(whole, at: 0, job.location, array), destination)
            } catch let error as HarvestError where array.isAbsence(error) {
                fill(array, job.cell, destination)
            }
        }
    }

    private static func readRemote(_ array: any ChunkedArray, _ pieces: [Piece], _ destination: Destination)
        async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, piece) in pieces.enumerated() {
                if index >= window { try await group.next() }
                group.addTask { try await readPiece(array, piece, destination) }
            }
            try await group.waitForAll()
        }
    }

    /// Asks again before a chunk counts as never stored: one wrong answer would read as voxels of the fill value.
    private static func readTwice(_ array: any ChunkedArray, _ piece: Piece) async throws -> Reply {
        do { return try await array.store.read(piece.key, piece.range) } catch let error as HarvestError
            where array.isAbsence(error)
        {
            return try await array.store.read(piece.key, piece.range)
        }
    }

    private static func readPiece(_ array: any ChunkedArray, _ piece: Piece, _ destination: Destination) async throws {
        let reply: Reply
        do { reply = try await readTwice(array, piece) } catch let error as HarvestError
            where array.isAbsence(error)
        {
            for job in piece.jobs { fill(array, job.cell, destination) }
            return
        }
        try await Workers.shared.run {
            for job in piece.jobs {
                try decode(array, job, try slice(reply.bytes, at: reply.offset, job.location, array), destination)
            }
        }
    }

    /// Joins jobs whose bytes are neighbours.
    private static func join(_ jobs: [Job]) -> [Piece] {
        var pieces: [Piece] = []
        func start(_ job: Job) -> Int {
            if case .bytes(let range) = job.location.range { range.lowerBound } else { -1 }
        }
        let sorted = jobs.sorted { ($0.location.key, start($0)) < ($1.location.key, start($1)) }
        for job in sorted {
            if let last = pieces.last, last.key.utf8.elementsEqual(job.location.key.utf8),
                case .bytes(let have) = last.range,
                case .bytes(let want) = job.location.range, want.lowerBound - have.upperBound <= gap,
                max(have.upperBound, want.upperBound) - have.lowerBound <= longest
            {
                pieces[pieces.count - 1].range = .bytes(have.lowerBound..<max(have.upperBound, want.upperBound))
                pieces[pieces.count - 1].jobs.append(job)
            } else {
                pieces.append(Piece(key: job.location.key, range: job.location.range, jobs: [job]))
            }
        }
        return pieces
    }

    private static func slice(_ bytes: Bytes, at offset: Int, _ location: ChunkLocation, _ array: any ChunkedArray)
        throws
        -> Bytes
    {
        guard case .bytes(let range) = location.range else { return bytes }
        guard let part = bytes.slice(range.lowerBound - offset..<range.upperBound - offset) else {
            throw HarvestError.malformed(
                "a chunk stands at bytes \(range.lowerBound)-\(range.upperBound - 1), past the end of the file",
                at: array.store.address)
        }
        return part
    }

    private static func decode(_ array: any ChunkedArray, _ job: Job, _ bytes: Bytes, _ destination: Destination) throws
    {
        let layout = array.layout(of: job.cell)
        let cellBox = array.grid.box(of: job.cell)
        guard let region = cellBox.intersection(destination.box) else { return }
        let size = array.dataType.size
        guard let voxels = layout.shape.product, !voxels.multipliedReportingOverflow(by: size).overflow else {
            throw HarvestError.malformed(
                "a chunk of shape \(layout.shape) is past every memory", at: array.store.address)
        }
        let needed = voxels * size
        try bytes.withUnsafeBytes { source in
            if array.isStoredPlain(job.cell) {
                guard source.count >= needed else {
                    throw HarvestError.malformed(
                        "a chunk holds \(source.count) bytes where \(needed) are needed",
                        at: "\(array.store.address) \(job.location.key)")
                }
                destination.scatter(
                    source, layout: layout, origin: cellBox.origin, region: region, dataType: array.dataType)
                return
            }
            guard needed <= 2 << 30 else {
                throw HarvestError.unsupported(
                    "a chunk of \(needed) bytes is over the limit of 2 GiB", at: array.store.address)
            }
            if let direct = direct(layout, region, cellBox, destination, needed) {
                return try array.decode(source, cell: job.cell, into: direct)
            }
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, needed), alignment: 64)
            defer { buffer.deallocate() }
            try array.decode(source, cell: job.cell, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<needed]))
            destination.scatter(
                UnsafeRawBufferPointer(buffer), layout: layout, origin: cellBox.origin, region: region,
                dataType: array.dataType)
        }
    }

    /// The destination itself, where the decoded chunk would lie there byte for byte.
    private static func direct(
        _ layout: ChunkLayout, _ region: Box, _ cell: Box, _ destination: Destination, _ needed: Int
    ) -> UnsafeMutableRawBufferPointer? {
        guard layout.byteOrder == .little, region == cell, layout.shape == cell.shape,
            layout.strides == layout.shape.stridesC
        else { return nil }
        // Contiguous if, from the second axis longer than 1 on, the chunk spans the box.
        var isOuter = true
        var start = 0
        for axis in 0..<cell.rank {
            if !isOuter, cell.shape[axis] != destination.box.shape[axis] { return nil }
            if cell.shape[axis] > 1 { isOuter = false }
            start += (cell.origin[axis] - destination.box.origin[axis]) * destination.strides[axis]
        }
        return UnsafeMutableRawBufferPointer(start: destination.base + start, count: needed)
    }

    private static func fill(_ array: any ChunkedArray, _ cell: Coordinate, _ destination: Destination) {
        guard let region = array.grid.box(of: cell).intersection(destination.box) else { return }
        let row = region.shape[region.rank == 0 ? 0 : region.rank - 1, default: 1]
        let size = array.dataType.size
        let isZero = array.fill.allSatisfy { $0 == 0 }
        var rows = region
        if region.rank > 0 { rows.shape[region.rank - 1] = 1 }
        rows.forEach { index in
            var at = destination.base
            for axis in 0..<region.rank {
                at += (index[axis] - destination.box.origin[axis]) * destination.strides[axis]
            }
            if isZero {
                at.initializeMemory(as: UInt8.self, repeating: 0, count: row * size)
            } else {
                for i in 0..<row { (at + i * size).copyMemory(from: array.fill, byteCount: size) }
            }
        }
    }
}

extension Coordinate {
    fileprivate subscript(axis: Int, default value: Int) -> Int { axis < count ? self[axis] : value }
}
