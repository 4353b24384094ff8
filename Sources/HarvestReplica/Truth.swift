internal import Glibc

/// The truth on stdout, without a server.
enum Truth {
    static func writeBytes(url: String, range: ByteRange?) {
        let rest = url.hasPrefix("https://") ? url.dropFirst(8) : url.hasPrefix("http://") ? url.dropFirst(7) : url[...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let request = Request(
            method: "GET", target: slash == rest.endIndex ? "/" : String(rest[slash...]),
            headers: [("apikey", Supabase.key)], host: rest[..<slash].lowercased())
        let response = Site().respond(to: request)
        guard response.status == 200 else { Main.fail(69, "\(url) answers \(response.status)") }
        let size = response.body.size
        guard let part = range == nil ? 0..<size : range?.resolve(size: size) else {
            Main.fail(64, "\(url) has \(size) bytes")
        }
        var offset = part.lowerBound
        while offset < part.upperBound {
            let end = min(offset + 1 << 20, part.upperBound)
            write(response.body.bytes(offset..<end))
            offset = end
        }
    }

    static func writeVoxels(dataset: String, level: Int, box: [Range<Int>]?) {
        guard let volume = Volume.all.first(where: { $0.name == dataset }) else {
            Main.fail(64, "\(dataset) is none of \(Volume.all.map(\.name).joined(separator: ", "))")
        }
        guard volume.read(level: level, box: box, { write($0) }) else {
            Main.fail(64, "level \(level) or box outside \(volume.shapes)")
        }
    }

    /// All of it, or the program ends: nobody reads any more.
    static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                let count = Glibc.write(1, buffer.baseAddress! + offset, buffer.count - offset)
                guard count > 0 else { exit(1) }
                offset += count
            }
        }
    }
}
