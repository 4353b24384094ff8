import HarvestCore
import Testing

struct AddressTests {
    struct Form: Sendable {
        var text: String
        var location: String
        var scheme: String
        var format: String?
    }

    @Test(arguments: [
        Form(text: "s3://b/k/|zarr2:", location: "s3://b/k/", scheme: "s3", format: "zarr2"),
        Form(text: "s3://b/k/|ZARR3:", location: "s3://b/k/", scheme: "s3", format: "zarr3"),
        Form(text: "gs://b/k|neuroglancer-precomputed:", location: "gs://b/k", scheme: "gs", format: "precomputed"),
        Form(text: "zarr://s3://b/k", location: "s3://b/k", scheme: "s3", format: "zarr"),
        Form(text: "precomputed://gs://b/k", location: "gs://b/k", scheme: "gs", format: "precomputed"),
        Form(text: "n5://https://h/a.n5", location: "https://h/a.n5", scheme: "https", format: "n5"),
        Form(text: "HTTPS://Host/A", location: "HTTPS://Host/A", scheme: "https", format: nil),
        Form(text: "file:///a/b.tif", location: "/a/b.tif", scheme: "file", format: nil),
        Form(text: "/a/b.tif", location: "/a/b.tif", scheme: "file", format: nil),
        Form(text: "a b|c.tif", location: "a b|c.tif", scheme: "file", format: nil),
        Form(text: "a|unknown:", location: "a|unknown:", scheme: "file", format: nil),
        Form(text: "zarr://plain", location: "zarr://plain", scheme: "zarr", format: nil),
        Form(text: "zarr:///a/k", location: "/a/k", scheme: "file", format: "zarr"),
        Form(text: "javascript://x", location: "javascript://x", scheme: "javascript", format: nil),
        Form(text: "memory://x", location: "memory://x", scheme: "memory", format: nil),
        Form(text: "", location: "", scheme: "file", format: nil),
        Form(text: "|", location: "|", scheme: "file", format: nil),
        Form(text: ":", location: ":", scheme: "file", format: nil),
        Form(text: "|zarr:", location: "", scheme: "file", format: "zarr"),
        Form(text: "://", location: "://", scheme: "file", format: nil),
    ])
    func `an address is taken apart into location, scheme and format`(_ form: Form) {
        let address = Address(form.text)
        #expect(address.location == form.location)
        #expect(address.scheme == form.scheme)
        #expect(address.format == form.format)
        #expect(address.text == form.text)
    }

    @Test(arguments: [
        ("https://Example.ORG/a", "example.org", "/a"), ("https://h:8080/a/b", "h", "/a/b"),
        ("https://user:secret@h:1/a", "h", "/a"), ("http://[::1]:80/x", "[::1]", "/x"), ("http://[::1]", "[::1]", "/"),
        ("https://h", "h", "/"), ("https://h?q=/x", "h", "/"), ("https://h#/x", "h", "/"),
        ("https://h/a?b=/c#d", "h", "/a"), ("s3://bucket/k/", "bucket", "/k/"), ("ftp://h/é", "h", "/é"),
        ("https:///a", "", "/a"),
    ])
    func `a URL has the host and path that RFC 3986 gives it`(_ text: String, _ host: String, _ path: String) {
        #expect(Address(text).host == host)
        #expect(Address(text).path == path)
    }

    @Test(arguments: ["/a/b.tif", "file:///a", "relative", "memory://x"])
    func `what is local has no host`(_ text: String) {
        #expect(Address(text).host == nil)
        #expect(!Address(text).isRemote)
    }

    @Test(arguments: [
        ("https://h/a/b.TIF?x=.png", "b.TIF", "tif"), ("s3://b/k.zarr/", "k.zarr", "zarr"),
        ("/a/.hidden", ".hidden", ""),
        ("/a/none", "none", ""), ("a.tar.gz", "a.tar.gz", "gz"), ("https://h", "", ""), ("x.", "x.", ""), ("", "", ""),
    ])
    func `the name is the last component, the extension what follows its last dot`(
        _ text: String, _ name: String, _ suffix: String
    ) {
        #expect(Address(text).name == name)
        #expect(Address(text).fileExtension == suffix)
    }

    @Test func `every window of odd strings is taken apart without a trap`() {
        let text = Array("zarr2://s3://ü@[::1]:80//a/.b.|n5:|?#/%2e\u{0301}://|:\r\n\0file://|zarr:")
        for start in text.indices {
            for end in start...text.count {
                let address = Address(String(text[start..<end]))
                _ = (address.host, address.path, address.name, address.fileExtension)
            }
        }
    }
}

struct KeyTests {
    @Test(arguments: [
        ("", []), ("a", ["a"]), ("a/b.c/0", ["a", "b.c", "0"]), ("..a/b..", ["..a", "b.."]), ("é", ["é"]),
    ])
    func `a key is its components`(_ key: String, _ components: [String]) throws {
        #expect(try Key.components(of: key) == components)
    }

    @Test(arguments: [
        "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/..", "a\\b", "..\\..", "a\0b", "a\nb", "\u{1B}[2J",
        "a\u{7F}",
        "a\u{85}", "\r\n", "//host/share",
    ])
    func `a key that could leave its store is denied`(_ key: String) {
        let error = #expect(throws: HarvestError.self) { try Key.components(of: key) }
        #expect(error?.kind == .denied)
        #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
    }
}

struct DisplayTests {
    @Test(arguments: [
        ("plain é 😀", "plain é 😀"), ("a\u{1B}[31mb", "a\u{FFFD}[31mb"), ("\u{9B}2J", "\u{FFFD}2J"),
        ("a\nb\r\nc\td", "a b  c d"), ("a\u{2028}b\u{2029}c", "a b c"), ("x\u{7F}\0\u{7}", "x\u{FFFD}\u{FFFD}\u{FFFD}"),
    ])
    func `control characters cannot reach a terminal`(_ text: String, _ shown: String) {
        #expect(text.displayed() == shown)
    }

    /// The characters of Unicode's property Bidi_Control (PropList.txt).
    @Test(arguments: [0x061C, 0x200E, 0x200F] + Array(0x202A...0x202E) + Array(0x2066...0x2069))
    func `no character that turns the reading direction is shown`(_ code: Int) throws {
        let scalar = try #require(Unicode.Scalar(code))
        #expect("a\(Character(scalar))b".displayed() == "a\u{FFFD}b")
    }

    @Test func `a long text is cut with an ellipsis`() {
        #expect("at http://me:pa%40s@s@h.org/a@b".withoutCredentials == "at http://h.org/a@b")
        #expect("a@b http://h.org/?q=x@y".withoutCredentials == "a@b http://h.org/?q=x@y")
        #expect(String(repeating: "x", count: 11).displayed(limit: 10) == "xxxxxxxxxx…")
        #expect(String(repeating: "x", count: 10).displayed(limit: 10) == "xxxxxxxxxx")
    }
}
