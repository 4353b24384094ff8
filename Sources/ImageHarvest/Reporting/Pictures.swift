import HarvestCore

/// What the report shows of one dataset's voxels.
struct Pictures: Sendable {
    struct Shown: Sendable {
        var plane: Plane
        var picture: Picture
    }

    var shown: [Shown] = []
    /// Of the volume the pictures were made of.
    var level = 0
    /// Where the voxels came from, in words.
    var source = ""
    var cost = Meter.Cost()
    var error: HarvestError?
}

extension Context {
    /// What one dataset's pictures and statistics may cost over the network.
    private static let pictureBytes = 60 << 20

    /// The planes through the middle of what a record is about, from a local copy where there is one.
    func pictures(_ entry: Collected) async -> (pictures: Pictures, sample: Sample?) {
        var pictures = Pictures()
        var sample: Sample?
        do {
            guard let probe = entry.probe, let remote = probe.contents.images.first else { return (pictures, nil) }
            var volume = remote
            let meter = Meter()
            if let copy = entry.localCopy {
                guard let local = try await open(Address(copy.path), meter: meter).images.first else {
                    return (pictures, nil)
                }
                volume = local
                pictures.source = copy.words
            } else {
                // Opened anew, so that what the pictures cost is counted apart.
                let link =
                    probe.link ?? Link(url: Address(entry.address).location, format: Address(entry.address).format)
                volume = try await open(Address(link.url), format: link.format, meter: meter).images.first ?? remote
                pictures.source = "read remotely, by range"
            }
            let believed = entry.record?.beliefs[Field.Name.voxelSize]?.value.array?.map(\.double) ?? []
            var reader = PlaneReader(volume: volume, voxelSize: believed)
            pictures.level = try await reader.fittingLevel()
            let isRemote = entry.localCopy == nil
            sample = try await self.sample(
                volume, level: pictures.level, atMost: isRemote ? Self.pictureBytes * 7 / 8 : .max)
            // The planes share what the blocks left.
            reader.budget = max(Self.pictureBytes / 16, Self.pictureBytes - (sample == nil ? 0 : meter.cost.bytes))
            for plane in try await reader.planes(level: pictures.level) {
                pictures.shown.append(Pictures.Shown(plane: plane, picture: try Picture(plane)))
            }
            pictures.cost = meter.cost
            let first = entry.localCopy?.firstLevel ?? 0
            pictures.level += first
            sample?.level += first
        } catch { pictures.error = HarvestError.wrapping(error, at: entry.address) }
        return (pictures, sample)
    }
}

extension Collected {
    /// What was fetched of the probed volume, as an address here.
    struct LocalCopy: Sendable {
        var path: String
        /// The level of the source that is the copy's finest.
        var firstLevel: Int
        var words: String
    }

    var localCopy: LocalCopy? {
        guard let outcome, outcome.failed.isEmpty, !outcome.files.isEmpty, !isOtherLink else { return nil }
        if let crop = outcome.crop {
            return LocalCopy(
                path: outcome.folder, firstLevel: crop.level,
                words: "from the fetched crop, \(crop.box) of level \(crop.level)")
        }
        if outcome.files.count == 1, let file = outcome.files.first, !file.path.contains("/"),
            file.path.hasSuffix(".npy")
        {
            return nil
        }
        if outcome.isFolder {
            return LocalCopy(path: outcome.folder, firstLevel: outcome.firstLevel, words: "from the fetched copy")
        }
        return outcome.files.first.map {
            LocalCopy(path: "\(outcome.folder)/\($0.path)", firstLevel: 0, words: "from the fetched file")
        }
    }
}
