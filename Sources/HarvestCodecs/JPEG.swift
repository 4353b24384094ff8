import CTurboJPEG
public import HarvestCore

/// `jpeg`: a baseline or progressive JPEG image, decoded to samples of 8 bits, rows from the top, channels interleaved.
///
/// Decoded by libjpeg-turbo with its defaults (accurate integer DCT, fancy upsampling); decoders may differ by a count.
///
/// - Specification: ITU-T T.81, JFIF; colour is converted from YCbCr to RGB.
/// - Compatible with: TensorStore, simplejpeg, Pillow, all of which use the same library.
public struct JPEG: Codec {
    /// 1: grey; 3: RGB.
    public let channels: Int
    private let quality: Int32

    public init(channels: Int = 1, quality: Int = 90) {
        self.channels = channels == 3 ? 3 : 1
        self.quality = Int32(min(max(quality, 1), 100))
    }

    private var format: Int32 { channels == 3 ? Int32(TJPF_RGB.rawValue) : Int32(TJPF_GRAY.rawValue) }

    /// Width and height that the header states.
    public func size(of bytes: UnsafeRawBufferPointer) throws(HarvestError) -> (width: Int, height: Int) {
        guard let handle = tjInitDecompress() else { throw HarvestError(.failed, "no memory for a JPEG decoder") }
        defer { tjDestroy(handle) }
        return try size(of: bytes, handle)
    }

    /// - Throws: ``HarvestError`` `.malformed` where the image has not as many pixels as `destination` wants, or its data
    ///   is broken or cut short.
    public func decode(
        _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(HarvestError) -> Int {
        guard let handle = tjInitDecompress() else { throw HarvestError(.failed, "no memory for a JPEG decoder") }
        defer { tjDestroy(handle) }
        let (width, height) = try size(of: bytes, handle)
        // Both are at most 65,535 (T.81 §B.2.2).
        guard width * height * channels == destination.count else {
            throw .malformed(
                "a JPEG of \(width) × \(height) pixels does not hold the \(destination.count) bytes expected")
        }
        let code = tjDecompress2(
            handle, bytes.bindMemory(to: UInt8.self).baseAddress, UInt(bytes.count),
            destination.bindMemory(to: UInt8.self).baseAddress, Int32(width), 0, Int32(height), format,
            TJFLAG_STOPONWARNING)
        guard code == 0 else { throw .malformed("a JPEG image is broken or cut short: \(Self.reason(handle))") }
        return destination.count
    }

    /// Encodes rows of 1024 samples (or all in one row where they do not fill rows of that length).
    public func encode(_ bytes: UnsafeRawBufferPointer) throws(HarvestError) -> [UInt8] {
        let pixels = bytes.count / channels
        let width = pixels % 64 == 0 ? 64 : pixels
        guard pixels > 0, bytes.count % channels == 0, width <= 65_535, pixels / width <= 65_535 else {
            throw .invalid("\(bytes.count) bytes make no JPEG image")
        }
        return try encode(bytes, width: width, height: pixels / width)
    }

    /// Encodes an image.
    public func encode(_ bytes: UnsafeRawBufferPointer, width: Int, height: Int) throws(HarvestError) -> [UInt8] {
        guard width > 0, height > 0, width <= 65_535, height <= 65_535, bytes.count == width * height * channels else {
            throw .invalid("\(bytes.count) bytes are no image of \(width) × \(height)")
        }
        guard let handle = tjInitCompress() else { throw HarvestError(.failed, "no memory for a JPEG encoder") }
        defer { tjDestroy(handle) }
        var out: UnsafeMutablePointer<UInt8>?
        var count: UInt = 0
        let sampling = channels == 3 ? TJSAMP_444.rawValue : TJSAMP_GRAY.rawValue
        let code = tjCompress2(
            handle, bytes.bindMemory(to: UInt8.self).baseAddress, Int32(width), 0, Int32(height), format, &out, &count,
            Int32(sampling), quality, 0)
        defer { tjFree(out) }
        guard code == 0, let out else { throw HarvestError(.failed, "JPEG encoding failed: \(Self.reason(handle))") }
        return Array(UnsafeBufferPointer(start: out, count: Int(count)))
    }

    private func size(
        of bytes: UnsafeRawBufferPointer, _ handle: UnsafeMutableRawPointer
    ) throws(HarvestError) -> (width: Int, height: Int) {
        var width: Int32 = 0, height: Int32 = 0, sampling: Int32 = 0, space: Int32 = 0
        guard
            tjDecompressHeader3(
                handle, bytes.bindMemory(to: UInt8.self).baseAddress, UInt(bytes.count), &width, &height, &sampling,
                &space) == 0
        else { throw .malformed("no JPEG image: \(Self.reason(handle))") }
        guard width > 0, height > 0 else { throw .malformed("a JPEG image without pixels") }
        return (Int(width), Int(height))
    }

    private static func reason(_ handle: UnsafeMutableRawPointer) -> String {
        tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
    }
}
