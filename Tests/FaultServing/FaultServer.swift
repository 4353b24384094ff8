import Glibc
import Synchronization

/// A web server on this machine that does what a test says: HTTP/1.1, a thread per connection, faults on demand.
package final class FaultServer: Sendable {
    package struct Request: Sendable {
        /// As in the request line, percent-encoded, with the query.
        package var target: String
        /// Names in lower case.
        package var headers: [String: String]
        /// What was posted.
        package var body = ""
        /// Which connection it came over, from 0.
        package var connection: Int

        package var path: String { String(target.prefix { $0 != "?" }) }
        package var host: String { headers["host"] ?? "" }

        /// The bounds of `Range: bytes=A-B`, inclusive; an open end is `Int.max`.
        package var range: ClosedRange<Int>? {
            guard let text = headers["range"], text.hasPrefix("bytes=") else { return nil }
            let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count == 2, let first = Int(ends[0]) else { return nil }
            return first...(Int(ends[1]) ?? .max)
        }

        package func query(_ name: String) -> String? {
            guard let mark = target.firstIndex(of: "?") else { return nil }
            for pair in target[target.index(after: mark)...].split(separator: "&") where pair.hasPrefix("\(name)=") {
                return String(pair.dropFirst(name.count + 1))
            }
            return nil
        }
    }

    package struct Answer: Sendable {
        package enum Fault: Sendable {
            /// The connection ends after so many bytes of body.
            case cut(after: Int)
            /// Nothing more comes after so many bytes of body; with -1 not even the head.
            case stall(after: Int)
            /// The answer waits for so many milliseconds.
            case late(Int32)
            /// After so many bytes of body the rest comes when this returns.
            case pause(after: Int, @Sendable () -> Void)
        }

        package var status = 200
        package var headers: [String: String] = [:]
        package var body: [UInt8] = []
        package var fault: Fault?
        /// Whether `Content-Length` is left out and the body ends with the connection.
        package var isUnsized = false

        package init(
            status: Int = 200, headers: [String: String] = [:], body: [UInt8] = [], fault: Fault? = nil,
            isUnsized: Bool = false
        ) {
            (self.status, self.headers, self.body, self.fault) = (status, headers, body, fault)
            self.isUnsized = isUnsized
        }
    }

    package let port: Int
    private let listener: Int32
    private let handler: @Sendable (Request, Int) -> Answer
    private let log = Mutex<[Request]>([])
    private let isStopped = Mutex(false)
    private let counts = Mutex<(connections: Int, running: Int, most: Int)>((0, 0, 0))

    /// - Parameter handler: Answers a request; the number says how many came before it.
    package init(_ handler: @escaping @Sendable (Request, Int) -> Answer) {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 512) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        precondition(isBound, "no port on 127.0.0.1")
        port = Int(UInt16(bigEndian: address.sin_port))
        Self.startThread { [self] in acceptAll() }
    }

    /// Ends the listening thread. Connections end when their clients do.
    package func stop() {
        // Under the lock: once the accepting thread has seen it, the number may already be someone else's.
        isStopped.withLock { isStopped in
            if !isStopped { shutdown(listener, Int32(SHUT_RDWR)) }
            isStopped = true
        }
    }

    package var url: String { "http://127.0.0.1:\(port)" }
    /// Leads every host of this name and port 80 here.
    package func mapped(_ host: String, port from: Int = 80) -> String { "\(host):\(from):127.0.0.1:\(port)" }
    package var requests: [Request] { log.withLock { $0 } }
    package var connections: Int { counts.withLock { $0.connections } }
    /// The most requests that were being answered at one time.
    package var mostConcurrent: Int { counts.withLock { $0.most } }

    /// A server of whole and ranged objects, as servers should be.
    package static func serving(_ objects: [String: [UInt8]], tag: String = "\"v1\"") -> FaultServer {
        FaultServer { request, _ in
            guard let body = objects[String(request.path.dropFirst())] else { return Answer(status: 404) }
            return ranged(body, request, tag: tag)
        }
    }

    /// The right answer to a request for `body`.
    package static func ranged(_ body: [UInt8], _ request: Request, tag: String = "\"v1\"") -> Answer {
        guard let text = request.headers["range"] else { return Answer(headers: ["ETag": tag], body: body) }
        let wanted: Range<Int>
        if let range = request.range {
            guard range.lowerBound < body.count else {
                return Answer(status: 416, headers: ["Content-Range": "bytes */\(body.count)"])
            }
            wanted = range.lowerBound..<min(body.count, range.upperBound == .max ? .max : range.upperBound + 1)
        } else {
            let count = Int(text.dropFirst("bytes=-".count)) ?? 0
            if body.isEmpty { return Answer(status: 416, headers: ["Content-Range": "bytes */0"]) }
            wanted = max(0, body.count - count)..<body.count
        }
        return Answer(
            status: 206,
            headers: [
                "Content-Range": "bytes \(wanted.lowerBound)-\(wanted.upperBound - 1)/\(body.count)", "ETag": tag,
            ], body: Array(body[wanted]))
    }

    // MARK: - On the threads

    private static func startThread(_ body: @escaping @Sendable () -> Void) {
        final class Job: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { job in
                Unmanaged<Job>.fromOpaque(job!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Job(body)).toOpaque())
        pthread_detach(thread)
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            if isStopped.withLock({ $0 }) {
                if client >= 0 { close(client) }
                break
            }
            guard client >= 0 else {
                usleep(1000)  // a signal, or no descriptor is left: others may still come
                continue
            }
            var on: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            let number = counts.withLock { counts in
                defer { counts.connections += 1 }
                return counts.connections
            }
            Self.startThread { [self] in
                serve(client, number)
                close(client)
            }
        }
        close(listener)
    }

    private func serve(_ client: Int32, _ number: Int) {
        var waiting: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        let end = Array("\r\n\r\n".utf8)
        while true {
            while let head = waiting.firstRange(of: end) {
                let text = String(decoding: waiting[..<head.lowerBound], as: UTF8.self)
                var request = parse(text, number)
                let end = head.upperBound + (request.headers["content-length"].flatMap { Int($0) } ?? 0)
                if waiting.count < end { break }
                request.body = String(decoding: waiting[head.upperBound..<end], as: UTF8.self)
                waiting.removeSubrange(..<end)
                guard answer(client, request) else { return }
            }
            let count = recv(client, &piece, piece.count, 0)
            if count <= 0 { return }
            waiting += piece[..<count]
        }
    }

    private func parse(_ text: String, _ number: Int) -> Request {
        let lines = text.split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return Request(target: String(words[1]), headers: headers, connection: number)
    }

    /// Answers one request; `false` ends the connection.
    private func answer(_ client: Int32, _ request: Request) -> Bool {
        let index = log.withLock { log in
            log.append(request)
            return log.count - 1
        }
        counts.withLock { counts in
            counts.running += 1
            counts.most = max(counts.most, counts.running)
        }
        let answer = handler(request, index)
        var head = "HTTP/1.1 \(answer.status) Status\r\n"
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        if !answer.isUnsized { head += "Content-Length: \(answer.body.count)\r\n" }
        head += "\r\n"
        var bytes = Array(head.utf8)
        var goesOn = !answer.isUnsized
        var stalls = false
        switch answer.fault {
        case .cut(let count):
            bytes += answer.body.prefix(count)
            goesOn = false
        case .stall(let count):
            bytes = count < 0 ? [] : bytes + answer.body.prefix(count)
            (goesOn, stalls) = (false, true)
        case .late(let milliseconds):
            poll(nil, 0, milliseconds)
            bytes += answer.body
        case .pause(let count, let wait):
            guard send(client, bytes + answer.body.prefix(count)) else { goesOn = false; break }
            wait()
            bytes = Array(answer.body.dropFirst(count))
        case nil: bytes += answer.body
        }
        // Before the last byte, so that a client that has its answer never finds the request still counted.
        counts.withLock { $0.running -= 1 }
        let isSent = send(client, bytes)
        if stalls {
            var byte: UInt8 = 0
            while recv(client, &byte, 1, 0) > 0 {}  // until the client gives up
        }
        return isSent && goesOn
    }

    private func send(_ client: Int32, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { memory in
            var count = 0
            while count < memory.count {
                let put = Glibc.send(client, memory.baseAddress! + count, memory.count - count, Int32(MSG_NOSIGNAL))
                if put <= 0 { return false }
                count += put
            }
            return true
        }
    }
}

/// Bytes of a formula, so that any of them can be checked.
package func sample(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ seed) >> 7) }
}
