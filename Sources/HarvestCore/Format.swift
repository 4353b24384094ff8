/// A way of laying voxels out in bytes.
///
/// A format has two duties: read a header, decode one chunk. Everything else is written once, above.
public protocol Format: Sendable {
    /// The short name that scripts use: `tiff`, `zarr2`.
    var name: String { get }
    /// The specification it follows.
    var title: String { get }
    /// Extensions that suggest it, lower case, without the dot.
    var fileExtensions: [String] { get }
    /// The keys of the documents by which it is known and described, where they stand beside its data: of a remote
    /// address they are asked for at once, those that only may be there too. Empty for a format of one file.
    var documents: [String] { get }

    /// Reads the header of what lies at the store's own address.
    ///
    /// - Returns: `nil` where the bytes are not of this format.
    /// - Throws: ``HarvestError`` `.malformed` naming the byte or key; `.unsupported` for a feature that is valid but
    ///   not read here, and for array-by-array faults nothing: those stand in the ``ArrayEntry``.
    func open(_ store: any Store, options: OpenOptions) async throws -> Contents?
}

extension Format {
    public var documents: [String] { [] }

    /// Whether the name of what lies at the store's address ends as this format's files do.
    public func isPromised(by store: any Store) -> Bool {
        fileExtensions.contains(Address(store.address).fileExtension)
    }
}

/// How much of a header is wanted.
public struct OpenOptions: Sendable {
    /// Read the metadata of every level, not of the finest alone.
    public var allLevels: Bool
    /// Prove what would otherwise be predicted from a part.
    public var isExact: Bool

    public init(allLevels: Bool = false, isExact: Bool = false) {
        self.allLevels = allLevels
        self.isExact = isExact
    }
}

/// What a format finds at an address: images (volumes with levels), and the arrays or pages that hold them.
public struct Contents: Sendable {
    public var format: String
    public var images: [Volume] = []
    public var arrays: [ArrayEntry] = []
    /// The pages of a file that has pages, one array each. Made anew each time: of a thousand pages few are wanted.
    public var pages: [ArrayEntry] { makePages() }
    /// What makes ``pages``.
    public var makePages: @Sendable () -> [ArrayEntry] = { [] }
    public var findings: [Finding] = []

    public init(format: String) { self.format = format }
}

/// One array that an address holds, or the reason why it cannot be read.
public struct ArrayEntry: Sendable {
    /// Path from the address; `""` is the root.
    public var path: String
    public var shape: [Int]?
    /// The type's name; also where the type cannot be read here.
    public var dtype: String?
    public var chunk: [Int]?
    public var shard: [Int]?
    /// `C` or `F`; `nil` where the format has no choice.
    public var order: String?
    public var codecs: [String] = []
    public var fillValue: JSON = .null
    public var array: (any ChunkedArray)?
    public var error: HarvestError?

    public init(path: String, array: (any ChunkedArray)? = nil, error: HarvestError? = nil) {
        self.path = path
        self.array = array
        self.error = error
        if let array {
            shape = array.grid.shape.array
            chunk = array.grid.chunk.array
            dtype = array.dataType.rawValue
        }
    }
}

/// A format whose volumes are many objects in a folder, so that some levels, or a box of one, can be brought here as a
/// store of the same format.
public protocol FolderFormat: Format {
    /// What a copy of `part` consists of: chunks as they stand in `store`, and the metadata by which the copy can be
    /// opened, which names nothing that the copy does not hold.
    ///
    /// - Throws: ``HarvestError`` `.invalid` for a part that is not there, `.unsupported` for one that cannot be copied.
    func copy(_ part: CopiedPart, of contents: Contents, in store: any Store) async throws -> FolderCopy
}

/// Which part of an address a copy holds.
public enum CopiedPart: Sendable {
    /// Every group, array and level, each where it is.
    case everything
    /// One image from a level on, the coarser ones included.
    case levels(image: Int, from: Int)
    /// One level of one image, and of that a box in voxels of that level, one range per axis of its array; it grows to
    /// the bounds of the chunks it meets.
    case box(Box, image: Int, level: Int)
}

/// What a copy consists of.
public struct FolderCopy: Sendable {
    /// Small objects that describe the others.
    public var metadata: [MetadataObject]
    public var objects: [CopiedObject]
    /// What a copied box has grown to, in voxels of its level of the source; `nil` where no box was asked for.
    public var box: Box?
    /// Arrays of which only the metadata is copied, because it is broken and does not say where the chunks are.
    public var broken: [ArrayEntry] = []

    /// A copy of more objects than this is refused: no list of them should be made.
    public static let mostObjects = 2_000_000

    public init(metadata: [MetadataObject] = [], objects: [CopiedObject] = [], box: Box? = nil) {
        self.metadata = metadata
        self.objects = objects
        self.box = box
    }
}

/// One object of a copy: its key there, and where its bytes stand in the source.
public struct CopiedObject: Sendable {
    public var key: String
    public var source: ChunkLocation
    /// Undoes what the source's container puts around a chunk (a shard's gzip); `nil` copies byte for byte.
    public var unwrap: (@Sendable (Bytes) throws -> Bytes)?
    /// Whether the source may lack it: a chunk that was never stored.
    public var isOptional: Bool
    /// Its length where a listing said it exactly.
    public var bytes: Int?
    /// `sha256:…` or `md5:…` where it is known, and where that was said.
    public var checksum: (text: String, source: String)?
    /// What tells this version from another one, as a listing said it (see ``Listing/Entry/version``).
    public var version: String?

    public init(
        key: String, source: ChunkLocation, isOptional: Bool = true, bytes: Int? = nil,
        unwrap: (@Sendable (Bytes) throws -> Bytes)? = nil
    ) {
        self.bytes = bytes
        self.key = key
        self.source = source
        self.isOptional = isOptional
        self.unwrap = unwrap
    }
}

/// One small object of a store that describes others.
public struct MetadataObject: Sendable {
    public var key: String
    public var bytes: Bytes
    public init(key: String, bytes: Bytes) {
        self.key = key
        self.bytes = bytes
    }
}
