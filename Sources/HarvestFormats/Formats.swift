public import HarvestCore

/// The formats, in the order in which they are asked about bytes whose format nobody named: one line each.
public enum Formats {
    public static let all: [any Format] = [
        TIFF(),
        Zarr2(),
    ]

    /// The format that an address, a link or a user names; `zarr` means any version.
    public static func named(_ name: String) -> [any Format] {
        all.filter { $0.name == name || (name == "zarr" && $0.name.hasPrefix("zarr")) }
    }
}
