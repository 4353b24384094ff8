public import HarvestCore
import Synchronization

/// Files of an FTP server, read by range (`REST`), anonymously unless the address names a user.
///
/// `ftps` is TLS from the first byte on (port 990), `ftpes` after `AUTH TLS` (port 21); both for commands and files, or not
/// at all. Passive connections only, and data from the server's own address alone. Every read says the file's size and date
/// (`SIZE`, `MDTM`); one that differs from the first is a changed file. Nothing is ever followed elsewhere.
public struct FTPStore: RangeStreamingStore {
    public let address: String
    private let root: WebAddress
    private let client: HTTPClient
    private let meter: Meter
    private let first = Seen()

    /// - Throws: `.invalid` if `url` is no `ftp`, `ftps` or `ftpes` address.
    public init(_ url: String, client: HTTPClient, meter: Meter = Meter()) throws(HarvestError) {
        root = try client.access.address(url)
        guard root.origin.isFTP else { throw .invalid("not an ftp address", at: url.displayed(limit: 300)) }
        let decoded = root.path.percentDecoded
        guard !decoded.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw HarvestError(
                .denied, "a path with a line end or another control character is a command in disguise", at: root.text)
        }
        address = root.display
        self.client = client
        self.meter = meter
    }

    public var isRemote: Bool { true }

    /// - Complexity: One retrieve; a server that cannot start inside a file gives its start up to 16 MiB.
    public func read(_ key: String, _ range: ByteRange) async throws -> Reply {
        let address = try root.appending(try Key.components(of: key))
        guard let text = Self.text(of: range) else {
            let total = try await read(key, .bytes(0..<1)).total
            return Reply(bytes: .empty, offset: range.start ?? total ?? 0, total: total)
        }
        let limit = client.options.limits.objectBytes, wanted = range.length ?? 0
        try meter.reserve(bytes: wanted)
        defer { meter.release(bytes: wanted) }
        let outcome = try await client.ftp(address, FTPCommand(range: text.isEmpty ? nil : text), meter: meter) { _ in
            .collect(atMost: limit)
        }
        let answer = FTPAnswer(outcome)
        if answer.startsBehindEnd {
            return Reply(bytes: .empty, offset: range.start ?? answer.size ?? 0, total: answer.size)
        }
        if answer.refusesRanges { return try await readFromStart(address, range) }
        guard outcome.failure == nil else { throw answer.error(at: address.text.displayed(limit: 500)) }
        try first.check(address, size: answer.size, modified: outcome.modified)
        let total = answer.size ?? (range == .whole ? outcome.body.count : nil)
        if let total {
            let wanted = range.clamped(to: total)
            guard outcome.body.count == wanted.count else {
                throw HarvestError(
                    .unavailable, "\(outcome.body.count) bytes came where \(wanted.count) were asked for",
                    at: address.text.displayed(limit: 500), next: "try again later")
            }
            return Reply(bytes: outcome.body, offset: wanted.lowerBound, total: total)
        }
        guard let start = range.start else {
            throw HarvestError.unsupported("the server does not say how long the file is", at: address.text)
        }
        return Reply(bytes: outcome.body, offset: start, total: nil)
    }

    /// A server that knows no `REST`: small files whole, of longer ones nothing.
    private func readFromStart(_ address: WebAddress, _ range: ByteRange) async throws -> Reply {
        let limit = client.options.limits.unrangedBytes
        let outcome = try await client.ftp(address, FTPCommand(), meter: meter) { _ in .collect(atMost: limit) }
        if case .tooLong = outcome.failure {
            throw HarvestError.unsupported(
                "the server cannot start inside a file (REST), and this one is longer than \(limit) bytes",
                at: address.text, next: "fetch it whole")
        }
        guard outcome.failure == nil else { throw FTPAnswer(outcome).error(at: address.text.displayed(limit: 500)) }
        let found = range.clamped(to: outcome.body.count)
        return Reply(
            bytes: outcome.body.slice(found) ?? .empty, offset: found.lowerBound, total: outcome.body.count)
    }

    public func stream(
        _ key: String, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        try await stream(key, listed: nil, begins: begins, to: sink)
    }

    /// - Complexity: One retrieve; two commands before it less where a listing said how long the file is.
    public func stream(
        _ key: String, listed bytes: Int?, begins: @escaping @Sendable () -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws -> Int {
        let address = try root.appending(try Key.components(of: key))
        let outcome = try await client.ftp(address, FTPCommand(isBare: bytes != nil), meter: meter) { _ in
            begins()
            return .stream(sink)
        }
        let answer = FTPAnswer(outcome), place = address.text.displayed(limit: 500)
        guard outcome.failure == nil else { throw answer.error(at: place) }
        guard answer.size.map({ $0 == outcome.received }) ?? true else {
            throw HarvestError(.unavailable, "the file was cut short", at: place)
        }
        if let bytes, outcome.received < bytes {
            throw HarvestError(
                .unavailable, "\(outcome.received) bytes came where the listing says \(bytes)", at: place,
                next: "run the command again")
        }
        return outcome.received
    }

    public var asksBoundedRanges: Bool { false }

    public func webAddress(of key: String) throws -> String { try root.appending(try Key.components(of: key)).text }

    public var limits: TransportOptions.HostLimits { client.limits(at: root.origin) }

    /// A request over a connection that is logged in already begins some round trips sooner.
    ///
    /// The last of them asks for the object's date as well: the object's first request then need not, and begins a round
    /// trip sooner.
    public func logIn(_ connections: Int, for key: String) -> Bool {
        // Anonymously only: a wrong password sent many times at once looks like an attack.
        guard root.credentials == nil, let server = try? WebAddress("/", relativeTo: root),
            let file = try? root.appending(Key.components(of: key))
        else { return false }
        let date = EarlyDate(of: file)
        guard client.logIn(connections, at: server, file: file, date: { date.heard($0) }) else { return false }
        first.date.withLock { $0 = date }
        return true
    }

    public func learned(_ limits: TransportOptions.HostLimits) { client.learned(limits, at: root.origin) }

    public func stream(
        _ key: String, _ range: Range<Int>, on line: RequestLine?,
        facts: @escaping @Sendable (ObjectFacts) throws -> Void,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async -> StreamEnd {
        do {
            let address = try root.appending(try Key.components(of: key))
            let date = first.date.withLock { early -> EarlyDate? in
                guard early?.address == address else { return nil }
                defer { early = nil }
                return early
            }
            let isFirst = Mutex(true)
            // What SIZE and MDTM said stands before the first byte.
            @Sendable func tell(_ replies: [String]) throws {
                guard
                    isFirst.withLock({ first in
                        defer { first = false }
                        return first
                    })
                else { return }
                var found = FTPAnswer.facts(replies)
                if let date { found.modified = try date.get() }
                try facts(found)
            }
            let end = range.upperBound == .max ? "" : "\(range.upperBound - 1)"
            let command = FTPCommand(range: "\(range.lowerBound)-\(end)", asksDate: date == nil, begins: tell)
            let outcome = try await client.ftpOnce(address, command, isPlanned: true, meter: meter) { _ in
                .stream(sink)
            }
            let answer = FTPAnswer(outcome)
            let place = address.text.displayed(limit: 500)
            guard let failure = outcome.failure else {
                try tell(outcome.replies)  // not one byte may have come
                let wanted = range.clamped(to: 0..<(answer.size ?? range.upperBound)).count
                return outcome.received >= wanted
                    ? .complete : .broke(HarvestError(.unavailable, "the file was cut short", at: place))
            }
            switch failure {
            case .refused(let missing as EarlyDate.Missing): throw missing
            case .refused(let error): return .stopped(error)
            case .cancelled: return .stopped(CancellationError())
            default: break
            }
            if answer.refusesRanges { return .failed(DownloadRun.RangesIgnored()) }
            let error = HarvestError.wrapping(answer.error(at: place))
            switch answer.event {
            case .refused: return .refused(after: nil, answer.cause, error)
            case .broke: return .broke(error)
            case .answered, .hopeless: return .failed(error)
            }
        } catch is EarlyDate.Missing {
            return .broke(HarvestError(.unavailable, "the file's date did not come in time", at: place(of: key)))
        } catch { return .failed(error) }
    }

    /// One level below `prefix`: `MLSD`, or `LIST` where the server knows no better. Names that cannot be keys are left out.
    ///
    /// - Complexity: One command, two for an old server.
    public func list(_ prefix: String) async throws -> Listing {
        let folder = try root.appending(try Key.components(of: prefix) + [""])  // a slash at its end
        let limit = client.options.limits.pageBytes
        for command in ["MLSD", "LIST"] {
            let outcome = try await client.ftp(folder, FTPCommand(listing: command), meter: meter) { _ in
                .collect(atMost: limit)
            }
            let answer = FTPAnswer(outcome)
            if outcome.failure != nil, command == "MLSD", answer.isUnknownCommand { continue }
            guard outcome.failure == nil else { throw answer.error(at: folder.text.displayed(limit: 500)) }
            return command == "MLSD" ? FTPListing.machine(outcome.body.text) : FTPListing.lines(outcome.body.text)
        }
        throw HarvestError.unsupported("the FTP server lists nothing", at: folder.text)
    }

    /// As curl and `REST` want it: `0-99`, `-16`, empty for all; `nil` for no bytes at all.
    private static func text(of range: ByteRange) -> String? {
        switch range {
        case .whole: return ""
        case .bytes(let wanted): return wanted.isEmpty ? nil : "\(wanted.lowerBound)-\(wanted.upperBound - 1)"
        case .tail(let count): return count <= 0 ? nil : "-\(count)"
        }
    }

    /// The date of a file that one connection asks for, and another one's request goes by.
    private final class EarlyDate: Sendable {
        /// It did not come before it was needed: what came later could be another version's.
        struct Missing: Error {}

        let address: WebAddress
        private let found = Mutex<String?>(nil)

        init(of address: WebAddress) { self.address = address }

        func heard(_ date: String) { found.withLock { $0 = date } }

        func get() throws(Missing) -> String {
            guard let date = found.withLock({ $0 }) else { throw Missing() }
            return date
        }
    }

    /// What the first read of each file said of it.
    private final class Seen: Sendable {
        /// Asked for by a connection that logs in, until the file's first request takes it.
        let date = Mutex<EarlyDate?>(nil)
        private let known = Mutex<[WebAddress: (size: Int?, modified: Int?)]>([:])

        func check(_ address: WebAddress, size: Int?, modified: Int?) throws(HarvestError) {
            let before = known.withLock { known -> (size: Int?, modified: Int?)? in
                if let before = known[address] { return before }
                known[address] = (size, modified)
                return nil
            }
            guard let before else { return }
            func differs(_ a: Int?, _ b: Int?) -> Bool { a != nil && b != nil && a != b }
            guard !differs(before.size, size), !differs(before.modified, modified) else {
                throw HarvestError(
                    .changed, "the file changed while it was read: its size or date is another one", at: address.text,
                    next: "run the command again")
            }
        }
    }
}

/// What FTP servers list.
enum FTPListing {
    /// RFC 3659 §7: `type=file;size=1024;modify=…; name`.
    static func machine(_ text: String) -> Listing {
        var listing = Listing()
        for line in text.split(whereSeparator: \.isNewline) {
            guard let space = line.firstIndex(of: " ") else { continue }
            var facts: [String: String] = [:]
            for fact in line[..<space].split(separator: ";") {
                let parts = fact.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { facts[parts[0].lowercased()] = String(parts[1]) }
            }
            add(
                String(line[line.index(after: space)...]), facts["type"]?.lowercased(), facts["size"].flatMap(Int.init),
                facts["modify"], &listing)
        }
        return listing
    }

    /// `-rw-r--r-- 1 ftp ftp 1024 Nov 02 2023 name`, as most servers answer LIST, or `01-15-24  03:04PM 1024 name`, as IIS does.
    static func lines(_ text: String) -> Listing {
        var listing = Listing()
        for line in text.split(whereSeparator: \.isNewline) {
            if let match = line.firstMatch(
                of: /^(\d\d-\d\d-(?:\d\d){1,2}\s+\d\d:\d\d(?:[AP]M)?)\s+(<DIR>|\d{1,18})\s+(\S.*)$/)
            {
                let isFolder = match.output.2 == "<DIR>"
                add(
                    String(match.output.3), isFolder ? "dir" : "file", Int(match.output.2), String(match.output.1),
                    &listing)
                continue
            }
            guard
                let match = line.firstMatch(
                    of: /^([\-dl])\S{9}\S*\s+\d+\s+\S+\s+\S+\s+(\d{1,18})\s+(\S+\s+\S+\s+\S+) (.+)$/)
            else {
                continue
            }
            let kind = match.output.1 == "d" ? "dir" : match.output.1 == "-" ? "file" : "link"
            // A date without a year is another text half a year later: then the file is asked for again.
            add(String(match.output.4), kind, Int(match.output.2), String(match.output.3), &listing)
        }
        return listing
    }

    private static func add(
        _ name: String, _ kind: String?, _ size: Int?, _ modified: String?, _ listing: inout Listing
    ) {
        guard (try? Key.components(of: name))?.count == 1 else {
            if kind == "dir" || kind == "file", name != ".", name != ".." { listing.refused.append(name) }
            return
        }
        switch kind {
        case "dir": listing.folders.append(name)
        case "file":
            listing.objects.append(
                Listing.Entry(name: name, bytes: size.flatMap { $0 >= 0 ? $0 : nil }, modified: modified))
        default: return  // the folder itself, its parent, links
        }
    }
}
