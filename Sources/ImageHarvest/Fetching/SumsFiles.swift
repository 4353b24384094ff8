import HarvestCore
import HarvestStores

/// Checksum files that lie beside the files of a folder: `md5sum.txt`, `SHA256SUMS`, `NAME.md5`, …
///
/// Lines are those of `md5sum` and `sha256sum` (`HEX  name`, `HEX *name`), of BSD (`MD5 (name) = HEX`), or of a file beside
/// one other, the checksum alone.
enum SumsFiles {
    /// More of them, or longer ones, are not read for the sake of this.
    private static let mostFiles = 2000, longest = 16 << 20

    /// The checksums that a folder's own files say of the others, by path below the folder.
    ///
    /// - Complexity: One request for each checksum file; where there are more than 2,000, none.
    static func read(_ paths: [String], in store: any Store) async throws -> [String: (text: String, source: String)] {
        let sums = paths.filter { kind(of: $0) != nil }
        guard !sums.isEmpty, sums.count <= mostFiles else { return [:] }
        let known = Set(paths)
        // One that cannot be read says nothing; the file itself is fetched, and fails, with all the others.
        let texts = try await sums.concurrently(atMost: 16) { path -> (String, String)? in
            guard let bytes = try? await store.read(path, .bytes(0..<longest)).bytes, bytes.count < longest else {
                return nil
            }
            return (path, bytes.text)
        }
        var found: [String: (text: String, source: String)] = [:]
        for (path, text) in texts.compactMap(\.self).sorted(by: { $0.0 < $1.0 }) {
            guard let algorithm = kind(of: path) else { continue }
            let slash = path.lastIndex(of: "/")
            let folder = slash.map { String(path[...$0]) } ?? ""
            for (name, hex) in parse(text, alone: single(path)) {
                let target = folder + name
                guard known.contains(target), target != path, OfferedDigest("\(algorithm):\(hex)", source: path) != nil,
                    found[target]?.text.hasPrefix("sha256:") != true
                else { continue }
                found[target] = ("\(algorithm):\(hex)", path)
            }
        }
        return found
    }

    /// `md5` or `sha256` where a file's name says that it holds such checksums.
    static func kind(of path: String) -> String? {
        let name = (path.split(separator: "/").last.map(String.init) ?? path).lowercased()
        for (algorithm, names) in [
            ("md5", ["md5sum", "md5sums", "md5sum.txt", "md5sums.txt", "md5.txt", "checksums.md5"]),
            ("sha256", ["sha256sum", "sha256sums", "sha256sum.txt", "sha256sums.txt", "checksums.sha256"]),
        ] where names.contains(name) || name.hasSuffix("." + algorithm) || name.hasSuffix(".\(algorithm)sum") {
            return algorithm
        }
        return nil
    }

    /// The one file that `NAME.md5` is about.
    private static func single(_ path: String) -> String? {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return name.lastIndex(of: ".").map { String(name[..<$0]) }
    }

    /// Names and checksums of a checksum file.
    ///
    /// - Parameter alone: What a line without a name is about.
    static func parse(_ text: String, alone: String?) -> [(name: String, hex: String)] {
        text.split(whereSeparator: \.isNewline).compactMap { (line: Substring) -> (name: String, hex: String)? in
            let words = line.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = words.first else { return nil }
            let isHex = first.utf8.count >= 32 && first.allSatisfy(\.isHexDigit)
            if isHex, words.count == 1 { return alone.map { ($0, first.lowercased()) } }
            if isHex, words.count == 2 {
                var name = words[1].drop { $0 == " " || $0 == "\t" }
                if name.hasPrefix("*") { name = name.dropFirst() }
                if name.hasPrefix("./") { name = name.dropFirst(2) }
                return (String(name).trimmingSpaces(), first.lowercased())
            }
            // BSD: the name stands in brackets before the equals sign.
            guard let match = line.wholeMatch(of: /[^(]*\((.+)\) = ([0-9A-Fa-f]+)\s*/) else { return nil }
            return (String(match.output.1), match.output.2.lowercased())
        }
    }
}
