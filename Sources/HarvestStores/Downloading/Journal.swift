import Glibc
import HarvestCore
import Synchronization

/// What is here of a file on its way, in a small mapped file beside it: `NAME.part.j`.
///
/// After each write into the file one number here is stored; a process that is killed loses no more than the write on
/// its way. Against a loss of power, `checkpoint` copies the numbers once the file itself is on the disk, and after a
/// restart of the machine only the copy counts. The file is locked for as long as this lives.
///
/// Layout, little-endian words of 64 bits: page 0 holds the magic, the active bank and who the file is (JSON); then three
/// banks (two to write in turn, one the checkpoint) of a count, a sum (the checkpoint's) and pairs start, position.
final class Journal: @unchecked Sendable {
    /// Whose bytes they are.
    struct Identity: Equatable {
        var url: String
        var facts: ObjectFacts
    }

    private static let magic: UInt64 = 0x314A_5641_4800_0001
    private static let headerBytes = 16 << 10
    private static let slots = 1023
    private static let bankBytes = 16 * (slots + 1)
    private static let bytes = headerBytes + 3 * bankBytes

    private let path: String
    private let number: Int32
    private let memory: UnsafeMutableRawPointer
    /// Parts' slots; guarded, as all that is written.
    private let state = Mutex<(slots: [Int: Int], count: Int)>(([:], 0))

