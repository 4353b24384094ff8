import Glibc
import HarvestCore

/// One HTML page, nothing outside it: tables, findings, pictures, histograms, links, costs.
struct Report {
    let entries: [Collected]
    let table: Table

    /// The comparison table alone, as a page.
    var tablePage: String { page("Image Harvest: comparison", comparison + acquisition) }

    var html: String {
        let failed = entries.filter { !$0.isWhole }
        let lead =
            "<p class=\"lead\">\(entries.count) dataset\(entries.count == 1 ? "" : "s"), made \(Self.now).</p>"
            + (failed.isEmpty
                ? ""
                : "<p class=\"failed\" role=\"alert\">\(failed.count) of them \(failed.count == 1 ? "is" : "are") incomplete: \(failed.map { Markup.text($0.id) }.joined(separator: ", ")). What failed and why stands below.</p>")
        let contents = entries.map { "<a href=\"#\(Markup.text(anchor($0)))\">\(Markup.text($0.id))</a>" }.joined(
            separator: " · ")
        return page(
            "Image Harvest: report",
            lead + "<nav>\(contents)</nav>" + comparison + acquisition + entries.map(section).joined(separator: "\n"))
    }

    private func anchor(_ entry: Collected) -> String { "dataset-\(entry.id)" }

    // MARK: Tables

    private func cell(_ belief: Record.Belief?, _ field: Field, isAcquisition: Bool) -> String {
        guard let belief else { return "" }
        let value = isAcquisition ? AcquisitionTable.text(belief.value, field) : Table.text(belief.value)
        var text = (belief.isApproximate ? "≈ " : "") + Markup.text(value)
        let others = belief.others.filter { !$0.agrees }
        if !others.isEmpty {
            let said = others.map { other in
                let value = isAcquisition ? AcquisitionTable.text(other.value, field) : Table.text(other.value)
                return "\(other.source.rawValue) says \(value)"
            }
            text += "<br><small class=\"contradicted\">\(Markup.text(said.joined(separator: "; ")))</small>"
        }
        return text
    }

    private var comparison: String {
        let records = table.records
        guard !records.isEmpty else { return "<h2>Comparison</h2><p>No dataset could be read.</p>" }
        var rows = [
            ["dataset"] + records.map { "<a href=\"#dataset-\(Markup.text($0.id))\">\(Markup.text($0.id))</a>" }
        ]
        for field in Field.table {
            rows.append(
                [Markup.text(field.heading)] + records.map { cell($0.beliefs[field.name], field, isAcquisition: false) }
            )
        }
        rows.append(["where from"] + records.map { Markup.text($0.whereFrom) })
        return "<h2>Comparison</h2>" + Markup.table(rows)
    }

    private var acquisition: String {
        guard !table.acquisition.isEmpty else { return "" }
        var rows = [["acquisition"] + table.records.map { Markup.text($0.id) }]
        for field in Field.acquisition {
            rows.append(
                [Markup.text(field.heading)]
                    + table.records.map { cell($0.beliefs[field.name], field, isAcquisition: true) })
        }
        return "<h2>Acquisition</h2>" + Markup.table(rows)
            + "<p class=\"note\">Blank: nobody says. ≈: its own source calls it approximate.</p>"
    }

    // MARK: One dataset

    private func section(_ entry: Collected) -> String {
        var parts = ["<section id=\"\(Markup.text(anchor(entry)))\"><h2>\(Markup.text(entry.id))</h2>"]
        if let title = entry.dataset?.title { parts.append("<p class=\"title\">\(Markup.text(title))</p>") }
        parts.append("<p>\(links(entry))</p>")
        if let error = entry.error {
            parts.append("<p class=\"failed\" role=\"alert\">Failed: \(Markup.text(error.description))</p>")
        }
        for failure in (entry.outcome?.failed ?? []).prefix(5) {
            parts.append(
                "<p class=\"failed\" role=\"alert\">Not fetched: \(Markup.text(failure.path)): \(Markup.text(failure.error.description))</p>"
            )
        }
        parts.append(pictures(entry))
        parts.append(findings(entry))
        parts.append(costs(entry))
        return parts.joined(separator: "\n") + "</section>"
    }

    private func links(_ entry: Collected) -> String {
        var items = [Markup.link(entry.address)]
        if let link = entry.probe?.link { items.append("data " + Markup.link(Self.webAddress(link.url), link.url)) }
        for doi in entry.dataset?.dois ?? [] { items.append(Markup.link("https://doi.org/\(doi)", "doi:\(doi)")) }
        if let licence = entry.record?.beliefs[Field.Name.licence]?.value.string {
            items.append("licence \(Markup.text(licence))")
        }
        return items.joined(separator: " · ")
    }

    /// Buckets by an address that a browser opens.
    private static func webAddress(_ url: String) -> String {
        let address = Address(url)
        switch address.scheme {
        case "s3": return "https://\(address.host ?? "").s3.amazonaws.com\(address.path)"
        case "gs": return "https://storage.googleapis.com/\(address.host ?? "")\(address.path)"
        default: return url
        }
    }

    private func findings(_ entry: Collected) -> String {
        let own = (entry.probe?.contents.findings ?? []) + (entry.record?.findings ?? entry.dataset?.findings ?? [])
        guard !own.isEmpty else { return entry.probe == nil ? "" : "<p class=\"note\">No findings.</p>" }
        let items = own.sorted { $0.severity > $1.severity }.map { finding in
            "<li class=\"\(finding.severity.rawValue)\"><b>\(finding.severity.rawValue)</b> \(Markup.text(finding.message)) <code>\(Markup.text(finding.rule))</code></li>"
        }
        return "<h3>Findings</h3><ul class=\"findings\">\(items.joined(separator: "\n"))</ul>"
    }

