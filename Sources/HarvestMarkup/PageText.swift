internal import HarvestCore

/// A page's bytes in a character set that the parser knows for sure.
struct PageText {
    /// Without zero bytes, at which the parser would stop.
    let bytes: [UInt8]
    let charset: String

    init(_ page: Bytes) {
        let raw = page.array
        let declared = Self.declared(in: raw)
        if raw.starts(with: [0xFF, 0xFE]) || raw.starts(with: [0xFE, 0xFF]) {
            self.init(text: Self.utf16(raw.dropFirst(2), isBig: raw[0] == 0xFE))
        } else if raw.starts(with: [0xEF, 0xBB, 0xBF]) {
            self.init(text: String(decoding: raw.dropFirst(3), as: UTF8.self))
        } else if let declared, !Self.utf8Names.contains(declared) {
            if Self.latinNames.contains(declared) {
                self.init(text: Self.windows1252(raw))
            } else {
                self.init(bytes: raw, charset: declared)
            }
        } else if declared == nil, String(validating: raw, as: UTF8.self) == nil {
            self.init(text: Self.windows1252(raw))
        } else {
            self.init(text: String(decoding: raw, as: UTF8.self))
        }
    }

    private init(bytes: [UInt8], charset: String) {
        self.bytes = bytes
        self.charset = charset
    }

    private init(text: String) {
        let hasZero = text.utf8.contains(0)
        let whole =
            hasZero ? String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 })) : text
        self.init(bytes: Array(whole.utf8), charset: "UTF-8")
    }

    // A page that declares UTF-16 in ASCII letters is in UTF-8 (HTML Standard, "prescan a byte stream").
    private static let utf8Names: Set = ["utf-8", "utf8", "utf-16", "utf-16le", "utf-16be"]
    // What browsers read as Windows-1252 (Encoding Standard, "Names and labels").
    private static let latinNames: Set = [
        "iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252", "cp1252",
    ]

    /// The character set that a `<meta>` names within the first 1024 bytes, lower case.
    private static func declared(in raw: [UInt8]) -> String? {
        let head = String(decoding: raw.prefix(1024).map { $0 < 0x80 ? $0 : 0x3F }, as: UTF8.self).lowercased()
        guard let meta = head.firstRange(of: "<meta"),
            let found = head[meta.upperBound...].firstRange(of: "charset=")
        else { return nil }
        let name = head[found.upperBound...].drop { $0 == "\"" || $0 == "'" || $0 == " " }
            .prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        return name.isEmpty ? nil : String(name)
    }

    private static func utf16(_ raw: ArraySlice<UInt8>, isBig: Bool) -> String {
        let bytes = Array(raw)
        let units = stride(from: 0, to: bytes.count - 1, by: 2).map { (at: Int) -> UInt16 in
            let (first, second) = (UInt16(bytes[at]), UInt16(bytes[at + 1]))
            return isBig ? first << 8 | second : second << 8 | first
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// Encoding Standard, index windows-1252: as Latin-1, but for 0x80…0x9F.
    private static func windows1252(_ raw: [UInt8]) -> String {
        let high: [UInt16] = [
            0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
            0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
            0x0153, 0x9D, 0x017E, 0x0178,
        ]
        let units = raw.map { (0x80...0x9F).contains($0) ? high[Int($0) - 0x80] : UInt16($0) }
        return String(decoding: units, as: UTF16.self)
    }
}
