import Foundation
import FaultServing
import HarvestCodecs
import HarvestCore
@testable import HarvestStores
import Testing

/// The key of RFC 7515, appendix A.2.
private let exampleKey = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913Ee
    Z8dCn5VrD7io8ImtxLaYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv/s4yDQs4v5tJ/re
    SlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Q
    r4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZ
    D50LpXyWPEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/GO+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l
    9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoF
    aFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpL
    ttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDn
    Ed3BbVWG8qf6deqElMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0KgeqlaZPxgCZnFp7AeAc
    CMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKB
    gAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75g
    JLVds29+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2
    LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZjOYiIDktVWZzmevJuv6WywU
    qd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3ydy5
    cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A5603k2+ZQwVK0JKSHuLFkuQ3U=
    -----END PRIVATE KEY-----
    """

@Suite struct MessageAuthenticationTests {
    @Test func `HMAC-SHA-256 is RFC 4231's, test case 2`() {
        let code = MessageAuthentication.hmacSHA256(Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(
            code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func `RS256 is RFC 7515's, appendix A2`() throws {
        let text =
            "eyJhbGciOiJSUzI1NiJ9."
            + "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        let signature = try MessageAuthentication.rs256(privateKey: Array(exampleKey.utf8), Array(text.utf8))
        let theirs =
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
            + "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
            + "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY"
            + "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        let ours = Data(signature).base64EncodedString().filter { $0 != "=" }
        #expect(ours.replacing("+", with: "-").replacing("/", with: "_") == theirs)
    }

    @Test(arguments: ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
    func `what is no key is malformed`(key: String) async {
        await expectError(.malformed) { try MessageAuthentication.rs256(privateKey: Array(key.utf8), [1]) }
    }
}

@Suite struct GoogleAccessTests {
    private let folder = Folder()

    /// Credentials of a person, or of a service account, whose tokens come from `tokens`.
    private func credentials(_ type: String, _ tokens: String) -> String {
        let members: JSON.Members =
            type == "service_account"
            ? [
                "type": "service_account", "client_email": "em@project.iam", "private_key": .string(exampleKey),
                "private_key_id": "key-1", "token_uri": .string(tokens),
            ]
            : [
                "type": .string(type), "client_id": "me", "client_secret": "my+secret", "refresh_token": "1//refresh",
                "token_uri": .string(tokens),
            ]
        return JSON.object(members).compact
    }

    /// - Parameter named: Whether a variable names the file; else it is where gcloud keeps it.
    private func store(
        _ text: String, _ google: FaultServer, named: Bool = true, _ variables: [String: String] = [:]
    ) throws -> GCSStore {
        let file = named ? "key.json" : ".config/gcloud/application_default_credentials.json"
        folder.write(file, Array(text.utf8))
        var environment = variables.merging(["HOME": folder.path]) { value, _ in value }
        if named { environment["GOOGLE_APPLICATION_CREDENTIALS"] = "\(folder.path)/\(file)" }
        var options = quickOptions(connectTo: [google.mapped("storage.googleapis.com")])
        options.access = AccessOptions(environment: environment)
        return try GCSStore(
            Address("gs://private"), client: HTTPClient(options: options), meter: Meter(), transport: "http")
    }

    private static func tokens(expiring seconds: Int = 3600) -> FaultServer {
        FaultServer { _, index in
            .init(body: Array("{\"access_token\":\"t\(index)\",\"expires_in\":\(seconds)}".utf8), fault: .late(20))
        }
    }

    /// A bucket that opens for tokens alone.
    private static func bucket() -> FaultServer {
        FaultServer { request, _ in
            guard request.headers["authorization"]?.hasPrefix("Bearer t") == true else { return .init(status: 401) }
            return request.query("prefix") == nil
                ? FaultServer.ranged([1, 2, 3], request) : .init(body: Array("{}".utf8))
        }
    }

    @Test(arguments: ["service_account", "authorized_user"], [true, false])
    func `one token opens all there is, for all who wait for it`(type: String, named: Bool) async throws {
        let (tokens, google) = (Self.tokens(), Self.bucket())
        let store = try store(credentials(type, "\(tokens.url)/token"), google, named: named)
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 { group.addTask { _ = try await store.read("k", .bytes(0..<2)) } }
            group.addTask { _ = try await store.read("k", .whole) }
            group.addTask { _ = try await store.list("") }
            group.addTask { _ = await store.stream("k", 0..<2, facts: { _ in }, to: { _ in }) }
            group.addTask { _ = try await store.stream("k", begins: {}, to: { _ in }) }
            try await group.waitForAll()
        }
        #expect(tokens.requests.count == 1)
        #expect(
            google.requests.count == 12 && google.requests.allSatisfy { $0.headers["authorization"] == "Bearer t0" })
    }

    @Test func `a person's token is asked for as RFC 6749 says`() async throws {
        let tokens = Self.tokens()
        let store = try store(credentials("authorized_user", "\(tokens.url)/token"), Self.bucket())
        _ = try await store.read("k", .whole)
        #expect(
            tokens.requests[0].body
                == "grant_type=refresh_token&client_id=me&client_secret=my%2Bsecret&refresh_token=1%2F%2Frefresh")
        #expect(tokens.requests[0].headers["content-type"] == "application/x-www-form-urlencoded")
    }

    @Test func `a token is renewed a minute before it expires`() async throws {
        let (tokens, google) = (Self.tokens(expiring: 60), Self.bucket())
        let store = try store(credentials("authorized_user", "\(tokens.url)/token"), google)
        for _ in 0..<2 { _ = try await store.read("k", .whole) }
        #expect(google.requests.map { $0.headers["authorization"] } == ["Bearer t0", "Bearer t1"])
    }

    @Test func `a public bucket that refuses the token is asked as nobody from then on`() async throws {
        let tokens = Self.tokens()
        let google = FaultServer { request, _ in
            request.headers["authorization"] == nil ? FaultServer.ranged([1, 2], request) : .init(status: 403)
        }
        let store = try store(credentials("authorized_user", "\(tokens.url)/token"), google)
        for _ in 0..<2 { _ = try await store.read("k", .whole) }
        #expect(google.requests.map { $0.headers["authorization"] } == ["Bearer t0", nil, nil])
    }

    @Test func `no token opens what is public, and what is not says why there is none`() async throws {
        let tokens = FaultServer { _, _ in
            .init(status: 400, body: Array("{\"error\":\"invalid_grant\",\"error_description\":\"revoked\"}".utf8))
        }
        let open = FaultServer { request, _ in FaultServer.ranged([1, 2], request) }
        let text = credentials("authorized_user", "\(tokens.url)/token")
        #expect(try await store(text, open).read("k", .whole).bytes.count == 2)
        await expectError(.denied, saying: "invalid_grant: revoked") {
            try await store(text, Self.bucket()).read("k", .whole)
        }
    }

    @Test func `credentials of another type are told where they were named, else nobody's`() async throws {
        let (google, text) = (Self.bucket(), #"{"type":"external_account"}"#)
        await expectError(.unsupported, saying: "external_account") { try store(text, google) }
        await expectError(.denied, saying: "401") { try await store(text, google, named: false).read("k", .whole) }
    }

    @Test func `keys are shown over https alone, and broken ones are not repeated`() async throws {
        let google = Self.bucket()
        await expectError(.denied, saying: "https") {
            try store(credentials("authorized_user", "http://a.org/t"), google)
        }
        await expectError(.malformed, saying: "not a file of Google's") {
            try store("{\"private_key\": s3cret", google)
        }
    }

    @Test func `a redirect of the token's address gets nothing`() async throws {
        let other = Self.tokens()
        let tokens = FaultServer { _, _ in .init(status: 307, headers: ["Location": other.url]) }
        let store = try store(credentials("authorized_user", "\(tokens.url)/token"), Self.bucket())
        await expectError(.denied, saying: "HTTP 307") { try await store.read("k", .whole) }
        #expect(other.requests.isEmpty)
    }

    @Test func `HARVEST_ANONYMOUS and an emulator ask as nobody`() async throws {
        let tokens = Self.tokens()
        let text = credentials("authorized_user", "\(tokens.url)/token")
        let google = Self.bucket()
        await expectError(.denied) { try await store(text, google, ["HARVEST_ANONYMOUS": "1"]).read("k", .whole) }
        let emulator = FaultServer { request, _ in
            request.target == "/storage/v1/b/private/o/a%2Fk?alt=media" ? .init(body: [5]) : .init(status: 404)
        }
        var options = try TransportOptions(environment: ["STORAGE_EMULATOR_HOST": "127.0.0.1:\(emulator.port)"])
        options.profiles = nil
        let there = try GCSStore(Address("gs://private/a"), client: HTTPClient(options: options))
        #expect(try await there.read("k", .whole).bytes.count == 1 && tokens.requests.isEmpty)
    }
}
