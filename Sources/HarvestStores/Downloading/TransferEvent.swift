public import HarvestCore

/// What happens while a file comes, for whoever wants to know more than how far it is.
public enum TransferEvent: Sendable {
    /// The first answer is there, and says how long the file is.
    case firstByte(total: Int)
    /// Bytes are asked for: more of what a connection had, or what it takes from another.
    case request(Range<Int>)
    /// An idle connection took this from the one that would have ended last.
    case steal(Range<Int>)
    /// A connection says nothing; what it had is asked for a second time.
    case hedge(Range<Int>)
    /// A connection is far slower than the others, and opened anew.
    case replace(Range<Int>)
    /// Connections with a request on its way, and as many as there may be; where that changed.
    case connections(Int, window: Int)
    /// A request broke and is sent again.
    case retry(String)
    /// The host says "later", and after how many seconds if it says that too.
    case throttled(seconds: Double?, String)
    /// The object is another one by now; it is begun anew.
    case changed(String)
    /// A checksum was compared.
    case verified(String, by: String, isRight: Bool)

    /// As an event of `--events` says it, without what is common to all.
    public var json: JSON {
        switch self {
        case .firstByte(let total): ["event": "first_byte", "total": .int(total)]
        case .request(let range): Self.json("request", range)
        case .steal(let range): Self.json("steal", range)
        case .hedge(let range): Self.json("hedge", range)
        case .replace(let range): Self.json("replace", range)
        case .connections(let running, let window):
            ["event": "connections", "running": .int(running), "window": .int(window)]
        case .retry(let why): ["event": "retry", "why": .string(why)]
        case .throttled(let seconds, let why): ["event": "throttle", "wait_s": JSON(seconds), "why": .string(why)]
        case .changed(let why): ["event": "changed", "why": .string(why)]
        case .verified(let checksum, let source, let isRight):
            ["event": "verify", "checksum": .string(checksum), "source": .string(source), "ok": .bool(isRight)]
        }
    }

    private static func json(_ event: String, _ range: Range<Int>) -> JSON {
        ["event": .string(event), "range": JSON([range.lowerBound, min(range.upperBound, 1 << 62)])]
    }
}
