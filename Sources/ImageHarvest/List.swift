public import HarvestCore
import HarvestCodecs
import HarvestPortals
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

    /// One level of what lies at an address: a portal's links, the names in a folder or bucket, or a page's links.
    ///
    /// - Parameter exact: Whether sizes that a listing rounds or leaves out are asked for, by a range of one byte each.
    /// - Complexity: One request for a listing, and one for each size that is asked for.
    public func list(_ address: String, exact: Bool = false) async throws -> JSON {
        let portal = portal(publishing: address)
        if let portal, !(portal is WebPage) { return Self.json(try await portal.describe(address, through: web)) }
        let store = try stores.open(Address(address))
        var listing: Listing
        do { listing = try await store.list("") } catch let error as HarvestError
            where [.unsupported, .notFound].contains(error.kind)
        {
            // No folder that its server lists: a page, perhaps.
            guard let portal, let dataset = try? await portal.describe(address, through: web) else { throw error }
            return Self.json(dataset)
        }
        if exact { try await Self.ask(&listing, store) }
        return [
            "schema": "harvest.list/1", "address": .string(address), "ok": true, "folders": JSON(listing.folders),
            "objects": .array(
                listing.objects.map {
                    [
                        "name": .string($0.name), "bytes": JSON($0.bytes), "rounded_bytes": JSON($0.roundedBytes),
                        "checksum": JSON($0.checksum),
                    ]
                }),
        ]
    }

    private static func json(_ dataset: Dataset) -> JSON {
        [
            "schema": "harvest.list/1", "address": .string(dataset.address), "ok": true,
            "links": .array(dataset.links.map(\.json)),
        ]
    }

    /// Fills in the sizes that a listing does not say exactly.
    private static func ask(_ listing: inout Listing, _ store: any Store) async throws {
        let unknown = listing.objects.indices.filter { listing.objects[$0].bytes == nil }
        let names = listing.objects.map(\.name)
        let sizes = try await unknown.concurrently(atMost: 16) { index in
            (index, try await store.read(names[index], .bytes(0..<1)).total)
        }
        for (index, size) in sizes where size != nil {
            (listing.objects[index].bytes, listing.objects[index].roundedBytes) = (size, nil)
        }
    }
}
