import Glibc
import FaultServing
import HarvestCore
@testable import HarvestStores
import Testing

/// The key of Amazon's own examples.
private let exampleKeys = AWSKeys(
    id: "AKIAIOSFODNN7EXAMPLE", secret: Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))

@Suite struct SignatureV4Tests {
    /// Amazon S3 API Reference, "Examples: Signature Calculations": 24 May 2013, us-east-1, bucket examplebucket.
    @Test(arguments: [
        ("test.txt", ["range": "bytes=0-9"], "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("?lifecycle", [:], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("?max-keys=2&prefix=J", [:], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("?prefix=J&max-keys=2", [:], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ])
    func `Amazon's own examples get Amazon's signatures`(
        target: String, headers: [String: String], signature: String
    ) throws {
        let address = try WebAddress("https://examplebucket.s3.amazonaws.com/\(target)")
        let lines = SignatureV4(keys: exampleKeys, region: "us-east-1")
            .lines(for: address, signing: headers, at: 1_369_353_600)
        #expect(lines.contains("x-amz-date: 20130524T000000Z"))
        let names = (["host"] + headers.keys + ["x-amz-content-sha256", "x-amz-date"]).joined(separator: ";")
        #expect(
            lines.last
                == "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=\(names),Signature=\(signature)")
    }

    @Test func `a token is signed and sent along`() throws {
        var keys = exampleKeys
        keys.session = Secret("the-token")
        let lines = SignatureV4(keys: keys, region: "us-east-1").lines(for: try WebAddress("https://h/k"), at: 0)
        #expect(lines.contains("x-amz-security-token: the-token"))
        #expect(lines.last?.contains("x-amz-date;x-amz-security-token,") == true)
    }

    @Test func `a secret shows itself to nobody`() {
        var text = "\(exampleKeys) \(Secret("wJalr")) \(String(reflecting: exampleKeys))"
        dump(exampleKeys, to: &text)
        dump(AccessOptions(environment: ["AWS_SECRET_ACCESS_KEY": "wJalr"]), to: &text)
        #expect(!text.contains("wJalr") && text.contains("***"))
    }
}

@Suite struct AWSSettingsTests {
    private let folder = Folder()

    /// Settings of a home folder with these two files.
    private func settings(
        credentials: String? = nil, config: String? = nil, _ variables: [String: String] = [:]
    ) throws -> AWSSettings {
        if let credentials { folder.write(".aws/credentials", Array(credentials.utf8)) }
        if let config { folder.write(".aws/config", Array(config.utf8)) }
        return try AWSSettings(
            AccessOptions(environment: variables.merging(["HOME": folder.path]) { value, _ in value }))
    }

    @Test func `variables win over files, and bring their own token`() throws {
        let found = try settings(
            credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\naws_session_token=old",
            ["AWS_ACCESS_KEY_ID": "VARIABLE", "AWS_SECRET_ACCESS_KEY": "secret"])
        #expect(found.keys == AWSKeys(id: "VARIABLE", secret: Secret("secret")))
    }

    @Test func `a profile's keys, region and server come from both files`() throws {
        let found = try settings(
            credentials: "# mine\n[default]\naws_access_key_id = D\n\n[em]\naws_access_key_id = EM ; old\n"
                + "aws_secret_access_key=a/b+c=\n",
            config: "[default]\nregion = us-west-1\n[profile em]\nregion = eu-west-1\ns3 =\n  region = no\n"
                + "endpoint_url = https://s3.example.org\n[profile em2]\nregion = x\n",
            ["AWS_PROFILE": "em"])
        #expect(found.keys == AWSKeys(id: "EM", secret: Secret("a/b+c=")))
        #expect(found.region == "eu-west-1" && found.endpoint == "https://s3.example.org")
    }

    @Test func `no files, or a default profile whose keys must be asked for, is nobody`() throws {
        #expect(try settings() == settings(config: "[default]\nregion=\ncredential_process = /bin/key\n"))
        #expect(try settings().keys == nil)
    }

    @Test(arguments: ["sso_session = s", "role_arn = arn:aws:iam::1:role/r", "credential_process = /bin/key"])
    func `a profile that is named and has no keys of its own says what to do`(line: String) async {
        await expectError(.unsupported, saying: "aws configure export-credentials --profile em --format env") {
            try settings(config: "[profile em]\n\(line)\n", ["AWS_PROFILE": "em"])
        }
    }

    @Test func `half a pair of keys, and a profile that is not there, are mistakes`() async {
        await expectError(.invalid, saying: "secret is missing") { try settings(["AWS_ACCESS_KEY_ID": "A"]) }
        await expectError(.invalid, saying: "no such profile") { try settings(["AWS_PROFILE": "nobody"]) }
        await expectError(.invalid, saying: "control character") {
            try settings(["AWS_ACCESS_KEY_ID": "A\r\nX: y", "AWS_SECRET_ACCESS_KEY": "secret"])
        }
    }

    @Test func `HARVEST_ANONYMOUS asks as nobody`() throws {
        var variables = ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "HARVEST_ANONYMOUS": "1"]
        #expect(try settings(variables).keys == nil)
        variables["HARVEST_ANONYMOUS"] = "0"
        #expect(try settings(variables).keys != nil)
    }
}

@Suite struct S3AccessTests {
    private func store(
        _ hosts: [String: FaultServer], _ variables: [String: String] = [:], bucket: String = "em-data"
    ) throws -> S3Store {
        var options = quickOptions(connectTo: hosts.map { $1.mapped($0) })
        let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"]
        options.access = AccessOptions(environment: keys.merging(variables) { $1 })
        return try S3Store(
            Address("s3://\(bucket)"), client: HTTPClient(options: options), meter: Meter(), transport: "http")
    }

