import CPNG
public import HarvestCore

/// PNG images of eight-bit grey, for pictures that people look at.
///
/// - Specification: W3C PNG (third edition); written by libpng's simplified interface.
public enum PNG {
    /// Encodes `pixels`, row after row from the top.
    ///
    /// - Throws: ``HarvestError`` `.invalid` where the bytes are no image of that size.
    public static func encode(grey pixels: [UInt8], width: Int, height: Int) throws(HarvestError) -> [UInt8] {
        guard width > 0, height > 0, width <= 1 << 20, height <= 1 << 20, pixels.count == width * height else {
            throw .invalid("\(pixels.count) bytes are no picture of \(width) × \(height)")
        }
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        image.width = png_uint_32(width)
        image.height = png_uint_32(height)
        image.format = 0  // PNG_FORMAT_GRAY
        var size = png_alloc_size_t(0)
        defer { png_image_free(&image) }
        guard png_image_write_to_memory(&image, nil, &size, 0, pixels, 0, nil) != 0 else {
            throw HarvestError(.failed, "libpng refuses a picture")
        }
        var out = [UInt8](repeating: 0, count: Int(size))
        guard png_image_write_to_memory(&image, &out, &size, 0, pixels, 0, nil) != 0 else {
            throw HarvestError(.failed, "libpng refuses a picture")
        }
        return Array(out.prefix(Int(size)))
    }
}
