public import HarvestCore

/// EMPIAR, the Electron Microscopy Public Image Archive: a JSON interface, a header file in XML, and listings of files.
///
/// An entry has image sets, each a folder and a format; only files of that format belong to the set, whatever else lies
/// there. Lengths of pixels are Ångström, counts may be text, most may be null, and any of it may be wrong: the files know.
public struct EMPIAR: Portal {
    public let name = "empiar"
    public let title = "EMPIAR"
    public let examples = ["https://www.ebi.ac.uk/empiar/EMPIAR-11759/"]

    public init() {}

    public func publishes(_ url: String) -> Bool { Self.number(in: url) != nil }

    /// The entry's number in any form in which people pass it on.
    static func number(in text: String) -> Int? {
        if text.lowercased().hasPrefix("empiar-"),
            let match = text.wholeMatch(of: /(?:[Ee][Mm][Pp][Ii][Aa][Rr]-)([0-9]{4,7})/)
        {
            return Int(match.output.1)
        }
        if text.hasPrefix("doi:") || text.hasPrefix("10."),
            let match = text.wholeMatch(of: /(?:doi:)?10\.6019\/EMPIAR-([0-9]{4,7})/)
        {
            return Int(match.output.1)
        }
        let address = Address(text)
        guard ["https", "http", "ftp"].contains(address.scheme), let host = address.host else { return nil }
        let isFTP = address.scheme == "ftp"
        switch host {
        case "www.ebi.ac.uk" where !isFTP:
            let match = address.path.wholeMatch(
                of: /\/(?:pdbe\/emdb\/)?empiar\/(?:entry\/)?(?:EMPIAR-)?([0-9]{4,7})\/?/)
            return match.flatMap { Int($0.output.1) }
        case "empiar.org", "www.empiar.org":
            if isFTP { return nil }
            return address.path.wholeMatch(of: /\/(?:EMPIAR-)?([0-9]{4,7})\/?/).flatMap { Int($0.output.1) }
        case "doi.org", "dx.doi.org":
            if isFTP { return nil }
            return address.path.wholeMatch(of: /\/10\.6019\/EMPIAR-([0-9]{4,7})/).flatMap { Int($0.output.1) }
        case "ftp.ebi.ac.uk":
            // The entry's root alone: a folder or file below it is data.
            let match = address.path.wholeMatch(of: /\/empiar\/world_availability\/([0-9]{4,7})\/?/)
            return isFTP ? nil : match.flatMap { Int($0.output.1) }
        default: return nil
        }
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard let number = Self.number(in: url) else {
            throw HarvestError.invalid("this is no entry of \(title)", at: url)
        }
        var account = EMPIARAccount(number: number, address: url, web: web)
        return try await account.describe()
    }
}
