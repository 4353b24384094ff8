public import HarvestCore
public import HarvestStores

/// What happens in a fetch, beside how far it is.
public enum FetchEvent: Sendable {
    /// What will be brought.
    case plan(String, FetchSize)
    /// A file is here: brought now, kept from before, or absent at its source.
    case file(FetchedFile)
    /// A file could not be brought, or is refused for its name.
    case failed(String, HarvestError)
    /// Something about the file that is on its way.
    case transfer(TransferEvent, file: String)

    /// As `--events` says it, without what is common to all.
    public var json: JSON {
        switch self {
        case .plan(let sentence, let size):
            size.json.setting("event", "plan").setting("plan", .string(sentence))
        case .file(let file):
            file.json.setting("event", file.state == .kept ? "skip" : "file")
        case .failed(let path, let error):
            [
                "event": "failed", "path": .string(path), "kind": .string(error.kind.rawValue),
                "why": .string(error.message),
            ]
        case .transfer(let event, let file): event.json.setting("file", .string(file))
        }
    }
}

extension Outcome {
    /// The last event of a fetch.
    public var summary: JSON {
        [
            "event": "summary", "address": .string(address.withoutCredentials), "ok": .bool(failed.isEmpty),
            "files": .int(files.count), "failed": .int(failed.count), "done": .int(bytes), "total": .int(bytes),
            "requests": .int(cost.requests),
        ]
    }
}
