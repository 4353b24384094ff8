internal import Glibc

/// `requests.jsonl`: one line for every request, written at once and whole.
struct RequestLog: Sendable {
    struct Entry {
        var host: String
        var method: String
        var path: String
        var range: String?
        /// 0 where no answer was begun.
        var status: Int
        /// Bytes of body that were handed to the system.
        var bytes: Int64
        var seconds: Double
        /// `cut`, `stall` or what else befell it.
        var fault: String?
        var connection: Int
    }

    private let file: Int32

    /// Appends to the file at `path`, or nowhere.
    init?(path: String?) {
        guard let path else {
            file = -1
            return
        }
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { return nil }
    }

    func write(_ entry: Entry) {
        guard file >= 0 else { return }
        let micros = Int64(entry.seconds * 1e6)
        let line = """
            {"host":\(JSONText.quoted(entry.host)),"method":\(JSONText.quoted(entry.method)),\
            "path":\(JSONText.quoted(entry.path)),"range":\(JSONText.quoted(entry.range)),"status":\(entry.status),\
            "bytes":\(entry.bytes),"seconds":\(Double(micros) / 1e6),"fault":\(JSONText.quoted(entry.fault)),\
            "connection":\(entry.connection)}

            """
        let bytes = Array(line.utf8)
        _ = Glibc.write(file, bytes, bytes.count)
    }
}
