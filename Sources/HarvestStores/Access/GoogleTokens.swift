import Glibc
import HarvestCore

/// The token that opens Google Cloud Storage, asked for when it is first wanted and again before it expires.
actor GoogleTokens {
    /// There was no token: whether a bucket wants one is not said by that.
    struct Missing: Error {}

    private let keys: GoogleKeys
    private var kept: (token: Secret, until: Double)?
    private var asked: Task<(Secret, lifetime: Double), any Error>?

    /// A token is renewed so many seconds before it expires.
    private static let margin = 60.0

    init(_ keys: GoogleKeys) { self.keys = keys }

    /// The token, from Google at most once for all who wait for it.
    ///
    /// - Throws: ``HarvestError`` with ``Missing`` behind it.
    func token(_ client: HTTPClient, _ meter: Meter) async throws -> Secret {
        if let kept, Monotonic.now < kept.until { return kept.token }
        if let asked { return try await asked.value.0 }
        // Not the task of who asked first: others wait for the token too.
        let task = Task { [keys] in try await Self.fetch(keys, client, meter) }
        asked = task
        defer { asked = nil }
        let start = Monotonic.now
        let (token, lifetime) = try await task.value
        kept = (token, start + lifetime - Self.margin)
        return token
    }

    private static func fetch(
        _ keys: GoogleKeys, _ client: HTTPClient, _ meter: Meter
    ) async throws -> (Secret, lifetime: Double) {
        var get = HTTPGet(address: keys.tokens) { _ in .collect(atMost: 1 << 20) }
        do {
            get.form = try keys.form(at: time(nil))
            let response = try await client.get(get, meter: meter)
            let json = try? JSON(parsing: response.body)
            guard response.head.status == 200, let token = json?["access_token"]?.string, !token.isEmpty,
                token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                let said = [json?["error"]?.string, json?["error_description"]?.string].compactMap(\.self)
                throw HarvestError(
                    .denied, said.isEmpty ? "HTTP \(response.head.status)" : said.joined(separator: ": "),
                    next: "run gcloud auth application-default login, or check the service account's key")
            }
            return (Secret(token), json?["expires_in"]?.double ?? 3600)
        } catch let error as HarvestError {
            throw HarvestError(
                error.kind, "no token for Google Cloud Storage: \(error.message)", at: keys.tokens.text,
                next: error.next, underlying: Missing())
        }
    }
}