    private func costs(_ entry: Collected) -> String {
        var rows = [["step", "requests", "bytes", "what"]]
        if let probe = entry.probe {
            rows.append(["portal", "\(probe.portalRequests)", "", "pages and interfaces before the data"])
            rows.append([
                "probe", "\(probe.cost.requests)", Self.size(probe.cost.bytes), "\(probe.cost.roundTrips) round trips",
            ])
        }
        if let outcome = entry.outcome {
            rows.append(["fetch", "\(outcome.cost.requests)", Self.size(outcome.bytes), Markup.text(outcome.plan)])
        }
        if !entry.pictures.shown.isEmpty {
            rows.append([
                "pictures", "\(entry.pictures.cost.requests)", Self.size(entry.pictures.cost.bytes),
                Markup.text(entry.pictures.source),
            ])
        }
        return rows.count == 1 ? "" : "<h3>Cost</h3>" + Markup.table(rows)
    }

    private static func size(_ bytes: Int) -> String {
        for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(bytes) >= size {
            return "\(JSON.text(of: (Double(bytes) / size).rounded(significantDigits: 3))) \(unit)"
        }
        return "\(bytes) B"
    }

    // MARK: Pictures

    private func pictures(_ entry: Collected) -> String {
        let pictures = entry.pictures
        if let error = pictures.error {
            return "<p class=\"failed\" role=\"alert\">No pictures: \(Markup.text(error.description))</p>"
        }
        guard !pictures.shown.isEmpty else { return "" }
        let all = pictures.shown.map { figure($0, pictures, entry) }
        let histogram = entry.record?.evidence.sample.map(Histogram.figure) ?? ""
        return "<div class=\"figures\">\(all.joined(separator: "\n"))\(histogram)</div>"
            + "<p class=\"note\">Level \(pictures.level), \(Markup.text(pictures.source)).</p>"
    }

    /// A picture in the proportions of the specimen, with a scale bar where lengths are known.
    private func figure(_ shown: Pictures.Shown, _ pictures: Pictures, _ entry: Collected) -> String {
        let plane = shown.plane
        // Displayed in a box of this side.
        let side = 270.0
        let tall = plane.height ?? Double(plane.rows * plane.rowStep), wide = plane.width ?? Double(plane.columns)
        let scale = side / max(tall, wide, 1e-9)
        let width = max(wide * scale, 12), height = max(tall * scale, 12)
        var bar = "<p class=\"bar none\">no voxel size, so no scale</p>"
        if let across = plane.width, plane.height != nil, let length = ScaleBar(width: across) {
            let pixels = length.length * scale
            bar =
                "<p class=\"bar\"><span style=\"width:\(Self.pixels(pixels))px\"></span> \(Markup.text(length.label))</p>"
        }
        var words =
            plane.cut.isEmpty
            ? "\(plane.down)\(plane.across)" : "\(plane.down)\(plane.across) at \(plane.cut) = \(plane.index)"
        if plane.rowStep > 1 { words += ", every \(plane.rowStep)th row along \(plane.down)" }
        words +=
            ", black \(JSON.text(of: Double(shown.picture.window.lowerBound).rounded(significantDigits: 4))), white \(JSON.text(of: Double(shown.picture.window.upperBound).rounded(significantDigits: 4)))"
        return
            "<figure><img alt=\"\(Markup.text(entry.id)), plane \(Markup.text(words))\" width=\"\(Self.pixels(width))\" height=\"\(Self.pixels(height))\" src=\"\(shown.picture.url)\">"
            + "\(bar)<figcaption>\(Markup.text(words))</figcaption></figure>"
    }

    private static func pixels(_ value: Double) -> String { String(Int(value.rounded())) }

    // MARK: The page

    private func page(_ title: String, _ body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(title)</title>
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #b3261e; --warn: #8a5a00; --link: #0b57d0; }
        @media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffc266; --link: #9ac1ff; } }
        body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; margin: 0 auto; max-width: 1180px; padding: 24px; }
        h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 32px 0 8px; } h3 { font-size: 15px; margin: 18px 0 6px; }
        section { border-top: 1px solid var(--line); margin-top: 28px; } .title { font-size: 16px; margin: 0; }
        a { color: var(--link); overflow-wrap: anywhere; } code { font-size: 12px; opacity: .75; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; vertical-align: top; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); }
        thead th { border-bottom-width: 2px; } tbody th { font-weight: 500; white-space: nowrap; }
        .figures { display: flex; flex-wrap: wrap; gap: 20px; align-items: flex-start; margin-top: 12px; }
        figure { margin: 0; max-width: 275px; } figure img { display: block; background: #000; }
        figcaption, p.note, small { font-size: 12.5px; opacity: .85; } .bar { display: flex; align-items: center; gap: 8px; margin: 6px 0 2px; font-size: 12.5px; }
        .bar span { display: inline-block; height: 5px; background: currentColor; }
        .contradicted, .warning b { color: var(--warn); } .failed, .error b { color: var(--bad); }
        .findings { padding-left: 20px; margin: 0; } .findings li { margin: 3px 0; }
        </style></head><body>
        <h1>\(title)</h1>
        \(body)
        </body></html>

        """
    }

    private static var now: String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%d %H:%M UTC", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
