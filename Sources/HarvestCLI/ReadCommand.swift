public import ArgumentParser
public import ImageHarvest

extension DigestOptions.Each: ExpressibleByArgument {}

struct ReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Voxels: a box of them as raw bytes, or the digest of whole arrays.",
        discussion: """
            Raw output is C order, little-endian, ready for numpy.fromfile. A digest is the sha256 over those bytes.

            EXAMPLES
              harvest read volume.zarr --digest --json
              harvest read volume.tif --box 0:64,0:512,0:512 --out crop.raw
              harvest read s3://bucket/em.zarr --level 2 --box 0:16,0:16,0:16 --digest
            """)

    @OptionGroup var common: CommonFlags
    @Argument(help: "Pages, links or paths; - reads them from stdin.") var addresses: [String]
    @Flag(help: "Print sha256, minimum and maximum instead of the voxels.") var digest = false
    @Option(help: "Digest each image, array or page.") var each = DigestOptions.Each.image
    @Option(help: "One image by its index.") var image: Int?
    @Option(help: "One array by its path.") var array: String?
    @Option(help: "The level; 0 is the finest.") var level = 0
    @Option(help: ArgumentHelp("Half-open ranges in voxels.", valueName: "z0:z1,y0:y1,x0:x1")) var box: String?
    @Option(help: "Refuse to read more than this.") var maxBytes = ByteCount(8 << 30)
    @Option(help: "On a page: the link of that name, file name or URL instead of the primary one.") var link: String?
    @Option(name: [.short, .long], help: "Write the voxels here (- is stdout).") var out: String?

    func validate() throws {
        if !digest, out == nil {
            throw ValidationError("say --digest, or --out FILE for the voxels (--out - is stdout)")
        }
        if digest, out != nil { throw ValidationError("--digest and --out exclude each other") }
        if out != nil, addresses.count != 1 { throw ValidationError("--out takes one address") }
        if level < 0 { throw ValidationError("--level counts from 0") }
    }

    func run() async throws {
        let context = try common.context
        var options = DigestOptions()
        (options.each, options.image, options.array, options.level) = (each, image, array, level)
        (options.box, options.maximumBytes, options.link) = (box, maxBytes.value, link)
        try await common.forEach(addresses) { address in
            if let out {
                try await context.writeVoxels(address, options, to: out)
                return true
            }
            let digests = try await context.digests(address, options)
            if common.json {
                let line: JSON = [
                    "schema": "harvest.digest/1", "address": .string(address), "ok": true,
                    "digests": .array(digests.map(\.json)),
                ]
                Terminal.print(line.compact)
            } else {
                for digest in digests { show(digest, address) }
            }
            return true
        }
    }

    private func show(_ digest: VoxelDigest, _ address: String) {
        let name =
            digest.page.map { "page \($0)" } ?? digest.array.map { "array \"\($0)\"" } ?? "image \(digest.image ?? 0)"
        if let error = digest.error { return Terminal.print("\(name)  not readable: \(error)") }
        Terminal.print(
            "\(digest.sha256 ?? "")  \(name)  \(digest.dtype ?? "") \(digest.shape ?? [])  \(digest.minimum.compact) … \(digest.maximum.compact)  \(address)"
        )
    }
}
