import HarvestCodecs
import HarvestCore
import HarvestStores

/// One file of a plan, as another tool would have to bring it.
public struct PlannedFile: Sendable, Hashable {
    /// Below the folder that everything goes to.
    public var path: String
    public var url: String
    public var bytes: Int?
    /// `sha256:…` or `md5:…`.
    public var checksum: String?

    /// All objects of a copy; none where some are parts of others, or are changed on the way.
    static func all(_ objects: [CopiedObject], _ source: Address, _ store: any Store) -> [PlannedFile] {
        guard let store = store as? any RangeStreamingStore,
            objects.allSatisfy({ $0.source.range == .whole && $0.unwrap == nil })
        else { return [] }
        let folder = source.name.removingPercentEncoding
        return objects.compactMap { object in
            guard let url = try? store.webAddress(of: object.source.key) else { return nil }
            return PlannedFile(
                path: "\(folder)/\(object.key)", url: url, bytes: object.bytes, checksum: object.checksum?.text)
        }
    }
}

/// A plan in the language of another downloader.
public enum PlanFormat: String, Sendable, CaseIterable {
    /// One URL a line.
    case urls
    /// The input file of `aria2c -i`.
    case aria2
    /// Metalink 4 (RFC 5854).
    case metalink

    public func text(_ files: [PlannedFile]) -> String {
        switch self {
        case .urls: return files.map { $0.url + "\n" }.joined()
        case .aria2:
            return files.map { file in
                let sum = file.checksum.map {
                    "  checksum=\($0.replacing("sha256:", with: "sha-256=").replacing("sha1:", with: "sha-1=").replacing("md5:", with: "md5="))\n"
                }
                return "\(file.url)\n  out=\(file.path)\n\(sum ?? "")"
            }.joined()
        case .metalink:
            let body = files.map { file in
                var lines = ["  <file name=\"\(Self.escaped(file.path))\">"]
                if let bytes = file.bytes { lines.append("    <size>\(bytes)</size>") }
                if let sum = file.checksum.flatMap({ OfferedDigest($0, source: "") }) {
                    let type = [.sha256: "sha-256", .sha1: "sha-1"][sum.algorithm] ?? sum.algorithm.rawValue
                    lines.append("    <hash type=\"\(type)\">\(sum.hex)</hash>")
                }
                lines.append("    <url>\(Self.escaped(file.url))</url>")
                return (lines + ["  </file>"]).joined(separator: "\n") + "\n"
            }
            return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n"
                + body.joined() + "</metalink>\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}
