import Glibc
import HarvestCodecs
import HarvestCore
import Synchronization

/// One run over one object: carries out what the planner says, and tells it what happened.
final class DownloadRun: Sendable {
    /// The server answers ranges with the whole.
    struct RangesIgnored: Error {}
    /// A connection has brought all that is still wanted of it.
    private struct Enough: Error {}
    private enum Event: Sendable {
        case ended(Int, StreamEnd)
        case tick
    }

    private struct State {
        var planner: DownloadPlanner?
        /// The first request, before the length is known.
        var first = (range: 0..<0, openedAt: 0.0)
        /// Connections that log in ahead of their requests.
        var loggedIn = 0
        var facts: ObjectFacts?
        /// From an earlier run.
        var kept: (facts: ObjectFacts, done: IntervalSet)?
        var fetched = 0
        /// Where bytes are being written, by parts.
        var writing: [Int: Range<Int>] = [:]
        var lane: HashLane?
        /// Finds out what checksum there is, before the lane begins.
        var looksForDigest: Task<Void, Never>?
        /// Of the requests that follow one another.
        var lines: [Int: RequestLine] = [:]

        /// Those that go on ahead of their answers.
        var ahead: Set<Int> { Set(lines.lazy.filter(\.value.takesAhead).map(\.key)) }
    }

    private let download: Download
    private let key: String
    private let store: any RangeStreamingStore
    private let part: PartFile
    private let journal: Journal
    private let progress: @Sendable (Int, Int?) -> Void
    private let state = Mutex(State())
    private let events: AsyncStream<Event>
    private let told: AsyncStream<Event>.Continuation
    private static let checkpointSeconds = 8.0
    private static let checkpointBytes = 256 << 20

    init(
        _ download: Download, _ key: String, _ store: any RangeStreamingStore, _ part: PartFile, _ journal: Journal,
        _ progress: @escaping @Sendable (Int, Int?) -> Void
    ) {
        (self.download, self.key, self.store, self.part, self.journal) = (download, key, store, part, journal)
        self.progress = progress
        (events, told) = AsyncStream.makeStream()
    }

    private var url: String { store.place(of: key) }

    /// Whether neither this run nor an earlier one brought a byte.
    var hasNothing: Bool { state.withLock { $0.facts == nil && $0.kept == nil } }

    /// What the source said of the object.
    var facts: ObjectFacts? { state.withLock { $0.facts } }

