import CSSL
import Glibc

@testable import HarvestReplica

/// A client that sends exactly what it is told and hides nothing of what comes back.
final class TestClient {
    struct Answer {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]
        /// Whether the connection ended before the promised length.
        var isShort: Bool
        var text: String { String(decoding: body, as: UTF8.self) }

        func header(_ name: String) -> String? { headers.first { $0.name.equalsIgnoringCase(name) }?.value }
    }

    private let socket: Int32
    private var tls: OpaquePointer?
    private var context: OpaquePointer?
    private var pending: [UInt8] = []
    /// The common name that the server's certificate was verified for.
    private(set) var isVerified = false

    /// - Parameter patience: Seconds to wait for any byte.
    init(port: UInt16, patience: Double = 20) {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(connected == 0, "the server is not there")
        var limit = timeval(tv_sec: Int(patience), tv_usec: Int((patience - patience.rounded(.down)) * 1e6))
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        if let tls { SSL_free(tls) }
        if let context { SSL_CTX_free(context) }
        close(socket)
    }

    /// Shakes hands, trusting one authority, for one host name.
    func startTLS(authority: String, host: String) {
        context = SSL_CTX_new(TLS_client_method())
        SSL_CTX_load_verify_locations(context, authority, nil)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        tls = SSL_new(context)
        SSL_set_fd(tls, socket)
        SSL_set1_host(tls, host)
        isVerified = SSL_connect(tls) == 1
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        if let tls { SSL_write(tls, bytes, Int32(bytes.count)) } else { _ = Glibc.send(socket, bytes, bytes.count, 0) }
    }

    /// Sends one request and reads its answer.
    func get(_ url: String, _ headers: [String] = [], method: String = "GET") -> Answer? {
        let slash = url.firstIndex(of: "/") ?? url.endIndex
        let lines = ["\(method) \(url[slash...]) HTTP/1.1", "Host: \(url[..<slash])"] + headers
        send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        return read(hasBody: method != "HEAD")
    }

    /// The next answer; `nil` if none comes.
    func read(hasBody: Bool = true) -> Answer? {
        while endOfHead() == nil { guard receive() else { return nil } }
        guard let end = endOfHead() else { return nil }
        let lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\r\n")
        pending.removeFirst(end + 4)
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (name: String(line[..<colon]), value: String(line[colon...].drop { $0 == ":" || $0 == " " }))
        }
        var answer = Answer(status: status, headers: headers, body: [], isShort: false)
        let length = hasBody ? answer.header("Content-Length").flatMap { Int($0) } ?? 0 : 0
        while pending.count < length { guard receive() else { break } }
        answer.body = Array(pending.prefix(length))
        answer.isShort = answer.body.count < length
        pending.removeFirst(answer.body.count)
        return answer
    }

    /// Whether the other side has closed: no byte is left and none comes.
    func isClosed() -> Bool { pending.isEmpty && !receive() }

    private func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var count = 0
        repeat {
            count = tls.map { Int(SSL_read($0, &buffer, 64 << 10)) } ?? recv(socket, &buffer, buffer.count, 0)
        } while count < 0 && tls == nil && errno == EINTR  // a child of another test ended
        guard count > 0 else { return false }
        pending += buffer[..<count]
        return true
    }

    private func endOfHead() -> Int? {
        guard pending.count >= 4 else { return nil }
        return (0...(pending.count - 4)).first { pending[$0..<($0 + 4)].elementsEqual([13, 10, 13, 10]) }
    }
}

/// A server in this process, without TLS, with the faults given.
func startServer(_ rules: [String] = [], seed: UInt64 = 1) throws -> Server {
    let plan = FaultPlan(rules: try rules.map { try FaultRule($0) }, seed: seed)
    guard let log = RequestLog(path: nil), let server = Server(tls: nil, site: Site(), plan: plan, log: log) else {
        throw FaultRule.Misunderstood(text: "no port")
    }
    return server
}
