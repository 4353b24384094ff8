import HarvestCore
import HarvestMarkup

/// The bucket behind OpenOrganelle, walked by its folders: `NAME.zarr/recon-N/em/IMAGE`, `NAME.n5/em/IMAGE`.
struct JaneliaBucket {
    let dataset: String
    let web: any Web

    private static let bucket = "janelia-cosem-datasets"
    private static let host = "https://janelia-cosem-datasets.s3.amazonaws.com"
    /// Listings of one description at the most.
    private static let mostListings = 16

    /// - Throws: ``HarvestError`` `.notFound` where the bucket has no such folder.
    func links() async throws -> [Link] {
        var listings = 0
        func folders(_ prefix: String) async throws -> (folders: [String], objects: [(name: String, bytes: Int?)]) {
            listings += 1
            guard listings <= Self.mostListings else { return ([], []) }
            return try await list(prefix)
        }
        let root = try await folders("\(dataset)/")
        guard !root.folders.isEmpty || !root.objects.isEmpty else {
            throw HarvestError.notFound("the bucket \(Self.bucket) has no folder \(dataset)/")
        }
        var links: [Link] = []
        if root.folders.contains("\(dataset).zarr") {
            let base = "\(dataset)/\(dataset).zarr/"
            for recon in try await folders(base).folders where recon.hasPrefix("recon-") {
                let kinds = try await folders("\(base)\(recon)/").folders
                for image in kinds.contains("em") ? try await folders("\(base)\(recon)/em/").folders : [] {
                    links.append(link("\(base)\(recon)/em/\(image)", "zarr2", .image, image))
                }
            }
        }
        if root.folders.contains("\(dataset).n5") {
            let base = "\(dataset)/\(dataset).n5/"
            let kinds = try await folders(base).folders
            for (kind, role) in [("em", Link.Role.image), ("labels", .labels)] where kinds.contains(kind) {
                for image in try await folders("\(base)\(kind)/").folders {
                    links.append(link("\(base)\(kind)/\(image)", "n5", role, image))
                }
            }
        }
        for object in root.objects where object.name.hasPrefix("thumbnail") {
            links.append(
                Link(
                    url: "\(Self.host)/\(dataset)/\(object.name)", format: nil, role: .thumbnail, name: object.name,
                    bytes: object.bytes))
        }
        return links
    }

    private func link(_ key: String, _ format: String, _ role: Link.Role, _ name: String) -> Link {
        Link(url: "s3://\(Self.bucket)/\(key)", format: format, role: role, name: name)
    }

    /// One level of the bucket (ListObjectsV2), all pages of it.
    private func list(_ prefix: String) async throws -> (folders: [String], objects: [(name: String, bytes: Int?)]) {
        var folders: [String] = [], objects: [(name: String, bytes: Int?)] = []
        var token: String?
        repeat {
            let encoded = prefix.replacing("/", with: "%2F")
            var url = "\(Self.host)/?list-type=2&delimiter=%2F&prefix=\(encoded)"
            if let token { url += "&continuation-token=" + Self.queryEncoded(token) }
            let page = try await web.page(at: url)
            try page.requireOK()
            let xml = try XMLDocument.parse(bytes: page.body, at: url)
            guard xml.name == "ListBucketResult" else {
                throw HarvestError.malformed("a listing (ListBucketResult) was expected, <\(xml.name)> came", at: url)
            }
            for child in xml.children("CommonPrefixes") {
                guard let path = child.child("Prefix")?.text, path.hasPrefix(prefix) else { continue }
                let name = String(path.dropFirst(prefix.count).prefix { $0 != "/" })
                if (try? Key.components(of: name).count) == 1 { folders.append(name) }
            }
            for child in xml.children("Contents") {
                guard let path = child.child("Key")?.text, path.hasPrefix(prefix) else { continue }
                let name = String(path.dropFirst(prefix.count))
                if (try? Key.components(of: name).count) == 1 {
                    objects.append((name, child.child("Size").flatMap { Int($0.text) }))
                }
            }
            let isTruncated = xml.child("IsTruncated")?.text == "true"
            let next = isTruncated ? xml.child("NextContinuationToken")?.text : nil
            token = next == token ? nil : next
        } while token != nil && folders.count < 10_000
        return (folders, objects)
    }

    private static func queryEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "-_.~".utf8.contains(byte)
            return isPlain ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
