/// The one range that a Range header asks for (RFC 9110 §14.1.2).
enum ByteRange: Equatable {
    /// `A-B`, both included.
    case closed(Int64, Int64)
    /// `A-`
    case from(Int64)
    /// `-N`
    case last(Int64)

    /// `nil` where the header is to be ignored: another unit, several ranges, not understood.
    init?(header: String) {
        guard header.lowercased().hasPrefix("bytes=") else { return nil }
        self.init(String(header.dropFirst(6)).filter { $0 != " " })
    }

    /// Parses `A-B`, `A-` or `-N`.
    init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let numbers = parts.map { part in part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(part) : nil }
        switch (parts[0].isEmpty, parts[1].isEmpty) {
        case (true, true): return nil
        case (true, false):
            guard let count = numbers[1] else { return nil }
            self = .last(count)
        case (false, true):
            guard let first = numbers[0] else { return nil }
            self = .from(first)
        case (false, false):
            guard let first = numbers[0], let last = numbers[1], last >= first else { return nil }
            self = .closed(first, last)
        }
    }

    /// The bytes of an object of `size` bytes, or `nil` if none of them is meant: 416.
    func resolve(size: Int64) -> Range<Int64>? {
        switch self {
        case .closed(let first, let last): first < size ? first..<(min(last, size - 1) + 1) : nil
        case .from(let first): first < size ? first..<size : nil
        case .last(let count): count > 0 && size > 0 ? max(0, size - count)..<size : nil
        }
    }
}
