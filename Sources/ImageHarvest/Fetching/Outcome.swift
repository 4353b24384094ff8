public import HarvestCore

/// One file that a fetch brought, or found in place.
public struct FetchedFile: Sendable, Hashable {
    public enum State: String, Sendable {
        /// Brought by this run.
        case fetched
        /// Complete from an earlier run.
        case kept
        /// The source has no such object: a chunk never stored, which reads as the fill value.
        case absent
        /// Written here, not copied: metadata that names only the levels kept, a crop.
        case written
    }

    /// Below the outcome's folder.
    public var path: String
    public var url: String
    public var bytes: Int
    public var sha256: String?
    public var state: State

    var json: JSON {
        [
            "path": .string(path), "url": .string(url), "bytes": .int(bytes), "sha256": JSON(sha256),
            "state": .string(state.rawValue),
        ]
    }

    init(path: String, url: String, bytes: Int, sha256: String?, state: State) {
        (self.path, self.url, self.bytes, self.sha256, self.state) = (path, url, bytes, sha256, state)
    }

    init?(json: JSON) {
        guard let path = json["path"]?.string, let url = json["url"]?.string, let bytes = json["bytes"]?.int,
            let state = json["state"]?.string.flatMap(State.init(rawValue:))
        else { return nil }
        self.init(path: path, url: url, bytes: bytes, sha256: json["sha256"]?.string, state: state)
    }
}

/// What happened to a fetch: the files, and those that failed, each with its reason.
public struct Outcome: Sendable {
    public var address: String
    /// Where the files are.
    public var folder: String
    /// What was decided before the first byte: `whole file`, `level 1 of 9`, …
    public var plan: String
    public var files: [FetchedFile] = []
    public var failed: [(path: String, url: String, error: HarvestError)] = []
    public var cost = Meter.Cost()

    public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

    public var json: JSON {
        [
            "schema": "harvest.fetch/1", "address": .string(address), "ok": .bool(failed.isEmpty),
            "folder": .string(folder),
            "plan": .string(plan), "files": .array(files.map(\.json)),
            "failed": .array(
                failed.map {
                    ["path": .string($0.path), "url": .string($0.url), "error": $0.error.json(address: $0.url)]
                }),
            "cost": [
                "requests": .int(cost.requests), "bytes": .int(cost.bytes), "round_trips": .int(cost.roundTrips),
            ],
        ]
    }
}