    func run() async throws -> Download.Result {
        if let old = journal.load(), old.identity.url == url, part.count > 0 {
            // What the journal says and the file does not hold is not here.
            let length = part.count
            let done = IntervalSet(old.done.ranges.map { $0.clamped(to: 0..<length) })
            state.withLock { $0.kept = (old.identity.facts, done) }
        } else {
            try part.clear()
        }
        let ticker = Task { [told, store] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(store.asksBoundedRanges ? 20 : 8))
                told.yield(.tick)
            }
        }
        defer {
            ticker.cancel()
            state.withLock { $0.looksForDigest }?.cancel()
        }
        let tasks = Requests()
        do {
            try await withTaskCancellationHandler {
                try await work(tasks)
            } onCancel: { [told] in
                told.finish()
            }
        } catch {
            await tasks.end()
            throw error
        }
        await tasks.end()
        return try await finish()
    }

    private func finish() async throws -> Download.Result {
        await state.withLock({ $0.looksForDigest })?.value
        let (facts, fetched, lane) = state.withLock { ($0.facts, $0.fetched, $0.lane) }
        let total = facts?.total ?? 0
        // What the disk still has to write is on its way while the rest is hashed.
        async let synced: Void = Workers.files.run { [part] in if lane != nil { try part.sync() } }
        let sums = try await lane?.finish(total)
        try await synced
        let expected = download.expected ?? facts?.digest ?? download.hint
        try download.check(sums, expected, at: url)
        let modified = facts?.modified.flatMap(HTTPDate.seconds)
        try await Workers.files.run { [part] in try part.publish(count: total, modified: modified) }
        progress(total, total)
        return Download.Result(
            bytes: total, sha256: sums?.sha256, verifiedBy: sums == nil ? nil : expected?.source, fetched: fetched,
            version: facts?.version, pieces: sums?.pieces)
    }

    // MARK: The loop

    private func work(_ tasks: Requests) async throws {
        try await begin(tasks)
        var lastError: HarvestError?
        var checkpoint = (at: Monotonic.now, bytes: 0)
        var toldAt = 0.0, toldLearned: TransportOptions.HostLimits?
        var toldConnections = (running: 0, window: 0, at: 0.0)
        for await event in events {
            if case .ended(let id, let end) = event {
                tasks.remove(id)
                if let error = try take(id, end) { lastError = error }
                if state.withLock({ $0.planner == nil }) {  // an empty object, or the first try failed
                    if state.withLock({ $0.facts?.total == 0 }) { return }
                    try await retryFirst(lastError, tasks)
                    continue
                }
            }
            let now = Monotonic.now
            let look: Look? = state.withLock { state in
                let ahead = state.ahead
                guard let commands = state.planner?.plan(now: now, ahead: ahead),
                    let news = state.planner?.takeNews(), let planner = state.planner
                else { return nil }
                return Look(planner, commands, news)
            }
            guard let look else { continue }
            let (done, total, learned) = (look.done, look.total, look.learned)
            if learned != toldLearned, let learned {
                store.learned(learned)  // before more is asked for than was allowed so far
                toldLearned = learned
            }
            for news in look.news { tell(news) }
            for command in look.commands { carryOut(command, tasks) }
            if look.isComplete { return }
            if look.isHopeless, let lastError { throw lastError }
            if (look.running, look.window) != (toldConnections.running, toldConnections.window),
                now - toldConnections.at >= 0.25
            {
                download.events(.connections(look.running, window: look.window))
                toldConnections = (look.running, look.window, now)
            }
            state.withLock { $0.lane }?.follow(to: done.front)
            if now - toldAt >= 0.1, total > 0 {
                progress(done.count, total)
                toldAt = now
            }
            if now - checkpoint.at > Self.checkpointSeconds || done.count - checkpoint.bytes > Self.checkpointBytes {
                checkpoint = (now, done.count)
                // Among the requests, so that none is at it any more when the run ends.
                tasks.add(
                    -1,
                    Task { [part, journal] in
                        try? await Workers.files.run {
                            try part.sync()
                            journal.checkpoint(done)
                        }
                    })
            }
        }
        throw CancellationError()
    }

    /// What the planner said in one look.
    private struct Look {
        var commands: [DownloadPlanner.Command]
        var news: [DownloadPlanner.News]
        var done: IntervalSet
        var total: Int
        var learned: TransportOptions.HostLimits?
        var isComplete: Bool
        var isHopeless: Bool
        var running: Int
        var window: Int

        init(_ planner: DownloadPlanner, _ commands: [DownloadPlanner.Command], _ news: [DownloadPlanner.News]) {
            (self.commands, self.news) = (commands, news)
            (done, total, learned) = (planner.done, planner.total, planner.learned)
            (isComplete, isHopeless) = (planner.isComplete, planner.isHopeless)
            (running, window) = (planner.running, planner.window)
        }
    }

    private func tell(_ news: DownloadPlanner.News) {
        switch news {
        case .took(let range): download.events(.steal(range))
        case .doubled(let range): download.events(.hedge(range))
        case .replaced(let range): download.events(.replace(range))
        }
    }

    /// Sends the first request: for what is missing first, and no more of it than tells the length.
    private func begin(_ tasks: Requests) async throws {
        let range = state.withLock { state -> Range<Int> in
            // Where a range has no end, the first one is the whole: others take from it.
            var range = 0..<(store.asksBoundedRanges ? download.segment : Int.max)
            if let kept = state.kept, let total = kept.facts.total {
                // Nothing may be missing: then one byte is asked for, to hear that the file is still the same.
                let gap = kept.done.gaps(in: 0..<total).first ?? total - 1..<total
                range = gap.lowerBound..<min(gap.upperBound, gap.lowerBound + download.segment)
                if !store.asksBoundedRanges { range = gap.lowerBound..<Int.max }
            }
            state.first = (range, Monotonic.now)
            return range
        }
        // Where it is known that starts are counted, as many as may start at once lose no time with logging in.
        let limits = store.limits
        if download.logsInAhead, state.withLock({ $0.loggedIn == 0 }), !store.asksBoundedRanges,
            limits.retrievesPerSecond != nil
        {
            let count = max(0, min(connections(limits) - 1, Int(min(16, limits.burst))))
            if store.logIn(count, for: key) { state.withLock { $0.loggedIn = count } }
        }
        request(0, range, nil, tasks)
    }

    /// Requests on their way at a time, at the most.
    private func connections(_ limits: TransportOptions.HostLimits) -> Int {
        min(limits.connections, download.connections ?? limits.connections)
    }

    private func retryFirst(_ error: HarvestError?, _ tasks: Requests) async throws {
        firstTries.withLock { $0 += 1 }
        let tries = firstTries.withLock { $0 }
        guard tries < 5, let error else {
            throw error ?? HarvestError(.unavailable, "the server does not answer", at: url, next: "try again later")
        }
        let pause = max(error.retryAfter ?? 0, 0.1 * Double(1 << tries) * Double.random(in: 0.5...1))
        try await Task.sleep(for: .seconds(min(60, pause)))
        try await begin(tasks)
    }

    private let firstTries = Mutex(0)

    private func carryOut(_ command: DownloadPlanner.Command, _ tasks: Requests) {
        switch command {
        case .open(let id, let range, let line):
            download.events(.request(range))
            // Where a request ends with its connection, one that runs to the object's end needs no end of its own: curl would
            // tell an FTP server to stop what is over, and let all wait for the answer.
            let isOpen = !store.asksBoundedRanges && range.upperBound == state.withLock { $0.facts?.total }
            request(id, isOpen ? range.lowerBound..<Int.max : range, self.line(line), tasks)
        case .close(let id): tasks.cancel(id)
        }
    }

    /// What a request's end means: the error to keep, where it may be tried again.
    private func take(_ id: Int, _ end: StreamEnd) throws -> HarvestError? {
        let now = Monotonic.now
        func tell(_ ending: DownloadPlanner.Ending) {
            state.withLock { $0.planner?.ended(Self.part(of: id), ending, now: now) }
        }
        switch end {
        case .complete: tell(.complete)
        case .stopped(let error):
            if error is Enough { tell(.complete) } else if !(error is CancellationError) { throw error }
        case .broke(let error):
            tell(.broke)
            download.events(.retry(error.message))
            return error
        case .refused(let after, let cause, let error):
            tell(.refused(after: after, cause))
            download.events(.throttled(seconds: after, error.message))
            return error
        case .failed(let error) where error is CancellationError: break  // closed by the planner
        case .failed(let error): throw error
        }
        return nil
    }

    // MARK: Requests

    /// The first request shows what the far side is, and takes the usual way.
    private static let firstLine = 1

    /// Where a round trip is shorter than this, another connection costs nothing.
    private static let shortTrip = 0.005

    /// What a request goes on; `nil` is the usual way, on which what follows the first one stays where another connection
    /// would have to be waited for.
    private func line(_ number: Int) -> RequestLine? {
        state.withLock { state in
            let isNear = state.planner?.roundTrip ?? 0 < Self.shortTrip
            guard number != Self.firstLine || isNear else { return nil }
            let line = state.lines[number] ?? RequestLine()
            state.lines[number] = line
            return line
        }
    }

    private func request(_ id: Int, _ range: Range<Int>, _ line: RequestLine?, _ tasks: Requests) {
        tasks.add(
            id,
            Task { [self] in
                let end = await store.stream(
                    key, range, on: line, facts: { try self.take(facts: $0) }, to: { try self.take(id, $0) })
                told.yield(.ended(id, end))
            })
    }

    /// The first request, 0, becomes the planner's first part.
    private static func part(of request: Int) -> Int { request == 0 ? 1 : request }

    /// A checksum tells versions apart at the end, if it is looked at.
    private func tellsVersions(_ facts: ObjectFacts) -> Bool {
        facts.tellsVersions || download.hashes && facts.digest != nil
    }

    /// Before a request's first byte: is it the same object still?
    private func take(facts: ObjectFacts) throws {
        guard let total = facts.total else {
            throw HarvestError.malformed("the server does not say how long the object is", at: url)
        }
        try state.withLock { state in
            if let known = state.facts {
                guard known.validator.agrees(with: facts.validator) else {
                    throw HarvestError(
                        .changed,
                        "the object changed while it was read: first \(known.validator.display), now \(facts.validator.display)",
                        at: url, next: "run the command again")
                }
                // What cannot be told to be of one version is not put together, but brought in one piece.
                if store.asksBoundedRanges, !known.sharesWord(with: facts) || !tellsVersions(known) {
                    throw RangesIgnored()
                }
                return
            }
            var done = IntervalSet()
            if let kept = state.kept {
                guard kept.facts.validator.agrees(with: facts.validator),
                    !store.asksBoundedRanges || !tellsVersions(facts) || kept.facts.sharesWord(with: facts)
                else {
                    throw HarvestError(.changed, "the object is not the one of the earlier run", at: url)
                }
                done = kept.done
            }
            // Without a word on its version an object is taken in one piece, or parts of two could be put together.
            let isOnePiece = store.asksBoundedRanges && !tellsVersions(facts)
            if isOnePiece, total > state.first.range.count || state.kept != nil { throw RangesIgnored() }
            state.facts = facts
            if download.hashes || download.expected != nil {
                let expected = download.expected ?? facts.digest ?? download.hint
                if expected == nil, let offered = facts.digestOfParts {
                    state.looksForDigest = Task { await find(offered, total: total) }
                } else {
                    state.lane = HashLane(part, total: total, with: expected)
                }
            }
            download.events(.firstByte(total: total))
            if total == 0 { return }
            try part.checkSpace(for: total - done.count)
            try journal.begin(Journal.Identity(url: url, facts: facts), done: done)
            var options = DownloadPlanner.Options()
            let limits = store.limits
            options.window = connections(limits)
            if download.hashes { options.hashRate = HashLane.usualRate }
            if isOnePiece { options.window = 1 }
            options.starts = limits.retrievesPerSecond.map { StartGate.Limit(perSecond: $0, burst: limits.burst) }
            options.loggedIn = state.loggedIn
            options.isBounded = store.asksBoundedRanges
            options.chunk =
                min(download.segment, options.chunk.lowerBound)...max(download.segment, options.chunk.upperBound)
            let now = Monotonic.now
            var planner = DownloadPlanner(total: total, done: done, options: options, now: now)
            _ = planner.adopt(state.first.range, openedAt: state.first.openedAt, now: now)
            state.planner = planner
        }
        told.yield(.tick)  // what may start now does
    }

    /// Asks for the length of the parts; what came meanwhile is read back.
    private func find(_ offered: OfferedDigest.OfParts, total: Int) async {
        let length = await store.partLength(of: key)
        let digest = length.flatMap { offered.digest(partLength: $0, total: total) }
        let lane = HashLane(part, total: total, with: digest)
        state.withLock { state in
            state.facts?.digest = digest
            state.lane = lane
        }
    }

    /// Bytes that are about to be written.
    private struct Claim {
        var range: Range<Int>
        /// What of it is not here yet.
        var missing: [Range<Int>]
        var lane: HashLane?
    }

    /// Writes a piece where it belongs.
    ///
    /// What is here already stays as it is: it may have been hashed, and what comes for a second time, from a connection that
    /// had fallen silent or from another place, need not be the same.
    private func take(_ request: Int, _ bytes: UnsafeRawBufferPointer) throws {
        let id = Self.part(of: request)
        guard let claim = claim(bytes.count, for: id) else { throw Enough() }
        let (range, wanted) = (claim.range, claim.range.count)
        func piece(_ part: Range<Int>) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(
                rebasing: bytes[part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound])
        }
        do {
            for gap in claim.missing { try part.write(piece(gap), at: gap.lowerBound) }
        } catch {
            state.withLock { $0.writing[id] = nil }
            throw error
        }
        let (taken, isEnough, isOneOfMany) = state.withLock { state -> (Int, Bool, Bool) in
            let taken = state.planner?.received(id, bytes.count, now: Monotonic.now) ?? 0
            state.writing[id] = nil
            state.fetched += bytes.count
            return (
                taken, state.planner?.parts[id].map { $0.position >= $0.end } ?? true,
                state.planner?.mostRunning ?? 1 > 1
            )
        }
        // Not what became another's meanwhile: that will be written again.
        for gap in claim.missing where gap.upperBound <= range.lowerBound + taken {
            claim.lane?.take(piece(gap), at: gap.lowerBound)
        }
        if wanted > 0 {
            journal.advance(part: id, from: range.lowerBound, to: range.upperBound) {
                state.withLock { $0.planner?.done ?? IntervalSet() }
            }
        }
        // Where a request ends with its connection, its last reply is not waited for: what it was to bring is here.
        if isEnough, wanted < bytes.count || isOneOfMany && !store.asksBoundedRanges { throw Enough() }
    }

    /// Where the next bytes of a part go; waits while another writes there, which is seldom and short.
    ///
    /// - Returns: `nil` for a part that is given up.
    private func claim(_ count: Int, for id: Int) -> Claim? {
        while true {
            let (claim, isFree) = state.withLock { state -> (Claim?, Bool) in
                guard let planner = state.planner, let part = planner.parts[id] else { return (nil, true) }
                let range = part.position..<max(part.position, min(part.position + count, part.end))
                guard !state.writing.values.contains(where: { $0.overlaps(range) }) else { return (nil, false) }
                state.writing[id] = range
                return (Claim(range: range, missing: planner.done.gaps(in: range), lane: state.lane), true)
            }
            if isFree { return claim }
            sched_yield()
        }
    }
}

/// The requests on their way.
private final class Requests: Sendable {
    private let tasks = Mutex<[Int: Task<Void, Never>]>([:])

    func add(_ id: Int, _ task: Task<Void, Never>) { tasks.withLock { $0[id] = task } }
    func remove(_ id: Int) { tasks.withLock { $0[id] = nil } }
    func cancel(_ id: Int) { tasks.withLock { $0[id] }?.cancel() }

    /// Ends them all, and waits until none writes any more.
    func end() async {
        let left = tasks.withLock { Array($0.values) }
        for task in left { task.cancel() }
        for task in left { await task.value }
    }
}
