public import HarvestCore

/// The network as portals see it: pages over HTTP, and through a browser where a page draws itself.
public struct HTTPWeb: Web {
    private let client: HTTPClient
    private let meter: Meter
    private let settings: [String: String]
    private let browser: @Sendable () -> Browser?

    /// - Parameters:
    ///   - settings: What only the user can say, by name: a public API key.
    ///   - browser: What renders pages, looked for when one needs it; `nil` for none.
    public init(
        client: HTTPClient, meter: Meter = Meter(), settings: [String: String] = [:],
        browser: @escaping @autoclosure @Sendable () -> Browser? = nil
    ) {
        self.client = client
        self.meter = meter
        self.settings = settings
        self.browser = browser
    }

    /// Gets a page. A redirect to a Neuroglancer state (`…/#!…`) is returned instead of followed: the state stands in
    /// ``Page/finalURL`` and nowhere else.
    public func page(at url: String, headers: [String: String]) async throws -> Page {
        let limit = client.options.limits.pageBytes
        var get = HTTPGet(address: try client.access.address(url), headers: headers) { _ in .collect(atMost: limit) }
        get.decodesBody = true
        get.stopsAtState = true
        let response = try await client.get(get, meter: meter)
        return Page(
            url: url, finalURL: response.address.display, status: response.head.status,
            contentType: response.head.contentType, body: response.body)
    }

    public func renderedPage(at url: String, until marker: String) async throws -> Page? {
        guard let browser = browser() else { return nil }
        let address = try WebAddress(url)
        meter.started()
        var count = 0
        defer { meter.ended(bytes: count) }
        guard let text = try await browser.render(address, until: marker, for: client) else { return nil }
        count = text.count
        return Page(url: url, contentType: "text/html", body: text, isRendered: true)
    }

    public func setting(_ name: String) -> String? { settings[name] }
}
