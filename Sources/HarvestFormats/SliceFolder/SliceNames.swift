import HarvestCore

/// Which names of a folder are the slices of a volume, in their order.
struct SliceNames {
    private(set) var slices: [Listing.Entry] = []
    private(set) var findings: [Finding] = []
    /// The slices' extension.
    private(set) var fileExtension = ""

    /// Names that say that a folder is something else.
    private static let marks: Set = [
        ".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json", "attributes.json", "info",
    ]
    /// The most slices a folder may hold.
    private static let most = 1_000_000

    /// - Parameter extensions: Those of files that can be slices.
    /// - Returns: `nil` for a folder that holds something else, or fewer than two slices.
    init?(_ listing: Listing, extensions: Set<String>) {
        guard !listing.objects.contains(where: { Self.marks.contains($0.name) }) else { return nil }
        var groups: [String: [Listing.Entry]] = [:]
        for entry in listing.objects where !entry.name.hasPrefix(".") {
            let ending = Address(entry.name).fileExtension
            if extensions.contains(ending) { groups[ending, default: []].append(entry) }
        }
        let largest = groups.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
        guard let largest, largest.value.count >= 2, largest.value.count <= Self.most else { return nil }
        fileExtension = largest.key
        slices = largest.value.map { ($0, NaturalOrder($0.name)) }.sorted { $0.1 < $1.1 }.map(\.0)
        let others = listing.objects.count - slices.count
        if others + listing.folders.count > 0 {
            findings.append(
                Finding(
                    .note, rule: "slices-others-ignored",
                    "other files (\(others)) and folders (\(listing.folders.count)) beside the slices are not read"))
        }
        findGaps()
    }

    /// Where exactly one number of the names changes from slice to slice, one that is left out is a missing slice.
    private mutating func findGaps() {
        let keys = slices.map { NaturalOrder($0.name).parts }
        guard let first = keys.first, keys.allSatisfy({ $0.count == first.count }) else { return }
        let varying = first.indices.filter { index in keys.contains { $0[index].number != first[index].number } }
        guard varying.count == 1, let index = varying.first else { return }
        let numbers = keys.compactMap { Int($0[index].number) }
        guard numbers.count == keys.count else { return }
        for (before, after) in zip(numbers, numbers.dropFirst()) where after - before != 1 {
            let what =
                after == before
                ? "number \(before) stands twice" : "\(after - before - 1) numbers are missing after \(before)"
            findings.append(
                Finding(
                    .warning, rule: "slices-gap", field: Field.Name.shape,
                    "the slices are not numbered one by one: \(what), so distances along z may be wrong there"))
            if findings.count > 16 { return }
        }
    }

    /// Slices whose size differs from most others', by exact sizes or by rounded ones.
    ///
    /// - Parameter sizes: Exact sizes that were asked for, by name.
    func sizeFindings(_ sizes: [String: Int]) -> [Finding] {
        let known = slices.map { ($0.name, sizes[$0.name] ?? $0.bytes ?? $0.roundedBytes) }
        var counts: [Int: Int] = [:]
        for (_, size) in known { if let size { counts[size, default: 0] += 1 } }
        guard let usual = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key else { return [] }
        return known.compactMap { name, size -> Finding? in
            guard let size, size != usual else { return nil }
            return Finding(
                .warning, rule: "slice-size-differs",
                "the slice \(name.displayed(limit: 120)) has \(size) bytes where most have \(usual): it may be cut short or of another kind"
            )
        }.prefix(16).map { $0 }
    }
}
