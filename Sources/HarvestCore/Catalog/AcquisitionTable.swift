/// How the datasets were acquired, side by side: a row for each field in its one unit, a column for each dataset.
///
/// Blank: nobody says. `≈`: its source calls it approximate. A number in brackets leads to a note below the table that
/// says who contradicts.
public struct AcquisitionTable: Sendable {
    private let records: [Record]

    init(_ records: [Record]) { self.records = records }

    /// The rows, headings first, and the notes.
    private var grid: (rows: [[String]], notes: [String]) {
        var notes: [String] = []
        var rows = [["acquisition"] + records.map { $0.id.displayed() }]
        for field in Field.acquisition {
            rows.append([field.heading] + records.map { cell($0, field, &notes) })
        }
        return (rows, notes)
    }

    private func cell(_ record: Record, _ field: Field, _ notes: inout [String]) -> String {
        guard let belief = record.beliefs[field.name] else { return "" }
        var text = (belief.isApproximate ? "≈ " : "") + Self.text(belief.value, field)
        let others = belief.others.filter { !$0.agrees }
        if !others.isEmpty {
            let said = others.map {
                "the \($0.source.rawValue) says \(Self.text($0.value, field)) (\($0.place.displayed(limit: 200)))"
            }
            notes.append(
                "[\(notes.count + 1)] \(record.id.displayed()), \(field.heading): the \(belief.source.rawValue) says \(Self.text(belief.value, field)), "
                    + said.joined(separator: ", "))
            text += " [\(notes.count)]"
        }
        return text
    }

    /// A value in the unit of the field's heading.
    public static func text(_ value: JSON, _ field: Field) -> String {
        guard let number = value.double else { return Table.text(value) }
        return JSON.text(of: (number * field.shownFactor).rounded(significantDigits: 9))
    }

    public var isEmpty: Bool {
        !records.contains { record in Field.acquisition.contains { record.beliefs[$0.name] != nil } }
    }

    /// GitHub-flavoured Markdown that reads as plain text too.
    public var markdown: String {
        let (rows, notes) = grid
        return ([Table.markdown(rows)] + (notes.isEmpty ? [] : [""] + notes)).joined(separator: "\n")
    }

    /// RFC 4180, exact values in the fields' own units.
    public var csv: String {
        let rows =
            [["field", "unit"] + records.map(\.id)]
            + Field.acquisition.map { field in
                [field.name, field.unit ?? ""]
                    + records.map { record in
                        guard let value = record.beliefs[field.name]?.value else { return "" }
                        return value.string ?? value.compact
                    }
            }
        return Table.csv(rows)
    }

    public var json: JSON {
        .array(
            Field.acquisition.map { field in
                var values = JSON.Members()
                for record in records { values[record.id] = record.beliefs[field.name].map(Record.json) ?? .null }
                return ["field": .string(field.name), "unit": JSON(field.unit), "values": .object(values)]
            })
    }
}
