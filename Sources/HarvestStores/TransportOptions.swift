import Glibc
public import HarvestCore

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
        /// Requests that run at a time; `nil` is as many as turn out to be of use, up to 128 over HTTP.
        public var concurrentRequests: Int?
        /// Requests that start in a second; `nil` is no limit.
        public var requestsPerSecond: Double?
        /// Bytes that may come in a second, over all hosts; `nil` is no limit.
        public var bytesPerSecond: Double?
        /// The longest page, in bytes.
        public var pageBytes = 64 << 20
        /// The longest object read whole into memory, in bytes.
        public var objectBytes = 512 << 20
        /// The longest answer that is taken whole where the server ignores ranges, in bytes.
        public var unrangedBytes = 16 << 20
        /// All header lines of one answer, in bytes.
        public var headerBytes = 256 << 10
        /// What single hosts are asked to bear, whatever the scheme; a name covers the hosts below it.
        public var hosts: [String: HostLimits] = [
            // The EBI's file servers refuse more than about 4 RETR a second and 16 connections of one visitor.
            "ebi.ac.uk": HostLimits(connections: 16, retrievesPerSecond: 4),
            // Object stores are made for many small requests.
            "amazonaws.com": HostLimits(connections: 64, most: 128),
            "storage.googleapis.com": HostLimits(connections: 64, most: 128),
        ]

        /// Of a host of which nothing is known: requests to begin with, and at the most.
        private static let usual = 16, most = 128

        public init() {}

        /// Whether it is said what this host bears: then nothing is learnt of it.
        func isSaid(of origin: WebAddress.Origin) -> Bool { host(origin.host) != nil || concurrentRequests != nil }

        /// Whether bytes are held back anywhere.
        var isPaced: Bool { bytesPerSecond != nil || hosts.values.contains { $0.bytesPerSecond != nil } }

        private func host(_ name: String) -> (name: String, limits: HostLimits)? {
            hosts.first { name == $0.key || name.hasSuffix("." + $0.key) }.map { ($0.key, $0.value) }
        }

        /// What counts together: of a limited host all schemes, else each origin for itself.
        func gate(of origin: WebAddress.Origin) -> WebAddress.Origin {
            host(origin.host) == nil ? origin : WebAddress.Origin(scheme: "", host: origin.host, port: 0)
        }

        func requests(at origin: WebAddress.Origin) -> Int {
            host(origin.host)?.limits.connections ?? concurrentRequests ?? Self.usual
        }

        /// How many requests at a time a gate lets through, to begin with and at the most.
        func window(at origin: WebAddress.Origin, learnt: HostProfiles.Profile?) -> RequestWindow {
            guard let own = host(origin.host)?.limits else {
                let isFixed = concurrentRequests != nil || origin.isFTP
                let size = (isFixed ? learnt?.connections : learnt?.window) ?? concurrentRequests ?? Self.usual
                return RequestWindow(size: size, most: isFixed ? size : Self.most)
            }
            return RequestWindow(size: own.connections, most: own.most ?? own.connections)
        }

        /// How many requests may start at once after a rest.
        func burst(at origin: WebAddress.Origin) -> Double {
            let own = host(origin.host)?.limits
            return origin.isFTP || own?.requestsPerSecond != nil ? own?.burst ?? 1 : 1
        }

        /// What is asked of an origin, for whoever plans by it.
        func shown(at origin: WebAddress.Origin) -> HostLimits {
            HostLimits(
                connections: requests(at: origin), retrievesPerSecond: rate(at: origin), burst: burst(at: origin))
        }

        /// Requests that may start in a second; FTP servers count retrieves.
        func rate(at origin: WebAddress.Origin) -> Double? {
            let own = host(origin.host)?.limits
            return [origin.isFTP ? own?.retrievesPerSecond : nil, own?.requestsPerSecond, requestsPerSecond]
                .compactMap(\.self).min()
        }
    }

    /// What one host is asked to bear.
    public struct HostLimits: Sendable, Equatable {
        /// Connections, over all schemes.
        public var connections: Int
        /// As many of them at the most, where more turn out to bring more; `nil` is no more.
        public var most: Int?
        /// FTP retrieves that start in a second; `nil` is no limit.
        public var retrievesPerSecond: Double?
        /// Requests of any kind that start in a second; `nil` is no limit.
        public var requestsPerSecond: Double?
        /// How many may start at once after a rest.
        public var burst: Double
        /// Bytes that may come in a second; `nil` is no limit.
        public var bytesPerSecond: Double?

        public init(connections: Int, most: Int? = nil, retrievesPerSecond: Double? = nil, burst: Double = 4) {
            self.connections = connections
            self.most = most
            self.retrievesPerSecond = retrievesPerSecond
            self.burst = burst
        }

        /// `HOST=connections:24,retrieves:4,requests:10,burst:4,bandwidth:10000000`, one or more with `;` between them; what is
        /// left out is as usual. Retrieves are FTP's, bandwidth is in bytes a second.
        ///
        /// - Throws: `.invalid`.
        static func parse(_ text: String) throws(HarvestError) -> [String: HostLimits] {
            var found: [String: HostLimits] = [:]
            for item in text.split(separator: ";") {
                let parts = item.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { throw mistake(item) }
                var limits = HostLimits(connections: 16)
                for setting in parts[1].split(separator: ",") {
                    let pair = setting.split(separator: ":")
                    guard pair.count == 2, let value = Double(pair[1]), value > 0, value < 1e15,
                        value < 1e6 || pair[0] == "bandwidth"
                    else {
                        throw mistake(item)
                    }
                    switch pair[0] {
                    case "connections": limits.connections = Int(value)
                    case "retrieves": limits.retrievesPerSecond = value
                    case "requests": limits.requestsPerSecond = value
                    case "bandwidth": limits.bytesPerSecond = max(1, value)
                    case "burst": limits.burst = max(1, value)
                    default: throw mistake(item)
                    }
                }
                guard limits.connections >= 1 else { throw mistake(item) }
                found[parts[0].lowercased().trimmingSpaces()] = limits
            }
            return found
        }

        private static func mistake(_ item: Substring) -> HarvestError {
            .invalid(
                "\"\(String(item).displayed(limit: 120))\" does not say what a host bears",
                next: "write HOST=connections:16,retrieves:4,burst:4")
        }
    }

    /// `HOST:PORT:HOST:PORT` as curl's `--connect-to` takes it; an empty field means any.
    public var connectTo: [String] = []
    /// A file with certificate authorities to trust instead of the system's.
    public var certificateAuthority: String?
    public var deadlines = Deadlines()
    public var retry = RetryPolicy.Options()
    public var limits = Limits()
    /// Who asks: nobody, unless keys and passwords are named.
    public var access = AccessOptions()
    /// Where buckets of S3 are asked for instead of Amazon: `https://host:port`, the bucket's name first in the path.
    public var s3Endpoint: String?
    /// The emulator that is asked instead of Google Cloud Storage, as nobody: `http://host:port`.
    public var gcsEndpoint: String?
    /// The file in which is kept what hosts turned out to bear; `nil` keeps nothing.
    public var profiles: String?
    /// The folder in which is kept what probes read of remote objects; `nil` keeps nothing.
    public var probes: String?
    public var userAgent = "image-harvest/0.1 (+electron microscopy data; libcurl)"
    /// Proxies: the address that answers is then the proxy's and says nothing of the host.
    var proxies = ProxySettings()
    /// `HOST:PORT:ADDRESS` as curl's `--resolve` takes it, for tests: what a name leads to.
    var resolved: [String] = []
    /// Public keys that a host's certificate must have, `sha256//…` as curl's `--pinnedpubkey` takes them, by host.
    public var pins: [String: String] = [:]

    public init() {}

    /// The defaults, with what `HARVEST_CONNECT_TO` (a comma list), `HARVEST_CA` and `HARVEST_HOST_LIMITS` say, and with
    /// the keys and passwords of ``AccessOptions``.
    ///
    /// - Throws: ``HarvestError`` `.invalid`.
    public init(environment: [String: String]) throws(HarvestError) {
        if let text = environment["HARVEST_HOST_LIMITS"] {
            limits.hosts.merge(try HostLimits.parse(text)) { $1 }
        }
        connectTo = (environment["HARVEST_CONNECT_TO"] ?? "").split(separator: ",").map {
            String($0.drop { $0 == " " })
        }
        certificateAuthority = environment["HARVEST_CA"].flatMap { $0.isEmpty ? nil : $0 }
        // The names that Amazon's own tools read (AWS SDKs and Tools reference, service-specific endpoints).
        s3Endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty }
        if let s3Endpoint { _ = try WebAddress(s3Endpoint) }
        // `host:port` alone is what Google's own libraries take too.
        gcsEndpoint = environment["STORAGE_EMULATOR_HOST"].flatMap { host in
            host.isEmpty ? nil : host.contains("://") ? host : "http://\(host)"
        }
        if let gcsEndpoint { _ = try WebAddress(gcsEndpoint) }
        access = AccessOptions(environment: environment)
        profiles = Self.cacheFolder(environment).map { "\($0)/hosts.json" }
        probes = Self.cacheFolder(environment).map { "\($0)/probes" }
        proxies = ProxySettings(environment)
        if let text = environment["HARVEST_LIMIT_RATE"], !text.isEmpty {
            guard let rate = Double(text), rate >= 1, rate < 1e15 else {
                throw .invalid(
                    "HARVEST_LIMIT_RATE is \"\(text.displayed(limit: 40))\"",
                    next: "write bytes a second, a plain number")
            }
            limits.bytesPerSecond = rate
        }
        for item in (environment["HARVEST_PINS"] ?? "").split(separator: ",") {
            let pair = item.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[1].split(separator: ";").allSatisfy({ $0.hasPrefix("sha256//") }) else {
                throw .invalid(
                    "HARVEST_PINS has \"\(String(item).displayed(limit: 100))\"",
                    next: "write HOST=sha256//BASE64, several keys with ; between them")
            }
            pins[pair[0].lowercased().trimmingSpaces()] = String(pair[1])
        }
    }

    /// The folder for what is worth keeping between runs and does no harm when lost: `HARVEST_CACHE` (`none` for no
    /// such folder), else `harvest` in `XDG_CACHE_HOME` or `~/.cache` (XDG Base Directory Specification).
    public static func cacheFolder(_ environment: [String: String]) -> String? {
        if let named = environment["HARVEST_CACHE"], !named.isEmpty { return named == "none" ? nil : named }
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return "\(base)/harvest" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/.cache/harvest" : nil }
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
