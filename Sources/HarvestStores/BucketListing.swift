import HarvestCore

/// One page of a bucket's listing.
struct BucketPage: Sendable {
    /// Names below the folder that was asked for.
    var listing = Listing()
    /// The last key or folder of the page, as the bucket names it.
    var last: String?
    /// Where the next page goes on; `nil` on the last.
    var next: String?
}

/// Where a page of a listing begins.
enum BucketStart: Sendable {
    case first
    /// Where the page before said that it goes on.
    case token(String)
    /// At the keys behind this one.
    case behind(String)
}

/// Listings of buckets, page by page or in parallel. Buckets list in the order of their keys' UTF-8 bytes (Amazon S3 API
/// reference, ListObjectsV2; Google Cloud Storage JSON API, Objects: list).
struct BucketListing: Sendable {
    /// Gets a page: of everything below a folder, or of one level.
    let page: @Sendable (_ folder: String, _ isDeep: Bool, _ start: BucketStart) async throws -> BucketPage

    /// Pages that are asked for at a time.
    private static let workers = 16
    /// Levels at which a listing is looked for places to begin at.
    private static let levels = 4

    /// One level below `prefix` of a store rooted at `root`.
    func oneLevel(_ root: String, _ prefix: String) async throws -> Listing {
        var listing = Listing()
        try await pages(try ObjectKey.folder(root, prefix), isDeep: false, from: .first) { page in
            listing.objects += page.listing.objects
            listing.folders += page.listing.folders
            listing.refused += page.listing.refused
        }
        return listing
    }

    /// One page after the other.
    private func pages(
        _ folder: String, isDeep: Bool, from start: BucketStart, _ take: (BucketPage) async throws -> Void
    ) async throws {
        var start = start
        while true {
            let found = try await page(folder, isDeep, start)
            try await take(found)
            guard let next = found.next else { return }
            if case .token(let last) = start, last == next {
                throw HarvestError.malformed("a listing that repeats itself", at: folder)
            }
            start = .token(next)
        }
    }

    /// Hands on everything below `prefix` of a store rooted at `root`, by the store's keys, in order.
    ///
    /// A listing of more than two pages is cut where its folders begin, and up to 16 parts of it are asked for at a time:
    /// each goes on to where another has begun, and who is done begins in the middle of what nobody has.
    ///
    /// - Complexity: A request per thousand names, one for each level of the first names, and one for each part.
    func walk(_ root: String, _ prefix: String, _ page: (Listing) async throws -> Void) async throws {
        try await walk(try ObjectKey.folder(root, prefix)) { found in
            try await page(Listing(objects: found.objects.map { $0.below(prefix) }, refused: found.refused))
        }
    }

    private func walk(_ folder: String, _ take: (Listing) async throws -> Void) async throws {
        let first = try await page(folder, true, .first)
        try await take(first.listing)
        guard let token = first.next, let last = first.last else { return }
        async let following = page(folder, true, .token(token))
        let places = try await places(behind: last, in: folder)
        let second = try await following
        try await take(second.listing)
        guard let rest = second.next, let reached = second.last else { return }
        guard rest != token else { throw HarvestError.malformed("a listing that repeats itself", at: folder) }
        let starts = places.filter { reached.utf8.lexicographicallyPrecedes($0.utf8) }
        guard let listings = try await parts(rest, starts, in: folder) else {
            // This server does not begin where it is asked to: one page after the other, then.
            return try await pages(folder, isDeep: true, from: .token(rest)) { try await take($0.listing) }
        }
        for listing in listings { try await take(listing) }
    }

    /// Lists the rest of a folder in parts.
    ///
    /// - Returns: In the order of the keys; `nil` where the server does not begin where it is asked to.
    private func parts(_ token: String, _ places: [String], in folder: String) async throws -> [Listing]? {
        var work = PartedListing(places)
        return try await withThrowingTaskGroup(of: (Int, BucketPage).self) { group in
            var running = 0
            func ask(_ part: Int, _ start: BucketStart) {
                running += 1
                group.addTask { (part, try await page(folder, true, start)) }
            }
            ask(0, .token(token))
            while let (part, found) = try await group.next() {
                running -= 1
                guard let goesOn = work.take(found, of: part, in: folder) else {
                    group.cancelAll()
                    return nil
                }
                if goesOn, let next = found.next { ask(part, .token(next)) } else { work.end(part) }
                while running < Self.workers, let (other, place) = work.begin() { ask(other, .behind(place)) }
            }
            return work.listings
        }
    }

