import HarvestCodecs
import HarvestCore

/// What a token for Google Cloud Storage is asked for with: a file of Application Default Credentials (Google Cloud
/// documentation, "How Application Default Credentials works"; AIP-4112, AIP-4113).
struct GoogleKeys: Sendable {
    /// Where tokens are asked for; `https`, or this machine.
    let tokens: WebAddress
    private let grant: Grant

    private enum Grant {
        /// A service account's key, which signs what asks for the token (RFC 7523).
        case signed(account: String, keyID: String?, key: Secret)
        /// What a person agreed to in a browser (RFC 6749 §6).
        case refreshed(client: String, secret: Secret, token: Secret)
    }

    private static let usualTokens = "https://oauth2.googleapis.com/token"
    private static let scope = "https://www.googleapis.com/auth/devstorage.read_only"
    /// How long a signed question is good for, in seconds; an hour is the most that Google takes.
    private static let lifetime = 3600

    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names, else the one that gcloud keeps; `nil` for nobody.
    ///
    /// - Throws: ``HarvestError`` of a file that was named: `.unsupported` for a kind of keys that is not known here,
    ///   `.malformed`, `.notFound` and others where it cannot be used.
    static func find(_ options: AccessOptions) throws(HarvestError) -> GoogleKeys? {
        if options.isAnonymous { return nil }
        if options.variable("GOOGLE_APPLICATION_CREDENTIALS") != nil,
            let path = options.path("GOOGLE_APPLICATION_CREDENTIALS", usual: "")
        {
            return try GoogleKeys(try AccessOptions.text(at: path), at: path)
        }
        let name = "application_default_credentials.json"
        let folder = options.path("CLOUDSDK_CONFIG", usual: ".config/gcloud")
        guard let path = folder.map({ "\($0)/\(name)" }), let text = try? AccessOptions.text(at: path) else {
            return nil
        }
        return try? GoogleKeys(text, at: path)  // nobody named it: what is wrong with it stops no anonymous read
    }

    init(_ text: String, at place: String) throws(HarvestError) {
        // What a parser says of the text may hold some of it.
        guard let json = try? JSON(parsing: text), let kind = json["type"]?.string else {
            throw .malformed("not a file of Google's credentials", at: place)
        }
        func member(_ name: String) throws(HarvestError) -> String {
            guard let value = json[name]?.string, !value.isEmpty else {
                throw .malformed("credentials without \"\(name)\"", at: place)
            }
            return value
        }
        switch kind {
        case "service_account":
            grant = .signed(
                account: try member("client_email"), keyID: json["private_key_id"]?.string,
                key: Secret(try member("private_key")))
        case "authorized_user":
            grant = .refreshed(
                client: try member("client_id"), secret: Secret(try member("client_secret")),
                token: Secret(try member("refresh_token")))
        default:
            throw .unsupported(
                "credentials of type \"\(kind.displayed(limit: 60))\" are not supported", at: place,
                next: "use a service account's key, or run: gcloud auth application-default login")
        }
        tokens = try WebAddress(json["token_uri"]?.string ?? Self.usualTokens)
        let origin = tokens.origin
        let isInside = origin.scheme == "http" && NetworkAddress.depth(host: origin.host) == .machine
        guard origin.scheme == "https" || isInside else {
            throw HarvestError(.denied, "keys are shown over https alone", at: tokens.text, next: "mend \(place)")
        }
    }

    /// The form that asks for a token.
    ///
    /// - Parameter now: Seconds since 1970.
    /// - Throws: `.malformed` for a key that does not sign.
    func form(at now: Int) throws(HarvestError) -> Secret {
        switch grant {
        case .refreshed(let client, let secret, let token):
            return Self.form([
                ("grant_type", "refresh_token"), ("client_id", client), ("client_secret", secret.value),
                ("refresh_token", token.value),
            ])
        case .signed(let account, let keyID, let key):
            var header: JSON.Members = ["alg": "RS256", "typ": "JWT"]
            if let keyID { header["kid"] = .string(keyID) }
            let claims: JSON.Members = [
                "iss": .string(account), "scope": .string(Self.scope), "aud": .string(tokens.text), "iat": .int(now),
                "exp": .int(now + Self.lifetime),
            ]
            // RFC 7515 §3.1
            let text = [header, claims].map { Array(JSON.object($0).compact.utf8).base64URL }.joined(separator: ".")
            let signature = try MessageAuthentication.rs256(
                privateKey: Array(key.value.utf8), Array(text.utf8))
            return Self.form([
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", "\(text).\(signature.base64URL)"),
            ])
        }
    }

    private static func form(_ fields: [(String, String)]) -> Secret {
        Secret(fields.map { "\($0)=\(WebAddress.percentEncoded($1))" }.joined(separator: "&"))
    }
}

extension [UInt8] {
    /// RFC 4648 §5, without padding.
    fileprivate var base64URL: String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: count, by: 3) {
            let part = self[start..<Swift.min(start + 3, count)]
            let bits = part.reduce(0) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - part.count))
            for digit in 0...part.count { out.append(digits[Int(bits >> (18 - 6 * UInt32(digit)) & 63)]) }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
