public import HarvestCore
import HarvestCodecs
import HarvestPortals
import HarvestStores
import Synchronization

/// What a fetch brings, and how much of it it may.
public struct FetchOptions: Sendable {
    /// The folder for the files; made if it is not there.
    public var folder: String
    /// A link's name, file name or URL; `nil` is the primary one.
    public var link: String?
    public var allLinks = false
    /// Of a volume with levels: from this one on. `nil` is the finest (or, with `fits`, the finest that fits).
    public var level: Int?
    /// More than this is refused, or with ``adapts`` not fetched.
    public var maximumBytes: Int?
    /// Take the finest level that fits ``maximumBytes``, or nothing, instead of refusing.
    public var adapts = false
    /// Only this box of `level`, `z0:z1,y0:y1,x0:x1`: a store of the same format, grown to chunk bounds; of a volume
    /// that is one file, a NumPy file of just the box.
    public var box: String?
    /// The same by its size and its middle.
    public var around: Surroundings?
    /// A box that is taken where nothing else fits.
    public var fallbackBox: String?
    /// Of a folder of files: only those whose path or name fits one of these patterns (`*.dm3`); empty is all.
    public var include: [String] = []
    /// And none that fits one of these.
    public var exclude: [String] = []
    /// And none that its listing says to be shorter or longer, in bytes.
    public var leastFileBytes: Int?
    public var mostFileBytes: Int?
    /// Of those files, in natural order, every so many-th: 1 is all.
    public var every = 1
    /// Whether the sha256 of each file is computed while it comes.
    public var hashes = true
    /// Say what would be done, and do nothing.
    public var isDryRun = false
    /// The checksum that a single file must have, `sha256:…` or `md5:…`.
    public var checksum: String?
    /// Other places where a single file lies.
    public var mirrors: [String] = []
    /// Told what happens, beside the progress.
    public var events: @Sendable (FetchEvent) -> Void = { _ in }

    public init(folder: String) { self.folder = folder }

    /// The checksum that is asked for, read.
    var expected: OfferedDigest? {
        get throws {
            guard let checksum else { return nil }
            guard let expected = OfferedDigest(checksum, source: "you") else {
                throw HarvestError.invalid(
                    "\"\(checksum.displayed(limit: 100))\" is no checksum",
                    next: "write sha256:HEX, sha1:HEX, md5:HEX or crc32c:HEX")
            }
            return expected
        }
    }

    /// Whether all there is is wanted, whatever it is.
    var asksForAll: Bool { takesUnread && !isDryRun }

    /// Whether a file is taken that no format reads.
    var takesUnread: Bool { level == nil && !isPart && maximumBytes == nil }

    /// Whether a box is asked for.
    var isPart: Bool { box != nil || around != nil }
}

