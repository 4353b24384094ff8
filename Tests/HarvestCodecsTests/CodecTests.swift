import HarvestCodecs
import HarvestCore
import Testing

/// What the vectors hold: little-endian UInt16, `i / 8 * 7 % 97`.
let original: [UInt8] = (0..<512).flatMap { [UInt8($0 / 8 * 7 % 97), 0] }

func codec(_ id: String) throws -> any Codec {
    id == "deflate" ? RawDeflate() : try Codecs.codec(id: id, configuration: [:])
}

/// Decodes into memory of `size` bytes that holds 0xAA before; returns what was written.
func decode(_ codec: any Codec, _ bytes: [UInt8], size: Int) throws -> [UInt8] {
    var out = [UInt8](repeating: 0xAA, count: size)
    let count = try out.withUnsafeMutableBytes { out in
        try bytes.withUnsafeBytes { try codec.decode($0, into: out) }
    }
    return Array(out.prefix(count))
}

func encode(_ codec: any Codec, _ bytes: [UInt8]) throws -> [UInt8] {
    try bytes.withUnsafeBytes { try codec.encode($0) }
}

extension Vector {
    var bytes: [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
        }
    }
}

func kind(_ body: () throws -> Void) -> HarvestError.Kind? {
    do { try body() } catch { return (error as? HarvestError)?.kind }
    return nil
}

let ids = ["deflate", "zlib", "gzip", "zstd", "blosc"]

struct CodecTests {
    @Test(arguments: Vector.all)
    func `what a reference tool encoded decodes to the same bytes`(_ vector: Vector) throws {
        #expect(try decode(codec(vector.codec), vector.bytes, size: original.count) == original)
    }

    @Test(arguments: Vector.all)
    func `a destination that is too small is an error, not a cut`(_ vector: Vector) {
        #expect(kind { _ = try decode(codec(vector.codec), vector.bytes, size: original.count - 1) } == .malformed)
    }

    @Test(arguments: Vector.all)
    func `a destination that is too large stays untouched behind the data`(_ vector: Vector) throws {
        #expect(try decode(codec(vector.codec), vector.bytes, size: original.count + 100) == original)
    }

    @Test(arguments: Vector.all)
    func `a stream cut anywhere is malformed or still whole, never other bytes`(_ vector: Vector) throws {
        let bytes = vector.bytes
        for length in 0..<bytes.count {
            let got = try? decode(codec(vector.codec), Array(bytes[..<length]), size: original.count)
            // Whole members or frames may stand before the cut; padding may stand after the stream.
            if let got { #expect(got == original || original.starts(with: got) && got.count < original.count) }
        }
        let third = Array(bytes[..<(bytes.count / 3)])
        #expect(kind { _ = try decode(codec(vector.codec), third, size: original.count) } == .malformed)
    }

    @Test(arguments: Vector.all)
    func `a flipped bit ends in bytes or in a typed error, never a trap`(_ vector: Vector) throws {
        let bytes = vector.bytes
        for position in 0..<bytes.count * 8 {
            var broken = bytes
            broken[position / 8] ^= 1 << (position % 8)
            do { _ = try decode(codec(vector.codec), broken, size: original.count) } catch let error as HarvestError {
                #expect(error.kind == .malformed || error.kind == .unsupported)
            }
        }
    }

    @Test(arguments: ids, [0, 1, 100, 1 << 20])
    func `what is encoded decodes to itself`(_ id: String, _ size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let encoded = try encode(codec(id), bytes)
        #expect(try decode(codec(id), encoded, size: size) == bytes)
    }

    @Test(arguments: Blosc.innerCodecs, [Blosc.Shuffle.none, .byte, .bit, .automatic])
    func `blosc encodes by every inner codec and shuffle`(_ inner: String, _ shuffle: Blosc.Shuffle) throws {
        let blosc = try Blosc(inner: inner, level: 9, shuffle: shuffle, elementSize: 2)
        let encoded = try encode(blosc, original)
        #expect(encoded.count < original.count)
        #expect(try decode(blosc, encoded, size: original.count) == original)
    }

    @Test(arguments: ids)
    func `an empty stream is malformed`(_ id: String) {
        #expect(kind { _ = try decode(codec(id), [], size: 10) } == .malformed)
    }

    @Test(arguments: ids)
    func `a bomb of 16 MiB of zeros into a kibibyte is refused`(_ id: String) throws {
        // No codec may write or allocate past the destination, whatever the stream says.
        let bomb = try encode(codec(id), [UInt8](repeating: 0, count: 16 << 20))
        let start = ContinuousClock.now
        #expect(kind { _ = try decode(codec(id), bomb, size: 1024) } == .malformed)
        #expect(ContinuousClock.now - start < .seconds(1))
    }

    @Test func `gzip refuses what follows the last member unless it is zeros`() throws {
        let gzip = try encode(Gzip(), original)
        #expect(try decode(Gzip(), gzip + [0, 0, 0], size: original.count) == original)
        #expect(kind { _ = try decode(Gzip(), gzip + [1, 2, 3], size: original.count) } == .malformed)
    }

    @Test func `a zstd frame that wants a dictionary is unsupported`() {
        // Magic, descriptor with a one-byte dictionary id, window, the id, then one empty raw block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x01, 0x00, 0x07, 0x01, 0x00, 0x00]
        #expect(kind { _ = try decode(Zstd(), frame, size: 16) } == .unsupported)
    }

    @Test func `blosc compares the sizes in its header with what is there`() throws {
        var chunk = try encode(Blosc(elementSize: 2), original)
        chunk[4...7] = [0xFF, 0xFF, 0xFF, 0x7F]
        #expect(kind { _ = try decode(Blosc(), chunk, size: original.count) } == .malformed)
        chunk[4...7] = [0, 4, 0, 0]
        chunk[12...15] = [0xFF, 0xFF, 0, 0]
        #expect(kind { _ = try decode(Blosc(), chunk, size: original.count) } == .malformed)
    }

    @Test func `an unknown codec is unsupported and named`() {
        do { _ = try Codecs.codec(id: "magic", configuration: [:], at: "a/.zarray") } catch {
            #expect(error.kind == .unsupported && error.message.contains("magic") && error.place == "a/.zarray")
            return
        }
        Issue.record("no error")
    }

    @Test func `checksums are those of the standards, in pieces or whole`() {
        // FIPS 180-4 and RFC 1321, the message "abc".
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(Digest.hex(.sha256, of: Array("abc".utf8)) == sha256)
        #expect(Digest.hex(.md5, of: Array("abc".utf8)) == "900150983cd24fb0d6963f7d28e17f72")
        var digest = Digest(.sha256)
        digest.update(Array("a".utf8))
        #expect(digest.hex != sha256)
        digest.update(Array("bc".utf8))
        #expect(digest.hex == sha256)
        #expect(digest.hex == sha256)
    }
}
