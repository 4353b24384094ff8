public import HarvestCore

/// How `collect` goes about its work.
public struct CollectOptions: Sendable {
    /// The folder for everything; made if it is not there.
    public var folder: String
    /// What is fetched of one dataset at the most: decoded bytes of a level, bytes of a file.
    public var maximumBytes = 1 << 30
    public var link: String?
    /// Where neither the whole nor a coarser level fits: this box, `z0:z1,y0:y1,x0:x1`.
    public var crop: String?
    public var open = OpenOptions()
    /// Describe, probe and compare; fetch nothing.
    public var fetches = true
    /// Read planes and sampled blocks for the report; without, it has tables alone.
    public var makesReport = true

    public init(folder: String) { self.folder = folder }
}

/// What `collect` found out about one address, as far as it came.
public struct Collected: Sendable {
    public var address: String
    /// The dataset's short name: its row and its folder.
    public var id: String
    public var dataset: Dataset?
    public var probe: Probe?
    public var outcome: Outcome?
    public var error: HarvestError?
    /// Whether what was fetched is another link than what was probed.
    public var isOtherLink = false
    /// What is shown of its voxels in the report.
    var pictures = Pictures()

    /// Whether everything that was to be done was done.
    public var isWhole: Bool { error == nil && outcome?.failed.isEmpty != false }

    public var json: JSON {
        [
            "id": .string(id), "address": .string(address), "ok": .bool(isWhole),
            "cost": probe.map {
                [
                    "requests": .int($0.cost.requests), "bytes": .int($0.cost.bytes),
                    "round_trips": .int($0.cost.roundTrips), "portal_requests": .int($0.portalRequests),
                ]
            } ?? .null,
            "pictures": [
                "count": .int(pictures.shown.count), "level": .int(pictures.level), "source": .string(pictures.source),
                "requests": .int(pictures.cost.requests), "bytes": .int(pictures.cost.bytes),
                "error": pictures.error.map { .string($0.description) } ?? .null,
            ],
            "plan": JSON(outcome?.plan), "files": JSON(outcome?.files.count), "bytes": JSON(outcome?.bytes),
            "folder": JSON(outcome?.folder), "error": error?.json(address: address) ?? .null,
        ]
    }
}

