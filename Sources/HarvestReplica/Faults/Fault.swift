/// One way in which a route misbehaves.
enum Fault: Equatable, Sendable {
    case latency(milliseconds: Int)
    case bandwidth(bytesPerSecond: Int)
    case rate(perSecond: Double)
    case cut(bytes: Int64, probability: Double)
    case stall(probability: Double)
    case stallAfter(bytes: Int64, probability: Double)
    case status(code: Int, probability: Double, retryAfter: String?)
    case statusFirst(code: Int, count: Int, retryAfter: String?)
    case statusEach(code: Int, count: Int, retryAfter: String?)
    case rangeIgnored
    case changed(after: Int)
    case entityTagNone
    case entityTagWeak

    /// Parses `name:value:value`; `nil` if that is no fault.
    init?(_ text: Substring) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let values = Array(words.dropFirst())
        func count(_ index: Int) -> Int? {
            guard values.indices.contains(index) else { return nil }
            return Int(values[index]).flatMap { $0 >= 0 ? $0 : nil }
        }
        func probability(_ index: Int) -> Double? {
            guard values.indices.contains(index) else { return 1 }
            return Double(values[index]).flatMap { (0...1).contains($0) ? $0 : nil }
        }
        func code() -> Int? { count(0).flatMap { (200...599).contains($0) ? $0 : nil } }
        let retryAfter = values.count > 2 ? values[2] : nil
        let parsed: Fault? =
            switch (words[0], values.count) {
            case ("latency", 1): count(0).map { .latency(milliseconds: $0) }
            case ("bandwidth", 1): count(0).flatMap { $0 > 0 ? .bandwidth(bytesPerSecond: $0) : nil }
            case ("rate", 1): Double(values[0]).flatMap { $0 > 0 && $0.isFinite ? .rate(perSecond: $0) : nil }
            case ("cut", 1...2): Self.pair(count(0), probability(1)).map { .cut(bytes: Int64($0), probability: $1) }
            case ("stall", 1): probability(0).map { .stall(probability: $0) }
            case ("stall-after", 1...2):
                Self.pair(count(0), probability(1)).map { .stallAfter(bytes: Int64($0), probability: $1) }
            case ("status", 1...3):
                Self.pair(code(), probability(1)).map { .status(code: $0, probability: $1, retryAfter: retryAfter) }
            case ("status-first", 2...3):
                Self.pair(code(), count(1)).map { .statusFirst(code: $0, count: $1, retryAfter: retryAfter) }
            case ("status-each", 2...3):
                Self.pair(code(), count(1)).map { .statusEach(code: $0, count: $1, retryAfter: retryAfter) }
            case ("range-ignored", 0): .rangeIgnored
            case ("changed", 1): count(0).map { .changed(after: $0) }
            case ("etag-none", 0): .entityTagNone
            case ("etag-weak", 0): .entityTagWeak
            default: nil
            }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func pair<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
        guard let a, let b else { return nil }
        return (a, b)
    }
}

/// Which requests a list of faults is for: `HOST/PATH=FAULT[,FAULT…]`.
struct FaultRule: Sendable {
    let host: String
    let path: String
    let faults: [Fault]

    /// A rule that cannot be read.
    struct Misunderstood: Error {
        let text: String
    }

    init(_ text: String) throws(Misunderstood) {
        guard let equals = text.lastIndex(of: "="), let slash = text[..<equals].firstIndex(of: "/"),
            slash != text.startIndex
        else { throw Misunderstood(text: "\(text): a fault is written HOST/PATH=FAULT[,FAULT…]") }
        host = text[..<slash].lowercased()
        path = String(text[slash..<equals])
        var faults: [Fault] = []
        for word in text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false) {
            guard let fault = Fault(word) else { throw Misunderstood(text: "\(word): no such fault; see --help") }
            faults.append(fault)
        }
        self.faults = faults
    }

    /// The path is compared as sent and decoded, without its query unless the rule has one.
    func matches(_ request: Request) -> Bool {
        guard host == "*" || host == request.host else { return false }
        let forms = path.contains("?") ? [request.target] : [request.rawPath, request.path ?? request.rawPath]
        return forms.contains { form in
            path.hasSuffix("*") ? form.hasPrefix(path.dropLast()) : form == path
        }
    }
}
