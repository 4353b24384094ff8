internal import HarvestCore

/// What several sources say about one dataset, put together as they are asked.
struct OrganelleSources {
    /// How a source answered.
    enum Answer {
        case told
        /// It answered, and does not know the dataset.
        case nothing
        /// It could not be asked: no key, no browser.
        case skipped
        case failed(HarvestError)

        static func == (a: Answer, b: Answer) -> Bool {
            switch (a, b) {
            case (.told, .told), (.nothing, .nothing), (.skipped, .skipped): true
            default: false
            }
        }
        static func != (a: Answer, b: Answer) -> Bool { !(a == b) }
    }

    private(set) var dataset: Dataset

    init(dataset: Dataset) { self.dataset = dataset }

    func isKnown(_ answer: Answer) -> Bool { answer == .told }

    /// Asks one source and takes in what it says; a failure becomes a finding.
    ///
    /// - Parameter source: Gives `nil` where it cannot be asked, and throws `.notFound` for what it does not know.
    mutating func ask(_ name: String, _ source: () async throws -> OrganelleAccount?) async throws -> Answer {
        do {
            guard let account = try await source() else { return .skipped }
            take(account)
            return .told
        } catch let error as HarvestError {
            if Task.isCancelled { throw error }
            if error.kind == .notFound { return .nothing }
            dataset.findings.append(
                Finding(
                    .warning, rule: "source-failed",
                    "\(name) could not be read, so what only it says is missing: \(error)"))
            return .failed(error)
        }
    }

    private mutating func take(_ account: OrganelleAccount) {
        let said = account.dataset
        dataset.title = account.isTitle ? said.title ?? dataset.title : dataset.title ?? said.title
        dataset.description = dataset.description ?? said.description
        if dataset.authors.isEmpty { dataset.authors = said.authors }
        dataset.licence = dataset.licence ?? said.licence
        for doi in said.dois where !dataset.dois.contains(doi) { dataset.dois.append(doi) }
        dataset.claims += said.claims
        dataset.findings += said.findings
        merge(said.links)
    }

    /// Links to one address are one link: what the earlier source left open the later fills in.
    private mutating func merge(_ links: [Link]) {
        var known: [String: Int] = [:]
        for (index, link) in dataset.links.enumerated() { known[link.url] = index }
        for link in links {
            guard let index = known[link.url] else {
                known[link.url] = dataset.links.count
                dataset.links.append(link)
                continue
            }
            dataset.links[index].format = dataset.links[index].format ?? link.format
            dataset.links[index].bytes = dataset.links[index].bytes ?? link.bytes
            if link.isPrimary, !dataset.links.contains(where: \.isPrimary) { dataset.links[index].isPrimary = true }
            dataset.links[index].role = link.role
        }
        guard let first = dataset.links.firstIndex(where: \.isPrimary) else { return }
        for index in dataset.links.indices where index != first { dataset.links[index].isPrimary = false }
    }

    var hasAcquisition: Bool {
        [Field.Name.voxelSize, Field.Name.beamCurrent, Field.Name.scanRate].contains { dataset.claim($0) != nil }
    }

    /// The number of the article about the images; articles about labels come after it.
    var articleNumber: String? { dataset.dois.lazy.compactMap(DOI.figshareNumber).first }

    /// The dataset, with its main image marked and what nobody said noted.
    func finished() -> Dataset {
        var dataset = dataset
        if !dataset.links.contains(where: \.isPrimary),
            let first = dataset.links.firstIndex(where: { $0.role == .image })
        {
            dataset.links[first].isPrimary = true
        }
        if !hasAcquisition {
            dataset.findings.append(
                Finding(
                    .warning, rule: "acquisition-unknown", field: Field.Name.voxelSize,
                    """
                    the acquisition values stand only in the portal's database and on its rendered page, and neither \
                    could be read: set HARVEST_OPENORGANELLE_KEY to the site's public key, or install chromium
                    """))
        }
        if dataset.licence == nil {
            dataset.findings.append(
                Finding(
                    .warning, rule: "licence-missing", field: Field.Name.licence,
                    "no source that could be read states a licence: ask before passing the data on"))
        }
        return dataset
    }
}

/// What one source says.
struct OrganelleAccount {
    var dataset = Dataset(address: "", id: "")
    /// Whether its title is the dataset's own, whatever other sources call it.
    var isTitle = false
    /// The source's address, before `#`.
    let place: String

    init(at place: String) { self.place = place }

    /// Adds a claim about `field` that stands at `path`.
    mutating func claim(
        _ field: String, _ value: JSON?, unit: String? = nil, at path: String, published: String? = nil,
        isApproximate: Bool = false
    ) {
        guard let value, !value.isNull else { return }
        dataset.claims.append(
            Claim(field, value, unit: unit, at: "\(place)#\(path)", published: published, isApproximate: isApproximate))
    }

    mutating func note(_ severity: Finding.Severity, _ rule: String, field: String? = nil, _ message: String) {
        dataset.findings.append(Finding(severity, rule: rule, field: field, message))
    }

    /// Adds a link, unless its address is none; links to one address are merged later.
    mutating func link(
        _ url: String?, format: String?, role: Link.Role, name: String?, isPrimary: Bool = false, bytes: Int? = nil
    ) {
        guard let url = url.flatMap(Self.address) else { return }
        dataset.links.append(
            Link(url: url, format: format, role: role, isPrimary: isPrimary, name: name, bytes: bytes))
    }

    /// `url` in the one form in which all sources meet: encoded, folders of the bucket as `s3://` without a slash.
    private static func address(_ url: String) -> String? {
        guard let scheme = url.firstRange(of: "://").map({ url[..<$0.lowerBound].lowercased() }),
            ["https", "http", "s3", "gs"].contains(scheme), var clean = Href.resolve(url, against: url)
        else { return nil }
        while clean.hasSuffix("/") { clean.removeLast() }
        return Address(clean).host == nil ? nil : clean
    }

    /// The energy under two names: the database calls "landing" what the page labels "primary".
    mutating func noteLandingEnergy(_ energy: Double?, bias: Double?) {
        guard let energy, let bias else { return }
        note(
            .note, "landing-energy-ambiguous", field: Field.Name.beamEnergy,
            """
            \(JSON.number(energy).compact) eV is the "landing energy" in the portal's database and the "primary energy" \
            on its page; with a bias of \(JSON.number(bias).compact) V these differ, so it is kept as published
            """)
    }
}
