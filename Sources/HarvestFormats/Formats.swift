public import HarvestCore

/// The formats, in the order in which they are asked about bytes whose format nobody named: one line each.
public enum Formats {
    public static let all: [any Format] = [
        TIFF(),
        DigitalMicrograph(),
        Zarr2(),
        Precomputed(),
        SliceFolder(),
    ]
}
