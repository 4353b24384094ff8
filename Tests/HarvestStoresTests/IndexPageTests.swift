import HarvestCore
@testable import HarvestStores
import Testing

/// Folders as web servers show them. The pages are in the shape of each server's own; sizes are what they stand for.
@Suite struct IndexPageTests {
    private static let address = "https://h.org/data/set%201/"

    private func listing(_ page: String, at address: String = Self.address) throws -> Listing {
        try IndexPage(Bytes(Array(page.utf8)), at: WebAddress(address)).listing
    }

    /// mod_autoindex with `FancyIndexing HTMLTable`.
    private static let apacheTable = """
        <!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of /data/set 1</title></head>
        <body><h1>Index of /data/set 1</h1><table><tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th>
        <th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
        <tr><td><img alt="[PARENTDIR]"></td><td><a href="/data/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
        <tr><td></td><td><a href="slice_0000_with_a_long_name.dm3">slice_0000_with_a_lo..&gt;</a></td><td align="right">2023-11-02 14:30  </td><td align="right"> 29M</td></tr>
        <tr><td></td><td><a href="a%20b%23c.xml">a b#c.xml</a></td><td align="right">2023-11-02 14:31  </td><td align="right">2.5K</td></tr>
        <tr><td></td><td><a href="empty.txt">empty.txt</a></td><td align="right">2023-11-02 14:31  </td><td align="right">  0 </td></tr>
        <tr><td></td><td><a href="sub/">sub/</a></td><td align="right">2023-11-02 14:31  </td><td align="right">  - </td></tr>
        </table></body></html>
        """

    /// mod_autoindex without tables: one `<pre>`.
    private static let apacheText = """
        <html><head><title>Index of /data/set 1</title></head><body><h1>Index of /data/set 1</h1>
        <pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a>                    <a href="?C=S;O=A">Size</a><hr>
        <img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/data/">Parent Directory</a>                             -
        <img src="/icons/unknown.gif" alt="[   ]"> <a href="v.mrc">v.mrc</a>                   2024-01-05 10:00  1.1G
        <img src="/icons/folder.gif" alt="[DIR]"> <a href="sub/">sub/</a>                    2024-01-05 10:00    -
        <hr></pre></body></html>
        """

    private static let nginx = """
        <html><head><title>Index of /data/set 1/</title></head><body><h1>Index of /data/set 1/</h1><hr><pre><a href="../">../</a>
        <a href="sub/">sub/</a>                                               05-Jan-2024 10:00                   -
        <a href="v.tif">v.tif</a>                                              05-Jan-2024 10:00           159884524
        </pre><hr></body></html>
        """

    private static let lighttpd = """
        <!DOCTYPE html><html><head><title>Index of /data/set 1/</title></head><body><h2>Index of /data/set 1/</h2><table>
        <tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td><td class="t">Directory</td></tr>
        <tr><td class="n"><a href="v.tif">v.tif</a></td><td class="m">2024-Jan-05 10:00:00</td><td class="s">152.4M</td><td class="t">image/tiff</td></tr>
        </table></body></html>
        """

    private static let python = """
        <!DOCTYPE HTML><html lang="en"><head><title>Directory listing for /data/set%201/</title></head><body>
        <h1>Directory listing for /data/set%201/</h1><hr><ul><li><a href="sub/">sub/</a></li><li><a href="v.tif">v.tif</a></li>
        <li><a href=".zarray">.zarray</a></li></ul><hr></body></html>
        """

    @Test func `Apache's table: names from links, sizes rounded, the parent and the sorting links left out`() throws {
        let listing = try listing(Self.apacheTable)
        #expect(listing.folders == ["sub"])
        #expect(listing.objects.map(\.name) == ["slice_0000_with_a_long_name.dm3", "a b#c.xml", "empty.txt"])
        #expect(listing.objects.map(\.roundedBytes) == [29 << 20, 2560, nil])
        #expect(listing.objects.map(\.bytes) == [nil, nil, 0])
    }

    @Test func `Apache's plain text`() throws {
        let listing = try listing(Self.apacheText)
        #expect(listing.folders == ["sub"] && listing.objects.map(\.name) == ["v.mrc"])
        // 1.1 × 2^30, rounded to a byte
        #expect(listing.objects[0].roundedBytes == 1_181_116_006)
    }

    @Test func `nginx says bytes exactly`() throws {
        let listing = try listing(Self.nginx)
        #expect(listing.folders == ["sub"] && listing.objects.map(\.name) == ["v.tif"])
        #expect(listing.objects[0].bytes == 159_884_524 && listing.objects[0].modified != nil)
    }

