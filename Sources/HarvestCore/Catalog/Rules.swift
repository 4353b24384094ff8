/// One check over a record: a line adds one.
public struct Rule: Sendable {
    /// Lower case with hyphens, stable.
    public let id: String
    public let severity: Finding.Severity
    /// The field it is about.
    public let field: String
    /// The sentence where the record breaks the rule, saying what it would do; `nil` where it does not.
    public let sentence: @Sendable (Record) -> String?

    init(
        _ id: String, _ severity: Finding.Severity, _ field: String, _ sentence: @escaping @Sendable (Record) -> String?
    ) {
        (self.id, self.severity, self.field, self.sentence) = (id, severity, field, sentence)
    }

    func judge(_ record: Record) -> [Finding] {
        sentence(record).map { [Finding(severity, rule: id, field: field, $0)] } ?? []
    }
}

/// The checks over records.
public enum Rules {
    public static let all: [Rule] = [
        Rule("voxel-size-missing", .warning, Field.Name.voxelSize, Spacing.missing),
        Rule("voxel-size-not-positive", .error, Field.Name.voxelSize, Spacing.notPositive),
        Rule("voxel-size-approximate", .note, Field.Name.voxelSize, Spacing.approximate),
        contradiction("voxel-size-contradicted", Field.Name.voxelSize, "voxel size"),
        contradiction("shape-contradicted", Field.Name.shape, "shape"),
        contradiction("dtype-contradicted", Field.Name.dtype, "voxel type"),
        Rule("extent-contradicted", .warning, Field.Name.extent, Spacing.extent),
        Rule("axes-rank", .error, Field.Name.axes, Spacing.axes),
        Rule("anisotropy", .warning, Field.Name.voxelSize, Spacing.anisotropy),
        Rule("levels-inconsistent", .warning, Field.Name.translation, Spacing.levels),
        Rule("dtype-not-trainable", .error, Field.Name.dtype, Voxels.notTrainable),
        Rule("dtype-converted", .note, Field.Name.dtype, Voxels.converted),
        Rule("contrast-window", .warning, Field.Name.contrastWindow, Voxels.contrastWindow),
        Rule("saturation", .warning, Field.Name.dtype, Voxels.saturation),
        Rule("blank-slices", .warning, Field.Name.shape, Voxels.blankSlices),
        Rule("constant", .error, Field.Name.dtype, Voxels.constant),
        Rule("size-differs", .error, Field.Name.bytes, Rights.size),
        Rule("licence-missing", .warning, Field.Name.licence, Rights.missing),
        Rule("licence-restricts", .warning, Field.Name.licence, Rights.restricts),
    ]

    private static func contradiction(_ id: String, _ field: String, _ name: String) -> Rule {
        Rule(id, .warning, field) { record in
            guard let belief = record.beliefs[field], let other = belief.others.first(where: { !$0.agrees }) else {
                return nil
            }
            return "the \(belief.source.rawValue) says the \(name) is \(Table.text(belief.value)), the "
                + "\(other.source.rawValue) says \(Table.text(other.value)) (\(other.place)); the former is used"
        }
    }

    // MARK: Where voxels are

    private enum Spacing {
        static func sizes(_ record: Record) -> [Double?] {
            record.beliefs[Field.Name.voxelSize]?.value.array?.map(\.double) ?? []
        }

        @Sendable static func missing(_ record: Record) -> String? {
            record.beliefs[Field.Name.voxelSize] == nil
                ? "nobody says how large a voxel is; scales of other datasets cannot be matched to this one" : nil
        }

        @Sendable static func notPositive(_ record: Record) -> String? {
            let sizes = sizes(record).compactMap { $0 }
            return sizes.contains { !($0 > 0) || !$0.isFinite }
                ? "a voxel size of \(sizes) is no length; resampling by it would fail" : nil
        }

        @Sendable static func approximate(_ record: Record) -> String? {
            record.beliefs[Field.Name.voxelSize]?.isApproximate == true
                ? "the voxel size is approximate by its source's own word; measured lengths carry its error" : nil
        }

        @Sendable static func extent(_ record: Record) -> String? {
            guard let extent = record.beliefs[Field.Name.extent], let other = extent.others.first(where: { !$0.agrees })
            else { return nil }
            return "shape × voxel size is \(Table.text(extent.value)) nm, but the \(other.source.rawValue) says "
                + "\(Table.text(other.value)) nm; one of the three is wrong, so distances may be"
        }

