extension String {
    /// This text, made safe to show: remote titles, names and bodies pass through here before a terminal sees them.
    ///
    /// Control characters (C0, C1, so every escape sequence) and bidirectional overrides become `�`, line breaks
    /// become spaces, and what is longer than `limit` characters is cut with an ellipsis.
    public func displayed(limit: Int = 10_000) -> String {
        var out = ""
        var count = 0
        for scalar in unicodeScalars {
            if count >= limit { return out + "…" }
            count += 1
            switch scalar.value {
            case 0x09, 0x0A, 0x0D, 0x2028, 0x2029: out.unicodeScalars.append(" ")
            case 0x00...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0x061C, 0x200E, 0x200F, 0xFEFF:
                out.unicodeScalars.append("\u{FFFD}")
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

extension String {
    /// This text without the user and password of the addresses in it: `https://user:password@host` is `https://host`.
    public var withoutCredentials: String {
        guard contains("@"), contains("://") else { return self }
        return replacing(/:\/\/[^\/?#\s"'<>]*@/) { _ in "://" }
    }
}
