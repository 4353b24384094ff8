import HarvestCodecs
import HarvestCore
import HarvestMarkup
import HarvestStores

/// What a Metalink says: files, each with its checksums and all the places where it lies (RFC 5854; version 3 as well).
struct Metalink {
    struct File {
        var name: String
        var bytes: Int?
        var checksum: OfferedDigest?
        var pieces: OfferedPieces?
        /// Best first.
        var urls: [String]
    }

    private(set) var files: [File] = []
    /// Names that can be no file's here.
    private(set) var refused: [String] = []

    static let extensions: Set = ["meta4", "metalink"]
    static let longest = 64 << 20

    /// - Throws: ``HarvestError`` `.malformed` for anything else, or where no file can be brought.
    init(_ bytes: Bytes, at place: String) throws {
        let root = try XMLDocument.parse(bytes: bytes, at: place)
        guard root.name == "metalink" else {
            throw HarvestError.malformed("not a Metalink but <\(root.name.displayed(limit: 40))>", at: place)
        }
        let nodes = (root.child("files") ?? root).children.filter { $0.name == "file" }
        var names: Set<String> = []
        for node in nodes {
            let name = node.attributes["name"] ?? ""
            guard let parts = try? Key.components(of: name), !parts.isEmpty, !Context.isReserved(name),
                names.insert(name).inserted
            else {
                refused.append(name)
                continue
            }
            let file = Self.file(name, node)
            guard !file.urls.isEmpty else {
                throw HarvestError.malformed(
                    "the Metalink names no place for \(name.displayed(limit: 100)) that can be asked", at: place)
            }
            files.append(file)
        }
        guard !files.isEmpty || !refused.isEmpty else {
            throw HarvestError.malformed("the Metalink names no files", at: place)
        }
    }

    private static func file(_ name: String, _ node: MarkupNode) -> File {
        let checks = node.child("verification") ?? node
        let hashes = checks.children.filter { $0.name == "hash" }.compactMap { hash -> OfferedDigest? in
            guard let type = hash.attributes["type"].flatMap(algorithm) else { return nil }
            return OfferedDigest("\(type.rawValue):\(hash.text.trimmingSpaces())", source: "the Metalink")
        }
        let strongest = [Digest.Algorithm.sha256, .sha1, .md5].lazy
            .compactMap { type in hashes.first { $0.algorithm == type } }.first
        var file = File(
            name: name,
            bytes: node.child("size").flatMap { Int($0.text.trimmingSpaces()) }.flatMap { $0 >= 0 ? $0 : nil },
            checksum: strongest, urls: [])
        for pieces in checks.children where pieces.name == "pieces" && file.pieces == nil {
            guard let type = pieces.attributes["type"].flatMap(algorithm), let bytes = file.bytes,
                let length = pieces.attributes["length"].flatMap({ Int($0) })
            else { continue }
            let sums = pieces.children.filter { $0.name == "hash" }.map { $0.text.trimmingSpaces().lowercased() }
            file.pieces = OfferedPieces(type, length: length, sums: sums, total: bytes)
        }
        let places = (node.child("resources") ?? node).children.filter { $0.name == "url" }
        file.urls = places.enumerated().map { index, place -> (rank: Int, index: Int, url: String) in
            // Version 4: 1 is the best; version 3: 100 is.
            let rank =
                place.attributes["priority"].flatMap { Int($0) }
                ?? place.attributes["preference"].flatMap { Int($0) }.map { 1000 - min(max($0, 0), 1000) } ?? 999_999
            return (rank, index, place.text.trimmingSpaces())
        }
        .sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }.map(\.url)
        // Never a file of this machine.
        .filter { HarvestCore.Address.remoteSchemes.contains(HarvestCore.Address($0).scheme) }
        return file
    }

    /// As IANA's registry of hash functions spells them, and as version 3 does.
    private static func algorithm(_ name: String) -> Digest.Algorithm? {
        switch name.lowercased() {
        case "sha-256", "sha256": .sha256
        case "sha-1", "sha1": .sha1
        case "md5": .md5
        default: nil
        }
    }
}

