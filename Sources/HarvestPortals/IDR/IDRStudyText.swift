internal import HarvestCore

/// A study's description as IDR's curators write it: a line per key, tabs between values, a block per experiment.
struct IDRStudyText {
    struct Condition {
        var field: String
        var value: Double
        var unit: String
        /// As written.
        var text: String
    }

    private var values: [String: String] = [:]
    /// All lines of the experiment, and those before the first one.
    private var prose = ""
    /// Whether the text has a block for the experiment that was asked for.
    let hasExperiment: Bool

    /// - Parameter experiment: `experimentD`; `nil` takes the whole text for one.
    init(_ text: String, experiment: String?) {
        var blocks: [[Substring]] = [[]]
        for line in text.prefix(2_000_000).split(whereSeparator: \.isNewline) {
            if line.hasPrefix("Experiment Number") || line.hasPrefix("Screen Number") { blocks.append([]) }
            blocks[blocks.count - 1].append(line)
        }
        let own = blocks.dropFirst().first { block in
            experiment.map { name in block.contains { $0.contains(/IDR (Experiment|Screen) Name/) && $0.contains(name) }
            }
                ?? true
        }
        hasExperiment = own != nil
        let lines = blocks[0] + (own ?? [])
        for line in lines {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: true).map { $0.trimmingSpaces() }
            if parts.count > 1, values[parts[0]] == nil { values[parts[0]] = parts[1] }
        }
        prose = lines.joined(separator: "\n")
    }

    func first(_ key: String) -> String? { values[key].flatMap(Published.line) }

    /// What the protocol says of the electron beam. Where it speaks of several samples, of the one in brackets behind.
    func conditions(of sample: String?) -> [Condition] {
        let pattern =
            /([0-9.]+) ?(nA|pA) electron beam (?:with|at) ([0-9.]+) ?keV landing energy (?:and a |at )([0-9.]+) ?(kHz|MHz)(?:[^(.;]{0,20}\(([^)]{1,40})\))?/
        func plain(_ text: some StringProtocol) -> String { text.lowercased().filter { $0.isLetter || $0.isNumber } }
        var matches = prose.matches(of: pattern)
        if matches.count > 1, let sample {
            matches = matches.filter { $0.output.6.map { plain($0) == plain(sample) } ?? false }
        }
        guard matches.count == 1, let match = matches.first, let current = Double(match.output.1),
            let energy = Double(match.output.3), let rate = Double(match.output.4)
        else { return [] }
        let text = Published.line(String(match.output.0)) ?? ""
        return [
            Condition(
                field: Field.Name.beamCurrent, value: match.output.2 == "pA" ? current / 1000 : current, unit: "nA",
                text: text),
            Condition(field: Field.Name.beamEnergy, value: energy, unit: "keV", text: text),
            Condition(
                field: Field.Name.scanRate, value: match.output.5 == "kHz" ? rate / 1000 : rate, unit: "MHz", text: text
            ),
        ]
    }
}
