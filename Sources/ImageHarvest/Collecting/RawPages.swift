import Glibc
import HarvestCodecs
import HarvestCore

/// Pages and API answers as they came, with the date and a checksum: the evidence behind every claim.
enum RawPages {
    static func write(_ pages: [Page], to folder: String) throws {
        guard !pages.isEmpty else { return }
        try Disk.makeFolder(folder)
        var index: [JSON] = []
        for (number, page) in pages.enumerated() {
            let name = "\(number < 9 ? "0" : "")\(number + 1)-\(fileName(page))"
            try Disk.write(page.body, to: "\(folder)/\(name)")
            index.append([
                "file": .string(name), "url": .string(page.url), "final_url": .string(page.finalURL),
                "status": .int(page.status), "content_type": JSON(page.contentType), "rendered": .bool(page.isRendered),
                "date": .string(now), "bytes": .int(page.body.count),
                "sha256": .string(page.body.withUnsafeBytes { Digest.hex(.sha256, of: $0) }),
            ])
        }
        try Disk.write(JSON.array(index).pretty + "\n", to: "\(folder)/index.json")
    }

    private static func fileName(_ page: Page) -> String {
        let address = Address(page.url)
        let text = (address.host ?? "page") + address.path
        let safe = String(
            text.map { $0.isASCII && ($0.isLetter || $0.isNumber || ".-".contains($0)) ? $0 : "_" }.prefix(80))
        let kind = page.contentType ?? ""
        let ending =
            kind.contains("html") ? ".html" : kind.contains("json") ? ".json" : kind.contains("xml") ? ".xml" : ".txt"
        return safe.hasSuffix(ending) ? safe : safe + ending
    }

    /// The time in UTC, ISO 8601.
    private static var now: String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
