internal import Glibc

/// Dates as HTTP writes them (RFC 9110 §5.6.7).
enum HTTPDate {
    static func now() -> String { format(Int64(time(nil))) }

    static func format(_ seconds: Int64) -> String { format(seconds, "%a, %d %b %Y %H:%M:%S GMT") }

    /// `2024-01-10T12:00:00.000Z`, as S3 and Google write them.
    static func iso(_ seconds: Int64) -> String { format(seconds, "%Y-%m-%dT%H:%M:%S.000Z") }

    /// `2024-01-10 12:00`, as Apache's index pages write them.
    static func minute(_ seconds: Int64) -> String { format(seconds, "%Y-%m-%d %H:%M") }

    /// `20240110120000`, as FTP writes them (RFC 3659 §2.3).
    static func compact(_ seconds: Int64) -> String { format(seconds, "%Y%m%d%H%M%S") }

    private static func format(_ seconds: Int64, _ pattern: String) -> String {
        var moment = time_t(seconds), parts = tm()
        gmtime_r(&moment, &parts)
        var text = [UInt8](repeating: 0, count: 64)
        let count = text.withUnsafeMutableBytes { strftime($0.baseAddress!, 64, pattern, &parts) }
        return String(decoding: text[..<count], as: UTF8.self)
    }
}