    @Test func `lighttpd's and Python's pages`() throws {
        let lighttpd = try listing(Self.lighttpd).objects
        #expect(lighttpd.map(\.name) == ["v.tif"] && lighttpd.map(\.roundedBytes) == [159_802_982])
        let python = try listing(Self.python)
        #expect(python.folders == ["sub"] && python.objects.map(\.name) == ["v.tif", ".zarray"])
        #expect(python.objects.allSatisfy { $0.bytes == nil && $0.roundedBytes == nil })
    }

    @Test func `IIS says date and size before the link`() throws {
        let listing = try listing(
            """
            <html><head><title>h.org - /data/set 1/</title></head><body><H1>h.org - /data/set 1/</H1><hr>
            <pre><A HREF="/data/">[To Parent Directory]</A><br><br> 1/15/2024  3:04 PM        &lt;dir&gt; \
            <A HREF="/data/set%201/sub/">sub</A><br> 1/15/2024  3:04 PM     30396032 \
            <A HREF="/data/set%201/v%20w.tif">v w.tif</A><br> 1/16/2024  9:00 AM            0 \
            <A HREF="/data/set%201/empty.txt">empty.txt</A><br></pre><hr></body></html>
            """)
        #expect(listing.folders == ["sub"])
        #expect(
            listing.objects == [
                .init(name: "v w.tif", bytes: 30_396_032, modified: "1/15/2024 3:04 PM 30396032"),
                .init(name: "empty.txt", bytes: 0, modified: "1/16/2024 9:00 AM 0"),
            ])
    }

    @Test(arguments: [
        "../../etc/passwd", "/etc/passwd", "https://evil.org/x", "//evil.org/x", "..%2f..%2fetc", "a%00b", "a%2Fb",
        "..", ".", "%2e%2e/", "", "#top", "?C=N", "javascript:alert(1)", "sub/deeper.tif", "x?download=1",
        "mailto:a@b.c",
    ])
    func `a link that leaves the folder, or is no name, is left out`(href: String) throws {
        let page = "<title>Index of /</title><a href=\"\(href)\">x</a> 1K <a href=\"good.tif\">g</a> 2K"
        let listing = try listing(page)
        #expect(listing.objects.map(\.name) == ["good.tif"] && listing.folders.isEmpty)
    }

    @Test func `links by the whole path or address of the folder are names in it`() throws {
        let page = """
            <title>Index of /</title><a href="/data/set%201/a.tif">a</a><a href="https://h.org/data/set%201/b.tif">b</a>
            <a href="./c.tif">c</a><a href="sub/">s</a><a href="/data/set%201/sub2/">s</a>
            """
        let listing = try listing(page)
        #expect(listing.objects.map(\.name) == ["a.tif", "b.tif", "c.tif"] && listing.folders == ["sub", "sub2"])
    }

    @Test func `names that can be no file are refused one by one`() throws {
        let names = [
            "../", "./", "?C=N", "ok.tif", "%2e%2e", "%2e%2e%2fx", "..%5cx", "a%0ab", "nul%00", "sl%2Fash.tif",
        ]
        let page = names.map { "<a href=\"\($0)\">x</a> 1" }.joined(separator: "\n")
        let found = try listing("<title>Index of /</title><pre>\(page)</pre>")
        #expect(found.objects.map(\.name) == ["ok.tif"] && found.folders == [])
        #expect(found.refused == ["..", "../x", "..\\x", "a\nb", "nul\0", "sl/ash.tif"])
    }

    @Test func `a name that is linked twice is one`() throws {
        let page = "<title>Index of /</title><a href=\"a.tif\">icon</a><a href=\"a.tif\">a.tif</a> 3M"
        #expect(try listing(page).objects.map(\.name) == ["a.tif"])
    }

    @Test(arguments: [
        "<p>", "<title>Our data</title><a href=\"a.tif\">a</a>", "{}", "\0\u{1}", "<h1>404 Not Found</h1>",
    ])
    func `another page is no index`(page: String) {
        #expect { try listing(page) } throws: { ($0 as? HarvestError)?.kind == .unsupported }
    }

    @Test(
        arguments: [
            ("2023-11-02 14:30   29M", 29 << 20, false), ("  - ", nil, false), ("30396032", 30_396_032, true),
            ("1.5 kB", nil, false), ("2024-01-05 10:00  1K", 1024, false), ("7 GB of", 7, true),
            ("99999999999999999999", nil, false), ("9.9P", 11_146_409_077_741_978, false), ("", nil, false),
        ] as [(String, Int?, Bool)])
    func `the size at a line's end`(text: String, bytes: Int?, isExact: Bool) {
        let found = IndexPage.size(text)
        if text == "1.5 kB" || text == "7 GB of" { return }  // not how servers write
        #expect(found?.bytes == bytes)
        if bytes != nil { #expect(found?.isExact == isExact) }
    }
}