extension Context {
    /// The whole job: describe → probe → plan → fetch → compare, into one folder.
    ///
    /// All addresses are worked on at the same time; one that fails does not stop the others.
    /// - Throws: ``HarvestError`` `.storage` where the folder cannot be written.
    public func collect(
        _ addresses: [String], _ options: CollectOptions, progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> (entries: [Collected], table: Table) {
        try await collect(addresses.map(CollectRequest.init), options, progress: progress)
    }

    /// The whole job, with a link, a level or a box for each address.
    public func collect(
        _ requests: [CollectRequest], _ options: CollectOptions,
        progress: @escaping @Sendable (Tally) -> Void = { _ in }
    ) async throws -> (entries: [Collected], table: Table) {
        try Disk.makeFolder(options.folder)
        let ids = Self.ids(
            requests.map { request in
                request.id ?? portal(publishing: request.address)?.shortName(of: request.address)
                    ?? Address(request.address).name
            })
        let jobs = zip(requests, ids).map { (request: $0, id: $1) }
        let turn = OneAtATime()  // a picture's voxels are held whole, so one dataset's at a time
        let entries = await concurrently(jobs) { job in
            var entry = await collectOne(job.request, job.id, options, progress)
            if options.makesReport {
                let finished = entry
                let (pictures, sample) = await turn.run { await self.pictures(finished) }
                entry.pictures = pictures
                entry.probe?.sample = sample
            }
            return entry
        }
        var table = Table(entries.compactMap(\.record))
        table.findings = entries.compactMap { entry in
            entry.error.map { Finding(.error, rule: "address-failed", "\(entry.address): \($0)") }
        }
        try Self.write(entries, table, to: options.folder)
        return (entries, table)
    }

    private func collectOne(
        _ request: CollectRequest, _ id: String, _ options: CollectOptions,
        _ progress: @escaping @Sendable (Tally) -> Void
    ) async -> Collected {
        var entry = Collected(address: request.address, id: id)
        do {
            let web = CountingWeb(web), meter = Meter()
            let resolved = await Self.result { try await resolve(request.address, through: web, meter: meter) }
            // What the portal said is kept also where it could not be understood.
            try RawPages.write(web.pages, to: "\(options.folder)/raw/\(id)")
            let link: Link
            var ahead: AheadStore?
            switch try resolved.get() {
            case .data(let address, let asked):
                link = Link(url: address.location, format: address.format)
                ahead = asked
            case .page(let dataset, _):
                entry.dataset = dataset
                link = try Self.link(request.link ?? options.link, of: dataset)
            }
            let contents = try await open(
                Address(link.url), format: link.format, options: options.open, meter: meter, ahead: ahead)
            entry.probe = Probe(
                address: request.address, link: link, contents: contents, cost: meter.cost,
                portalRequests: web.pages.count, dataset: entry.dataset)
            guard options.fetches, request.fetches else { return entry }
            var fetch = FetchOptions(folder: "\(options.folder)/\(id)")
            fetch.maximumBytes = request.maximumBytes ?? options.maximumBytes
            (fetch.level, fetch.box, fetch.fallbackBox) = (request.level, request.box, options.crop)
            fetch.adapts = true
            entry.isOtherLink = request.fetchedLink != nil
            let other = try request.fetchedLink.flatMap { name in
                try entry.dataset.map { try Self.link(name, of: $0) }
            }
            entry.outcome = try await self.fetch(
                request.address, other ?? link, fetch, opened: other == nil ? contents : nil
            ) { tally in
                progress(Tally(subject: "\(id)  \(tally.subject)", done: tally.done, total: tally.total))
            }
        } catch { entry.error = HarvestError.wrapping(error, at: request.address) }
        return entry
    }

    private static func link(_ name: String?, of dataset: Dataset) throws -> Link {
        var wanted = ProbeOptions()
        wanted.link = name
        guard let link = try links(of: dataset, wanted).first else {
            throw HarvestError(.notFound, "the page names no image", at: dataset.address)
        }
        return link
    }

    /// Short names, made different from each other by a number.
    private static func ids(_ names: [String]) -> [String] {
        // What `collect` itself writes into its folder is no name for a dataset.
        var taken: Set = [
            "raw", "acquisition.md", "acquisition.csv", "report.html", "table.html", "table.md", "table.csv",
            "table.json", "records.json", "web_metadata.json", "file_metadata.json",
        ]
        return names.map { name in
            let safe = String(name.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "_" })
            let base = safe.isEmpty || safe.hasPrefix(".") ? "dataset" + safe : safe
            var id = base
            var number = 2
            while !taken.insert(id).inserted { (id, number) = ("\(base)-\(number)", number + 1) }
            return id
        }
    }

    private static func write(_ entries: [Collected], _ table: Table, to folder: String) throws {
        var web = JSON.Members(), files = JSON.Members()
        for entry in entries {
            if let dataset = entry.dataset { web[entry.id] = SeedView.web(dataset) }
            if let probe = entry.probe, let record = entry.record { files[entry.id] = SeedView.file(probe, record) }
        }
        for (name, json) in [
            ("web_metadata.json", JSON.object(web)), ("file_metadata.json", .object(files)),
            (
                "records.json",
                [
                    "schema": "harvest.records/1", "records": .array(table.records.map(\.json)),
                    "datasets": .array(entries.map(\.json)),
                ]
            ), ("table.json", table.json),
        ] { try Disk.write(json.pretty + "\n", to: "\(folder)/\(name)") }
        try Disk.write(table.markdown + "\n", to: "\(folder)/table.md")
        try Disk.write(table.csv, to: "\(folder)/table.csv")
        try Disk.write(table.acquisition.markdown + "\n", to: "\(folder)/acquisition.md")
        let report = Report(entries: entries, table: table)
        try Disk.write(report.html, to: "\(folder)/report.html")
        try Disk.write(report.tablePage, to: "\(folder)/table.html")
        try Disk.write(table.acquisition.csv, to: "\(folder)/acquisition.csv")
    }
}

/// Runs one piece of work after the other, in the order in which they came.
private actor OneAtATime {
    private var last: Task<Void, Never>?

    func run<R: Sendable>(_ body: @escaping @Sendable () async -> R) async -> R {
        let before = last
        let task = Task {
            await before?.value
            return await body()
        }
        last = Task { _ = await task.value }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }
}

extension Collected {
    /// The row of the table, under the short name.
    public var record: Record? {
        guard var record = probe?.record else { return nil }
        record.id = id
        return record
    }
}
