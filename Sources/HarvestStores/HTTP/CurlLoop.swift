import CCurl
import Glibc
import HarvestCore
import Synchronization

/// One thread that drives curl's multi handle: connections are kept and shared by all transfers.
///
/// Bytes are handled where they arrive, on this thread; nothing that runs here may block.
final class CurlLoop: Sendable {
    private struct Inbox {
        var new: [Transfer] = []
        var cancelled: [Transfer] = []
        var isStopped = false
    }

    private let options: TransportOptions
    private let inbox = Mutex(Inbox())
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer
    private let watch: SocketWatch
    private nonisolated(unsafe) let connectTo: UnsafeMutablePointer<curl_slist>?
    private nonisolated(unsafe) let resolved: UnsafeMutablePointer<curl_slist>?
    private nonisolated(unsafe) let paces: Paces?
    private let sweepInterval: Double
    private let pool = BufferPool()

    static let isReady: Bool = {
        curl_free(nil)  // loaded from here on, and OpenSSL with it
        keepTLSAtExit()
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()

    /// OpenSSL tears itself down when the process calls `exit`, while this thread may still say goodbye to a server,
    /// and dies of it (OPENSSL_init_crypto(3), `OPENSSL_INIT_NO_ATEXIT`). Curl over another library is left alone.
    private static func keepTLSAtExit() {
        typealias Initializer = @convention(c) (UInt64, OpaquePointer?) -> Int32
        guard let symbol = dlsym(nil, "OPENSSL_init_crypto") else { return }
        let noAtExit: UInt64 = 0x80000
        _ = unsafeBitCast(symbol, to: Initializer.self)(noAtExit, nil)
    }

    init(options: TransportOptions) {
        precondition(Self.isReady, "libcurl does not start")
        self.options = options
        multi = curl_multi_init()
        watch = SocketWatch(for: multi)
        connectTo = options.connectTo.reduce(nil) { curl_slist_append($0, $1) }
        resolved = options.resolved.reduce(nil) { curl_slist_append($0, $1) }
        paces = Paces(options.limits)
        let times = options.deadlines
        sweepInterval = min(max(min(times.firstByte, times.idle, times.overall ?? times.idle) / 10, 0.005), 0.25)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<CurlLoop>.fromOpaque(me!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "no thread for the network")
        pthread_detach(thread)
    }

    deinit {
        curl_multi_cleanup(multi)
        curl_slist_free_all(connectTo)
        curl_slist_free_all(resolved)
    }

    /// Ends the thread, and with it every transfer.
    func stop() {
        inbox.withLock { $0.isStopped = true }
        watch.ring()
    }

    /// Carries out one request. Cancelling the task ends the transfer at once.
    func perform(_ request: TransferRequest) async -> TransferOutcome {
        let transfer = Transfer(request, headerLimit: options.limits.headerBytes, pool: pool)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.waiter = continuation
                // A task cancelled before it comes here has had its handler run already.
                let isTaken = inbox.withLock { inbox in
                    if transfer.isCancelled || inbox.isStopped { return false }
                    inbox.new.append(transfer)
                    return true
                }
                if isTaken { watch.ring() } else { continuation.resume(returning: Self.cancelled) }
            }
        } onCancel: {
            inbox.withLock {
                transfer.isCancelled = true
                $0.cancelled.append(transfer)
            }
            watch.ring()
        }
    }

    private static let cancelled = TransferOutcome(failure: .cancelled)

    // MARK: - On the thread

    /// Transfers on their way, and handles to use again.
    private struct Running {
        var active: [ObjectIdentifier: Transfer] = [:]
        var idle: [UnsafeMutableRawPointer] = []
    }

    private func run() {
        var running = Running()
        var nextSweep = Monotonic.now + sweepInterval
        while true {
            let mail = inbox.withLock { inbox in
                defer { (inbox.new, inbox.cancelled) = ([], []) }
                return inbox
            }
            for transfer in mail.new { start(transfer, &running) }
            for transfer in mail.cancelled { finish(transfer, .cancelled, &running) }
            if mail.isStopped { break }
            // Those that wait for their pace are looked at fifty times a second.
            let rest = running.active.isEmpty ? 60 : paces == nil ? sweepInterval : min(sweepInterval, 0.02)
            watch.wait(multi, atMost: rest)
            goOn(&running)
            takeEnded(&running)
            if Monotonic.now >= nextSweep {
                sweep(&running)
                EarlyConnections.shared.closeUnused()
                nextSweep = Monotonic.now + sweepInterval
            }
        }
        for transfer in running.active.values { finish(transfer, .cancelled, &running) }
        for handle in running.idle { curl_easy_cleanup(handle) }
    }

    /// Lets go on what was held back.
    private func goOn(_ running: inout Running) {
        guard let paces else { return }
        let now = Monotonic.now
        for transfer in running.active.values where transfer.isHeld {
            transfer.heldOn(now)
            guard paces.admits(transfer.request.address.origin.host, now), let handle = transfer.handle else {
                continue
            }
            transfer.isHeld = false
            curl_easy_pause(handle, CURLPAUSE_CONT)
        }
    }

    private func takeEnded(_ running: inout Running) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle,
                let me = ccurl_private(handle)
            else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(me).takeUnretainedValue()
            let code = ccurl_result(message)
            finish(transfer, code == CURLE_OK ? nil : .curl(code.rawValue, sentence(code, transfer)), &running)
        }
    }

    private func sentence(_ code: CURLcode, _ transfer: Transfer) -> String {
        let said = String(cString: transfer.message)
        return said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
    }

    /// Ends what is late.
    private func sweep(_ running: inout Running) {
        let now = Monotonic.now
        let limits = options.deadlines
        for transfer in running.active.values {
            guard let handle = transfer.handle else { continue }
            if let overall = limits.overall, now - transfer.started > overall {
                finish(transfer, .late("no whole answer", overall), &running)
            } else if !transfer.hasAnswered {
                let sent = Double(ccurl_info_offset(handle, CURLINFO_PRETRANSFER_TIME_T)) * 1e-6  // 0: still connecting
                if sent > 0, now - transfer.started - sent > limits.firstByte {
                    finish(transfer, .late("no answer", limits.firstByte), &running)
                }
            } else if now - transfer.lastProgress > limits.idle {
                finish(transfer, .late("the answer stalled: no byte", limits.idle), &running)
            } else if now - transfer.window.start > limits.idle {
                if transfer.received - transfer.window.received < limits.leastBytesPerIdleWindow {
                    finish(transfer, .late("the answer drips: too few bytes", limits.idle), &running)
                } else {
                    transfer.window = (now, transfer.received)
                }
            }
        }
    }

    private func finish(_ transfer: Transfer, _ failure: TransferFailure?, _ running: inout Running) {
        guard let handle = transfer.handle, running.active.removeValue(forKey: ObjectIdentifier(transfer)) != nil else {
            return
        }
        if let failure { transfer.fail(failure) }
        let outcome = transfer.outcome()
        curl_multi_remove_handle(multi, handle)
        curl_easy_reset(handle)
        running.idle.append(handle)
        transfer.handle = nil
        curl_slist_free_all(transfer.headerList)
        transfer.waiter?.resume(returning: outcome)
        transfer.waiter = nil
    }

    private func start(_ transfer: Transfer, _ running: inout Running) {
        guard let handle = running.idle.popLast() ?? curl_easy_init() else {
            transfer.waiter?.resume(
                returning: TransferOutcome(failure: .curl(CURLE_OUT_OF_MEMORY.rawValue, "no memory")))
            return
        }
        transfer.handle = handle
        transfer.paces = paces
        running.active[ObjectIdentifier(transfer)] = transfer
        configure(handle, for: transfer)
        curl_multi_add_handle(multi, handle)
    }

    private func configure(_ handle: UnsafeMutableRawPointer, for transfer: Transfer) {
        // No PIPEWAIT: over plain HTTP/1.1 it lets every request wait for the first one's answer.
        let numbers: [(CURLoption, Int)] = [
            (CURLOPT_NOSIGNAL, 1), (CURLOPT_BUFFERSIZE, transfer.request.isLong ? 512 << 10 : 64 << 10),
            (CURLOPT_TCP_KEEPALIVE, 1),
            (CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS)), (CURLOPT_SUPPRESS_CONNECT_HEADERS, 1),
            (CURLOPT_FOLLOWLOCATION, 0), (CURLOPT_SSL_VERIFYPEER, 1), (CURLOPT_SSL_VERIFYHOST, 2),
            (CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(options.deadlines.connect * 1000))),
        ]
        for (option, value) in numbers { _ = ccurl_long(handle, option, value) }
        func set(_ option: CURLoption, _ text: String) { _ = text.withCString { ccurl_ptr(handle, option, $0) } }
        let origin = transfer.request.address.origin
        set(CURLOPT_URL, transfer.request.address.curlText)
        set(
            CURLOPT_PROTOCOLS_STR, transfer.request.ftp == nil ? "http,https" : origin.scheme == "ftps" ? "ftps" : "ftp"
        )
        set(CURLOPT_USERAGENT, options.userAgent)
        if let file = options.certificateAuthority { set(CURLOPT_CAINFO, file) }
        if let credentials = transfer.request.credentials {
            // Split before they are decoded: a user's name may hold a colon.
            let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            set(CURLOPT_USERNAME, String(parts[0]).percentDecoded)
            set(CURLOPT_PASSWORD, parts.count > 1 ? String(parts[1]).percentDecoded : "")
        }
        if let form = transfer.request.form { set(CURLOPT_COPYPOSTFIELDS, form.value) }
        if transfer.request.decodesBody { set(CURLOPT_ACCEPT_ENCODING, "gzip") }
        // Decided here, where it is known who is asked directly; the empty string is no proxy.
        set(CURLOPT_PROXY, options.proxies.proxy(for: origin) ?? "")
        set(CURLOPT_NOPROXY, "")
        if let keys = options.pins[origin.host] { set(CURLOPT_PINNEDPUBLICKEY, keys) }
        _ = ccurl_ptr(handle, CURLOPT_CONNECT_TO, connectTo)
        if let resolved { _ = ccurl_ptr(handle, CURLOPT_RESOLVE, resolved) }
        _ = ccurl_ptr(handle, CURLOPT_ERRORBUFFER, transfer.message)
        if let ftp = transfer.request.ftp {
            // One command a file instead of a CWD for every folder; data from nowhere but the server itself.
            for (option, value) in [
                (CURLOPT_FTP_FILEMETHOD, Int(CURLFTPMETHOD_NOCWD.rawValue)), (CURLOPT_FTP_SKIP_PASV_IP, 1),
                (CURLOPT_FILETIME, ftp.asksDate && ftp.listing == nil && !ftp.isBare ? 1 : 0),
                (CURLOPT_IGNORE_CONTENT_LENGTH, ftp.isBare ? 1 : 0), (CURLOPT_NOBODY, ftp.isLogin ? 1 : 0),
                // Else curl would take files in the clear from a server that encrypts commands only.
                (CURLOPT_USE_SSL, Int((origin.isSecretFTP ? CURLUSESSL_ALL : CURLUSESSL_NONE).rawValue)),
                (CURLOPT_FTPSSLAUTH, Int(CURLFTPAUTH_TLS.rawValue)),
            ] { _ = ccurl_long(handle, option, value) }
            if let range = ftp.range { set(CURLOPT_RANGE, range) }
            if let command = ftp.listing { set(CURLOPT_CUSTOMREQUEST, command) }
        }
        // What is decoded is still asked for plain: `decodesBody` only undoes what a server does unasked.
        let lines = ["Accept-Encoding: identity"] + transfer.request.headers
        transfer.headerList = lines.reduce(nil) { curl_slist_append($0, $1) }
        _ = ccurl_ptr(handle, CURLOPT_HTTPHEADER, transfer.headerList)
        let me = Unmanaged.passUnretained(transfer).toOpaque()  // `active` keeps it alive
        _ = ccurl_ptr(handle, CURLOPT_PRIVATE, me)
        setCallbacks(handle, me)
        if transfer.request.isEarly, connectTo == nil, resolved == nil { EarlyConnections.shared.offer(to: handle) }
    }

    private func setCallbacks(_ handle: UnsafeMutableRawPointer, _ me: UnsafeMutableRawPointer) {
        _ = ccurl_callback(
            handle, CURLOPT_HEADERFUNCTION,
            { bytes, size, count, me in
                let transfer = Unmanaged<Transfer>.fromOpaque(me!).takeUnretainedValue()
                return transfer.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
            }, CURLOPT_HEADERDATA, me)
        _ = ccurl_callback(
            handle, CURLOPT_WRITEFUNCTION,
            { bytes, size, count, me in
                let transfer = Unmanaged<Transfer>.fromOpaque(me!).takeUnretainedValue()
                if transfer.paces != nil, !transfer.passes(size * count) { return Int(CURL_WRITEFUNC_PAUSE) }
                return transfer.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
            }, CURLOPT_WRITEDATA, me)
        _ = ccurl_prereq(
            handle,
            { me, peer, _, _, _ in
                let transfer = Unmanaged<Transfer>.fromOpaque(me!).takeUnretainedValue()
                guard let limit = transfer.request.limit, let peer else { return CURL_PREREQFUNC_OK }
                let address = String(cString: peer)
                guard let depth = NetworkAddress.depth(literal: address), depth > limit else {
                    return CURL_PREREQFUNC_OK
                }
                transfer.fail(.inside(address))
                return CURL_PREREQFUNC_ABORT
            }, me)
    }
}

extension String {
    /// With every valid `%XX` replaced by its byte.
    var percentDecoded: String { contains("%") ? String(decoding: percentDecodedBytes, as: UTF8.self) : self }

    /// The bytes that it stands for, every valid `%XX` replaced.
    var percentDecodedBytes: [UInt8] {
        let bytes = Array(utf8)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Self.nibble(bytes[index + 1]), let low = Self.nibble(bytes[index + 2])
            {
                out.append(high << 4 | low)
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return out
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