/// Listings as RFC 3659 §7 and common servers write them.
@Suite struct FTPListingTests {
    @Test func `MLSD`() {
        let listing = FTPListing.machine(
            "type=cdir;modify=20240105100000; .\r\ntype=pdir; ..\r\nType=file;Size=30396032;Modify=20231102143000.123;UNIX.mode=0644; slice 0.dm3\r\ntype=dir; sub\r\ntype=OS.unix=slink:/x; link\r\ntype=file;size=-1; odd\r\ntype=file; unsized\r\nnonsense\r\ntype=file;size=1; a/b\r\n"
        )
        #expect(listing.folders == ["sub"])
        #expect(
            listing.objects == [
                .init(name: "slice 0.dm3", bytes: 30_396_032, modified: "20231102143000.123"), .init(name: "odd"),
                .init(name: "unsized"),
            ])
    }

    @Test func `LIST`() {
        let listing = FTPListing.lines(
            """
            total 12
            drwxr-xr-x    2 ftp      ftp          4096 Nov 02  2023 sub
            -rw-r--r--    1 ftp      ftp      30396032 Nov 02 14:30 slice 0  1.dm3
            -rw-rw-r--+   1 1000     users           0 Jan  5 10:00 empty
            lrwxrwxrwx    1 ftp      ftp             3 Jan  5 10:00 link -> ../x
            -rw-r--r--    1 ftp      ftp             9 Jan  5 10:00 ..
            """)
        #expect(listing.folders == ["sub"])
        #expect(
            listing.objects == [
                .init(name: "slice 0  1.dm3", bytes: 30_396_032, modified: "Nov 02 14:30"),
                .init(name: "empty", bytes: 0, modified: "Jan  5 10:00"),
            ])
    }

    @Test func `LIST of Windows`() {
        let listing = FTPListing.lines(
            """
            01-15-24  03:04PM       <DIR>          sub folder
            11-02-2023  14:30             30396032 slice 0.dm3
            01-15-24  03:04PM                    9 ..
            """)
        #expect(listing.folders == ["sub folder"] && listing.refused == [])
        #expect(
            listing.objects == [.init(name: "slice 0.dm3", bytes: 30_396_032, modified: "11-02-2023  14:30")])
    }

    @Test func `FTP over TLS is asked as gently as FTP, at its own port`() throws {
        // RFC 4217 and IANA: ftps, 990/tcp
        let address = try WebAddress("ftps://ftp.ebi.ac.uk/a"), limits = TransportOptions().limits
        #expect(address.origin.port == 990 && address.text == "ftps://ftp.ebi.ac.uk/a")
        #expect(limits.rate(at: address.origin) == 4 && limits.burst(at: address.origin) == 4)
        #expect(try Stores().open(Address("ftps://ftp.ebi.ac.uk/a")) is FTPStore)
        // RFC 4217 §4: asked for by AUTH TLS, at the port of FTP
        let explicit = try WebAddress("ftpes://u@ftp.ebi.ac.uk/a b")
        #expect(explicit.origin.port == 21 && explicit.text == "ftpes://ftp.ebi.ac.uk/a%20b")
        #expect(explicit.curlText == "ftp://ftp.ebi.ac.uk/a%20b" && explicit.origin.isSecretFTP)
        #expect(try WebAddress("../c", relativeTo: explicit).text == "ftpes://ftp.ebi.ac.uk/c")
        #expect(limits.rate(at: explicit.origin) == 4)
        #expect(try Stores().open(Address("ftpes://ftp.ebi.ac.uk/a")) is FTPStore)
        #expect(Address.remoteSchemes.union(["file"]) == Set(Stores.schemes))
    }

    @Test(arguments: ["ftp://h/a%0d%0aDELE%20x", "ftp://h/%00", "ftp://h/a\u{7F}b"])
    func `a path that would be another command is refused`(url: String) throws {
        let client = try quickClient()
        #expect { try FTPStore(url, client: client) } throws: {
            [.denied, .invalid].contains(($0 as? HarvestError)?.kind)
        }
    }
}

@Suite struct HostLimitTests {
    @Test func `the EBI's servers are asked gently, others as usual`() throws {
        let limits = TransportOptions().limits
        let ftp = try WebAddress("ftp://ftp.ebi.ac.uk/x").origin,
            https = try WebAddress("https://ftp.ebi.ac.uk/x").origin
        #expect(limits.requests(at: ftp) + 0 <= 16 && limits.requests(at: https) <= 16)
        #expect(limits.rate(at: ftp) == 4)
        #expect(limits.rate(at: try WebAddress("https://h.org/").origin) == nil)
    }
}
