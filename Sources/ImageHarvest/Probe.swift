public import HarvestCore

/// What the files of an address say, unfetched.
public struct Probe: Sendable {
    public var address: String
    /// The link that was probed, where the address is a portal's page.
    public var link: Link?
    public var contents: Contents
    public var cost: Meter.Cost
    /// Pages, APIs and redirects before the data link.
    public var portalRequests: Int
    /// What the page adds to the header.
    public var dataset: Dataset?
    /// What the user knows better than page and file.
    public var stated: Metadata?
    /// What sampled blocks say, where some were read.
    public var sample: Sample?
    /// Whether the JSON carries the untouched headers.
    public var showsRaw = false

    /// The record of the first image: header and page together.
    public var record: Record? {
        contents.images.first.map { volume in
            let own = [stated].compactMap { $0 }
            return dataset.map { Record($0, volume, also: own, link: link, sample: sample) }
                ?? Record(
                    id: Address(address).name, address: address, link: volume.metadata.place,
                    statements: [volume.metadata] + own, evidence: Evidence(volume, link: link, sample: sample))
        }
    }
}

/// What a verb needs to know about a probe.
public struct ProbeOptions: Sendable {
    public var open = OpenOptions()
    /// A link's name, URL or end of URL; `nil` is the primary one.
    public var link: String?
    public var allLinks = false
    /// z, y, x in nm: what the user knows better than page and file.
    public var voxelSize: [Double]?
    /// What one address may cost.
    public var budget = Meter.Budget()
    public init() {}

    /// The user's statement, where there is one.
    public var stated: Metadata? {
        guard let voxelSize else { return nil }
        var metadata = Metadata(source: .user, place: "the command line")
        metadata.voxelSize = voxelSize
        return metadata
    }
}

extension Context {
    /// Reads the headers behind `address`: of a portal's page the primary link (or those asked for), else of the
    /// address itself. A few KB, never the voxels.
    ///
    /// - Returns: One probe per link.
    public func probe(_ address: String, _ options: ProbeOptions = ProbeOptions()) async throws -> [Result<
        Probe, HarvestError
    >] {
        let described: (dataset: Dataset, requests: Int)
        let meter = Meter(budget: options.budget)
        switch try await resolve(address, meter: meter) {
        case .page(let dataset, let requests): described = (dataset, requests)
        case .data(let address, let ahead):
            return [
                await Self.result {
                    try await probe(
                        address, link: nil, options, dataset: nil, portalRequests: 0, meter: meter, ahead: ahead)
                }
            ]
        }
        var probes: [Result<Probe, HarvestError>] = []
        for link in try Self.links(of: described.dataset, options) {
            probes.append(
                await Self.result {
                    let isPrimary = link == described.dataset.primaryLink
                    var probe = try await probe(
                        Address(link.url), link: link, options, dataset: isPrimary ? described.dataset : nil,
                        portalRequests: described.requests + meter.cost.requests,
                        meter: Meter(budget: options.budget))
                    probe.address = address
                    return probe
                })
        }
        return probes
    }

    private func probe(
        _ address: Address, link: Link?, _ options: ProbeOptions, dataset: Dataset?, portalRequests: Int,
        meter: Meter, ahead: AheadStore? = nil
    ) async throws -> Probe {
        // What was asked ahead are whole documents, of which nothing is kept.
        let session = ahead == nil ? stores.session(meter: meter) : nil
        let contents = try await open(
            address, format: link?.format, options: options.open, meter: meter, ahead: ahead, session: session)
        return Probe(
            address: address.text, link: link, contents: contents, cost: meter.cost, portalRequests: portalRequests,
            dataset: dataset, stated: options.stated)
    }

    /// The links a user asked for; the primary one where nothing was asked.
    public static func links(of dataset: Dataset, _ options: ProbeOptions) throws -> [Link] {
        if options.allLinks { return dataset.links.filter { $0.role != .thumbnail } }
        if let wanted = options.link {
            let found = dataset.links.filter { $0.url == wanted || $0.name == wanted || $0.url.hasSuffix("/" + wanted) }
            guard !found.isEmpty else {
                throw HarvestError(
                    .invalid, "no link is called \"\(wanted)\"", at: dataset.address,
                    next: "links: " + dataset.links.compactMap { Address($0.url).name }.joined(separator: ", "))
            }
            return found
        }
        guard let primary = dataset.primaryLink else {
            throw HarvestError(.notFound, "the page names no image", at: dataset.address)
        }
        return [primary]
    }

    static func result<T>(_ body: () async throws -> T) async -> Result<T, HarvestError> {
        do { return .success(try await body()) } catch { return .failure(HarvestError.wrapping(error)) }
    }
}
