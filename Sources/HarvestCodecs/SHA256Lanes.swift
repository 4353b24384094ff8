import CSHA256Lanes
import Glibc

/// SHA-256 of many messages at once (FIPS 180-4), sixteen side by side where the processor can: about twice as fast there
/// as one after the other, which is what happens elsewhere.
///
/// One message cannot be divided: only many gain.
public enum SHA256Lanes {
    /// So many messages make full use of it; 1 where they are hashed one after the other.
    public static let count = sha256_lanes_are_there() != 0 ? Int(SHA256_LANES) : 1

    /// Bytes of a message that are held at a time.
    private static let piece = 32 << 10
    private static let block = 64
    /// Room for what stands behind a message: a bit, zeros, and its length.
    private static let padding = 2 * block
    /// A group takes the time of its longest message; below this share of use, that one goes alone.
    private static let leastUse = 0.55

    /// The checksums of messages of such lengths, lower-case hexadecimal, in the order of `counts`.
    ///
    /// - Parameter read: Fills the memory with the bytes of a message, from an offset on: it is called for one message after
    ///   the other, in order of the offsets of each, and never for more than a message has.
    public static func hex(
        of counts: [Int], read: (_ message: Int, UnsafeMutableRawBufferPointer, _ offset: Int) throws -> Void
    ) rethrows -> [String] {
        var found = [String](repeating: "", count: counts.count)
        try withMemory { memory in
            var left = counts.indices.sorted { counts[$0] > counts[$1] }[...]
            while let longest = left.first {
                let group = left.prefix(count), length = padded(counts[longest])
                let used = group.reduce(0.0) { $0 + Double(padded(counts[$1])) }
                if count > 1, used >= leastUse * Double(length) * Double(count) {
                    try hash(Array(group), counts, memory, read, &found)
                    left = left.dropFirst(group.count)
                } else {
                    found[longest] = try hashAlone(longest, counts[longest], memory, read)
                    left = left.dropFirst()
                }
            }
        }
        return found
    }

    /// Memory for a piece of a message in each lane. It is used again: so large, fresh pages cost as much as a small group.
    private static let pool = ContextPool(
        make: { OpaquePointer(aligned_alloc(block, count * (piece + padding))) },
        free: { Glibc.free(UnsafeMutableRawPointer($0)) })

    private static func withMemory<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
        let result = try pool.withContext {
            try body(
                UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer($0), count: count * (piece + padding)))
        }
        guard let result else { fatalError("no memory for checksums") }
        return result
    }

    /// A message's length with what stands behind it (FIPS 180-4 §5.1.1).
    private static func padded(_ count: Int) -> Int { (count / block + (count % block < block - 8 ? 1 : 2)) * block }

    private static func hashAlone(
        _ message: Int, _ total: Int, _ memory: UnsafeMutableRawBufferPointer,
        _ read: (Int, UnsafeMutableRawBufferPointer, Int) throws -> Void
    ) rethrows -> String {
        var digest = Digest(.sha256)
        for offset in stride(from: 0, to: total, by: piece) {
            let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(piece, total - offset)])
            try read(message, part, offset)
            digest.update(UnsafeRawBufferPointer(part))
        }
        return digest.hex
    }

    /// A message on its way through a lane.
    private struct Lane {
        var message: Int
        let memory: UnsafeMutableRawBufferPointer
        let total: Int
        /// Where the next piece begins, and what of the one in memory is not hashed yet.
        var offset = 0, rest = 0..<0

        var isDone: Bool { rest.isEmpty && offset > total }
    }

    private static func hash(
        _ group: [Int], _ counts: [Int], _ memory: UnsafeMutableRawBufferPointer,
        _ read: (Int, UnsafeMutableRawBufferPointer, Int) throws -> Void, _ found: inout [String]
    ) rethrows {
        var lanes = group.enumerated().map { index, message in
            let start = index * (piece + padding)
            return Lane(
                message: message,
                memory: UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + piece + padding]),
                total: counts[message])
        }
        // FIPS 180-4 §5.3.3.
        var state = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
        ].flatMap { [UInt32](repeating: $0, count: Int(SHA256_LANES)) }
        while true {
            for index in lanes.indices where lanes[index].rest.isEmpty && !lanes[index].isDone {
                try fill(&lanes[index], read)
            }
            // All go on by as much as the one with the least; who is done reads somebody else's, and is not asked again.
            guard let blocks = lanes.lazy.filter({ !$0.isDone }).map({ $0.rest.count / block }).min() else { return }
            update(&state, lanes, blocks: blocks)
            for index in lanes.indices where !lanes[index].isDone {
                let rest = lanes[index].rest
                lanes[index].rest = rest.lowerBound + blocks * block..<rest.upperBound
                if lanes[index].isDone { found[lanes[index].message] = hex(state, lane: index) }
            }
        }
    }

    /// Reads a lane's next piece; behind the last one stands what belongs there.
    private static func fill(
        _ lane: inout Lane, _ read: (Int, UnsafeMutableRawBufferPointer, Int) throws -> Void
    ) rethrows {
        let count = min(piece, lane.total - lane.offset)
        if count > 0 {
            try read(lane.message, UnsafeMutableRawBufferPointer(rebasing: lane.memory[..<count]), lane.offset)
        }
        lane.offset += count
        guard lane.offset == lane.total, count < piece else {
            lane.rest = 0..<count
            return
        }
        let end = padded(count)
        let behind = UnsafeMutableRawBufferPointer(rebasing: lane.memory[count..<end])
        behind.initializeMemory(as: UInt8.self, repeating: 0)
        lane.memory[count] = 0x80
        lane.memory.storeBytes(of: (UInt64(lane.total) * 8).bigEndian, toByteOffset: end - 8, as: UInt64.self)
        lane.rest = 0..<end
        lane.offset += 1
    }

    private static func update(_ state: inout [UInt32], _ lanes: [Lane], blocks: Int) {
        var messages: [UnsafePointer<UInt8>?] = lanes.map { lane in
            lane.isDone
                ? nil
                : lane.memory.baseAddress.map {
                    UnsafePointer(($0 + lane.rest.lowerBound).assumingMemoryBound(to: UInt8.self))
                }
        }
        let any = messages.lazy.compactMap { $0 }.first
        messages = (0..<Int(SHA256_LANES)).map { $0 < messages.count ? messages[$0] ?? any : any }
        sha256_lanes_update(&state, messages, blocks)
    }

    private static func hex(_ state: [UInt32], lane: Int) -> String {
        let words = (0..<8).map { state[$0 * Int(SHA256_LANES) + lane] }
        return Digest.hex(words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } })
    }
}
