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
/// banks of slots (two to write in turn, one the checkpoint). A slot is a part's start and two positions, written in turn,
/// each with a sum of its own: one that is torn or damaged is not believed, and the other still stands.
final class Journal: @unchecked Sendable {
    /// Whose bytes they are.
    struct Identity: Equatable {
        var url: String
        var facts: ObjectFacts
    }

    private static let magic: UInt64 = 0x314A_5641_4800_0002
    private static let headerBytes = 16 << 10
    private static let slots = 512
    private static let slotBytes = 64
    private static let bankBytes = slotBytes * slots
    private static let bytes = headerBytes + 3 * bankBytes

    private let path: String
    private let number: Int32
    private let memory: UnsafeMutableRawPointer
    /// Parts' slots; guarded, as all that is written.
    private let state = Mutex<(slots: [Int: (index: Int, start: Int, turn: Int)], count: Int)>(([:], 0))

    /// Opens or makes the journal, and locks it.
    ///
    /// - Throws: `.unavailable` where another run holds it; `.storage`.
    init(_ path: String) throws(HarvestError) {
        self.path = path
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw .system(errno, "writing", at: path) }
        let refusal = Self.lock(number)
        guard refusal == 0 else {
            close(number)
            guard refusal == EWOULDBLOCK else { throw .system(refusal, "locking", at: path) }
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

    /// The system lets go of a lock some milliseconds after the process that held it is gone.
    ///
    /// - Returns: 0, or the system's word why not.
    private static func lock(_ number: Int32) -> Int32 {
        var code: Int32 = 0
        for _ in 0..<50 {
            if flock(number, LOCK_EX | LOCK_NB) == 0 { return 0 }
            code = errno
            guard code == EWOULDBLOCK || code == EINTR else { break }
            usleep(10_000)
        }
        return code
    }

    /// Lets another run have the file; a child that was being started meanwhile may hold a copy of ours a little longer.
    func release() { flock(number, LOCK_UN) }

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
        let isSameBoot = !Self.boot.isEmpty && json["boot"]?.string == Self.boot
        let bank = isSameBoot ? Int(clamping: word(8)) : 2
        guard (0...2).contains(bank) else { return nil }
        var done = IntervalSet()
        for slot in 0..<Self.slots {
            let offset = Self.slot(slot, bank)
            let start = word(offset)
            for turn in 0..<2 {
                let position = word(offset + 8 + 16 * turn)
                guard word(offset + 16 + 16 * turn) == Self.sum(start, position), start < position,
                    position <= UInt64(total)
                else { continue }
                done.insert(Int(start)..<Int(position))
            }
        }
        return (identity(json, url, total), done)
    }

    private func identity(_ json: JSON, _ url: String, _ total: Int) -> Identity {
        Identity(
            url: url,
            facts: ObjectFacts(total: total, tag: json["tag"]?.string, modified: json["modified"]?.string))
    }

    /// FNV-1a over two words.
    private static func sum(_ start: UInt64, _ position: UInt64) -> UInt64 {
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        for word in [start, position] {
            for byte in 0..<8 {
                let value: UInt64 = word >> UInt64(8 * byte) & 0xFF
                sum = (sum ^ value) &* 0x100_0000_01B3
            }
        }
        return sum
    }

    private static func slot(_ index: Int, _ bank: Int) -> Int { headerBytes + bank * bankBytes + index * slotBytes }

    private func store(_ start: Int, _ position: Int, turn: Int, slot: Int, bank: Int) {
        let offset = Self.slot(slot, bank)
        if turn == 0 || word(offset) != UInt64(start) { store(UInt64(start), offset) }
        store(UInt64(position), offset + 8 + 16 * turn)
        store(Self.sum(UInt64(start), UInt64(position)), offset + 16 + 16 * turn)
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
            for offset in stride(from: Self.headerBytes, to: Self.bytes, by: 8) { store(0, offset) }
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
        for slot in 0..<Self.slots {
            let range = slot < done.ranges.count ? done.ranges[slot] : 0..<0
            for turn in 0..<2 { store(range.lowerBound, range.upperBound, turn: turn, slot: slot, bank: bank) }
        }
    }

    /// Notes that a part's bytes from `start` to `position` are in the file.
    ///
    /// - Parameter done: All that is here, for the moment when the slots are used up.
    func advance(part: Int, from start: Int, to position: Int, done: () -> IntervalSet) {
        state.withLock { state in
            let bank = Int(clamping: word(8))
            if let slot = state.slots[part] {
                store(slot.start, position, turn: slot.turn, slot: slot.index, bank: bank)
                state.slots[part]?.turn = 1 - slot.turn
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
            let index = state.count
            for turn in 0..<2 { store(start, position, turn: turn, slot: index, bank: bank) }
            state.slots[part] = (index, start, 0)
            state.count += 1
        }
    }

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
