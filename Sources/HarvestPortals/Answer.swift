internal import HarvestCore

extension Page {
    /// This page, if the server gave what was asked for.
    ///
    /// - Parameter what: What was asked for, as the sentence names it: "the dataset's page".
    /// - Throws: ``HarvestError`` `.notFound` for 404 and 410, `.denied` for 401, 403 and 451, `.unavailable` for any
    ///   other status but 2xx.
    func accepted(as what: String) throws(HarvestError) -> Page {
        switch status {
        case 200..<300: return self
        case 404, 410: throw .notFound("\(what) is not there (HTTP \(status))", at: url)
        case 401, 403, 451: throw HarvestError(.denied, "\(what) is not given out (HTTP \(status))", at: url)
        default: throw HarvestError(.unavailable, "\(what) cannot be had now (HTTP \(status))", at: url)
        }
    }
}
