internal import Glibc

/// ftp.ebi.ac.uk as it is spoken to over FTP (RFC 959, 2428, 3659): anonymous, passive, read only.
///
/// Faults are those of the web servers, for the host `ftp.ebi.ac.uk:21`: a status is the reply's code (`status:450:0.2`),
/// `rate` answers 450, `range-ignored` refuses REST, and `PATH?MLSD` is the path of a listing by MLSD.
final class FTPServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let plan: FaultPlan
    private let log: RequestLog
    private let accepted = Guarded(0)
    private let isStopped = Guarded(false)

    init?(port wanted: UInt16, plan: FaultPlan, log: RequestLog) {
        guard let (socket, port) = LoopbackSocket.listen(wanted) else { return nil }
        listener = socket
        self.port = port
        self.plan = plan
        self.log = log
        pthread_detach(startThread(stackBytes: 512 << 10) { self.acceptAll() })
    }

    func stop() {
        // Under the lock: once the accepting thread has seen it, the number may already be someone else's.
        isStopped.withLock { isStopped in
            if !isStopped { shutdown(listener, Int32(SHUT_RDWR)) }
            isStopped = true
        }
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            if isStopped.withLock({ $0 }) {
                if socket >= 0 { close(socket) }
                break
            }
            guard socket >= 0 else {
                usleep(1000)
                continue
            }
            let number = accepted.withLock { count in
                count += 1
                return count
            }
            pthread_detach(
                startThread(stackBytes: 512 << 10) {
                    var session = FTPSession(socket: socket, number: number, plan: self.plan, log: self.log)
                    session.run()
                    close(socket)
                })
        }
        close(listener)
    }
}

/// Listening sockets of 127.0.0.1.
enum LoopbackSocket {
    static func listen(_ wanted: UInt16) -> (socket: Int32, port: UInt16)? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = wanted.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer -> UInt16? in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(socket, generic, length) == 0, getsockname(socket, generic, &length) == 0 else { return nil }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
        guard let port, Glibc.listen(socket, 512) == 0 else {
            close(socket)
            return nil
        }
        return (socket, port)
    }
}

/// One control connection.
struct FTPSession {
    private let socket: Int32
    private let number: Int
    private let plan: FaultPlan
    private let log: RequestLog
    private var folder = "/"
    private var restart: Int64 = 0
    private var passive: Int32 = -1
    private var pending: [UInt8] = []
    private static let host = "ftp.ebi.ac.uk"