    /// Where folders begin behind a key, at the levels of that key.
    private func places(behind key: String, in folder: String) async throws -> [String] {
        var levels = [folder], path = folder
        for name in key.dropFirst(folder.count).split(separator: "/").dropLast().prefix(Self.levels - 1) {
            path += name + "/"
            levels.append(path)
        }
        let found = try await levels.concurrently(atMost: Self.levels) { level in
            // Only the first page: a thousand places are enough.
            try await page(level, false, .behind(key)).listing.folders.map { "\(level)\($0)/" }
        }
        return Set(found.flatMap(\.self)).filter { key.utf8.lexicographicallyPrecedes($0.utf8) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// Who lists which part of a bucket's keys, and what was found: a pure value.
private struct PartedListing {
    private struct Part {
        /// The place at which it begins, by number; -1 goes on by a token.
        var place: Int
        /// The last place that it has reached.
        var reached: Int
        var isRunning = true
        /// The last key that came.
        var last = ""
        var listings: [Listing] = []
    }

    private let places: [String]
    private var parts = [Part(place: -1, reached: -1)]
    /// So many parts at the most.
    private static let most = 256

    init(_ places: [String]) { self.places = places }

    /// In the order of the keys.
    var listings: [Listing] { parts.sorted { $0.place < $1.place }.flatMap(\.listings) }

    /// Begins another part: in the middle of the longest stretch of places that no one has reached, of those that take more
    /// than a page; `nil` for none.
    mutating func begin() -> (part: Int, place: String)? {
        guard parts.count < Self.most else { return nil }
        var best = 0..<0
        for part in parts where part.isRunning && !part.listings.isEmpty {
            let end = end(of: part) ?? places.count
            if end - (part.reached + 1) > best.count { best = part.reached + 1..<end }
        }
        guard !best.isEmpty else { return nil }
        let place = best.lowerBound + best.count / 2
        parts.append(Part(place: place, reached: place))
        return (parts.count - 1, places[place])
    }

    /// Where the next part begins.
    private func end(of part: Part) -> Int? { parts.lazy.map(\.place).filter { $0 > part.place }.min() }

    /// Takes in a page of a part.
    ///
    /// - Returns: Whether the part goes on; `nil` where the page begins before its place, or repeats what was there.
    mutating func take(_ page: BucketPage, of index: Int, in folder: String) -> Bool? {
        let part = parts[index]
        func isBefore(_ name: String, _ place: Int) -> Bool {
            (folder + name).utf8.lexicographicallyPrecedes(places[place].utf8)
        }
        if part.place >= 0, page.listing.objects.contains(where: { isBefore($0.name, part.place) }) { return nil }
        let end = end(of: part)
        var listing = page.listing
        if let end {
            listing.objects.removeAll { !isBefore($0.name, end) }
            listing.refused.removeAll { !$0.utf8.lexicographicallyPrecedes(places[end].utf8) }
        }
        parts[index].listings.append(listing)
        guard let last = page.last, part.last.utf8.lexicographicallyPrecedes(last.utf8) else {
            return page.next == nil ? false : nil
        }
        parts[index].last = last
        while parts[index].reached + 1 < places.count,
            !last.utf8.lexicographicallyPrecedes(places[parts[index].reached + 1].utf8)
        { parts[index].reached += 1 }
        return end.map { last.utf8.lexicographicallyPrecedes(places[$0].utf8) } ?? true
    }

    mutating func end(_ part: Int) { parts[part].isRunning = false }
}

extension Listing.Entry {
    /// The entry by the store's key, where it was named below `prefix`.
    func below(_ prefix: String) -> Listing.Entry {
        var entry = self
        entry.name = ObjectKey.join(prefix, name)
        return entry
    }
}
