public import HarvestCore

/// DM3 and DM4, the files of Gatan's DigitalMicrograph.
///
/// One tree of tags: `ImageList` holds the images, each with its data as one array, its calibrations, and the tags that
/// the acquisition left. Tags stand before and behind the data, so a remote file is read at both ends and nowhere else.
/// Images that `Thumbnails` names are left out.
///
/// - Specification: none is published; see ``TagParser``.
/// - A file that is cut short is malformed, also where only its last tags are missing: nobody could tell what they said.
public struct DigitalMicrograph: Format {
    public let name = "dm"
    public let title = "Gatan DigitalMicrograph DM3 and DM4"
    public let fileExtensions = ["dm3", "dm4"]

    /// The head of a file holds a thumbnail of up to 147,456 bytes as a rule, and the tags before the data.
    private static let head = 160 << 10
    /// What is read behind an array at a time.
    private static let step = 48 << 10
    private static let mostBytes = 64 << 20

    public init() {}

    /// - Complexity: Of a remote file two requests and 208 KiB as a rule: its head, and what follows the data.
    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        guard let (parser, total) = try await Self.parse(store) else { return nil }
        var contents = Contents(format: name)
        let images = DMImages(parser, total: total, in: store)
        (contents.images, contents.pages) = try images.make()
        contents.findings = images.findings
        guard !contents.images.isEmpty else {
            throw HarvestError(.notFound, "the file holds no image", at: store.address)
        }
        return contents
    }

    /// The tags; `nil` where the file is no DM file.
    private static func parse(_ store: any Store) async throws -> (TagParser, total: Int?)? {
        var parser = TagParser(at: store.address)
        var window = PartsInMemory()
        var fetched = 0
        func fetch(_ offset: Int, _ count: Int) async throws {
            let reply = try await store.read("", .bytes(offset..<offset + count))
            parser.total = reply.total ?? parser.total
            window.add(reply.bytes, at: reply.offset)
            fetched += reply.bytes.count
            guard reply.bytes.count > 0 else {
                throw HarvestError.malformed("the file ends at byte \(offset), inside its tags", at: store.address)
            }
        }
        if let whole = try store.map("") {
            parser.total = whole.count
            window.add(whole, at: 0)
            guard TagParser.isMarked(whole) else { return nil }
        } else {
            try await fetch(0, head)
            guard let first = window.parts.first?.bytes, TagParser.isMarked(first) else { return nil }
        }
        while true {
            do {
                try parser.run(on: window)
                return (parser, parser.total)
            } catch let missing as TagParser.Missing {
                guard store.isRemote || window.parts.first?.bytes.count != parser.total else {
                    throw HarvestError.malformed(
                        "the file ends inside a tag, byte \(missing.offset)", at: store.address)
                }
                guard fetched <= mostBytes else {
                    throw HarvestError.malformed("the tags take more than \(mostBytes >> 20) MiB", at: store.address)
                }
                try await fetch(missing.offset, max(step, missing.count))
            }
        }
    }
}
