public import HarvestCore

/// What `validate` found out about one address.
public struct Validation: Sendable {
    public var address: String
    public var findings: [Finding]
    /// Where voxels were read.
    public var sample: Sample?

    /// Whether no finding is an error.
    public var isValid: Bool { !findings.contains { $0.severity == .error } }

    public var json: JSON {
        [
            "schema": "harvest.validate/1", "address": .string(address), "ok": true, "valid": .bool(isValid),
            "findings": .array(findings.map(\.json)), "sample": sample.map(\.json) ?? .null,
        ]
    }
}

/// How `validate` goes about its work.
public struct ValidateOptions: Sendable {
    public var probe = ProbeOptions()
    /// Draws the blocks that are looked at.
    public var seed: UInt64 = 1
    /// Whether voxels are read at all.
    public var readsVoxels = true
    public init() { probe.open.allLevels = true }
}

extension Context {
    /// What would hurt training on the volume behind `address`, and why: everything a probe finds, and what sampled
    /// blocks show. A `.json` file here is judged as the attributes of an OME-NGFF group.
    ///
    /// - Throws: ``HarvestError`` where the address cannot be read at all.
    /// - Complexity: That of ``probe(_:_:)`` with all levels, and of reading 64 blocks.
    public func validate(_ address: String, _ options: ValidateOptions = ValidateOptions()) async throws -> Validation {
        if !Address(address).isRemote, Address(address).fileExtension == "json" {
            let bytes = try Disk.read(Address(address).location)
            return Validation(
                address: address, findings: NGFFRules.judge(try JSON(parsing: bytes, at: address)), sample: nil)
        }
        guard var probe = try await probe(address, options.probe).first?.get() else {
            throw HarvestError(.notFound, "the address holds no image", at: address)
        }
        var findings: [Finding] = []
        if options.readsVoxels, let volume = probe.contents.images.first {
            do { probe.sample = try await sample(volume, seed: options.seed) } catch let error as HarvestError {
                let isBroken = error.kind == .malformed
                findings.append(
                    Finding(
                        isBroken ? .error : .warning, rule: isBroken ? "voxels-broken" : "voxels-not-read",
                        "voxels could not be read, so nothing is said about them: \(error)"))
            }
        }
        findings = probe.contents.findings + (probe.record?.findings ?? []) + findings
        let broken = probe.contents.arrays.filter { $0.error?.kind == .malformed }
        findings += broken.map {
            Finding(
                .error, rule: "array-broken", "the array \"\($0.path)\" is broken: \($0.error.map(\.description) ?? "")"
            )
        }
        return Validation(
            address: address, findings: findings.sorted { $0.severity > $1.severity }, sample: probe.sample)
    }

    /// Statistics over blocks of a volume drawn by `seed`.
    ///
    /// - Parameter bytes: A bound on the chunks read; where 64 blocks would take more, fewer are drawn.
    public func sample(_ volume: Volume, seed: UInt64 = 1, level: Int = 0, atMost bytes: Int = .max) async throws
        -> Sample
    {
        var sampler = Sampler(
            try await volume.array(level: level), axes: volume.metadata.axes, level: level, seed: seed)
        return try await sampler.run(atMost: bytes)
    }
}
