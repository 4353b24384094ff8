/// One object of a bucket, as a listing shows it.
struct BucketEntry: Sendable {
    let key: String
    let size: Int64
    /// Hexadecimal MD5.
    let md5: String
}

/// Keys in the order of their UTF-8 bytes, and the objects behind them.
protocol Bucket: Sendable {
    var name: String { get }
    /// Ascending in UTF-8 bytes.
    var entries: [BucketEntry] { get }
    var lastModified: Int64 { get }
    func object(_ key: String) -> (body: any VirtualObject, type: String, md5: String)?
}

/// One page of a listing: keys and the folders that a delimiter makes of them.
struct BucketPage: Sendable {
    enum Item: Sendable {
        case entry(BucketEntry)
        case folder(String)

        var name: String {
            switch self {
            case .entry(let entry): entry.key
            case .folder(let prefix): prefix
            }
        }
    }

    let items: [Item]
    /// Whether more follow the last item.
    let isTruncated: Bool

    var entries: [BucketEntry] { items.compactMap { if case .entry(let entry) = $0 { entry } else { nil } } }
    var folders: [String] { items.compactMap { if case .folder(let prefix) = $0 { prefix } else { nil } } }

    /// - Parameter after: The item before the first one wanted; a folder's name leaves out all that is in it.
    init(of bucket: any Bucket, prefix: String, delimiter: String, after: String, limit: Int) {
        let entries = bucket.entries
        var items: [Item] = [], isTruncated = false
        let isFolder = !delimiter.isEmpty && after.hasSuffix(delimiter) && after.utf8.count > prefix.utf8.count
        let afterFolder = isFolder ? after : nil
        var index = Self.firstIndex(in: entries, notBefore: max(prefix, after, by: Self.precedes))
        while index < entries.count, entries[index].key.utf8.starts(with: prefix.utf8) {
            let key = entries[index].key
            if key == after || afterFolder.map({ key.utf8.starts(with: $0.utf8) }) == true {
                index += 1
                continue
            }
            if items.count == limit {
                isTruncated = limit > 0
                break
            }
            guard let folder = Self.folder(of: key, prefix: prefix, delimiter: delimiter) else {
                items.append(.entry(entries[index]))
                index += 1
                continue
            }
            items.append(.folder(folder))
            while index < entries.count, entries[index].key.utf8.starts(with: folder.utf8) { index += 1 }
        }
        self.items = items
        self.isTruncated = isTruncated
    }

    private static func folder(of key: String, prefix: String, delimiter: String) -> String? {
        guard !delimiter.isEmpty else { return nil }
        let bytes = Array(key.utf8), mark = Array(delimiter.utf8)
        var start = prefix.utf8.count
        while start + mark.count <= bytes.count {
            if bytes[start..<(start + mark.count)].elementsEqual(mark) {
                return String(decoding: bytes[..<(start + mark.count)], as: UTF8.self)
            }
            start += 1
        }
        return nil
    }

    static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    private static func firstIndex(in entries: [BucketEntry], notBefore key: String) -> Int {
        var low = 0, high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if precedes(entries[middle].key, key) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

private func max(_ a: String, _ b: String, by precedes: (String, String) -> Bool) -> String { precedes(a, b) ? b : a }
