import FaultServing
import HarvestCore
@testable import HarvestStores
import Testing

@Suite struct NetrcTests {
    private static let file = """
        # machine commented.org login no password no
        machine Data.example.org
          login reader account none password "a b\\"c\\\\"
        machine data.example.org login other password second
        macdef init
        machine macro.org login no password no

        machine half.org login only machine ftp.example.org login f:g password "#1"
        default login anonymous password me@home
        """

    @Test(arguments: [
        ("https://data.example.org/x", "reader:a%20b%22c%5C"), ("http://DATA.example.org:8080/", "reader:a%20b%22c%5C"),
        ("https://other@data.example.org/", "other:second"), ("https://mine:own@data.example.org/", "mine:own"),
        ("https://third@data.example.org/", "third"), ("https://commented.org/", nil), ("https://macro.org/", nil),
        ("https://half.org/", "only"), ("ftp://ftp.example.org/", "f%3Ag:%231"),
        ("ftps://ftp.example.org/", "f%3Ag:%231"),
        ("https://unknown.org/", nil), ("ftp://unknown.org/", "anonymous:me%40home"),
    ])
    func `the first entry of the host and user is taken`(url: String, credentials: String?) throws {
        #expect(Netrc(Self.file).completing(try WebAddress(url)).credentials == credentials)
    }

    @Test(arguments: [
        "", "machine", "login a password b", "machine h login", "default", "\"", "machine h macdef", "a\\",
    ])
    func `what is cut short knows nobody`(text: String) throws {
        #expect(Netrc(text).completing(try WebAddress("https://h/")).credentials == nil)
    }

    @Test func `a user is shown to its host, in pages and files, and nowhere else`() async throws {
        let other = FaultServer { _, _ in .init(body: [1]) }
        let server = FaultServer { request, _ in
            request.path == "/away" ? .init(status: 302, headers: ["Location": "http://two.test/x"]) : .init(body: [1])
        }
        let folder = Folder()
        folder.write("keys", Array("machine one.test login user password s3cret".utf8))
        var options = quickOptions(connectTo: [server.mapped("one.test"), other.mapped("two.test")])
        options.access = AccessOptions(environment: ["NETRC": "\(folder.path)/keys"])
        let client = try HTTPClient(options: options)
        _ = try await HTTPStore("http://one.test/k", client: client).read("", .whole)
        _ = try await HTTPStore("http://one.test/away", client: client).read("", .whole)
        _ = try await HTTPWeb(client: client).page(at: "http://one.test/p", headers: [:])
        // RFC 7617: base64 of user:s3cret
        #expect(
            server.requests.map { $0.headers["authorization"] } == Array(repeating: "Basic dXNlcjpzM2NyZXQ=", count: 3))
        #expect(other.requests.map { $0.headers["authorization"] } == [nil])
        #expect(try HTTPStore("http://one.test/k", client: client).address == "http://one.test/k")
    }

    @Test func `a folder's listing is asked for as the user of the address, below it too`() async throws {
        let server = FaultServer { _, _ in .init(status: 404) }
        let store = try HTTPStore("http://user:s3cret@127.0.0.1:\(server.port)/data", client: quickClient())
        for folder in ["", "below"] { _ = try? await store.list(folder) }
        #expect(server.requests.map(\.path) == ["/data/", "/data/below/"])
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Basic dXNlcjpzM2NyZXQ=" })
    }

    @Test func `HARVEST_ANONYMOUS asks as nobody, and a file that is named must be there`() async throws {
        let folder = Folder()
        folder.write(".netrc", Array("machine h login user password p".utf8))
        func found(_ variables: [String: String]) throws -> String? {
            let options = AccessOptions(environment: variables.merging(["HOME": folder.path]) { $1 })
            return try Netrc(options).completing(try WebAddress("https://h/")).credentials
        }
        #expect(try found([:]) == "user:p" && found(["HARVEST_ANONYMOUS": "1"]) == nil)
        await expectError(.notFound) { try found(["NETRC": "\(folder.path)/none"]) as Any }
    }
}