        @Sendable static func axes(_ record: Record) -> String? {
            guard let shape = record.beliefs[Field.Name.shape]?.value.array,
                let axes = record.beliefs[Field.Name.axes]?.value.array, axes.count != shape.count
            else { return nil }
            return
                "\(axes.count) axes are named for an array of \(shape.count): which one is z is a guess, and blocks would be cut along the wrong axis"
        }

        @Sendable static func anisotropy(_ record: Record) -> String? {
            let sizes = sizes(record).compactMap { $0 }.filter { $0 > 0 && $0.isFinite }
            guard let least = sizes.min(), let most = sizes.max(), most > 10 * least else { return nil }
            let ratio = (most / least).rounded(significantDigits: 3)
            return
                "a voxel is \(JSON.text(of: ratio)) times as long as it is wide: kernels that are cubes in voxels see very different lengths, so use anisotropic ones or resample"
        }

        /// Level f times as coarse has its first voxel's centre (f − 1)/2 finest voxels further on (OME-NGFF 0.4 names
        /// centres), and as many voxels as fit, rounded either way.
        @Sendable static func levels(_ record: Record) -> String? {
            let levels = record.evidence.levels
            guard let finest = levels.first, let fine = finest.voxelSize else { return nil }
            for (index, level) in levels.enumerated().dropFirst() {
                guard let coarse = level.voxelSize, coarse.count == fine.count else { continue }
                for axis in fine.indices {
                    guard let a = fine[axis], let b = coarse[axis], a > 0 else { continue }
                    if b < a * 0.999 {
                        return
                            "level \(index) has smaller voxels than level 0: levels are not in order, so a coarse read would give the fine one"
                    }
                    if let t0 = finest.translation?[axis], let t = level.translation?[axis] {
                        let expected = t0 + (b - a) / 2
                        if abs(t - expected) > 0.02 * a {
                            return
                                "level \(index) begins at \(JSON.text(of: t)) nm where its spacing puts it at \(JSON.text(of: expected.rounded(significantDigits: 6))): levels are shifted against each other by \(JSON.text(of: (abs(t - expected) / a).rounded(significantDigits: 3))) voxels, so labels of one level do not lie on another"
                        }
                    }
                    if let n0 = finest.shape?[axis], let n = level.shape?[axis] {
                        let expected = Double(n0) * a / b
                        if Double(n) < expected.rounded(.down) - 1 || Double(n) > expected.rounded(.up) + 1 {
                            return
                                "level \(index) has \(n) voxels where its spacing leaves room for \(Int(expected.rounded())): its spacing or its shape is wrong"
                        }
                    }
                }
            }
            return nil
        }
    }

    // MARK: What voxels hold

    private enum Voxels {
        static func type(_ record: Record) -> DataType? {
            record.beliefs[Field.Name.dtype]?.value.string.flatMap(DataType.init(rawValue:))
        }

        @Sendable static func notTrainable(_ record: Record) -> String? {
            guard let name = record.beliefs[Field.Name.dtype]?.value.string else { return nil }
            switch DataType(rawValue: name) {
            case .complex64, .complex128:
                return "voxels are \(name): networks take real numbers, so take a magnitude or a part first"
            case nil: return "voxels are \"\(name)\", which is no number that could be trained on"
            default: return nil
            }
        }

        @Sendable static func converted(_ record: Record) -> String? {
            guard record.evidence.role == .image, let type = type(record) else { return nil }
            switch type {
            case .float64, .int64, .uint64:
                return
                    "voxels are \(type.rawValue), which training frameworks convert to float32: digits are lost and memory is doubled on the way"
            case .bool: return "voxels are bool: as an image they carry one bit, as labels they are fine"
            default: return nil
            }
        }

        /// The least and greatest value of an integer type.
        static func range(_ type: DataType) -> ClosedRange<Double>? {
            switch type {
            case .int8: -128...127
            case .uint8: 0...255
            case .int16: -32_768...32_767
            case .uint16: 0...65_535
            case .int32: -2_147_483_648...2_147_483_647
            case .uint32: 0...4_294_967_295
            default: nil
            }
        }

