import CCurl
import Glibc

/// An address of a socket, and how people write it.
struct SocketAddress: Sendable {
    private let bytes: [UInt8]
    let family: Int32
    let text: String

    /// The first that the system names; waits for it.
    init?(host: String, port: Int) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let name = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" }) : host
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, "\(port)", &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(found) }
        family = first.pointee.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen)))
        var numeric = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(
                first.pointee.ai_addr, first.pointee.ai_addrlen, &numeric, socklen_t(numeric.count), nil, 0,
                NI_NUMERICHOST)
                == 0
        else { return nil }
        text = String(decoding: numeric.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether these bytes are the same address, as the system lays it out.
    func isSame(as other: UnsafeRawBufferPointer) -> Bool { bytes.elementsEqual(other) }

    /// A socket that does not block and begins to connect; `nil` where the system refuses at once.
    func connecting() -> Int32? {
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let number = socket(family, Int32(kind), 0)
        guard number >= 0 else { return nil }
        let code = bytes.withUnsafeBytes { memory in
            Glibc.connect(number, memory.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(memory.count))
        }
        if code == 0 || errno == EINPROGRESS { return number }
        close(number)
        return nil
    }

    /// Whether nothing went wrong with a socket so far; once it may be written to, this says whether it is connected.
    static func isSound(_ number: Int32) -> Bool {
        var fault: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(number, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 && fault == 0
    }
}
