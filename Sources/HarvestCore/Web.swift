/// One answer of a web server to a portal's question.
public struct Page: Sendable {
    /// The address that was asked for.
    public var url: String
    /// The address that answered, after redirects.
    public var finalURL: String
    public var status: Int
    /// As the server says, lower case, without parameters; `nil` if it does not say.
    public var contentType: String?
    public var body: Bytes
    /// Whether a browser ran the page's scripts first.
    public var isRendered: Bool

    public init(
        url: String, finalURL: String? = nil, status: Int = 200, contentType: String? = nil, body: Bytes,
        isRendered: Bool = false
    ) {
        self.url = url
        self.finalURL = finalURL ?? url
        self.status = status
        self.contentType = contentType
        self.body = body
        self.isRendered = isRendered
    }
}

/// Pages by URL: the network, or a folder of recordings in a test.
public protocol Web: Sendable {
    /// Gets a page, following redirects. Any HTTP status comes back as a page; only a far side that gives no answer
    /// throws (`.unavailable`), or a redirect that policy refuses (`.denied`).
    func page(at url: String, headers: [String: String]) async throws -> Page

    /// The page after its scripts ran, once an element with the id, class or text `marker` is in it.
    ///
    /// - Returns: `nil` where no browser is installed, or the marker never came.
    func renderedPage(at url: String, until marker: String) async throws -> Page?

    /// A configuration value that a portal needs and nobody but the user can give: a public API key.
    func setting(_ name: String) -> String?
}

extension Web {
    public func page(at url: String) async throws -> Page { try await page(at: url, headers: [:]) }
    public func renderedPage(at url: String, until marker: String) async throws -> Page? { nil }
    public func setting(_ name: String) -> String? { nil }
}