extension Context {
    /// Brings the files behind `address` into a folder; what an earlier run completed is kept.
    ///
    /// - Returns: One outcome per link.
    /// - Throws: ``HarvestError`` `.invalid` where more would be fetched than allowed, before anything starts;
    ///   `.storage` where the disk refuses.
    public func fetch(
        _ address: String, _ options: FetchOptions, progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> [Outcome] {
        if Metalink.extensions.contains(Address(address).fileExtension) {
            return [try await fetchMetalink(address, options, progress)]
        }
        // A folder of files is listed once, not read as a page first.
        if portal(publishing: address).map({ $0 is WebPage }) ?? true,
            let outcome = try await fetchTree(address, options, progress)
        {
            return [outcome]
        }
        let dataset: Dataset
        var options = options
        switch try await resolve(address) {
        case .page(let found, _): dataset = found
        case .data(let bare, _):
            options.around = try options.around?.located(in: nil, address)
            return [try await fetch(address, Link(url: bare.location, format: bare.format), options, progress)]
        }
        options.around = try options.around?.located(in: dataset, address)
        var wanted = ProbeOptions()
        (wanted.link, wanted.allLinks) = (options.link, options.allLinks)
        var outcomes: [Outcome] = []
        for link in try Self.links(of: dataset, wanted) {
            outcomes.append(try await fetch(address, link, options, progress))
        }
        return outcomes
    }

    /// Says how long a dry run's bytes will take.
    func estimate(_ outcome: inout Outcome, _ store: any Store) {
        guard outcome.isDryRun, let bytes = outcome.size.bytes, let store = store as? any RangeStreamingStore else {
            return
        }
        outcome.size.seconds = Self.place(of: store).flatMap { stores.client.expectedSeconds(bytes, from: $0) }
    }

    /// An address on a store's host: a bucket itself has none.
    private static func place(of store: any RangeStreamingStore) -> String? {
        (try? store.webAddress(of: "")) ?? (try? store.webAddress(of: "x"))
    }

    /// Remembers how fast a store's host was.
    func remember(_ outcome: Outcome, _ store: any Store, since start: ContinuousClock.Instant) {
        guard !outcome.isDryRun, let store = store as? any RangeStreamingStore else { return }
        let bytes = outcome.files.reduce(0) { $0 + ($1.state == .fetched ? $1.bytes : 0) }
        let took = start.duration(to: .now).components
        guard let url = Self.place(of: store) else { return }
        stores.client.brought(bytes, in: Double(took.seconds) + Double(took.attoseconds) / 1e18, from: url)
    }

    /// Brings one link's files.
    ///
    /// - Parameter opened: What a probe found there already; `nil` opens it.
    func fetch(
        _ address: String, _ link: Link, _ options: FetchOptions, opened: Contents? = nil,
        _ progress: @escaping @Sendable (Tally) -> Void
    ) async throws -> Outcome {
        let meter = Meter(), start = ContinuousClock.now
        let source = Address(link.url)
        let store = try stores.open(source, meter: meter)
        let (plan, read) = try await plan(source, link, options, opened, store, meter)
        var outcome = Outcome(address: address, folder: options.folder, plan: plan.sentence)
        (outcome.isDryRun, outcome.size) = (options.isDryRun, plan.size)
        options.events(.plan(plan.sentence, plan.size))
        if try options.expected != nil || !options.mirrors.isEmpty {
            guard case .file = plan.kind else {
                throw HarvestError.invalid("--checksum and --mirror are of one file, and this is none", at: address)
            }
        }
        switch plan.kind {
        case .nothing: break
        case .file(let name) where options.isDryRun:
            let segment = Download().segment
            if outcome.size.bytes == nil, let total = try? await store.size(of: "") {
                (outcome.size.bytes, outcome.size.isExact) = (total, true)
            }
            outcome.size.requests = outcome.size.bytes.map { max(1, ($0 + segment - 1) / segment) }
            let web = try? (store as? any RangeStreamingStore)?.webAddress(of: "")
            outcome.planned = [
                PlannedFile(
                    path: name, url: web ?? source.location, bytes: outcome.size.bytes,
                    checksum: options.checksum ?? link.checksum)
            ]
        case .tree,
            .voxels where options.isDryRun:
            break
        case .file(let name):
            try Disk.makeFolder(options.folder)
            let file = try await fetchFile(store, name, source, link, options, meter, progress)
            outcome.files = [file]
            outcome.plan = "whole file, \(file.bytes) bytes"
        case .part(let part, let contents, let name):
            let format = try folderFormat(contents.format, source)
            var copy = try await format.copy(part, of: contents, in: read)
            try options.filter(&copy.objects, format: contents.format, source)
            outcome.folder = "\(options.folder)/\(name)"
            outcome.crop = CopiedBox(part, copy)
            outcome.isFolder = true
            if case .levels(_, let first) = part { outcome.firstLevel = first }
            if options.isDryRun {
                outcome.size = try await size(of: copy, atMost: plan.size.bytes, store)
                outcome.planned = copy.metadata.isEmpty ? PlannedFile.all(copy.objects, source, store) : []
            } else {
                try Disk.makeFolder(outcome.folder)
                try await fetchPart(copy, store, source, options, progress, &outcome)
            }
        case .voxels(let volume, let box, let level, let name):
            outcome.files = [try await fetchVoxels(volume, box, level, name, link, options)]
        }
        estimate(&outcome, store)
        remember(outcome, store, since: start)
        outcome.cost = meter.cost
        return outcome
    }

    /// What a copy comes to. A store that can name all it holds is asked for the sizes; a crop's are not worth that.
    private func size(of copy: FolderCopy, atMost bytes: Int?, _ store: any Store) async throws -> FetchSize {
        var size = FetchSize(
            files: copy.objects.count + copy.metadata.count, requests: copy.objects.count, bytes: bytes)
        guard copy.box == nil, let store = store as? any WalkingStore,
            copy.objects.allSatisfy({ $0.source.range == .whole })
        else { return size }
        let keys = Set(copy.objects.map(\.source.key))
        var (found, sum) = (0, copy.metadata.reduce(0) { $0 + $1.bytes.count })
        try await store.listAll("") { page in
            for entry in page where keys.contains(entry.name) {
                guard let bytes = entry.bytes else { continue }
                found += 1
                sum = sum.addingReportingOverflow(bytes).partialValue
            }
        }
        (size.files, size.requests, size.bytes, size.isExact) = (found + copy.metadata.count, keys.count, sum, true)
        return size
    }

    /// What to bring, and the format it is in. A file that no format here reads, or that a server gives only in one
    /// piece, is brought whole.
    ///
    /// - Returns: The plan, and the store with those documents that were read for it.
    private func plan(
        _ source: Address, _ link: Link, _ options: FetchOptions, _ opened: Contents?, _ store: any Store,
        _ meter: Meter
    ) async throws -> (FetchPlan, any Store) {
        // A file that is wanted whole is not read first: its server says soon enough how long it is.
        if opened == nil, options.asksForAll, isFile(source, link.format) {
            return (try FetchPlan(wholeFile: source), store)
        }
        do {
            let contents: Contents
            var read = store
            if let opened {
                contents = opened
            } else {
                let ahead = try askAhead(source, format: link.format, meter: meter, keepsAnswers: true)
                contents = try await open(source, format: link.format, meter: meter, ahead: ahead)
                read = ahead
            }
            let isFolder = formats.contains { $0.name == contents.format && $0 is any FolderFormat }
            return (try FetchPlan(contents, source, isFolder: isFolder, options), read)
        } catch let error as HarvestError where error.kind == .unsupported {
            guard options.takesUnread, !Self.folderExtensions.contains(source.fileExtension) else { throw error }
            return (try FetchPlan(wholeFile: source), store)
        }
    }

    private static let folderExtensions: Set = ["", "zarr", "n5", "precomputed"]

    /// Whether an address names one file, by its format or extension.
    private func isFile(_ source: Address, _ name: String?) -> Bool {
        guard !Self.folderExtensions.contains(source.fileExtension), !source.location.hasSuffix("/") else {
            return false
        }
        guard let name = name ?? source.format else { return true }
        let format = formats.first { $0.name == name || $0.fileExtensions.contains(name) }
        return format.map { !($0 is any FolderFormat) } ?? false
    }

    private func folderFormat(_ name: String, _ source: Address) throws -> any FolderFormat {
        guard let format = formats.first(where: { $0.name == name }) as? any FolderFormat else {
            throw HarvestError.unsupported("volumes of \(name) cannot be copied in parts", at: source.text)
        }
        return format
    }

    /// Writes the voxels of a box of a volume that is one file.
    private func fetchVoxels(
        _ volume: Volume, _ box: Box, _ level: Int, _ name: String, _ link: Link, _ options: FetchOptions
    ) async throws -> FetchedFile {
        try Disk.makeFolder(options.folder)
        let manifest = try Manifest(folder: options.folder)
        if let kept = try manifest.take(name, from: link.url) { return kept }
        let path = "\(options.folder)/\(name)"
        try await writeNumPy(try await volume.array(level: level), box, to: path)
        let file = FetchedFile(
            path: name, url: link.url, bytes: Disk.size(path) ?? 0, sha256: try Disk.sha256(path), state: .written)
        try manifest.add(file)
        return file
    }

    private func fetchFile(
        _ store: any Store, _ name: String, _ source: Address, _ link: Link, _ options: FetchOptions, _ meter: Meter,
        _ progress: @escaping @Sendable (Tally) -> Void
    ) async throws -> FetchedFile {
        let manifest = try Manifest(folder: options.folder)
        let path = "\(options.folder)/\(name)"
        let expected = try options.expected
        if let kept = try manifest.take(name, from: source.location) {
            if let news = await Self.news(of: kept, at: store) {
                options.events(.transfer(.changed(news), file: name))
                try manifest.begin(name, from: source.location)
            } else {
                if let expected {
                    let found = try await Workers.files.run { try Disk.hex(expected.algorithm, of: path) }
                    if let fault = expected.fault(found, at: path) { throw fault }
                }
                options.events(.file(kept))
                return kept
            }
        }
        var download = Download()
        download.hashes = options.hashes
        download.logsInAhead = true
        if let expected {
            download.expected = expected
        } else if let text = link.checksum, options.hashes {
            download.expected = OfferedDigest(text, source: "the page")
        }
        download.events = { options.events(.transfer($0, file: name)) }
        var places = store
        if !options.mirrors.isEmpty {
            places = try mirrors(
                [source.location] + options.mirrors, isPooled: download.expected != nil, meter)
        }
        let brought = try await download.fetch("", of: places, to: path) { done, total in
            progress(Tally(subject: name, done: done, total: total))
        }
        var file = FetchedFile(
            path: name, url: source.location, bytes: brought.bytes, sha256: brought.sha256,
            verifiedBy: brought.verifiedBy, state: .fetched)
        (file.version, file.pieces) = (brought.version, brought.pieces)
        try manifest.add(file)
        options.events(.file(file))
        return file
    }

    /// What shows that a file's source holds another version than the one that is here; `nil` for nothing. A source that
    /// does not answer now leaves the file as it is.
    ///
    /// - Complexity: One request, in one try.
    static func news(of file: FetchedFile, at store: any Store) async -> String? {
        await (store as? any RangeStreamingStore)?.facts(of: "").flatMap { news(of: file, $0) }
    }

    /// What of its source's words shows another version.
    static func news(of file: FetchedFile, _ facts: ObjectFacts) -> String? {
        if let total = facts.total, total != file.bytes {
            return "the source has \(total) bytes by now; the file here has \(file.bytes)"
        }
        guard let version = facts.version, let known = file.version, version != known else { return nil }
        return
            "the source holds another version by now: \(version.displayed(limit: 100)), here is \(known.displayed(limit: 100))"
    }

    /// Brings all files of a folder, where the address is one.
    private func fetchTree(
        _ address: String, _ options: FetchOptions, _ progress: @escaping @Sendable (Tally) -> Void
    ) async throws -> Outcome? {
        let meter = Meter(), source = Address(address), start = ContinuousClock.now
        guard isFolder(source, options) else { return nil }
        let store = try stores.open(source, meter: meter)
        guard let plan = try await tree(source, store, options),
            case .tree(let objects, let refused, let name) = plan.kind
        else { return nil }
        var outcome = Outcome(address: address, folder: "\(options.folder)/\(name)", plan: plan.sentence)
        (outcome.isDryRun, outcome.size) = (options.isDryRun, plan.size)
        options.events(.plan(plan.sentence, plan.size))
        if options.isDryRun {
            outcome.planned = PlannedFile.all(objects, source, store)
        } else {
            try Disk.makeFolder(outcome.folder)
            try await fetchObjects(objects, store, source, options, "files", progress, &outcome)
        }
        estimate(&outcome, store)
        remember(outcome, store, since: start)
        for path in refused {
            let refusal = Self.refusal(of: path, in: address)
            options.events(.failed(path, refusal))
            outcome.failed.append((path, "\(address)\(path)", refusal))
        }
        outcome.cost = meter.cost
        return outcome
    }

    /// Copies objects, byte for byte.
    @discardableResult
    func fetchObjects(
        _ objects: [CopiedObject], _ store: any Store, _ source: Address, _ options: FetchOptions, _ what: String,
        mirrored: [String: MirroredFile] = [:], _ progress: @escaping @Sendable (Tally) -> Void,
        _ outcome: inout Outcome
    ) async throws -> (Manifest, base: String) {
        let manifest = try Manifest(folder: outcome.folder)
        let base = source.location.last == "/" ? String(source.location.dropLast()) : source.location
        if let crop = outcome.crop { try manifest.add(crop, of: base) }
        var copy = ObjectCopy(
            store: store, base: base, folder: outcome.folder, manifest: manifest, hashes: options.hashes,
            events: options.events)
        copy.mirrored = mirrored
        let name = source.name
        let sizes = objects.compactMap(\.bytes)
        let total = sizes.count == objects.count ? sizes.reduce(0) { $0.addingReportingOverflow($1).partialValue } : nil
        let copied = try await copy.run(objects) { done, bytes in
            progress(Tally(subject: "\(name), \(done) of \(objects.count) \(what)", done: bytes, total: total))
        }
        outcome.files += copied.files
        outcome.failed += copied.failed
        return (manifest, base)
    }

    /// Copies every object, byte for byte; then, if none failed, the metadata by which the copy can be opened.
    private func fetchPart(
        _ plan: FolderCopy, _ store: any Store, _ source: Address, _ options: FetchOptions,
        _ progress: @escaping @Sendable (Tally) -> Void, _ outcome: inout Outcome
    ) async throws {
        let (manifest, base) = try await fetchObjects(
            plan.objects, store, source, options, "chunks", progress, &outcome)
        // A chunk that is missing by failure would read as the fill value: a copy can be opened only once it is whole.
        guard outcome.failed.isEmpty else { return }
        for object in plan.metadata {
            let target = "\(outcome.folder)/\(try Key.components(of: object.key).joined(separator: "/"))"
            try Disk.makeFolder(String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)]))
            try Disk.write(object.bytes, to: target)
            let sha256 = object.bytes.withUnsafeBytes { Digest.hex(.sha256, of: $0) }
            let file = FetchedFile(
                path: object.key, url: "\(base)/\(object.key)", bytes: object.bytes.count, sha256: sha256,
                state: .written)
            try manifest.add(file)
            outcome.files.append(file)
        }
        for entry in plan.broken {
            let error = entry.error ?? .malformed("the array's metadata is broken")
            outcome.failed.append((entry.path, "\(base)/\(entry.path)", error))
        }
    }
}

extension CopiedBox {
    /// The box of a part that is one.
    init?(_ part: CopiedPart, _ copy: FolderCopy) {
        guard case .box(let asked, _, let level) = part else { return nil }
        self.init(level: level, asked: asked, box: copy.box ?? asked)
    }
}

extension Dataset {
    /// Brings the primary link's files into `folder`; what an earlier run completed is kept.
    public func fetch(
        into folder: String, in context: Context = .standard, progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> Outcome {
        guard let link = primaryLink else { throw HarvestError(.notFound, "the page names no image", at: address) }
        return try await context.fetch(address, link, FetchOptions(folder: folder), progress)
    }
}

extension Link {
    /// Brings the link's files into `folder`; what an earlier run completed is kept.
    public func fetch(
        into folder: String, in context: Context = .standard, progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> Outcome {
        try await context.fetch(url, self, FetchOptions(folder: folder), progress)
    }
}
