internal import Glibc
public import HarvestCore
internal import Synchronization

/// A web of recordings, for tests: what is not recorded is not there (404), and every question is written down.
public final class RecordedWeb: Web {
    /// What one address answers.
    public struct Recording: Sendable {
        public var status: Int
        public var contentType: String?
        public var body: Bytes
        /// Where redirects led; `nil` for the address itself.
        public var finalURL: String?

        public init(status: Int = 200, contentType: String? = nil, body: Bytes, finalURL: String? = nil) {
            self.status = status
            self.contentType = contentType
            self.body = body
            self.finalURL = finalURL
        }

        /// A page of text.
        public init(_ text: String, status: Int = 200, contentType: String? = nil) {
            self.init(status: status, contentType: contentType, body: Bytes(Array(text.utf8)))
        }
    }

    /// One question that was asked.
    public struct Question: Sendable, Hashable {
        public var url: String
        public var headers: [String: String]
        public var isRendered: Bool
    }

    /// What a route answers to a question.
    public typealias Answer = @Sendable (Question) throws -> Recording

    private struct State {
        var routes: [(pattern: String, answer: Answer)] = []
        var rendered: [(url: String, text: String)] = []
        var settings: [String: String] = [:]
        var asked: [Question] = []
    }

    private let state = Mutex(State())

    /// A web that knows nothing yet.
    public init() {}

    /// Answers addresses that match `pattern` with `recording`, before any route set earlier.
    ///
    /// - Parameter pattern: A URL; `…` stands for any text. Percent-encoding counts, the scheme does not.
    public func set(_ pattern: String, _ recording: Recording) { set(pattern) { _ in recording } }

    /// Answers addresses that match `pattern` with what `answer` says.
    public func set(_ pattern: String, answer: @escaping Answer) {
        state.withLock { $0.routes.insert((Self.bare(pattern), answer), at: 0) }
    }

    /// Forgets every route whose pattern is, or whose pattern matches, `pattern`.
    public func remove(_ pattern: String) {
        let pattern = Self.bare(pattern)
        state.withLock { state in
            state.routes.removeAll { $0.pattern == pattern || Self.matches($0.pattern[...], pattern[...]) }
        }
    }

    /// Gives a setting a value; `nil` takes it away.
    public func setSetting(_ name: String, _ value: String?) { state.withLock { $0.settings[name] = value } }

    /// What a browser would show at `url`; `nil` takes it away.
    public func setRendered(_ url: String, _ text: String?) {
        state.withLock { state in
            state.rendered.removeAll { $0.url == Self.bare(url) }
            if let text { state.rendered.append((Self.bare(url), text)) }
        }
    }

    /// Every question so far, in order.
    public var asked: [Question] { state.withLock { $0.asked } }

    /// The patterns of the routes, without scheme, the first to be tried first.
    public var patterns: [String] { state.withLock { $0.routes.map(\.pattern) } }

    /// The same routes, pages and settings, and no question asked yet.
    public func copy() -> RecordedWeb {
        let copy = RecordedWeb()
        let state = state.withLock { $0 }
        copy.state.withLock {
            $0 = state
            $0.asked = []
        }
        return copy
    }

    public func page(at url: String, headers: [String: String]) async throws -> Page {
        let question = Question(url: url, headers: headers, isRendered: false)
        let answer = state.withLock { state in
            state.asked.append(question)
            return state.routes.first { Self.matches($0.pattern[...], Self.bare(url)[...]) }?.answer
        }
        let recording =
            try answer?(question) ?? Recording("<h1>404 Not Found</h1>", status: 404, contentType: "text/html")
        return Page(
            url: url, finalURL: recording.finalURL, status: recording.status, contentType: recording.contentType,
            body: recording.body)
    }

    public func renderedPage(at url: String, until marker: String) async throws -> Page? {
        let text = state.withLock { state in
            state.asked.append(Question(url: url, headers: [:], isRendered: true))
            return state.rendered.first { $0.url == Self.bare(url) }?.text
        }
        guard let text, text.contains(marker) else { return nil }
        return Page(url: url, contentType: "text/html", body: Bytes(Array(text.utf8)), isRendered: true)
    }

    public func setting(_ name: String) -> String? { state.withLock { $0.settings[name] } }

    private static func bare(_ url: String) -> String {
        url.firstRange(of: "://").map { String(url[$0.upperBound...]) } ?? url
    }

    /// Whether `text` is `pattern`, where `…` stands for any text.
    private static func matches(_ pattern: Substring, _ text: Substring) -> Bool {
        let parts = pattern.split(separator: "…", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return pattern == text }
        guard text.hasPrefix(first), text.hasSuffix(last), text.count >= first.count + last.count else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}

extension RecordedWeb {
    /// The routes of `folder/routes.tsv`: host, method, path and query, status, content type, file in the folder, notes.
    ///
    /// Lines without a file, or whose method is not GET, are passed over.
    ///
    /// - Returns: `nil` where there is no such table.
    public convenience init?(folder: String) {
        guard let table = Self.file("\(folder)/routes.tsv") else { return nil }
        self.init()
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst().reversed() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard columns.count >= 6, columns[1].contains("GET"), let status = Int(columns[3].prefix(3)),
                let body = Self.file("\(folder)/\(columns[5])")
            else { continue }
            let kind = columns[4].prefix { $0 != ";" }.lowercased()
            // A table that leaves out part of a query means that more may follow too.
            set(
                columns[0] + columns[2] + (columns[2].contains("…") ? "…" : ""),
                Recording(status: status, contentType: kind, body: Bytes(body)))
        }
    }

    /// The bytes of a file; `nil` where there is none.
    public static func file(_ path: String) -> [UInt8]? {
        guard let stream = fopen(path, "r") else { return nil }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&piece, 1, piece.count, stream), count > 0 { bytes += piece[..<count] }
        return ferror(stream) == 0 ? bytes : nil
    }
}