    private static func refusal(_ status: Int, _ code: String, _ headers: [String: String] = [:])
        -> FaultServer.Answer
    {
        .init(status: status, headers: headers, body: Array("<Error><Code>\(code)</Code></Error>".utf8))
    }

    @Test func `reads, ranges and listings are signed`() async throws {
        let server = FaultServer { request, _ in
            request.query("list-type") == nil
                ? FaultServer.ranged([1, 2, 3], request) : .init(body: Array("<ListBucketResult/>".utf8))
        }
        let store = try store(["em-data.s3.eu-west-1.amazonaws.com": server], ["AWS_REGION": "eu-west-1"])
        _ = try await store.read("k", .whole)
        _ = try await store.read("k", .bytes(0..<2))
        _ = await store.stream("k", 0..<2, facts: { _ in }, to: { _ in })
        _ = try await store.stream("k", begins: {}, to: { _ in })
        _ = try await store.list("")
        #expect(server.requests.count == 5)
        for request in server.requests {
            #expect(request.headers["authorization"]?.contains("/eu-west-1/s3/aws4_request,") == true)
        }
    }

    @Test func `each try is signed anew, and a redirect elsewhere is not signed`() async throws {
        let other = FaultServer { _, _ in .init(body: [1]) }
        let server = FaultServer { _, index in
            if index == 0 { return .init(status: 503) }
            return .init(status: 307, headers: ["Location": "http://other.example/k"])
        }
        let store = try store(["em-data.s3.amazonaws.com": server, "other.example": other])
        #expect(try await store.read("k", .whole).bytes.count == 1)
        #expect(server.requests.map { $0.headers["authorization"] != nil } == [true, true])
        #expect(other.requests.count == 1 && other.requests[0].headers["authorization"] == nil)
        #expect(other.requests[0].headers.keys.allSatisfy { !$0.hasPrefix("x-amz") })
    }

    @Test(arguments: [(403, "InvalidAccessKeyId"), (403, "AccessDenied"), (400, "ExpiredToken")])
    func `a public bucket that refuses the keys is asked as nobody from then on`(status: Int, code: String)
        async throws
    {
        let server = FaultServer { request, _ in
            request.headers["authorization"] == nil
                ? FaultServer.ranged([1, 2, 3], request) : Self.refusal(status, code)
        }
        let store = try store(["em-data.s3.amazonaws.com": server])
        for _ in 0..<3 { #expect(try await store.read("k", .bytes(0..<2)).bytes.count == 2) }
        #expect(server.requests.map { $0.headers["authorization"] != nil } == [true, false, false, false])
    }

    @Test func `what keys and nobody are refused is said once, and not tried again`() async throws {
        let server = FaultServer { _, _ in Self.refusal(403, "AccessDenied") }
        let store = try store(["em-data.s3.amazonaws.com": server])
        for _ in 0..<2 {
            await expectError(.denied, saying: "not hand it out to these keys") { try await store.read("k", .whole) }
        }
        #expect(server.requests.map { $0.headers["authorization"] != nil } == [true, false, true])
    }

    @Test(arguments: [(-20, "20 minutes slow"), (42, "42 minutes fast")])
    func `a clock that is off is told by how much`(minutes: Int, said: String) async throws {
        let server = FaultServer { _, _ in
            var (now, parts, text) = (time(nil) - minutes * 60, tm(), [CChar](repeating: 0, count: 64))
            gmtime_r(&now, &parts)
            strftime(&text, 64, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            let date = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return Self.refusal(403, "RequestTimeTooSkewed", ["Date": date])
        }
        let store = try store(["em-data.s3.amazonaws.com": server])
        await expectError(.denied, saying: said) { try await store.read("k", .whole) }
    }

    @Test func `a region that S3 wants is signed for`() async throws {
        let there = FaultServer { request, _ in
            request.headers["authorization"]?.contains("/eu-north-1/s3/") == true
                ? .init(body: [7]) : .init(status: 500)
        }
        let here = FaultServer { _, _ in
            let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>"
            return .init(status: 400, body: Array(body.utf8))
        }
        let store = try store(["em-data.s3.amazonaws.com": here, "em-data.s3.eu-north-1.amazonaws.com": there])
        #expect(try await store.read("k", .whole).bytes.count == 1)
    }

    @Test func `no secret stands in what an error says`() async throws {
        let server = FaultServer { _, _ in Self.refusal(403, "SignatureDoesNotMatch") }
        let store = try store(["em-data.s3.amazonaws.com": server], ["AWS_SESSION_TOKEN": "tokentoken"])
        do {
            _ = try await store.read("k", .whole)
            Issue.record("no error")
        } catch {
            var text = "\(error)"
            dump(error, to: &text)
            #expect(!text.contains("secret\"") && !text.contains("tokentoken") && !text.contains("Signature="))
        }
    }
}
