import Glibc
import ImageHarvest
import Synchronization

/// Turns Ctrl-C and a polite kill into the exit status that scripts expect, with the state kept on disk.
///
/// A handler may do next to nothing, so it writes the signal's number into a pipe that a thread of ours reads.
/// (Waiting with `sigwait` is not enough: the runtime's main loop suspends with every signal unblocked.)
enum Signals {
    private nonisolated(unsafe) static var pipeEnds: (read: Int32, write: Int32) = (-1, -1)
    /// Called before the end, by the thread that waits for signals.
    static let farewell = Mutex<@Sendable () -> Void>({})

    /// Call once, before anything else.
    static func watch() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        pipeEnds = (ends[0], ends[1])
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { _ in
                Signals.wait()
                return nil
            }, nil)
        pthread_detach(thread)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Signals.pipeEnds.write, &byte, 1)
            }
        }
    }

    /// The command as a shell takes it; `nil` where it holds a secret.
    private static var command: String? {
        let words = CommandLine.arguments.map { word in
            let isPlain =
                !word.isEmpty
                && word.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                        || "-_./:=,@%+".utf8.contains(byte)
                }
            return isPlain ? word : "'\(word.replacing("'", with: "'\\''"))'"
        }
        return CommandLine.arguments.allSatisfy({ $0.withoutCredentials == $0 }) ? words.joined(separator: " ") : nil
    }

    private static func wait() {
        var byte: UInt8 = 0
        while read(pipeEnds.read, &byte, 1) != 1 {}
        Terminal.clearLine()
        farewell.withLock { $0() }
        let said = command.map { "go on with:\n  \($0)" } ?? "run the same command again to go on"
        Terminal.say("harvest: interrupted; what is complete is kept, \(said)")
        _exit(128 + Int32(byte))
    }
}
