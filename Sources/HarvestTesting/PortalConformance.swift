public import HarvestCore

/// What every portal's adapter must do, whatever its site looks like.
///
/// ```swift
/// #expect(await PortalConformance(EPFL(), on: web).failures() == [])
/// ```
public struct PortalConformance: Sendable {
    private let portal: any Portal
    private let web: RecordedWeb
    private let url: String

    /// A check of `portal` on recordings in which `url` (default: its first example) can be described.
    public init(_ portal: any Portal, on web: RecordedWeb, at url: String? = nil) {
        self.portal = portal
        self.web = web
        self.url = url ?? portal.examples.first ?? ""
    }

    /// One sentence for each promise that is not kept; none for a portal that may be added.
    public func failures() async -> [String] {
        var failures = addressFailures()
        do {
            let dataset = try await portal.describe(url, through: web.copy())
            failures += datasetFailures(dataset) + linkFailures(dataset) + claimFailures(dataset)
            let again = try await portal.describe(url, through: web.copy())
            if again != dataset { failures.append("describing twice gives two different datasets") }
        } catch { failures.append("describing \(url) fails: \(error)") }
        for (name, fault) in Self.faults { failures += await faultFailures(name, fault) }
        return failures
    }
}

extension PortalConformance {
    private func addressFailures() -> [String] {
        var failures: [String] = []
        if portal.examples.isEmpty { failures.append("it gives no example") }
        if portal.name.isEmpty || portal.name != portal.name.lowercased() {
            failures.append("its name is not lower case")
        }
        for example in portal.examples + [url] {
            for form in [example, example + "?lang=en", example.replacing("https://", with: "http://")]
            where !portal.publishes(form) {
                failures.append("it does not publish \(form)")
            }
        }
        for other in [
            "https://example.org/", "https://example.org/?u=\(url)", "s3://bucket/key", "/data/volume.tif", "",
            "https://",
            "file:///etc/passwd", url.replacing("https://", with: "https://example.org/"),
            url.replacing("https://", with: "javascript://"), url.replacing("https://", with: "ftp://"),
        ] where portal.publishes(other) {
            failures.append("it claims to publish \"\(other)\"")
        }
        return failures
    }

    private func datasetFailures(_ dataset: Dataset) -> [String] {
        var failures: [String] = []
        if dataset.id.isEmpty { failures.append("the dataset has no id") }
        if dataset.portal != portal.name { failures.append("the dataset's portal is \(dataset.portal ?? "missing")") }
        if dataset.address != url { failures.append("the dataset's address is not the one given") }
        for text in [dataset.title, dataset.description, dataset.licence].compactMap(\.self) + dataset.authors {
            if text.isEmpty || text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
                failures.append("a text is empty or holds control characters: \(text.displayed(limit: 60))")
            }
        }
        for doi in dataset.dois where !doi.hasPrefix("10.") { failures.append("\"\(doi)\" is no bare DOI") }
        if (try? Dataset(json: dataset.json)) != dataset {
            failures.append("the dataset changes on its way through JSON")
        }
        let text = dataset.json.compact
        if (try? Dataset(json: JSON(parsing: text))) != dataset {
            failures.append("the dataset changes when its JSON is written and read")
        }
        return failures
    }

    private func linkFailures(_ dataset: Dataset) -> [String] {
        var failures: [String] = []
        if dataset.links.isEmpty { failures.append("there is no link") }
        let primary = dataset.links.filter(\.isPrimary)
        if primary.count > 1 { failures.append("\(primary.count) links are primary") }
        if primary.isEmpty, !dataset.links.contains(where: { $0.role == .image }) {
            failures.append("no link is primary or an image")
        }
        if Set(dataset.links.map(\.url)).count < dataset.links.count {
            failures.append("two links lead to one address")
        }
        for link in dataset.links {
            let scheme = link.url.firstRange(of: "://").map { String(link.url[..<$0.lowerBound]) } ?? ""
            if !Address.remoteSchemes.contains(scheme) || link.transport != scheme {
                failures.append("a link is not absolute: \(link.url)")
            }
            if link.url.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
                failures.append("a link is not percent-encoded: \(link.url)")
            }
        }
        return failures
    }

    /// Fields whose lists run along z, y and x.
    private static let spatial: Set = [
        Field.Name.shape, Field.Name.voxelSize, Field.Name.extent, Field.Name.translation, Field.Name.origin,
    ]
    private static let lengths: Set = [Field.Name.voxelSize, Field.Name.extent, Field.Name.translation]

    private func claimFailures(_ dataset: Dataset) -> [String] {
        var failures: [String] = []
        for claim in dataset.claims {
            if claim.field.isEmpty || claim.value.isNull {
                failures.append("a claim says nothing: \(claim.json.compact)")
            }
            if !claim.place.contains("://") { failures.append("the claim \(claim.field) has no place") }
            if Self.spatial.contains(claim.field),
                claim.value.array.map({ $0.count == 3 && $0.allSatisfy { $0.isNull || $0.double != nil } }) != true
            {
                failures.append("the claim \(claim.field) is no list along z,y,x")
            }
            if Self.lengths.contains(claim.field), claim.unit != "nm" {
                failures.append("the claim \(claim.field) is not in nm")
            }
        }
        for finding in dataset.findings where finding.rule.isEmpty || finding.message.isEmpty {
            failures.append("a finding says nothing: \(finding.json.compact)")
        }
        return failures
    }
}

