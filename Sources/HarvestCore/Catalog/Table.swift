/// Records side by side.
public struct Table: Sendable {
    public var records: [Record]
    /// Findings that belong to no record: an address that failed.
    public var findings: [Finding]

    public init(_ records: [Record], findings: [Finding] = []) {
        self.records = records
        self.findings = findings
    }

    private var headings: [String] { ["dataset"] + Field.table.map(\.heading) + ["where from"] }

    private func cells(_ record: Record) -> [String] {
        [record.id] + Field.table.map { field in record.beliefs[field.name].map(Self.cell) ?? "" } + [record.whereFrom]
    }

    private static func cell(_ belief: Record.Belief) -> String {
        var text = Self.text(belief.value)
        if belief.isApproximate { text = "≈ " + text }
        if belief.others.contains(where: { !$0.agrees }) { text += " (contradicted)" }
        return text
    }

    /// A value for people: `5 × 5 × 5` for lengths, `1065, 1536, 2048` for counts; unknown items as `?`.
    public static func text(_ value: JSON) -> String {
        switch value {
        case .null: ""
        case .string(let text): text.displayed(limit: 200)
        case .array(let items):
            items.map { item in item.isNull ? "?" : text(item) }
                .joined(
                    separator: items.count > 2 && items.contains { if case .double = $0 { true } else { false } }
                        ? " × " : ", ")
        default: value.compact
        }
    }

    /// How the datasets were acquired.
    public var acquisition: AcquisitionTable { AcquisitionTable(records) }

    /// GitHub-flavoured Markdown, one row per record, columns padded so that it reads as plain text too.
    public var markdown: String { Self.markdown([headings] + records.map(cells)) }

    /// A Markdown table of `rows`, the first of them the headings.
    static func markdown(_ rows: [[String]]) -> String {
        let safe = rows.map { $0.map { $0.displayed().escaping("|", with: "\\") } }
        let widths = safe[0].indices.map { column in max(3, safe.map { $0[column].count }.max() ?? 3) }
        func line(_ cells: [String]) -> String {
            "| " + zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: " | ")
                + " |"
        }
        let rule = "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
        return ([line(safe[0]), rule] + safe.dropFirst().map(line)).joined(separator: "\n")
    }

    /// Fields down the side, one column per record: what fits a terminal.
    public var text: String {
        let columns = [headings] + records.map(cells)
        let kept = headings.indices.filter { row in columns.dropFirst().contains { !$0[row].isEmpty } }
        let widths = columns.map { column in kept.map { column[$0].count }.max() ?? 0 }
        return kept.map { row in
            zip(columns, widths).map { $0[row].displayed() + String(repeating: " ", count: $1 - $0[row].count) }
                .joined(separator: "  ").trimmingTrailingSpaces()
        }.joined(separator: "\n")
    }

    /// RFC 4180, exact values: lists as JSON, unknown as an empty cell.
    public var csv: String {
        let rows =
            [["dataset", "address", "link"] + Field.table.map(\.name) + ["where_from"]]
            + records.map { record in
                [record.id, record.address, record.link ?? ""]
                    + Field.table.map { field in
                        guard let value = record.beliefs[field.name]?.value else { return "" }
                        return value.string ?? value.compact
                    } + [record.whereFrom]
            }
        return Self.csv(rows)
    }

    static func csv(_ rows: [[String]]) -> String {
        rows.map { $0.map(Self.quoted).joined(separator: ",") }.joined(separator: "\r\n") + "\r\n"
    }

    private static func quoted(_ cell: String) -> String {
        // By scalar: "\r\n" and a quote with an accent on it are one Character each.
        let needsQuotes = cell.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        return needsQuotes ? "\"" + cell.escaping("\"", with: "\"") + "\"" : cell
    }

    public var json: JSON {
        [
            "schema": "harvest.table/1", "ok": .bool(!findings.contains { $0.rule == "address-failed" }),
            "rows": .array(records.map(\.json)), "acquisition": acquisition.json,
            "findings": .array((records.flatMap(\.findings) + findings).map(\.json)),
        ]
    }
}

extension String {
    /// With `mark` before each `scalar`.
    fileprivate func escaping(_ scalar: Unicode.Scalar, with mark: Unicode.Scalar) -> String {
        String(String.UnicodeScalarView(unicodeScalars.flatMap { $0 == scalar ? [mark, $0] : [$0] }))
    }

    fileprivate func trimmingTrailingSpaces() -> String {
        var copy = self
        while copy.last == " " { copy.removeLast() }
        return copy
    }
}
