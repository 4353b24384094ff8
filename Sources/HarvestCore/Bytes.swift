/// Immutable bytes that may be a slice of a mapped file, a network buffer or an array; copying shares them.
public struct Bytes: Sendable {
    /// Keeps the memory alive and frees it.
    public final class Owner: Sendable {
        private let release: @Sendable () -> Void
        public init(release: @escaping @Sendable () -> Void) { self.release = release }
        deinit { release() }
    }

    private let owner: Owner
    private nonisolated(unsafe) let memory: UnsafeRawBufferPointer

    /// Bytes at `memory`, valid until `owner` goes away.
    public init(_ memory: UnsafeRawBufferPointer, owner: Owner) {
        self.memory = memory
        self.owner = owner
    }

    /// A copy of `bytes`.
    public init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// New memory of `count` bytes, filled by `body` before anyone sees it.
    public init(count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        do { try body(memory) } catch {
            memory.deallocate()
            throw error
        }
        nonisolated(unsafe) let taken = memory
        self.init(UnsafeRawBufferPointer(memory), owner: Owner { taken.deallocate() })
    }

    public static let empty = Bytes([UInt8]())

    public var count: Int { memory.count }
    public var isEmpty: Bool { memory.isEmpty }
    public var array: [UInt8] { Array(memory) }
    /// The bytes as text; what is not UTF-8 becomes `�`.
    public var text: String { String(decoding: memory, as: UTF8.self) }

    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(owner) {} }
        return try body(memory)
    }

    /// A slice that shares the memory; `nil` if it leaves these bytes.
    public func slice(_ range: Range<Int>) -> Bytes? {
        guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
        return Bytes(UnsafeRawBufferPointer(rebasing: memory[range]), owner: owner)
    }

    public subscript(index: Int) -> UInt8 { memory[index] }
}
