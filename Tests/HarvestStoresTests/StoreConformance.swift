import HarvestCore
import Testing

/// What every store promises, checked on one that holds exactly `objects`.
///
/// - Parameter lists: Whether the store can list.
func checkStore(_ store: any Store, holding objects: [String: [UInt8]], lists: Bool = true) async throws {
    for (key, bytes) in objects {
        let whole = try await store.read(key, .whole)
        #expect(whole.bytes.array == bytes && whole.offset == 0, "whole \(key)")
        #expect(whole.total == nil || whole.total == bytes.count, "total of \(key)")
        let middle = bytes.count / 3..<bytes.count / 3 + bytes.count / 2
        try await checkRange(store, key, bytes, .bytes(middle), middle)
        try await checkRange(store, key, bytes, .bytes(0..<bytes.count + 100), 0..<bytes.count)
        let tail = min(5, bytes.count)
        try await checkRange(store, key, bytes, .tail(5), bytes.count - tail..<bytes.count)
        let past = try await store.read(key, .bytes(bytes.count + 7..<bytes.count + 9))
        #expect(past.bytes.isEmpty && past.total == bytes.count, "past the end of \(key)")
        let empty = try await store.read(key, .bytes(1..<1))
        #expect(empty.bytes.isEmpty)
        if let mapped = try store.map(key) { #expect(mapped.array == bytes, "map \(key)") }
    }
    await #expect { try await store.read("not/there", .whole) } throws: { ($0 as? HarvestError)?.kind == .notFound }
    #expect(try await store.readIfPresent("not/there") == nil)
    for key in ["../x", "/etc/passwd", "a//b", "a/../../x", "a/\u{1B}[2J", "a\\b"] {
        await #expect("\(key)") { try await store.read(key, .whole) } throws: {
            ($0 as? HarvestError)?.kind == .denied
        }
    }
    if lists { try await checkListing(store, objects) }
}

private func checkRange(
    _ store: any Store, _ key: String, _ bytes: [UInt8], _ range: ByteRange, _ expected: Range<Int>
) async throws {
    let reply = try await store.read(key, range)
    #expect(reply.bytes.array == Array(bytes[expected]), "\(range) of \(key)")
    if !expected.isEmpty {
        #expect(reply.offset == expected.lowerBound && reply.total == bytes.count, "\(range) of \(key)")
    }
}

private func checkListing(_ store: any Store, _ objects: [String: [UInt8]]) async throws {
    var prefixes: Set = [""]
    for key in objects.keys {
        let parts = key.split(separator: "/")
        for count in 1..<max(parts.count, 1) { prefixes.insert(parts.prefix(count).joined(separator: "/")) }
    }
    for prefix in prefixes {
        let start = prefix.isEmpty ? "" : prefix + "/"
        let below = objects.keys.filter { $0.hasPrefix(start) }.map { $0.dropFirst(start.count) }
        let listing = try await store.list(prefix)
        let files = below.filter { !$0.contains("/") }.map(String.init)
        #expect(listing.objects.map(\.name).sorted() == files.sorted(), "objects in \"\(prefix)\"")
        let folders = Set(below.filter { $0.contains("/") }.map { String($0.prefix { $0 != "/" }) })
        #expect(listing.folders.sorted() == folders.sorted(), "folders in \"\(prefix)\"")
        for entry in listing.objects {
            #expect(entry.bytes == nil || entry.bytes == objects[start + entry.name]?.count, "length of \(entry.name)")
        }
    }
}
