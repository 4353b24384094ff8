/// A portal, or part of one: some host names and what they answer. No sockets, no clocks.
protocol Host: Sendable {
    var names: [String] { get }

    /// What can be asked for, one line each, for `harvest-replica hosts`.
    var routes: [String] { get }

    /// The whole representation at the request's path; ranges and conditions are applied afterwards.
    func respond(to request: Request) -> Response

    /// An error in the shape in which this host words its errors.
    func failure(_ status: Int, request: Request) -> Response
}

extension Host {
    func failure(_ status: Int, request: Request) -> Response {
        let reason = Response.reason(status)
        return .text(
            status, "text/html; charset=UTF-8",
            "<!DOCTYPE html>\n<html><head><title>\(status) \(reason)</title></head>"
                + "<body><h1>\(reason)</h1><p>\(MarkupText.escaped(request.rawPath))</p></body></html>\n")
    }
}

/// All hosts of the replica.
struct Site: Sendable {
    let hosts: [any Host]
    private let byName: [String: any Host]

    init(hosts: [any Host] = Site.portals) {
        self.hosts = hosts
        let pairs = hosts.flatMap { host in host.names.map { ($0, host) } }
        byName = Dictionary(pairs) { first, _ in first }
    }

    func host(_ name: String) -> (any Host)? { byName[name] }

    /// The answer to a request, whole; methods other than GET and HEAD are refused.
    func respond(to request: Request) -> Response {
        guard let host = byName[request.host] else {
            return .text(421, "text/plain", "no such host in this replica: \(request.host)\n")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var refusal = host.failure(405, request: request)
            refusal.setHeader("Allow", "GET, HEAD")
            return refusal
        }
        guard request.path != nil else { return host.failure(400, request: request) }
        return host.respond(to: request)
    }

    /// An error in the words of the host that was asked.
    func failure(_ status: Int, request: Request) -> Response {
        byName[request.host]?.failure(status, request: request)
            ?? .text(status, "text/plain", "\(Response.reason(status))\n")
    }

    static var portals: [any Host] {
        [
            EPFLPage(), EPFLDocuments(), OpenOrganellePage(), SimpleStorage(), Supabase(), Figshare(),
            FIBSEMMetadata(), CloudStorage(), ShortLinks(), ViewerPage(),
            ImageDataResource(), ElectronArchive(), ArchiveHost(), TroubleFiles(), OtherFiles(),
        ]
    }
}