        @Sendable static func contrastWindow(_ record: Record) -> String? {
            guard let window = record.beliefs[Field.Name.contrastWindow]?.value.doubles, window.count == 2 else {
                return nil
            }
            let text = "\(JSON.text(of: window[0])) to \(JSON.text(of: window[1]))"
            if window[0] >= window[1] {
                return "the contrast window \(text) is empty: scaling by it would divide by zero"
            }
            if let type = type(record), let range = range(type),
                window[0] < range.lowerBound || window[1] > range.upperBound
            {
                return
                    "the contrast window \(text) leaves what \(type.rawValue) can hold: scaling by it squeezes the voxels into a part of the range"
            }
            if let sample = record.evidence.sample, let low = sample.minimum, let high = sample.maximum,
                window[1] <= low || window[0] >= high
            {
                return
                    "the contrast window \(text) holds none of the values seen (\(JSON.text(of: low)) to \(JSON.text(of: high))): scaling by it makes every voxel black or white"
            }
            return nil
        }

        /// "in 64 blocks, 262144 voxels, of seed 1": how the numbers were drawn.
        static func drawn(_ sample: Sample) -> String {
            "in \(sample.blocks) blocks, \(sample.voxels) voxels, of seed \(sample.seed)"
        }

        static func percent(_ share: Double) -> String {
            JSON.text(of: (share * 100).rounded(significantDigits: 3)) + " %"
        }

        @Sendable static func saturation(_ record: Record) -> String? {
            guard record.evidence.role == .image, let sample = record.evidence.sample, let type = type(record),
                let range = range(type), sample.constantBlocks < sample.blocks
            else { return nil }
            var parts: [String] = []
            if let low = sample.lowShare, low > 0.01 {
                parts.append("\(percent(low)) of the voxels are at \(JSON.text(of: range.lowerBound))")
            }
            if let high = sample.highShare, high > 0.01 {
                parts.append("\(percent(high)) are at \(JSON.text(of: range.upperBound))")
            }
            guard !parts.isEmpty else { return nil }
            return parts.joined(separator: " and ")
                + ", the end of \(type.rawValue) (\(drawn(sample))): clipped by the detector or padded, so means and normalisation are off; mask them"
        }

        @Sendable static func blankSlices(_ record: Record) -> String? {
            guard let sample = record.evidence.sample, !sample.blankSlices.isEmpty,
                sample.constantBlocks < sample.blocks,
                record.evidence.role == .image
            else { return nil }
            let shown =
                sample.blankSlices.prefix(12).map(String.init).joined(separator: ", ")
                + (sample.blankSlices.count > 12 ? ", …" : "")
            return
                "\(sample.blankSlices.count) of \(sample.slices) slices looked at hold one value only, as far as sampled (z = \(shown) of level \(sample.level); \(drawn(sample))): blocks across them teach gaps, so leave them out"
        }

        @Sendable static func constant(_ record: Record) -> String? {
            guard let sample = record.evidence.sample, sample.blocks > 0, sample.constantBlocks == sample.blocks,
                record.evidence.role == .image
            else { return nil }
            return
                "every sampled block is constant (\(drawn(sample))): there may be no image, or its chunks were never stored"
        }
    }

    // MARK: Whether it may be used, and is what was announced

    private enum Rights {
        @Sendable static func size(_ record: Record) -> String? {
            guard let stated = record.evidence.linkBytes, let belief = record.beliefs[Field.Name.bytes],
                belief.source == .header, let actual = belief.value.int, actual != stated
            else { return nil }
            return "the portal announces \(stated) bytes, the file has \(actual): it was replaced or cut short"
        }

        @Sendable static func missing(_ record: Record) -> String? {
            // A bare file states none as a rule; where a page stands behind it, silence means something.
            record.beliefs[Field.Name.licence] == nil && record.statements.contains { $0.source == .page }
                ? "no source states a licence: without one nothing may be copied or passed on, models trained on it included"
                : nil
        }

        @Sendable static func restricts(_ record: Record) -> String? {
            guard let licence = record.beliefs[Field.Name.licence]?.value.string else { return nil }
            let words = Set(licence.uppercased().split { !$0.isLetter }.map(String.init))
            let lower = licence.lowercased()
            var limits: [String] = []
            if words.contains("NC") || lower.contains("noncommercial") || lower.contains("non-commercial") {
                limits.append("commercial use is excluded")
            }
            if words.contains("ND") || lower.contains("noderiv") || lower.contains("no derivative") {
                limits.append("changed copies may not be passed on, crops and conversions included")
            }
            return limits.isEmpty
                ? nil
                : "the licence \(licence.displayed(limit: 60)) limits what may be done: \(limits.joined(separator: "; "))"
        }
    }
}
