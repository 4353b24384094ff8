import HarvestCore

/// The profiles of a shared `credentials` or `config` file (AWS SDKs and Tools Reference Guide, "Shared config and
/// credentials files").
enum ProfileFile {
    /// Settings by profile, names of settings in lower case. What is indented below a setting is left out.
    ///
    /// - Parameter isConfig: Whether sections are `[profile NAME]`, all but `[default]`, instead of `[NAME]`.
    static func profiles(_ text: String, isConfig: Bool) -> [String: [String: String]] {
        var profiles: [String: [String: String]] = [:]
        var section: String?
        var indent = Int.max
        for line in text.split(whereSeparator: \.isNewline) {
            let bare = line.trimmingSpaces()
            guard let first = bare.first, first != "#", first != ";" else { continue }
            if first == "[" {
                section = bare.firstIndex(of: "]").map { name(bare[..<$0].dropFirst(), isConfig) } ?? nil
                indent = .max
                if let section, profiles[section] == nil { profiles[section] = [:] }
                continue
            }
            let depth = line.prefix { $0 == " " || $0 == "\t" }.count
            guard let section, depth <= indent, let equals = bare.firstIndex(of: "=") else { continue }
            indent = depth
            profiles[section]?[bare[..<equals].trimmingSpaces().lowercased()] = value(bare[equals...].dropFirst())
        }
        return profiles
    }

    private static func name(_ header: Substring, _ isConfig: Bool) -> String? {
        let words = header.split { $0 == " " || $0 == "\t" }.map(String.init)
        if !isConfig { return words.count == 1 ? words[0] : nil }
        return words == ["default"] ? "default" : words.count == 2 && words[0] == "profile" ? words[1] : nil
    }

    /// Without a comment, which begins at a `#` or `;` after a space.
    private static func value(_ text: Substring) -> String {
        var end = text.startIndex
        var isAfterSpace = false
        while end < text.endIndex, !(isAfterSpace && (text[end] == "#" || text[end] == ";")) {
            isAfterSpace = text[end] == " " || text[end] == "\t"
            end = text.index(after: end)
        }
        return String(text[..<end].trimmingSpaces())
    }
}
