import CCurl
import HarvestCore

/// What an FTP server's replies and curl's verdict mean together (RFC 959 §4.2, RFC 3659).
struct FTPAnswer {
    private let outcome: TransferOutcome

    init(_ outcome: TransferOutcome) { self.outcome = outcome }

    /// The last reply that refuses something.
    private var refusal: Int? { codes.last { $0 >= 400 && $0 != 426 } }

    private var codes: [Int] {
        outcome.replies.compactMap { reply in
            let digits = reply.prefix(3)
            return digits.count == 3 && (reply.count == 3 || reply.dropFirst(3).first == " ") ? Int(digits) : nil
        }
    }

    /// The file's length, as `SIZE` gave it.
    var size: Int? {
        for reply in outcome.replies.reversed() where reply.hasPrefix("213 ") {
            let text = reply.dropFirst(4).trimmingSpaces()
            // MDTM answers 213 too, with fourteen digits of a date, and a fraction perhaps.
            if text.count == 14 && (text.hasPrefix("19") || text.hasPrefix("20")) || text.contains(".") { continue }
            return Int(text).flatMap { $0 >= 0 ? $0 : nil }
        }
        return nil
    }

    /// What the replies of one transfer say of the file.
    static func facts(_ replies: [String]) -> ObjectFacts {
        let answer = FTPAnswer(TransferOutcome(replies: replies))
        let date = replies.last {
            $0.hasPrefix("213 ") && $0.dropFirst(4).trimmingSpaces().prefix { $0.isNumber }.count == 14
        }
        return ObjectFacts(total: answer.size, modified: date.map { String($0.dropFirst(4).trimmingSpaces()) })
    }

    /// Whether the server does not know how to start inside a file.
    var refusesRanges: Bool {
        guard case .curl(let code, _) = outcome.failure else { return false }
        return code == CURLE_FTP_COULDNT_USE_REST.rawValue
    }

    /// Whether a command is not known there.
    var isUnknownCommand: Bool { [500, 501, 502, 504].contains(refusal ?? 0) }

    var startsBehindEnd: Bool {
        guard case .curl(let code, _) = outcome.failure else { return false }
        return code == CURLE_BAD_DOWNLOAD_RESUME.rawValue
    }

    /// What the retry policy makes of it.
    var event: RetryPolicy.Event {
        guard let failure = outcome.failure else { return .answered }
        guard case .curl = failure else { return failure.event }
        switch refusal {
        case 421, 425, 450, 451, 452: return .refused(retryAfter: nil)
        case let code? where code >= 500: return .hopeless
        default: return startsBehindEnd || refusesRanges ? .hopeless : .broke
        }
    }

    /// What a server that says "later" has too much of.
    var cause: RefusalCause {
        switch refusal {
        case 421: .connections
        case 450: .starts
        default: .any
        }
    }

    /// The error behind a failed transfer.
    func error(at place: String) -> any Error {
        guard let failure = outcome.failure else { return HarvestError(.failed, "no failure", at: place) }
        guard case .curl(_, let message) = failure else { return failure.error(at: place) }
        switch refusal {
        case 421, 425, 450, 451, 452:
            return HarvestError(
                .unavailable, "the FTP server says to come later (\(refusal ?? 0))", at: place, next: "try again later",
                underlying: failure)
        case 530, 532: return HarvestError(.denied, "the FTP server wants a login", at: place, underlying: failure)
        case 550: return HarvestError(.notFound, "nothing is there (FTP 550)", at: place, underlying: failure)
        case 553: return HarvestError(.denied, "the FTP server refuses the name", at: place, underlying: failure)
        case let code? where code >= 500:
            return HarvestError(
                .unsupported, "the FTP server cannot do this (\(code)): \(message)", at: place, underlying: failure)
        default: return failure.error(at: place)
        }
    }
}
