import HarvestTesting

/// Recordings of the real sites that may lie beside the project, or where `HARVEST_SHARED` says; tests on them are skipped without.
enum Recordings {
    static let folder: String? = {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        let places = [environment("HARVEST_SHARED"), "/\(root)/../shared"].compactMap(\.self)
        return places.map { "\($0)/portals" }.first { RecordedWeb(folder: $0) != nil }
    }()

    static var web: RecordedWeb? { folder.flatMap { RecordedWeb(folder: $0) } }

    static func text(_ path: String) -> String? {
        folder.flatMap { RecordedWeb.file("\($0)/\(path)") }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func environment(_ name: String) -> String? {
        let variables = RecordedWeb.file("/proc/self/environ")?.split(separator: 0) ?? []
        return variables.map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("\(name)=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }
}