// A site that fails: an answer is broken in each way, for each route in turn and for all at once.
extension PortalConformance {
    private typealias Fault = @Sendable (RecordedWeb.Recording) throws -> RecordedWeb.Recording

    private static let faults: [(String, Fault)] = [
        ("an empty page", { _ in RecordedWeb.Recording("") }),
        (
            "an HTML error page",
            { _ in RecordedWeb.Recording("<html><body><h1>Sorry</h1></body></html>", contentType: "text/html") }
        ),
        ("half of the answer", { RecordedWeb.Recording(body: Bytes($0.body.array.prefix($0.body.count / 2))) }),
        ("an empty object", { _ in RecordedWeb.Recording("{}", contentType: "application/json") }),
        ("an empty list", { _ in RecordedWeb.Recording("[]", contentType: "application/json") }),
        ("null", { _ in RecordedWeb.Recording("null", contentType: "application/json") }),
        ("bytes without meaning", { _ in RecordedWeb.Recording(body: Bytes((0..<512).map { UInt8($0 * 37 & 255) })) }),
        ("status 503", { _ in RecordedWeb.Recording("slow down", status: 503) }),
        ("status 404", { _ in RecordedWeb.Recording("gone", status: 404) }),
        ("status 403", { _ in RecordedWeb.Recording("no", status: 403) }),
        ("no answer", { _ in throw HarvestError(.unavailable, "connection reset") }),
    ]

    private func faultFailures(_ name: String, _ fault: @escaping Fault) async -> [String] {
        let used = Set((try? await askedURLs()) ?? [])
        var failures: [String] = []
        for broken in used.sorted().map({ [$0] }) + [Array(used)] {
            let faulty = web.copy()
            for url in broken { faulty.set(url, answer: await Self.broken(url, of: web, by: fault)) }
            if broken.count > 1 { for url in used { faulty.setRendered(url, nil) } }
            do {
                let dataset = try await portal.describe(url, through: faulty)
                // A site may answer one of its sources with nothing at all, but then something must be said.
                if dataset.findings.isEmpty, name != "an empty list" {
                    failures.append("\(name) at \(broken.first ?? "") goes unnoticed")
                }
            } catch let error as HarvestError {
                if error.kind == .failed || error.message.isEmpty {
                    failures.append("\(name) at \(broken.first ?? "") gives a useless error: \(error)")
                }
            } catch { failures.append("\(name) at \(broken.first ?? "") gives an untyped error: \(error)") }
        }
        return failures
    }

    private func askedURLs() async throws -> [String] {
        let copy = web.copy()
        _ = try await portal.describe(url, through: copy)
        return copy.asked.filter { !$0.isRendered }.map(\.url)
    }

    private static func broken(_ url: String, of web: RecordedWeb, by fault: @escaping Fault) async
        -> RecordedWeb.Answer
    {
        let page = try? await web.copy().page(at: url, headers: [:])
        let whole = RecordedWeb.Recording(
            status: page?.status ?? 404, contentType: page?.contentType, body: page?.body ?? .empty)
        return { _ in try fault(whole) }
    }
}
