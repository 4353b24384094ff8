import Testing

@testable import HarvestReplica

@Suite struct ListingTests {
    private let bucket = "janelia-cosem-datasets.s3.amazonaws.com"
    private let image = NucleusAccumbens.image

    private func ask(_ host: String, _ target: String) -> Response {
        Site().respond(to: Request(method: "GET", target: target, headers: [], host: host))
    }

    private func text(_ response: Response) -> String { String(decoding: response.body.bytes(), as: UTF8.self) }

    private func values(_ name: String, _ text: String) -> [String] {
        text.split(separator: "<\(name)>").dropFirst().map { part in String(part.prefix { $0 != "<" }) }
    }

    /// Every page of a listing, by continuation tokens.
    private func pages(_ query: String) -> [String] {
        var pages = [text(ask(bucket, "/?list-type=2&" + query))]
        while let token = values("NextContinuationToken", pages[pages.count - 1]).first, pages.count < 100 {
            let encoded = PercentEncoding.encode(token, keeping: "")
            pages.append(text(ask(bucket, "/?list-type=2&\(query)&continuation-token=\(encoded)")))
        }
        return pages
    }

    @Test func `the pages of a listing are all keys, each once, in order`() {
        let pages = pages("prefix=\(image)")
        let keys = pages.flatMap { values("Key", $0) }
        #expect(pages.count == 18 && pages.dropLast().allSatisfy { values("Key", $0).count == 1000 })
        #expect(keys.count == 17_266 + 20 && Set(keys).count == keys.count)
        #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(keys.allSatisfy { NucleusAccumbens.shared.object($0) != nil })
    }

    @Test func `sizes and tags in a listing are those of the objects`() throws {
        let page = text(ask(bucket, "/?list-type=2&max-keys=40&prefix=\(image)s2/"))
        for (key, size) in zip(values("Key", page), values("Size", page)) {
            let response = ask(bucket, "/" + key)
            #expect(String(response.body.size) == size)
            let tag = try #require(response.entityTag).split(separator: "\"")[0]
            #expect(page.contains("<ETag>&quot;\(tag)&quot;</ETag>"))
            #expect(Digest.md5Hex(response.body.bytes()) == tag)
        }
    }

    @Test func `folders are listed once, also across pages`() {
        let pages = pages("delimiter=%2F&max-keys=4&prefix=\(image)")
        let prefixes = pages.flatMap { page in values("Prefix", page).filter { $0 != image } }
        #expect(prefixes == (0..<9).map { "\(image)s\($0)/" })
        #expect(pages.flatMap { values("Key", $0) } == [image + ".zattrs", image + ".zgroup"])
        #expect(pages.map { values("KeyCount", $0) } == [["4"], ["4"], ["3"]])
    }

    @Test func `the root of a data set shows its thumbnail and its Zarr`() {
        let page = text(ask(bucket, "/?list-type=2&delimiter=/&prefix=jrc_mus-nacc-2/"))
        #expect(values("Prefix", page) == ["jrc_mus-nacc-2/", "jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/"])
        #expect(values("Key", page) == ["jrc_mus-nacc-2/thumbnail.jpg"] && values("IsTruncated", page) == ["false"])
    }

    @Test func `start-after, encoding-type and max-keys are obeyed`() {
        let page = text(
            ask(bucket, "/?list-type=2&max-keys=2&encoding-type=url&start-after=\(image)s8/.zarray&prefix=\(image)s8/"))
        #expect(values("Key", page) == [image + "s8/.zattrs", image + "s8/0/0/0"])
        #expect(values("EncodingType", page) == ["url"] && values("MaxKeys", page) == ["2"])
        #expect(ask(bucket, "/?list-type=2&max-keys=-1").status == 400)
        #expect(ask(bucket, "/?list-type=2&continuation-token=nonsense").status == 400)
    }

    @Test func `the older listing goes on from a marker`() {
        let page = text(ask(bucket, "/?delimiter=/&max-keys=5&prefix=\(image)"))
        #expect(values("NextMarker", page) == [image + "s2/"])
        let next = text(ask(bucket, "/?delimiter=/&max-keys=5&prefix=\(image)&marker=\(image)s2/"))
        #expect(values("Prefix", next).last == image + "s7/")
    }

    @Test(arguments: ["s3.amazonaws.com", "s3.us-west-2.amazonaws.com"])
    func `a bucket in the path is the bucket in the host name`(service: String) {
        let inPath = ask(service, "/janelia-cosem-datasets/\(image).zgroup")
        #expect(inPath.entityTag == ask(bucket, "/\(image).zgroup").entityTag && inPath.status == 200)
        #expect(ask(service, "/no-such-bucket/x").status == 404)
    }

    @Test func `a bucket of another region redirects there and is served there`() {
        let response = ask("replica-redirect.s3.amazonaws.com", "/\(image).zgroup")
        #expect(response.status == 301 && text(response).contains("<Code>PermanentRedirect</Code>"))
        #expect(values("Endpoint", text(response)) == ["replica-redirect.s3.us-west-2.amazonaws.com"])
        #expect(response.headers.contains { $0.name == "x-amz-bucket-region" && $0.value == "us-west-2" })
        #expect(ask("replica-redirect.s3.us-west-2.amazonaws.com", "/\(image).zgroup").status == 200)
    }

    @Test(arguments: ["s0/9/0/0", "s0/0/40/0", "s0/00/0/0", "s9/0/0/0", "s0/0/0", "s0/0/0/0/", "s0/-1/0/0"])
    func `a chunk outside the grid is missing`(key: String) {
        #expect(ask(bucket, "/\(image)\(key)").status == 404)
    }

    @Test func `Google's listing pages too`() {
        let path = "/storage/v1/b/replica-bucket/o?prefix=many/"
        let first = text(ask("storage.googleapis.com", path))
        let token = first.split(separator: "\"nextPageToken\": \"").last?.prefix { $0 != "\"" } ?? ""
        let rest = text(
            ask("storage.googleapis.com", path + "&pageToken=" + PercentEncoding.encode(String(token), keeping: "")))
        let names = [first, rest].map { page in
            page.split(separator: "\"name\": \"").dropFirst().map { part in part.prefix { $0 != "\"" } }
        }
        #expect(names.map(\.count) == [1000, 500] && Set(names.joined()).count == 1500)
        #expect(first.contains("\"size\": \"6\"") && !rest.contains("nextPageToken"))
    }
}
