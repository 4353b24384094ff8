import CCurl
import HarvestCore

/// Why a transfer brought no whole answer.
enum TransferFailure: Error, Sendable {
    case cancelled
    /// curl's code and its sentence.
    case curl(UInt32, String)
    /// Which deadline passed, and its seconds.
    case late(String, Double)
    case tooLong(Int)
    case headersTooLong(Int)
    /// The reader of the body threw.
    case refused(any Error)
    /// The name led to an address inside.
    case inside(String)

    /// What the retry policy makes of it.
    var event: RetryPolicy.Event {
        switch self {
        case .cancelled, .tooLong, .headersTooLong, .refused, .inside: .hopeless
        case .late: .broke
        case .curl(let code, _): Self.passing.contains(code) ? .broke : .hopeless
        }
    }

    /// The error a caller sees.
    func error(at place: String) -> any Error {
        switch self {
        case .cancelled: return CancellationError()
        case .refused(let error): return error
        case .late(let what, let seconds):
            return HarvestError(
                .unavailable, "\(what) within \(seconds.formatted) s", at: place, next: "try again later",
                underlying: self)
        case .tooLong(let limit):
            return HarvestError(.unsupported, "the answer is longer than \(limit) bytes", at: place, underlying: self)
        case .headersTooLong(let limit):
            return HarvestError(.malformed, "the headers are longer than \(limit) bytes", at: place, underlying: self)
        case .inside(let address):
            return HarvestError(
                .denied, "a redirect from the internet to an address inside this network (\(address))", at: place,
                next: "give the address itself if it is meant", underlying: self)
        case .curl(let code, let message): return Self.error(code, message, at: place, underlying: self)
        }
    }

    /// Names that do not resolve, connections that break, bodies cut short: another try may do better.
    private static let passing: Set<UInt32> = Set(
        [
            CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
            CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_HTTP2, CURLE_HTTP2_STREAM,
        ].map(\.rawValue))

    private static func error(
        _ code: UInt32, _ message: String, at place: String, underlying: TransferFailure
    ) -> HarvestError {
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION.rawValue, CURLE_SSL_CACERT_BADFILE.rawValue,
            CURLE_SSL_CERTPROBLEM.rawValue, CURLE_SSL_ISSUER_ERROR.rawValue:
            HarvestError(
                .denied, "the server's certificate is not trusted: \(message)", at: place,
                next: "name its authority with --ca if it is yours", underlying: underlying)
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH.rawValue:
            HarvestError(
                .denied, "the server's public key is not the one that HARVEST_PINS names", at: place,
                next: "ask whoever runs the server, and change HARVEST_PINS only then", underlying: underlying)
        case CURLE_COULDNT_RESOLVE_HOST.rawValue:
            HarvestError(
                .unavailable, "the host's name does not resolve: \(message)", at: place,
                next: "check the spelling and the network", underlying: underlying)
        case CURLE_WEIRD_SERVER_REPLY.rawValue, CURLE_UNSUPPORTED_PROTOCOL.rawValue,
            CURLE_BAD_CONTENT_ENCODING.rawValue:
            HarvestError(.malformed, "not an answer HTTP allows: \(message)", at: place, underlying: underlying)
        default:
            HarvestError(
                .unavailable, "the transfer failed: \(message)", at: place, next: "try again later",
                underlying: underlying)
        }
    }
}

extension Double {
    /// `12` for 12.0, `0.2` for 0.2.
    fileprivate var formatted: String { Int(exactly: self).map(String.init) ?? "\(self)" }
}
