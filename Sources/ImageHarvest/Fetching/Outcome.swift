public import HarvestCore
public import HarvestStores

/// One file that a fetch brought, or found in place.
public struct FetchedFile: Sendable, Hashable {
    public enum State: String, Sendable {
        /// Brought by this run.
        case fetched
        /// Complete from an earlier run.
        case kept
        /// The source has no such object: a chunk never stored, which reads as the fill value.
        case absent
        /// On its way: a file of that name is ours, whole or not.
        case begun
        /// Written here, not copied: metadata that names only the levels kept, a crop.
        case written
    }

    /// Below the outcome's folder.
    public var path: String
    public var url: String
    public var bytes: Int
    public var sha256: String?
    public var state: State
    /// Where the source offered the checksum that the bytes were held against: `Repr-Digest`, `x-goog-hash`, `ETag`, …;
    /// `nil` where it offered none.
    public var verifiedBy: String?
    /// What its source said by which this version is told from another one: `etag:…`, `md5:…`, `modified:…`.
    public var version: String?
    /// Checksums of its pieces, for a repair that brings only what is damaged.
    public var pieces: PieceSums?

    var json: JSON {
        [
            "path": .string(path), "url": .string(url.withoutCredentials), "bytes": .int(bytes), "sha256": JSON(sha256),
            "verified_by": JSON(verifiedBy), "version": JSON(version), "state": .string(state.rawValue),
        ]
    }

    /// As a manifest keeps it.
    var line: JSON { pieces.map { json.setting("pieces", $0.json) } ?? json }

    init(path: String, url: String, bytes: Int, sha256: String?, verifiedBy: String? = nil, state: State) {
        (self.path, self.url, self.bytes, self.sha256, self.state) = (path, url, bytes, sha256, state)
        self.verifiedBy = verifiedBy
    }

    init?(json: JSON) {
        guard let path = json["path"]?.string, let url = json["url"]?.string, let bytes = json["bytes"]?.int,
            let state = json["state"]?.string.flatMap(State.init(rawValue:)),
            // A manifest may have come from outside: its names lead nowhere but below its folder.
            !path.isEmpty, (try? Key.components(of: path)) != nil, bytes >= 0
        else { return nil }
        self.init(
            path: path, url: url, bytes: bytes, sha256: json["sha256"]?.string,
            verifiedBy: json["verified_by"]?.string, state: state)
        version = json["version"]?.string
        pieces = PieceSums(json: json["pieces"], total: bytes)
    }
}

/// What a fetch comes to, before it starts.
public struct FetchSize: Sendable, Hashable {
    /// `nil` while unknown.
    public var files: Int?
    public var requests: Int?
    public var bytes: Int?
    /// What that takes by what earlier transfers brought from the host; `nil` where none is remembered.
    public var seconds: Double?
    /// Whether `bytes` is what will be sent; else it is the voxels before compression, and no more than that is sent.
    public var isExact = false

    public init(files: Int? = nil, requests: Int? = nil, bytes: Int? = nil, isExact: Bool = false) {
        (self.files, self.requests, self.bytes, self.isExact) = (files, requests, bytes, isExact)
    }

    var json: JSON {
        [
            "files": JSON(files), "requests": JSON(requests), "bytes": JSON(bytes), "exact": .bool(isExact),
            "expected_s": JSON(seconds.map { $0.rounded(.up) }),
        ]
    }
}

/// A box that was copied: what was asked for, and what the copy holds.
public struct CopiedBox: Sendable, Hashable {
    public var level: Int
    /// In voxels of that level of the source.
    public var asked: Box
    /// Grown to chunk bounds; its origin is where voxel 0 of the copy lies in the source.
    public var box: Box

    var json: JSON {
        [
            "level": .int(level), "asked": .string(asked.description), "box": .string(box.description),
            "origin": JSON(box.origin.array), "shape": JSON(box.shape.array),
        ]
    }
}

/// What happened to a fetch: the files, and those that failed, each with its reason.
public struct Outcome: Sendable {
    public var address: String
    /// Where the files are.
    public var folder: String
    /// What was decided before the first byte: `whole file`, `level 1 of 9`, …
    public var plan: String
    /// What that comes to; filled in by a dry run.
    public var size = FetchSize()
    /// Whether nothing was to be fetched.
    public var isDryRun = false
    /// Of a dry run: the files, where other tools could bring them as they are; else empty.
    public var planned: [PlannedFile] = []
    public var crop: CopiedBox?
    /// Whether the folder holds one volume of many objects, which is opened by the folder's path.
    public var isFolder = false
    /// The level of the source that is the finest one of a copy.
    public var firstLevel = 0
    public var files: [FetchedFile] = []
    public var failed: [(path: String, url: String, error: HarvestError)] = []
    public var cost = Meter.Cost()

    public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

    public var json: JSON {
        [
            "schema": "harvest.fetch/1", "address": .string(address.withoutCredentials), "ok": .bool(failed.isEmpty),
            "folder": .string(folder),
            "plan": .string(plan), "dry_run": .bool(isDryRun), "size": isDryRun ? size.json : .null,
            "crop": crop.map(\.json) ?? .null, "files": .array(files.map(\.json)),
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
