/// Digital object identifiers.
enum DOI {
    /// The bare DOI (`10.25378/janelia.24222898`) in a link to a resolver or in text; `nil` where there is none.
    ///
    /// DOI Handbook §2.2: `10.`, digits, `/`, then anything printable; what a sentence adds at the end is dropped.
    static func bare(in text: String) -> String? {
        guard let match = text.prefix(4096).firstMatch(of: /10\.[0-9]{4,9}\/[!-~]+/) else { return nil }
        var found = match.output.prefix { !"\"<>?#".contains($0) }
        while let last = found.last, ".,;:)]}'".contains(last) { found.removeLast() }
        return String(found)
    }

    /// The article's number at figshare in a DOI that Janelia gave out there: `24222898`.
    static func figshareNumber(_ doi: String) -> String? {
        guard let match = doi.wholeMatch(of: /10\.25378\/janelia\.([0-9]{1,12})(?:\.v[0-9]+)?/) else { return nil }
        return String(match.output.1)
    }
}
