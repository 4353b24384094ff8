import Glibc
import ImageHarvest
import Synchronization

/// stdout carries results and nothing else; stderr what is meant for a person.
enum Terminal {
    static let showsProgress = isatty(2) == 1

    /// Writes a result line, at once. A reader that went away ends the program quietly, as it ends `cat`.
    static func print(_ text: String, terminator: String = "\n") { write(1, text + terminator) }

    static func say(_ text: String) { write(2, text + "\n") }

    /// Redraws the one progress line.
    static func progress(_ text: String) { write(2, "\r\u{1B}[K" + text) }

    static func clearLine() { if showsProgress { write(2, "\r\u{1B}[K") } }

    private static func write(_ descriptor: Int32, _ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                if descriptor == 1 { _exit(errno == EPIPE ? 0 : HarvestError.Kind.storage.exitCode) }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// Shows tallies: one redrawn line on a terminal, else a line every ten seconds.
final class ProgressLine: Sendable {
    private let isQuiet: Bool
    private let last = Mutex(0.0), toldAt = Mutex(0.0)
    /// What was done at the first tally of what is going on.
    private let base = Mutex<(done: Int, at: Double)?>(nil)
    private let start = ProgressLine.now
    /// Where events go as JSON lines; -1 for nowhere.
    private let events: Int32

    /// - Parameter events: A file for progress as JSON lines, `-` for stderr.
    init(isQuiet: Bool, events: String? = nil) throws {
        self.isQuiet = isQuiet || events == "-"
        self.events = events.map { $0 == "-" ? 2 : open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? -1
        if let events, self.events < 0 {
            throw HarvestError(.storage, "cannot write: \(String(cString: strerror(errno)))", at: events)
        }
    }

    /// Writes an event down: what is common to all, and what `event` says.
    func tell(_ event: JSON) {
        guard events >= 0 else { return }
        var all: JSON = ["schema": "harvest.event/1"]
        for (key, value) in event.object ?? [:] { all = all.setting(key, value) }
        let line = Array((all.setting("seconds", .double(Self.now - start)).compact + "\n").utf8)
        _ = write(events, line, line.count)
    }

    private func tell(_ tally: Tally, _ rate: Double?) {
        guard events >= 0 else { return }
        // Four a second are enough, but the last of a file is always told.
        let now = Self.now
        let isDue = toldAt.withLock { told in
            guard now - told >= 0.25 || tally.done == tally.total else { return false }
            told = now
            return true
        }
        guard isDue else { return }
        tell([
            "event": "progress", "subject": .string(tally.subject), "done": .int(tally.done),
            "total": JSON(tally.total), "measure": .string(tally.measure), "rate": JSON(rate.map { $0.rounded() }),
            "eta_s": JSON(eta(tally, rate)),
        ])
    }

    private func eta(_ tally: Tally, _ rate: Double?) -> Double? {
        guard let total = tally.total, let rate, rate > 0, total > tally.done else { return nil }
        return (Double(total - tally.done) / rate).rounded(.up)
    }

    /// Bytes a second since the first tally: what was here before that is not counted.
    private func rate(_ tally: Tally, _ now: Double) -> Double? {
        base.withLock { base in
            if base == nil || tally.done < base!.done { base = (tally.done, now) }
            guard let base, now - base.at >= 0.5, tally.done > base.done else { return nil }
            return Double(tally.done - base.done) / (now - base.at)
        }
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    func show(_ tally: Tally) {
        let now = Self.now
        let rate = rate(tally, now)
        tell(tally, rate)
        guard !isQuiet else { return }
        let step = Terminal.showsProgress ? 0.1 : 10.0
        let isDue = last.withLock { last in
            if last == 0, !Terminal.showsProgress { last = start }
            guard now - last >= step else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        var text = tally.subject.displayed(limit: 60) + "  " + Size.text(tally.done)
        if let total = tally.total {
            text += " of \(Size.text(total))"
            if let left = eta(tally, rate) { text += ", \(Int(min(left, 1e9))) s left" }
        }
        if let rate { text += "  \(Size.text(Int(min(rate, 1e15))))/s" }
        if Terminal.showsProgress { Terminal.progress(text) } else { Terminal.say(text) }
    }

    func end() {
        base.withLock { $0 = nil }
        if !isQuiet { Terminal.clearLine() }
    }
}

/// Sizes as people read them, in powers of ten.
enum Size {
    static func text(_ bytes: Int) -> String {
        for (unit, size) in [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)]
        where bytes >= size {
            let tenths = bytes / (size / 10)
            return tenths >= 1000 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(bytes) B"
    }

    /// `1G`, `500 MB`, `64MiB`, `1000`; `nil` for anything else.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0 else { return nil }
        let factors = [
            "": 1.0, "b": 1, "k": 1e3, "kb": 1e3, "kib": 1024, "m": 1e6, "mb": 1e6, "mib": 1_048_576, "g": 1e9,
            "gb": 1e9,
            "gib": 1_073_741_824, "t": 1e12, "tb": 1e12, "tib": 1_099_511_627_776,
        ]
        guard let factor = factors[text.dropFirst(digits.count).trimmingSpaces().lowercased()] else { return nil }
        return Int(exactly: (number * factor).rounded())
    }
}
