public import HarvestCore
import HarvestCodecs
import HarvestStores

/// A named part of the program: a portal, a format, a codec, a kind of store.
public struct Part: Sendable {
    public var kind: String
    public var name: String
    public var summary: String

    public var json: JSON { ["kind": .string(kind), "name": .string(name), "summary": .string(summary)] }
}

extension Context {
    /// What this build knows.
    public var parts: [Part] {
        portals.map { Part(kind: "portal", name: $0.name, summary: "\($0.title): \($0.examples.first ?? "")") }
            + formats.map { Part(kind: "format", name: $0.name, summary: $0.title) }
            + Codecs.all.map { Part(kind: "codec", name: $0.id, summary: $0.title) }
            + Stores.kinds.flatMap { kind in kind.schemes.map { Part(kind: "store", name: $0, summary: kind.summary) } }
    }

    /// One level of what lies at an address: a page's links, or the names in a folder or bucket.
    public func list(_ address: String) async throws -> JSON {
        if case .page(let dataset, _) = try await resolve(address) {
            return [
                "schema": "harvest.list/1", "address": .string(address), "ok": true,
                "links": .array(dataset.links.map(\.json)),
            ]
        }
        let listing = try await stores.open(Address(address)).list("")
        return [
            "schema": "harvest.list/1", "address": .string(address), "ok": true, "folders": JSON(listing.folders),
            "objects": .array(
                listing.objects.map {
                    ["name": .string($0.name), "bytes": JSON($0.bytes), "checksum": JSON($0.checksum)]
                }),
        ]
    }
}