/// A file that lies in several places.
struct MirroredFile: Sendable {
    var store: MirrorStore
    var pieces: OfferedPieces?
}

extension Context {
    /// Brings the files that a Metalink names.
    func fetchMetalink(
        _ address: String, _ options: FetchOptions, _ progress: @escaping @Sendable (Tally) -> Void
    ) async throws -> Outcome {
        let meter = Meter(), source = Address(address)
        let reply = try await stores.open(source, meter: meter).read("", .bytes(0..<Metalink.longest))
        guard reply.bytes.count < Metalink.longest else {
            throw HarvestError.malformed("a Metalink of more than \(Metalink.longest) bytes", at: address)
        }
        let metalink = try Metalink(reply.bytes, at: address)
        let expected = try options.expected
        guard expected == nil || metalink.files.count == 1 else {
            throw HarvestError.invalid("--checksum is of one file, and the Metalink names several", at: address)
        }
        var mirrored: [String: MirroredFile] = [:]
        var objects: [CopiedObject] = []
        let wanted = metalink.files.filter { options.takes(Listing.Entry(name: $0.name, bytes: $0.bytes)) }
        for file in options.thinned(wanted, by: \.name) {
            var object = CopiedObject(
                key: file.name, source: ChunkLocation(key: file.name, range: .whole), isOptional: false,
                bytes: file.bytes)
            let checksum = expected ?? file.checksum
            object.checksum = options.hashes || expected != nil ? checksum.map { ($0.text, $0.source) } : nil
            object.version = checksum?.text
            objects.append(object)
            mirrored[file.name] = MirroredFile(
                store: try mirrors(file.urls, isPooled: object.checksum != nil, meter), pieces: file.pieces)
        }
        guard let first = objects.first, let store = mirrored[first.key]?.store else {
            throw HarvestError(.notFound, "none of the Metalink's \(metalink.files.count) files is wanted", at: address)
        }
        let plan = try FetchPlan(tree: objects, refused: metalink.refused, rounded: 0, of: source)
        if let limit = options.maximumBytes, plan.size.bytes.map({ $0 > limit }) ?? true {
            throw HarvestError.invalid(
                "the Metalink's files have \(plan.size.bytes.map { "\($0)" } ?? "an unknown number of") bytes, over the limit of \(limit)",
                at: address, next: "raise --max-bytes, or name the files with --include")
        }
        var outcome = Outcome(
            address: address, folder: options.folder,
            plan: "the Metalink's \(objects.count) file\(objects.count == 1 ? "" : "s")")
        (outcome.isDryRun, outcome.size) = (options.isDryRun, plan.size)
        options.events(.plan(outcome.plan, plan.size))
        if options.isDryRun {
            outcome.planned = objects.compactMap { object in
                mirrored[object.key]?.store.addresses.first.map {
                    PlannedFile(path: object.key, url: $0, bytes: object.bytes, checksum: object.checksum?.text)
                }
            }
        } else {
            try Disk.makeFolder(outcome.folder)
            try await fetchObjects(objects, store, source, options, "files", mirrored: mirrored, progress, &outcome)
        }
        for path in metalink.refused {
            let refusal = Self.refusal(of: path, in: address + "#")
            options.events(.failed(path, refusal))
            outcome.failed.append((path, address, refusal))
        }
        outcome.cost = meter.cost
        return outcome
    }

    /// All the places of one file.
    func mirrors(_ urls: [String], isPooled: Bool, _ meter: Meter) throws -> MirrorStore {
        let found = try urls.map { url in
            guard let store = try stores.open(Address(url), meter: meter) as? any RangeStreamingStore else {
                throw HarvestError.invalid("not an address of a server", at: url)
            }
            return store
        }
        return MirrorStore(found, isPooled: isPooled)
    }
}
