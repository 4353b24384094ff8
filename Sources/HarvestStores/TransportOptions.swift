import Glibc

/// How the program talks to other machines; the defaults stand here and nowhere else.
public struct TransportOptions: Sendable {
    /// How long the far side may take over each step, in seconds.
    public struct Deadlines: Sendable {
        /// Name, connection and TLS handshake.
        public var connect = 10.0
        /// From the request being sent to the first byte of the answer.
        public var firstByte = 12.0
        /// Between two pieces of a body.
        public var idle = 12.0
        /// Bytes that must come in each idle window, so that a drip is seen as a stall.
        public var leastBytesPerIdleWindow = 1024
        /// The whole transfer; `nil` is as long as it takes.
        public var overall: Double?

        public init() {}
    }

    /// What one origin (scheme, host and port) is asked to bear, and what we accept from it.
    public struct Limits: Sendable {
        /// Requests that run at a time.
        public var concurrentRequests = 16
        /// Requests that start in a second; `nil` is no limit.
        public var requestsPerSecond: Double?
        /// The longest page, in bytes.
        public var pageBytes = 64 << 20
        /// The longest object read whole into memory, in bytes.
        public var objectBytes = 2 << 30
        /// The longest answer that is taken whole where the server ignores ranges, in bytes.
        public var unrangedBytes = 16 << 20
        /// All header lines of one answer, in bytes.
        public var headerBytes = 256 << 10
        /// What single hosts are asked to bear, whatever the scheme; a name covers the hosts below it.
        public var hosts: [String: HostLimits] = [
            // The EBI's file servers refuse more than about 4 RETR a second and 16 connections of one visitor.
            "ebi.ac.uk": HostLimits(connections: 16, retrievesPerSecond: 4)
        ]

        public init() {}

        private func host(_ name: String) -> (name: String, limits: HostLimits)? {
            hosts.first { name == $0.key || name.hasSuffix("." + $0.key) }.map { ($0.key, $0.value) }
        }

        /// What counts together: of a limited host all schemes, else each origin for itself.
        func gate(of origin: WebAddress.Origin) -> WebAddress.Origin {
            host(origin.host) == nil ? origin : WebAddress.Origin(scheme: "", host: origin.host, port: 0)
        }

        func requests(at origin: WebAddress.Origin) -> Int {
            min(concurrentRequests, host(origin.host)?.limits.connections ?? Int.max)
        }

        /// Both, for whoever plans by them.
        func shown(at origin: WebAddress.Origin) -> (connections: Int, startsPerSecond: Double?) {
            (requests(at: origin), rate(at: origin))
        }

        /// Requests that may start in a second; FTP servers count retrieves.
        func rate(at origin: WebAddress.Origin) -> Double? {
            let own = origin.scheme == "ftp" ? host(origin.host)?.limits.retrievesPerSecond : nil
            guard let own, let shared = requestsPerSecond else { return own ?? requestsPerSecond }
            return min(own, shared)
        }
    }

    /// What one host is asked to bear.
    public struct HostLimits: Sendable {
        /// Connections, over all schemes.
        public var connections: Int
        /// FTP retrieves that start in a second; `nil` is no limit.
        public var retrievesPerSecond: Double?

        public init(connections: Int, retrievesPerSecond: Double? = nil) {
            self.connections = connections
            self.retrievesPerSecond = retrievesPerSecond
        }
    }

    /// `HOST:PORT:HOST:PORT` as curl's `--connect-to` takes it; an empty field means any.
    public var connectTo: [String] = []
    /// A file with certificate authorities to trust instead of the system's.
    public var certificateAuthority: String?
    public var deadlines = Deadlines()
    public var retry = RetryPolicy.Options()
    public var limits = Limits()
    public var userAgent = "image-harvest/0.1 (+electron microscopy data; libcurl)"
    /// Whether a proxy variable is set: the address that answers is then the proxy's and says nothing of the host.
    public var usesProxy = false

    public init() {}

    /// The defaults, with what `HARVEST_CONNECT_TO` (a comma list) and `HARVEST_CA` say.
    public init(environment: [String: String]) {
        connectTo = (environment["HARVEST_CONNECT_TO"] ?? "").split(separator: ",").map {
            String($0.drop { $0 == " " })
        }
        certificateAuthority = environment["HARVEST_CA"].flatMap { $0.isEmpty ? nil : $0 }
        // The names curl itself reads.
        usesProxy = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].contains {
            environment[$0].map { !$0.isEmpty } ?? false
        }
    }

    /// The variables of this process.
    public static var processEnvironment: [String: String] {
        var found: [String: String] = [:]
        var entry = environ
        while let line = entry.pointee {
            let text = String(cString: line)
            if let equals = text.firstIndex(of: "=") {
                found[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return found
    }
}
