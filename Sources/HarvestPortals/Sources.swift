internal import HarvestCore

/// Asks the several sources of one dataset in turn: a source that fails costs what only it says, and is named.
struct SourceDesk {
    let web: any Web
    private(set) var findings: [Finding] = []
    /// The first failure that says more than "not there".
    private(set) var failure: HarvestError?

    init(_ web: any Web) { self.web = web }

    /// A JSON document; `nil`, with a finding, where it cannot be had.
    ///
    /// - Parameters:
    ///   - key: A member that the document has in every answer; without it, the interface changed.
    ///   - isOptional: Whether a source that is not there (404) is only noted: the next one is asked.
    mutating func json(_ what: String, _ url: String, expecting key: String? = nil, isOptional: Bool = false)
        async throws -> JSON?
    {
        guard let page = try await page(what, url, isOptional: isOptional) else { return nil }
        do {
            let json = try JSON(parsing: page.body, at: url)
            if let key, json[key] == nil {
                throw HarvestError.malformed("the interface changed: expected the member \(key)", at: url)
            }
            return json
        } catch {
            report(what, HarvestError.wrapping(error))
            return nil
        }
    }

    /// A text document; a web page in its place (a login form that answers 200) is a failure.
    mutating func page(_ what: String, _ url: String, isOptional: Bool = false) async throws -> Page? {
        do {
            let page = try await web.page(at: url).accepted(as: what)
            let start = page.body.slice(0..<min(64, page.body.count))?.text.trimmingSpaces().lowercased() ?? ""
            guard !start.hasPrefix("<!doctype html"), !start.hasPrefix("<html") else {
                throw HarvestError.malformed("a web page instead of data (a login or error page?)", at: url)
            }
            return page
        } catch let error as HarvestError {
            if Task.isCancelled { throw error }
            if isOptional, error.kind == .notFound {
                findings.append(
                    Finding(.note, rule: "source-absent", "\(what) is not offered (\(url)); another source was asked"))
            } else {
                report(what, error)
            }
            return nil
        }
    }

    mutating func report(_ what: String, _ error: HarvestError) {
        if error.kind != .notFound { failure = failure ?? error }
        findings.append(
            Finding(
                .warning, rule: "source-failed", "\(what) could not be read, so what only it says is missing: \(error)")
        )
    }
}