    init(socket: Int32, number: Int, plan: FaultPlan, log: RequestLog) {
        (self.socket, self.number, self.plan, self.log) = (socket, number, plan, log)
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    mutating func run() {
        defer { if passive >= 0 { close(passive) } }
        if let status = treatment("CONNECT", "/").status, status == 421 {
            reply("421 Too many connections from your address.")
            return
        }
        reply("220 FTP of the replica.")
        while let line = readLine() {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard obey(parts[0].uppercased(), parts.count > 1 ? String(parts[1]) : "") else { return }
        }
    }

    private func reply(_ text: String) {
        let bytes = Array((text + "\r\n").utf8)
        _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private mutating func readLine() -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[..<end].filter { $0 != 13 }, as: UTF8.self)
                pending.removeFirst(end + 1)
                return line
            }
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0, pending.count < 65_536 else { return nil }
            pending += buffer[..<count]
        }
    }

    /// Returns whether the connection goes on.
    private mutating func obey(_ command: String, _ argument: String) -> Bool {
        switch command {
        case "USER": reply("331 Any password will do.")
        case "PASS": reply("230 Welcome.")
        case "PWD": reply("257 \"\(folder)\"")
        case "TYPE", "NOOP", "OPTS": reply("200 OK.")
        case "SYST": reply("215 UNIX Type: L8")
        case "FEAT":
            reply("211-Features:\r\n EPSV\r\n MDTM\r\n MLST type*;size*;modify*;\r\n REST STREAM\r\n SIZE\r\n211 End")
        case "CWD":
            let path = resolve(argument)
            guard path == "/" || Archive.shared.list(path) != nil else {
                reply("550 No such folder.")
                return true
            }
            folder = path
            reply("250 OK.")
        case "SIZE", "MDTM":
            guard let file = Archive.shared.files[resolve(argument)] else {
                reply("550 No such file.")
                return true
            }
            reply("213 " + (command == "SIZE" ? "\(file.object.size)" : HTTPDate.compact(file.modified)))
        case "REST":
            if treatment("REST", folder).ignoresRange {
                reply("502 REST is not implemented.")
            } else {
                restart = Int64(argument) ?? 0
                reply("350 Restarting at \(restart).")
            }
        case "EPSV", "PASV": openPassive(command)
        case "RETR": return retrieve(resolve(argument))
        case "LIST", "MLSD", "NLST": return list(command, resolve(argument.hasPrefix("-") ? "" : argument))
        case "ABOR": reply("226 Aborted.")
        case "QUIT":
            reply("221 Goodbye.")
            return false
        default: reply("500 \(command.prefix(20)) is not understood.")
        }
        return true
    }

    private func resolve(_ argument: String) -> String {
        var path = argument.hasPrefix("/") ? argument : folder + (folder.hasSuffix("/") ? "" : "/") + argument
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private func treatment(_ command: String, _ path: String) -> Treatment {
        let target = PercentEncoding.encode(path) + (command == "MLSD" ? "?MLSD" : "")
        return plan.treatment(
            of: Request(method: command, target: target, headers: [], host: "\(Self.host):21"), now: monotonicSeconds())
    }

    private mutating func openPassive(_ command: String) {
        if passive >= 0 { close(passive) }
        guard let (socket, port) = LoopbackSocket.listen(0) else {
            passive = -1
            reply("425 No port is free.")
            return
        }
        passive = socket
        reply(
            command == "EPSV"
                ? "229 Extended passive (|||\(port)|)" : "227 Passive (127,0,0,1,\(port >> 8),\(port & 255))")
    }

    private mutating func acceptData() -> Int32? {
        guard passive >= 0 else { return nil }
        defer {
            close(passive)
            passive = -1
        }
        let data = accept(passive, nil, nil)
        return data >= 0 ? data : nil
    }

    // MARK: Data

    /// A refusal by the plan; nil where the command may go on.
    private func refusal(_ treatment: Treatment) -> String? {
        guard let status = treatment.status else { return nil }
        let code = status == 429 || status == 503 ? 450 : status
        return "\(code) \(code == 421 ? "Closing." : "Not now.")"
    }

    private mutating func retrieve(_ path: String) -> Bool {
        let start = restart
        restart = 0
        let began = monotonicSeconds()
        let treatment = treatment("RETR", path)
        func note(_ status: Int, _ bytes: Int64, _ fault: String? = nil) {
            log.write(
                RequestLog.Entry(
                    host: Self.host, method: "RETR", path: path, range: start > 0 ? "bytes=\(start)-" : nil,
                    status: status,
                    bytes: bytes, seconds: monotonicSeconds() - began, fault: fault, connection: number))
        }
        if treatment.delayMilliseconds > 0 { usleep(UInt32(treatment.delayMilliseconds * 1000)) }
        if let refusal = refusal(treatment) {
            note(Int(refusal.prefix(3)) ?? 450, 0)
            reply(refusal)
            return !refusal.hasPrefix("421")
        }
        guard let file = Archive.shared.files[path] else {
            note(550, 0)
            reply("550 No such file.")
            return true
        }
        let object = treatment.isChanged ? file.object.replaced() : file.object
        guard start <= object.size else {
            reply("554 Behind the end.")
            return true
        }
        reply("150 Here it comes.")
        guard let data = acceptData() else {
            reply("425 No data connection.")
            return true
        }
        defer { close(data) }
        let piece = Int64(min(256 << 10, treatment.pace.map { max(1, $0 / 20) } ?? 256 << 10))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(piece), alignment: 16)
        defer { buffer.deallocate() }
        var offset = start
        while offset < object.size {
            var end = min(offset + piece, object.size)
            if let cut = treatment.cutAfter ?? treatment.stallAfter, end - start > cut {
                end = max(offset, start + cut)
            }
            object.fill(offset..<end, into: buffer.baseAddress!)
            var sent = 0
            while sent < Int(end - offset) {
                let count = send(data, buffer.baseAddress! + sent, Int(end - offset) - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else {  // the client has what it wanted
                    note(426, offset - start)
                    reply("426 Connection closed; transfer aborted.")
                    return true
                }
                sent += count
            }
            if end - offset < piece, end < object.size {
                note(426, end - start, treatment.cutAfter != nil ? "cut" : "stall")
                if treatment.cutAfter == nil { sleep(600) }
                reply("426 Connection closed.")
                return true
            }
            offset = end
            if let pace = treatment.pace { usleep(UInt32(clamping: piece * 1_000_000 / Int64(pace))) }
        }
        note(226, offset - start)
        reply("226 Done.")
        return true
    }

    private mutating func list(_ command: String, _ path: String) -> Bool {
        let treatment = treatment(command, path == "/" ? "/" : path + "/")
        func note(_ status: Int, _ bytes: Int) {
            log.write(
                RequestLog.Entry(
                    host: Self.host, method: command, path: path, range: nil, status: status, bytes: Int64(bytes),
                    seconds: 0, fault: nil, connection: number))
        }
        if let refusal = refusal(treatment) {
            note(Int(refusal.prefix(3)) ?? 450, 0)
            reply(refusal)
            return !refusal.hasPrefix("421")
        }
        guard let entries = Archive.shared.list(path) else {
            note(550, 0)
            reply("550 No such folder.")
            return true
        }
        reply("150 Here it comes.")
        guard let data = acceptData() else {
            reply("425 No data connection.")
            return true
        }
        defer { close(data) }
        let lines = entries.map { name, file in
            switch command {
            case "MLSD":
                file.map { "type=file;size=\($0.object.size);modify=\(HTTPDate.compact($0.modified)); \(name)" }
                    ?? "type=dir;modify=20231102143100; \(name)"
            case "LIST":
                file.map { "-rw-r--r--    1 ftp      ftp      \($0.object.size) Nov 02  2023 \(name)" }
                    ?? "drwxr-xr-x    2 ftp      ftp          4096 Nov 02  2023 \(name)"
            default: name
            }
        }
        let bytes = Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
        note(226, bytes.count)
        _ = send(data, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        reply("226 Done.")
        return true
    }
}
