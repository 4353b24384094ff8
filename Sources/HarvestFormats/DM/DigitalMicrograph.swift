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

    /// The tags before a thumbnail, and those before the data where the thumbnail is small.
    private static let head = Window.firstFlight
    /// All tags that follow the data, as a rule; on a new connection it comes in two round trips (RFC 6928: 14 KB, then
    /// twice as much).
    private static let tail = 32 << 10
    /// What is read behind a thumbnail, of up to 147,456 bytes as a rule; doubled where the tags go on.
    private static let step = 8 << 10
    /// Where the end cannot be asked for at once, a request costs more than the thumbnail's bytes.
    private static let longHead = 160 << 10

    public init() {}

    /// - Complexity: Of a remote file its head and its end at once, 44 KiB, and as a rule one more request of 8 KiB for
    ///   what stands between thumbnail and data; over FTP two or three requests and 208 KiB.
    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        guard let (parser, total) = try await Self.parse(store, isExpected: isPromised(by: store)) else { return nil }
        var contents = Contents(format: name)
        let images = DMImages(parser, total: total, in: store)
        let (volumes, pages) = try images.make()
        contents.images = volumes
        contents.makePages = { pages }
        contents.findings = images.findings
        guard !contents.images.isEmpty else {
            throw HarvestError(.notFound, "the file holds no image", at: store.address)
        }
        return contents
    }

    /// The tags; `nil` where the file is no DM file.
    private static func parse(_ store: any Store, isExpected: Bool) async throws -> (TagParser, total: Int?)? {
        var step = store.knowsTails ? step : tail
        let head = store.knowsTails ? head : longHead
        let window = try Window(store, readAhead: head)
        if isExpected { try await window.prime(tail: tail) }
        guard let first = try await window.bytesIfPresent(at: 0, count: 16), TagParser.isMarked(first) else {
            return nil
        }
        var parser = TagParser(at: store.address)
        parser.total = window.total
        while true {
            do {
                try parser.run(on: window)
                return (parser, parser.total)
            } catch let missing as TagParser.Missing {
                let (end, overflow) = missing.offset.addingReportingOverflow(max(step, missing.count))
                if !overflow { try await window.need([missing.offset..<end]) }
                guard window.held(at: missing.offset, count: missing.count) != nil else {
                    throw HarvestError.malformed(
                        "the file ends inside a tag, byte \(missing.offset)", at: store.address)
                }
                step = min(2 * step, tail)
            }
        }
    }
}
