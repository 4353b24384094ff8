/// Something about a dataset that its user should know before relying on it.
public struct Finding: Sendable, Hashable {
    public enum Severity: String, Sendable, Comparable {
        case note, warning, error
        private var rank: Int { self == .note ? 0 : self == .warning ? 1 : 2 }
        public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
    }

    public var severity: Severity
    /// The rule's id: lower case with hyphens, stable.
    public var rule: String
    /// The field it is about.
    public var field: String?
    /// One sentence: what is wrong, and what it would do.
    public var message: String

    public init(_ severity: Severity, rule: String, field: String? = nil, _ message: String) {
        self.severity = severity
        self.rule = rule
        self.field = field
        self.message = message
    }
}

extension Finding: JSONCodable {
    public var json: JSON {
        [
            "severity": .string(severity.rawValue), "rule": .string(rule), "field": JSON(field),
            "message": .string(message),
        ]
    }

    public init(json: JSON) throws {
        guard let rule = json["rule"]?.string, let message = json["message"]?.string else {
            throw HarvestError.malformed("a finding without \"rule\" or \"message\"")
        }
        self.init(
            json["severity"]?.string.flatMap(Severity.init(rawValue:)) ?? .note, rule: rule,
            field: json["field"]?.string, message)
    }
}
