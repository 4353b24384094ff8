internal import HarvestCore
internal import HarvestMarkup

/// The bucket: which images there are. Levels and chunks are never listed; what an image is, its header says.
///
/// `NAME/NAME.zarr/recon-N/em/IMAGE`, `NAME/NAME.n5/em/IMAGE`, `NAME/thumbnail.jpg`. Amazon S3 API, ListObjectsV2.
struct OrganelleBucket {
    static let name = "janelia-cosem-datasets"

    private let web: any Web
    private var host = "\(name).s3.amazonaws.com"
    /// Requests left; a dataset of two reconstructions and an N5 copy wants about ten.
    private var budget = 12

    private struct Level {
        var objects: [(key: String, bytes: Int?)] = []
        var folders: [String] = []
    }

    static func account(of id: String, in web: any Web) async throws -> OrganelleAccount? {
        var bucket = OrganelleBucket(web: web)
        let root = try await bucket.list("\(id)/")
        guard !root.objects.isEmpty || !root.folders.isEmpty else {
            throw HarvestError.notFound("the bucket has no folder \(id)", at: bucket.url("\(id)/", after: nil))
        }
        var account = OrganelleAccount(at: "https://\(bucket.host)/")
        // A part that cannot be listed costs its own images, and no others.
        try await bucket.attempt(&account) { try await $0.walkZarr(id, root, into: &$1) }
        try await bucket.attempt(&account) { try await $0.walkN5(id, root, into: &$1) }
        if bucket.budget == 0 {
            account.note(
                .note, "listing-cut", "the bucket has more folders than describing lists; list it for all of them")
        }
        for object in root.objects where object.key.hasSuffix("/thumbnail.jpg") {
            account.link(
                "https://\(bucket.host)/\(Href.encoded(object.key))", format: nil, role: .thumbnail, name: "thumbnail",
                bytes: object.bytes)
        }
        return account
    }

    private init(web: any Web) { self.web = web }

    private mutating func attempt(
        _ account: inout OrganelleAccount, _ work: (inout OrganelleBucket, inout OrganelleAccount) async throws -> Void
    ) async throws {
        do { try await work(&self, &account) } catch let error as HarvestError {
            if Task.isCancelled { throw error }
            account.note(.warning, "source-failed", "the bucket could not be listed to the end: \(error)")
        }
    }

    private mutating func walkZarr(_ id: String, _ root: Level, into account: inout OrganelleAccount) async throws {
        let zarr = "\(id)/\(id).zarr/"
        guard root.folders.contains(zarr) else { return }
        // The newest reconstruction first: where nothing else tells, its first image is the main one.
        for folder in try await list(zarr).folders.filter({ Self.last($0).hasPrefix("recon-") }).sorted(by: >) {
            guard try await list(folder).folders.contains("\(folder)em/") else { continue }
            for image in try await list("\(folder)em/").folders {
                var format = "zarr"
                try await attempt(&account) { bucket, _ in format = try await bucket.zarrFormat(of: image) }
                account.link("s3://\(Self.name)/\(image)", format: format, role: .image, name: Self.last(image))
            }
        }
    }

    private mutating func walkN5(_ id: String, _ root: Level, into account: inout OrganelleAccount) async throws {
        let n5 = "\(id)/\(id).n5/"
        guard root.folders.contains(n5) else { return }
        for image in try await list("\(n5)em/").folders {
            account.link("s3://\(Self.name)/\(image)", format: "n5", role: .image, name: Self.last(image))
        }
    }

    /// `zarr2` or `zarr3` by the files that stand in the image's folder.
    private mutating func zarrFormat(of image: String) async throws -> String {
        let names = Set(try await list(image).objects.map { Self.last($0.key) })
        if names.contains("zarr.json") { return "zarr3" }
        return names.isDisjoint(with: [".zattrs", ".zgroup", ".zarray"]) ? "zarr" : "zarr2"
    }

    private static func last(_ key: String) -> String { key.split(separator: "/").last.map(String.init) ?? "" }

    private func url(_ prefix: String, after token: String?) -> String {
        "https://\(host)/?list-type=2&delimiter=%2F&prefix=\(Href.encodedValue(prefix))"
            + (token.map { "&continuation-token=\(Href.encodedValue($0))" } ?? "")
    }

    /// One level below `prefix`, page by page; nothing once the budget is spent.
    private mutating func list(_ prefix: String) async throws -> Level {
        var level = Level()
        var token: String?
        while budget > 0 {
            let url = url(prefix, after: token)
            budget -= 1
            let page = try await web.page(at: url)
            if try moved(page) { continue }
            let root = try XMLDocument.parse(bytes: page.accepted(as: "the bucket's listing").body, at: url)
            guard root.name == "ListBucketResult" else {
                throw HarvestError.malformed(
                    "expected a ListBucketResult, found \(root.name.displayed(limit: 60))", at: url)
            }
            for entry in root.children("Contents") {
                guard let key = entry.child("Key")?.text, Self.isBelow(prefix, key) else { continue }
                level.objects.append((key, entry.child("Size").flatMap { Int($0.text) }.flatMap { $0 < 0 ? nil : $0 }))
            }
            for key in root.children("CommonPrefixes").compactMap({ $0.child("Prefix")?.text }) {
                if key.hasSuffix("/"), Self.isBelow(prefix, String(key.dropLast())) { level.folders.append(key) }
            }
            token = root.child("IsTruncated")?.text == "true" ? root.child("NextContinuationToken")?.text : nil
            if token == nil { return level }
        }
        return level
    }

    /// Whether `key` stands below `prefix` and is no trick.
    private static func isBelow(_ prefix: String, _ key: String) -> Bool {
        guard key.hasPrefix(prefix), key.count > prefix.count, (try? Key.components(of: key)) != nil else {
            return false
        }
        return true
    }

    /// Whether S3 said that the bucket lives in another region; later requests then go there.
    private mutating func moved(_ page: Page) throws -> Bool {
        guard page.status == 301 || page.status == 307 else { return false }
        let error = try XMLDocument.parse(bytes: page.body, at: page.url)
        guard let endpoint = error.child("Endpoint")?.text.lowercased(), endpoint != host,
            endpoint.hasPrefix("\(Self.name).s3"), endpoint.hasSuffix(".amazonaws.com"),
            endpoint.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == ".") })
        else { throw HarvestError(.unavailable, "the bucket moved to no address of its own", at: page.url) }
        host = endpoint
        return true
    }
}
