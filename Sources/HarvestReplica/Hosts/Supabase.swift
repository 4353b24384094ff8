/// The PostgREST interface behind OpenOrganelle's pages, for one table and one row.
struct Supabase: Host {
    let names = ["kvwjcggnkipomjlbjykf.supabase.co"]
    let routes = ["/rest/v1/dataset?select=…&name=eq.jrc_mus-nacc-2&stage=in.(prod)  header apikey: \(key)"]

    /// The key that opens it; the true one is nowhere in this project.
    static let key = "replica-anon-key"

    func respond(to request: Request) -> Response {
        guard let key = request.header("apikey") ?? request.parameter("apikey") else {
            return refused("No API key found in request", "No `apikey` request header or url param was found.")
        }
        guard key == Self.key else {
            return refused("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")
        }
        guard request.path == "/rest/v1/dataset" else { return failure(404, request: request) }
        let rows = matches(request) ? "[\(OpenOrganelleRecord.row)]" : "[]"
        var response = json(200, rows)
        response.headers.append(("Content-Range", rows == "[]" ? "*/*" : "0-0/*"))
        return response
    }

    func failure(_ status: Int, request: Request) -> Response {
        json(
            status,
            "{\"code\":\(status == 404 ? "\"PGRST205\"" : "null"),\"details\":null,\"hint\":null,"
                + "\"message\":\(JSONText.quoted(Response.reason(status)))}")
    }

    /// The two operators that the portal's own client sends: `eq.` and `in.(…)`.
    private func matches(_ request: Request) -> Bool {
        let row = ["name": NucleusAccumbens.dataset, "stage": "prod"]
        return request.query.allSatisfy { filter in
            guard let value = row[filter.name] else { return true }
            if filter.value.hasPrefix("eq.") { return filter.value.dropFirst(3) == value }
            guard filter.value.hasPrefix("in.("), filter.value.hasSuffix(")") else { return false }
            return filter.value.dropFirst(4).dropLast().split(separator: ",").contains { $0 == value }
        }
    }

    private func refused(_ message: String, _ hint: String) -> Response {
        json(401, "{\"message\":\(JSONText.quoted(message)),\"hint\":\(JSONText.quoted(hint))}")
    }

    private func json(_ status: Int, _ body: String) -> Response {
        .text(status, "application/json; charset=utf-8", body, headers: [("Server", "cloudflare")])
    }
}
