/// What we believe about one image, who said it, and who disagrees.
public struct Record: Sendable {
    /// One field: the most trusted statement, and all others.
    public struct Belief: Sendable, Hashable {
        /// The same field as somebody else has it.
        public struct Other: Sendable, Hashable {
            public var value: JSON
            public var source: Source
            public var place: String
            public var agrees: Bool
        }

        public var value: JSON
        public var source: Source
        public var place: String
        /// How the source knows it: `header`, `stride`, `page`, `inferred`, …
        public var known: String
        public var isApproximate: Bool
        public var others: [Other]
    }

    /// The row's short name.
    public var id: String
    /// The address the user gave.
    public var address: String
    public var title: String?
    public var link: String?
    public var statements: [Metadata]
    /// What it is judged by besides the statements.
    public let evidence: Evidence
    public var beliefs: [String: Belief] = [:]
    public var findings: [Finding] = []

    /// Weighs `statements` field by field: user over header over sidecar over page over inference.
    public init(
        id: String, address: String, title: String? = nil, link: String? = nil, statements: [Metadata],
        evidence: Evidence = Evidence()
    ) {
        self.evidence = evidence
        self.id = id
        self.address = address
        self.title = title
        self.link = link
        let ranked = statements.sorted { $0.source > $1.source }
        // A file's lists are in its own order; people and pages speak z,y,x.
        let isFile: (Metadata) -> Bool = { $0.source == .header || $0.source == .sidecar }
        let axes = ranked.first { isFile($0) && $0.axes != nil }?.axes ?? ["z", "y", "x"]
        let aligned = ranked.map { isFile($0) ? $0 : $0.aligned(to: axes) }
        self.statements = ranked
        let own = Set(aligned.flatMap { $0.instrument.keys }).union(Field.acquisition.map(\.name))
        for field in Field.table.map(\.name) + own.sorted() where field != Field.Name.extent {
            beliefs[field] = Self.belief(field, aligned)
        }
        beliefs[Field.Name.extent] = extent(aligned)
        findings = Rules.all.flatMap { $0.judge(self) }
    }

    /// A record from what a portal says and what a file's header says, and what others say besides.
    public init(
        _ dataset: Dataset, _ volume: Volume, also others: [Metadata] = [], link: Link? = nil, sample: Sample? = nil
    ) {
        self.init(
            id: dataset.rowName, address: dataset.address, title: dataset.title, link: volume.metadata.place,
            statements: [Metadata(page: dataset), volume.metadata] + others,
            evidence: Evidence(volume, link: link ?? dataset.primaryLink, sample: sample))
        // What the portal's own words contradict is said once.
        findings =
            dataset.findings
            + findings.filter { own in
                !dataset.findings.contains { $0.rule == own.rule && $0.field == own.field }
            }
    }

    private static func belief(_ field: String, _ ranked: [Metadata]) -> Belief? {
        let said = ranked.compactMap { statement in statement.value(field).map { (statement, $0) } }
        guard let (best, value) = said.first else { return nil }
        return Belief(
            value: value, source: best.source, place: best.places[field] ?? best.place,
            known: best.known[field] ?? best.source.rawValue, isApproximate: best.approximate.contains(field),
            others: said.dropFirst().map { statement, other in
                Belief.Other(
                    value: other, source: statement.source, place: statement.places[field] ?? statement.place,
                    agrees: agree(value, other))
            })
    }

    /// Shape × voxel size where both are known, with what the pages say held against it.
    private func extent(_ ranked: [Metadata]) -> Belief? {
        let stated = Self.belief(Field.Name.extent, ranked)
        guard let shape = beliefs[Field.Name.shape]?.value.ints, let size = beliefs[Field.Name.voxelSize],
            let sizes = size.value.array?.map(\.double), sizes.count == shape.count
        else { return stated }
        let lengths = zip(shape, sizes).map { length, size in
            size.map { (Double(length) * $0).rounded(significantDigits: 12) }
        }
        var belief = Belief(
            value: JSON(lengths), source: size.source, place: "shape × voxel size", known: "arithmetic",
            isApproximate: size.isApproximate, others: [])
        if let stated {
            belief.others = [
                Belief.Other(
                    value: stated.value, source: stated.source, place: stated.place,
                    agrees: agree(belief.value, stated.value))
            ]
        }
        return belief
    }

    /// Where the voxel size comes from, in words: `header, page agrees`.
    public var whereFrom: String {
        guard let size = beliefs[Field.Name.voxelSize] else { return "nobody says the voxel size" }
        var text = size.source.rawValue
        if size.isApproximate { text += ", approximate" }
        if size.others.isEmpty {
            let hasHeader = statements.contains { $0.source == .header }
            if size.source < .header && hasHeader { text += " (the file says nothing)" }
            return text
        }
        for other in size.others {
            text += "; \(other.source.rawValue) " + (other.agrees ? "agrees" : "says \(Table.text(other.value))")
        }
        return text
    }
}

extension Record {
    public var json: JSON {
        var fields = JSON.Members()
        for field in Field.table.map(\.name) { fields[field] = beliefs[field].map(Self.json) ?? .null }
        for (field, belief) in beliefs.sorted(by: { $0.key < $1.key }) { fields[field] = Self.json(belief) }
        return [
            "id": .string(id), "address": .string(address), "title": JSON(title), "link": JSON(link),
            "fields": .object(fields), "where_from": .string(whereFrom), "findings": .array(findings.map(\.json)),
        ]
    }

    static func json(_ belief: Belief) -> JSON {
        [
            "value": belief.value, "source": .string(belief.source.rawValue), "where": .string(belief.place),
            "known": .string(belief.known), "approximate": .bool(belief.isApproximate),
            "others": .array(
                belief.others.map {
                    [
                        "value": $0.value, "source": .string($0.source.rawValue), "where": .string($0.place),
                        "agrees": .bool($0.agrees),
                    ]
                }),
        ]
    }
}
