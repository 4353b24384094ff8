/// What the command line asks for.
enum Invocation {
    case help
    case hosts
    case serve(folder: String, port: UInt16, ftpPort: UInt16, rules: [FaultRule], seed: UInt64)
    case bytes(url: String, range: ByteRange?)
    case voxels(dataset: String, level: Int, box: [Range<Int>]?)

    /// A command line that cannot be read.
    struct Misunderstood: Error {
        let text: String
    }

    init(_ words: [String]) throws(Misunderstood) {
        switch words.first {
        case "--help", "-h", "help": self = .help
        case "hosts": self = .hosts
        case "bytes": self = try Self.bytes(Array(words.dropFirst()))
        case "voxels": self = try Self.voxels(Array(words.dropFirst()))
        default: self = words.contains("--help") ? .help : try Self.serve(words)
        }
    }

    private static func serve(_ words: [String]) throws(Misunderstood) -> Invocation {
        var folder: String?, port: UInt16 = 0, ftpPort: UInt16 = 0, rules: [FaultRule] = [], seed: UInt64 = 1
        for (name, value) in try options(words) {
            switch name {
            case "--state": folder = value
            case "--https-port":
                guard let number = UInt16(value) else { throw Misunderstood(text: "\(value) is no port") }
                port = number
            case "--ftp-port":
                guard let number = UInt16(value) else { throw Misunderstood(text: "\(value) is no port") }
                ftpPort = number
            case "--fault":
                do { rules.append(try FaultRule(value)) } catch { throw Misunderstood(text: error.text) }
            case "--seed":
                guard let number = UInt64(value) else { throw Misunderstood(text: "\(value) is no seed") }
                seed = number
            default: throw Misunderstood(text: "\(name) is not known; see --help")
            }
        }
        guard let folder, !folder.isEmpty else { throw Misunderstood(text: "--state DIR is needed; see --help") }
        return .serve(folder: folder, port: port, ftpPort: ftpPort, rules: rules, seed: seed)
    }

    private static func bytes(_ words: [String]) throws(Misunderstood) -> Invocation {
        guard let url = words.first, words.count <= 2 else {
            throw Misunderstood(text: "bytes URL [A-B], as in: bytes https://files.replica.test/1k.bin 0-99")
        }
        guard words.count == 2 else { return .bytes(url: url, range: nil) }
        guard let range = ByteRange(words[1]) else { throw Misunderstood(text: "\(words[1]): write A-B, A- or -N") }
        return .bytes(url: url, range: range)
    }

    private static func voxels(_ words: [String]) throws(Misunderstood) -> Invocation {
        guard let dataset = words.first, !dataset.hasPrefix("-") else {
            throw Misunderstood(text: "voxels DATASET [--level N] [--box z0:z1,y0:y1,x0:x1]")
        }
        var level = 0, box: [Range<Int>]?
        for (name, value) in try options(Array(words.dropFirst())) {
            switch name {
            case "--level":
                guard let number = Int(value), number >= 0 else { throw Misunderstood(text: "\(value) is no level") }
                level = number
            case "--box":
                box = try value.split(separator: ",").map { part throws(Misunderstood) in try interval(part) }
                guard box?.count == 3 else { throw Misunderstood(text: "a box is z0:z1,y0:y1,x0:x1") }
            default: throw Misunderstood(text: "\(name) is not known; see --help")
            }
        }
        return .voxels(dataset: dataset, level: level, box: box)
    }

    private static func interval(_ text: Substring) throws(Misunderstood) -> Range<Int> {
        let ends = text.split(separator: ":").compactMap { Int($0) }
        guard ends.count == 2, ends[0] >= 0, ends[0] < ends[1] else {
            throw Misunderstood(text: "\(text): an interval is first:end, and not empty")
        }
        return ends[0]..<ends[1]
    }

    /// Pairs `--name value` and `--name=value`.
    private static func options(_ words: [String]) throws(Misunderstood) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = [], rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else { throw Misunderstood(text: "\(word) is not understood; see --help") }
            if let equals = word.firstIndex(of: "=") {
                pairs.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
            } else {
                guard let value = rest.popFirst() else { throw Misunderstood(text: "\(word) needs a value") }
                pairs.append((word, value))
            }
        }
        return pairs
    }
}
