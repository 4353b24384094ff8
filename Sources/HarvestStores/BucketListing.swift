import HarvestCore

/// What the listings of all buckets share: pages of up to a thousand names, one after the other.
enum BucketListing {
    /// Hands on the pages of a folder's listing; `isDeep` is everything below it instead of one level.
    typealias Pages = (_ folder: String, _ isDeep: Bool, _ take: (Listing) async throws -> Void) async throws -> Void

    /// One level below `prefix` of a store rooted at `root`.
    static func oneLevel(_ root: String, _ prefix: String, _ pages: Pages) async throws -> Listing {
        var listing = Listing()
        try await pages(try ObjectKey.folder(root, prefix), false) { page in
            listing.objects += page.objects
            listing.folders += page.folders
            listing.refused += page.refused
        }
        return listing
    }
}

extension Listing.Entry {
    /// The entry by the store's key, where it was named below `prefix`.
    func below(_ prefix: String) -> Listing.Entry {
        var entry = self
        entry.name = ObjectKey.join(prefix, name)
        return entry
    }
}