    /// Opens or makes the journal, and locks it.
    ///
    /// - Throws: `.unavailable` where another run holds it; `.storage`.
    init(_ path: String) throws(HarvestError) {
        self.path = path
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw .system(errno, "writing", at: path) }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            close(number)
            throw HarvestError(
                .unavailable, "another run is fetching this file", at: path,
                next: "wait for it, or choose another --into")
        }
        var status = stat()
        guard fstat(number, &status) == 0, ftruncate(number, off_t(Self.bytes)) == 0,
            let memory = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0), memory != MAP_FAILED
        else {
            let code = errno
            close(number)
            throw .system(code, "writing", at: path)
        }
        (self.number, self.memory) = (number, memory)
    }

    deinit {
        munmap(memory, Self.bytes)
        close(number)
    }

    private func word(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: memory.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private func store(_ value: UInt64, _ offset: Int) {
        memory.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
    }

    private static func bank(_ index: Int) -> Int { headerBytes + index * bankBytes }

    /// What an earlier run left; `nil` for a new journal or one that makes no sense.
    func load() -> (identity: Identity, done: IntervalSet)? {
        guard word(0) == Self.magic else { return nil }
        let length = Int(clamping: word(16))
        guard length > 0, length <= Self.headerBytes - 24 else { return nil }
        let text = String(decoding: UnsafeRawBufferPointer(start: memory + 24, count: length), as: UTF8.self)
        guard let json = try? JSON(parsing: text), let url = json["url"]?.string, let total = json["total"]?.int,
            total > 0
        else { return nil }
        // After a restart of the machine, what was written but not synced may be gone.
        let isSameBoot = json["boot"]?.string == Self.boot
        let bank = isSameBoot ? Int(clamping: word(8)) : 2
        guard (0...2).contains(bank) else { return nil }
        var done = IntervalSet()
        let count = min(Self.slots, Int(clamping: word(Self.bank(bank))))
        // A checkpoint that was being written when the power went is none.
        if bank == 2, word(Self.bank(2) + 8) != sum(ofBank: 2) { return (identity(json, url, total), done) }
        for slot in 0..<count {
            let offset = Self.bank(bank) + 16 * (slot + 1)
            let start = Int(clamping: word(offset)), position = Int(clamping: word(offset + 8))
            if start < position, position <= total { done.insert(start..<position) }
        }
        return (identity(json, url, total), done)
    }

    private func identity(_ json: JSON, _ url: String, _ total: Int) -> Identity {
        Identity(
            url: url,
            facts: ObjectFacts(total: total, tag: json["tag"]?.string, modified: json["modified"]?.string))
    }

    /// FNV-1a over a bank's pairs, word by word.
    private func sum(ofBank bank: Int) -> UInt64 {
        let count = min(Self.slots, Int(clamping: word(Self.bank(bank))))
        return (0..<2 * count).reduce(0xCBF2_9CE4_8422_2325) { sum, index in
            (sum ^ word(Self.bank(bank) + 16 + 8 * index)) &* 0x100_0000_01B3
        }
    }

    /// Begins anew for `identity`, with what is here of it already.
    func begin(_ identity: Identity, done: IntervalSet) throws(HarvestError) {
        let json: JSON = [
            "url": .string(identity.url), "total": JSON(identity.facts.total), "tag": JSON(identity.facts.tag),
            "modified": JSON(identity.facts.modified), "boot": .string(Self.boot),
        ]
        let text = Array(json.compact.utf8)
        state.withLock { state in
            state = ([:], 0)
            store(0, 0)  // no journal while it is written
            for bank in 0..<3 { store(0, Self.bank(bank)) }
            guard text.count <= Self.headerBytes - 24 else { return }
            _ = text.withUnsafeBytes { memcpy(memory + 24, $0.baseAddress!, $0.count) }
            store(UInt64(text.count), 16)
            store(0, 8)
            write(done, bank: 0)
            write(done, bank: 2)
            state.count = done.ranges.count
            store(Self.magic, 0)
        }
        guard msync(memory, Self.bytes, MS_SYNC) == 0 else { throw .system(errno, "writing", at: path) }
    }

    /// Forgets what an earlier run brought.
    func clear() { state.withLock { _ in store(0, 0) } }

    private func write(_ done: IntervalSet, bank: Int) {
        let ranges = done.ranges.prefix(Self.slots)
        for (slot, range) in ranges.enumerated() {
            store(UInt64(range.lowerBound), Self.bank(bank) + 16 * (slot + 1))
            store(UInt64(range.upperBound), Self.bank(bank) + 16 * (slot + 1) + 8)
        }
        store(UInt64(ranges.count), Self.bank(bank))
        if bank == 2 { store(sum(ofBank: 2), Self.bank(2) + 8) }
    }

    /// Notes that a part's bytes from `start` to `position` are in the file.
    ///
    /// - Parameter done: All that is here, for the moment when the slots are used up.
    func advance(part: Int, from start: Int, to position: Int, done: () -> IntervalSet) {
        state.withLock { state in
            let bank = Int(clamping: word(8))
            if let slot = state.slots[part] {
                store(UInt64(position), Self.bank(bank) + 16 * (slot + 1) + 8)
                return
            }
            if state.count == Self.slots {
                // What touches is joined in the other bank, which then becomes the active one.
                let other = 1 - bank
                let joined = done()
                write(joined, bank: other)
                store(UInt64(other), 8)
                state = ([:], min(Self.slots, joined.ranges.count))
                return
            }
            let slot = state.count
            store(UInt64(start), Self.bank(bank) + 16 * (slot + 1))
            store(UInt64(position), Self.bank(bank) + 16 * (slot + 1) + 8)
            state.slots[part] = slot
            state.count += 1
            store(UInt64(state.count), Self.bank(bank))
        }
    }

    /// A part's bytes go on somewhere else.
    func forget(part: Int) { state.withLock { $0.slots[part] = nil } }

    /// Notes what is on the disk for certain: call with what was here before the file was synced.
    func checkpoint(_ done: IntervalSet) {
        state.withLock { _ in write(done, bank: 2) }
        msync(memory, Self.bytes, MS_SYNC)
    }

    /// Takes the journal away, once its file has its name.
    func remove() { unlink(path) }

    /// Which start of the machine this is.
    private static let boot: String = {
        guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 36)
        return String(decoding: bytes.prefix(fread(&bytes, 1, 36, file)), as: UTF8.self)
    }()
}
