import Glibc
import HarvestCore

extension Context {
    /// Writes the voxels that `options` name to a file (`-` is stdout): C order, little-endian.
    ///
    /// The file appears under its name only when it is whole.
    ///
    /// - Parameter replaces: Whether a file that is there already may be replaced.
    /// - Returns: What was written: shape, type and bytes.
    @discardableResult
    public func writeVoxels(
        _ address: String, _ options: DigestOptions, to path: String, replaces: Bool = false
    ) async throws -> VoxelDigest {
        guard replaces || !OutputFile.isRegularFile(path) else {
            throw HarvestError.invalid("the file is there already", at: path, next: "say --force to replace it")
        }
        let contents = try await openData(
            address, link: options.link, OpenOptions(allLevels: options.array != nil))
        let (array, box) = try await selection(contents, options)
        let size = box.count.map { $0.multipliedReportingOverflow(by: array.dataType.size) }
        guard let size, !size.overflow, size.partialValue <= options.maximumBytes else {
            throw HarvestError.invalid(
                "reading \(box.shape) voxels of \(array.dataType.rawValue) is over the limit of \(options.maximumBytes) bytes",
                at: address, next: "read a smaller --box, or raise --max-bytes")
        }
        var written = VoxelDigest(array: options.array, level: options.level, box: box)
        (written.shape, written.dtype) = (box.shape.array, array.dataType.rawValue)
        written.bytes = size.partialValue
        if path.lowercased().hasSuffix(".npy") {
            try await writeNumPy(array, box, to: path)
        } else {
            let file = try OutputFile(path)
            try await Slabs.forEach(array, box) { try file.write($0) }
            try file.publish()
        }
        return written
    }

    /// The array and box that options name in what an address holds.
    func selection(_ contents: Contents, _ options: DigestOptions) async throws -> (any ChunkedArray, Box) {
        if let path = options.array {
            guard let entry = contents.arrays.first(where: { $0.path == path }) else {
                throw HarvestError.invalid("no array is called \"\(path)\"", next: "harvest list shows what is there")
            }
            guard let array = entry.array else {
                throw entry.error ?? HarvestError.unsupported("the array cannot be read")
            }
            return (array, try box(options.box, array, nil))
        }
        let index = options.image ?? 0
        guard contents.images.indices.contains(index) else {
            throw HarvestError.invalid("image \(index) is not there: the address holds \(contents.images.count)")
        }
        let array = try await contents.images[index].array(level: options.level)
        return (array, try box(options.box, array, contents.images[index]))
    }

    /// The box a user typed: one range per axis, or z,y,x alone; all of the array where none was typed.
    func box(_ text: String?, _ array: any ChunkedArray, _ volume: Volume?) throws -> Box {
        guard let text else { return array.grid.box }
        if text.split(separator: ",").count == 3, array.shape.count != 3, let volume {
            return try volume.expand(
                try Box.parse(text, shape: try volume.spatialShape(of: array.shape)), to: array.shape)
        }
        return try Box.parse(text, shape: array.shape)
    }
}

/// A file written under another name and renamed when whole; stdout and devices are written straight.
///
/// Used by one thread after the other, never by two at once.
final class OutputFile: @unchecked Sendable {
    private let path: String
    /// The name until it is whole; `nil` for what is no regular file and must not be replaced by one.
    private let part: String?
    private var descriptor: Int32
    private var isPublished = false
    private var isRestarted = false

    init(_ path: String) throws {
        self.path = path
        if path == "-" {
            part = nil
            descriptor = 1
        } else if Self.isSpecial(path) {
            part = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
        } else {
            let name = path + ".part"
            part = name
            descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        }
        guard descriptor >= 0 else { throw Disk.error("cannot write", path) }
    }

    /// Whether a file is there that writing would replace.
    static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return path != "-" && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether something other than a regular file stands there: a device, a pipe, a folder.
    private static func isSpecial(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try rewind()
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Disk.error("cannot write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Forgets what was written.
    func restart() { isRestarted = true }

    private func rewind() throws {
        guard isRestarted else { return }
        guard lseek(descriptor, 0, SEEK_SET) == 0, ftruncate(descriptor, 0) == 0 else {
            throw Disk.error("cannot write", path)
        }
        isRestarted = false
    }

    /// Gives the file its name, once its bytes are on the disk where it must be durable.
    func publish(isDurable: Bool = true) throws {
        try rewind()
        guard let part else { return }
        guard !isDurable || fsync(descriptor) == 0, rename(part, path) == 0 else {
            throw Disk.error("cannot publish", path)
        }
        isPublished = true
    }

    deinit {
        if descriptor > 1 { close(descriptor) }
        if let part, !isPublished { unlink(part) }
    }
}
