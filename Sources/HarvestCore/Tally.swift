/// How much is done, of how much, of what.
public struct Tally: Sendable, Hashable {
    /// What is counted: a file's name, a dataset.
    public var subject: String
    public var done: Int
    /// `nil` while unknown.
    public var total: Int?
    /// What `done` and `total` count: `bytes`, `chunks`, `files`.
    public var measure: String

    public init(subject: String, done: Int, total: Int?, measure: String = "bytes") {
        self.subject = subject
        self.done = done
        self.total = total
        self.measure = measure
    }
}
