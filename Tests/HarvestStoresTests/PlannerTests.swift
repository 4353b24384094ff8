import Glibc
import HarvestCore
@testable import HarvestStores
import Testing

/// The planner against connections of any speed, without a network: expected times are bytes over the sum of speeds.
@Suite struct PlannerTests {
    /// What a connection does: bytes a second at a time, `0` for silence; by its number, from 0.
    private typealias Speed = (_ connection: Int, _ time: Double) -> Double

    private struct Outcome {
        var seconds: Double
        var opened = 0
        /// Ranges that were cut while they were on their way: what was sent behind the cut was sent in vain.
        var cuts = 0
        var isComplete: Bool
        var repeated: Int
        /// Bytes behind the first hole a quarter of a second before the end: so much is hashed after it.
        var left = 0
    }

    /// Lets a planner divide `total` bytes; each request waits a round trip before its first byte.
    private func simulate(
        _ total: Int, roundTrip: Double = 0.03, options: DownloadPlanner.Options = .init(), most: Double = 200,
        ahead: Bool = false, _ speed: Speed
    ) -> Outcome {
        struct Lane {
            var connection: Int
            var range: Range<Int>
            var firstByteAt: Double
            var line = 1
            var owed = 0.0
            var sent = 0
        }
        var now = 0.0
        let step = 0.005
        var lanes: [Int: Lane] = [:]
        // A connection is kept while its requests end as they should.
        var free: [Int] = []
        /// Requests that stand behind another one, by their lines.
        var behind: [Int: (id: Int, range: Range<Int>)] = [:]
        var connections = 0
        func connection() -> Int {
            if let kept = free.popLast() { return kept }
            connections += 1
            return connections - 1
        }
        let first = 0..<min(total, options.isBounded ? 8 << 20 : total)
        now = roundTrip
        var planner = DownloadPlanner(total: total, options: options, now: now)
        var outcome = Outcome(seconds: 0, isComplete: false, repeated: 0)
        var fronts: [Int] = []
        let id = planner.adopt(first, openedAt: 0, now: now)
        lanes[id] = Lane(connection: connection(), range: first, firstByteAt: now)
        outcome.opened = 1
        while now < most {
            for (id, lane) in lanes.sorted(by: { $0.key < $1.key }) {
                guard now >= lane.firstByteAt else { continue }
                var lane = lane
                lane.owed += speed(lane.connection, now) * step
                let count = min(Int(lane.owed), lane.range.count - lane.sent)
                if count > 0 {
                    lane.owed -= Double(count)
                    lane.sent += count
                    let wanted = planner.received(id, count, now: now)
                    if wanted < count || lane.sent == lane.range.count {
                        lanes[id] = nil
                        planner.ended(id, .complete, now: now)
                        if let next = behind.removeValue(forKey: lane.line) {
                            let isKept = wanted == count
                            lanes[next.id] = Lane(
                                connection: isKept ? lane.connection : connection(), range: next.range,
                                firstByteAt: isKept ? now : now + roundTrip, line: lane.line)
                        } else if wanted == count {
                            free.append(lane.connection)
                        }
                        continue
                    }
                }
                lanes[id] = lane
            }
            for command in planner.plan(now: now, ahead: ahead ? Set(lanes.values.map(\.line)) : []) {
                switch command {
                case .open(let id, let range, let line) where planner.parts[id]?.follows != nil:
                    #expect(ahead && behind[line] == nil && lanes.values.contains { $0.line == line })
                    behind[line] = (id, range)
                    outcome.opened += 1
                case .open(let id, let range, let line):
                    lanes[id] = Lane(connection: connection(), range: range, firstByteAt: now + roundTrip, line: line)
                    outcome.opened += 1
                case .close(let id): lanes[id] = nil
                }
            }
            outcome.cuts += planner.takeNews().count { if case .took = $0 { true } else { false } }
            if planner.isComplete { break }
            fronts.append(planner.done.front)
            now += step
        }
        outcome.left = total - (fronts.dropLast(Int(0.25 / step)).last ?? 0)
        (outcome.seconds, outcome.isComplete, outcome.repeated) = (now, planner.isComplete, planner.repeated)
        return outcome
    }

    private let size = 150_000_000

    /// Of 64 connections, in bytes a second.
    private func speeds(_ seed: UInt64) -> [Double] {
        var dice = seed
        return (0..<64).map { _ -> Double in
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return 0.3e6 + Double(dice >> 40) / Double(1 << 24) * 4e6
        }
    }

    @Test func `equal connections end together`() {
        let found = simulate(size) { _, _ in 2e6 }
        #expect(found.isComplete && found.seconds < 1.12 * 150 / 32)
    }

    @Test(arguments: 1...6) func `connections of very different speeds end together`(seed: UInt64) {
        let speeds = speeds(seed)
        let ideal = Double(size) / speeds.prefix(16).reduce(0, +)
        let found = simulate(size) { connection, _ in speeds[connection % 64] }
        #expect(found.isComplete && found.seconds < 1.2 * ideal, "\(found.seconds / ideal)")
    }

    @Test func `one connection at a tenth of the speed does not hold up the end`() {
        let found = simulate(size) { connection, _ in connection == 3 ? 2e5 : 2e6 }
        #expect(found.isComplete && found.seconds < 1.15 * 150 / 30.2, "\(found.seconds * 30.2 / 150)")
    }

    @Test func `a connection that falls silent costs a second, not a deadline`() {
        let found = simulate(size) { connection, time in connection == 5 && time > 2 ? 0 : 2e6 }
        #expect(found.isComplete && found.seconds < 1.15 * 150 / 30, "\(found.seconds * 30 / 150)")
    }

    @Test func `ranges that are asked for ahead lose no round trip`() {
        var options = DownloadPlanner.Options()
        options.window = 1
        let slow = simulate(size, roundTrip: 0.3, options: options) { _, _ in 2e6 }
        let found = simulate(size, roundTrip: 0.3, options: options, ahead: true) { _, _ in 2e6 }
        // 75 s of bytes and one round trip; else one for each range.
        #expect(found.isComplete && found.seconds < 75 + 0.3 + 0.1, "\(found.seconds)")
        #expect(slow.seconds > 75 + 0.25 * Double(slow.opened))
    }

    @Test func `equal connections have their ranges cut seldom, and end together all the same`() {
        let found = simulate(size, ahead: true) { _, _ in 2e6 }
        #expect(found.isComplete && found.seconds < 1.05 * 150 / 32, "\(found.seconds * 32 / 150)")
        #expect(found.cuts <= 8, "\(found.cuts)")
    }

    @Test(arguments: 1...6) func `ranges asked for ahead end together too`(seed: UInt64) {
        let speeds = speeds(seed)
        let ideal = Double(size) / speeds.prefix(16).reduce(0, +)
        let found = simulate(size, ahead: true) { connection, _ in speeds[connection % 64] }
        #expect(found.isComplete && found.seconds < 1.12 * ideal, "\(found.seconds / ideal)")
    }

    @Test(arguments: 1...6) func `what is hashed on the way is mostly whole before the end`(seed: UInt64) {
        let speeds = speeds(seed)
        let left = [Double.infinity, 1e9].map { rate in
            let outcome = simulate(size, options: .init(hashRate: rate), ahead: true) { lane, _ in speeds[lane] }
            #expect(outcome.isComplete && outcome.seconds < 1.1 * Double(size) / speeds[..<16].reduce(0, +))
            return outcome.left
        }
        #expect(left[1] < size / 2 && left[1] < left[0])
    }

    @Test func `a fast link is left to one connection`() {
        let found = simulate(1 << 30, roundTrip: 0.0002) { _, _ in 1e9 }
        #expect(found.isComplete && found.opened < 40)
    }

    @Test func `where four requests start in a second, each connection asks once`() {
        var options = DownloadPlanner.Options()
        (options.isBounded, options.starts, options.window) = (false, .init(perSecond: 4, burst: 4), 64)
        let found = simulate(size, roundTrip: 0.3, options: options) { _, _ in 2e6 }
        // Connection k starts at max(0, (k − 3)/4): the n that ends first takes (150/2 + Σ s)/n seconds.
        let starts = (0..<64).map { max(0, (Double($0) - 3) / 4) }
        let ideal =
            (1...64).compactMap { n -> Double? in
                let time = (75 + starts.prefix(n).reduce(0, +)) / Double(n)
                return starts[n - 1] < time ? time : nil
            }.min() ?? 0
        #expect(found.isComplete && found.seconds < 1.15 * (ideal + 0.3), "\(found.seconds) of \(ideal)")
        #expect(found.opened <= 30)
    }

    @Test(arguments: 1...40, [false, true]) func `whatever breaks, all bytes come and tries end`(
        seed: UInt64, ahead: Bool
    ) {
        var dice = seed &* 0x9E37_79B9_7F4A_7C15
        func next(_ bound: Int) -> Int {
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(dice >> 33) % bound
        }
        let total = 1 + next(30_000_000)
        var planner = DownloadPlanner(total: total, now: 0)
        var now = 0.0
        var open: [Int: Int] = [planner.adopt(0..<min(total, 1 << 20), openedAt: 0, now: 0): min(total, 1 << 20)]
        for _ in 0..<200_000 where !planner.isComplete {
            now += 0.01 * Double(1 + next(20))
            for (id, left) in open.sorted(by: { $0.key < $1.key }) {
                // What stands behind another request says nothing before that has ended.
                if let first = planner.parts[id]?.follows, open[first] != nil { continue }
                let count = min(left, next(300_000))
                switch next(25) {
                case 0:
                    open[id] = nil
                    planner.ended(id, .broke, now: now)
                case 1 where next(4) == 0:
                    open[id] = nil
                    planner.ended(id, .refused(after: nil, .any), now: now)
                case 2: break  // silent
                default:
                    if count == 0 { continue }
                    let wanted = planner.received(id, count, now: now)
                    open[id] = left - count
                    if wanted < count || left == count {
                        open[id] = nil
                        planner.ended(id, .complete, now: now)
                    }
                }
            }
            let lines = ahead ? Set(open.keys.compactMap { planner.parts[$0]?.line }) : []
            for command in planner.plan(now: now, ahead: lines) {
                switch command {
                case .open(let id, let range, _):
                    #expect(open[id] == nil && range.upperBound <= total && !range.isEmpty)
                    open[id] = range.count
                case .close(let id): open[id] = nil
                }
            }
            #expect(open.keys.count { planner.parts[$0]?.follows == nil } <= 17 && open.count <= (ahead ? 33 : 17))
        }
        #expect(planner.isComplete || planner.isHopeless)
        #expect(planner.done.gaps(in: 0..<total) == [] || planner.isHopeless)
    }

    @Test func `a part that never brings anything is given up`() {
        var planner = DownloadPlanner(total: 1000, now: 0)
        var id = planner.adopt(0..<1000, openedAt: 0, now: 0)
        var now = 0.0, tries = 1
        while !planner.isHopeless, tries < 100 {
            planner.ended(id, .broke, now: now)
            for _ in 0..<10_000 {
                now += 0.1
                guard case .open(let next, _, _)? = planner.plan(now: now).first else { continue }
                (id, tries) = (next, tries + 1)
                break
            }
        }
        #expect(planner.isHopeless && tries == 8)
    }
}

@Suite struct IntervalSetTests {
    @Test func `ranges that touch are one`() {
        var set = IntervalSet([5..<8, 0..<2])
        #expect(set.ranges == [0..<2, 5..<8] && set.front == 2 && set.count == 5)
        set.insert(2..<5)
        #expect(set.ranges == [0..<8] && set.gaps(in: 0..<10) == [8..<10])
        set.insert(20..<30)
        set.insert(7..<25)
        #expect(set.ranges == [0..<30] && set.gaps(in: 5..<30) == [])
        #expect(IntervalSet([3..<4]).front == 0 && IntervalSet().gaps(in: 0..<3) == [0..<3])
    }

    @Test(arguments: 1...20) func `it holds what a list of flags holds`(seed: UInt64) {
        var dice = seed
        func next(_ bound: Int) -> Int {
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(dice >> 33) % bound
        }
        var flags = [Bool](repeating: false, count: 200), set = IntervalSet()
        for _ in 0..<40 {
            let start = next(200), end = min(200, start + next(30))
            set.insert(start..<end)
            for index in start..<end { flags[index] = true }
            #expect(set.count == flags.count { $0 })
            #expect(set.gaps(in: 0..<200).flatMap { Array($0) } == flags.indices.filter { !flags[$0] })
        }
    }
}

@Suite struct JournalTests {
    private let folder = Folder()
    private let identity = Journal.Identity(
        url: "https://h.org/v.tif",
        facts: ObjectFacts(total: 1000, tag: "\"a\"", modified: "Mon, 01 Jan 2024 00:00:00 GMT"))

    private func open() throws -> Journal { try Journal(folder.path + "/j") }

    @Test func `what was noted is there after the process is gone`() throws {
        var journal: Journal? = try open()
        #expect(journal?.load() == nil)
        try journal?.begin(identity, done: IntervalSet([0..<10]))
        journal?.advance(part: 1, from: 10, to: 50) { IntervalSet() }
        journal?.advance(part: 2, from: 500, to: 600) { IntervalSet() }
        journal?.advance(part: 1, from: 50, to: 90) { IntervalSet() }
        journal = nil
        let found = try #require(try open().load())
        #expect(found.identity == identity && found.done == IntervalSet([0..<90, 500..<600]))
    }

    @Test func `more parts than slots lose nothing`() throws {
        let journal = try open()
        let whole = Journal.Identity(url: "u", facts: ObjectFacts(total: 1_000_000))
        try journal.begin(whole, done: IntervalSet())
        var done = IntervalSet()
        for part in 0..<5000 {
            let start = part * 100
            done.insert(start..<start + 100)
            journal.advance(part: part, from: start, to: start + 100) { done }
        }
        #expect(journal.load()?.done == done)
    }

    /// What a process that was killed held is let go of a little after it is gone.
    @Test func `a lock that is let go of soon is waited for`() throws {
        let journal = try open()
        // A thread of its own: who waits for the lock may hold up all tasks.
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { journal in
                usleep(60_000)
                Unmanaged<Journal>.fromOpaque(journal!).takeRetainedValue().release()
                return nil
            }, Unmanaged.passRetained(journal).toOpaque())
        #expect(throws: Never.self) { _ = try self.open() }
        pthread_join(thread, nil)
    }

    @Test func `another run is kept out, and bytes without meaning are no journal`() throws {
        let journal = try open()
        #expect { try self.open() } throws: { ($0 as? HarvestError)?.kind == .unavailable }
        withExtendedLifetime(journal) {}
        folder.write("x", [UInt8](repeating: 0xA5, count: 70_000))
        #expect(try Journal(folder.path + "/x").load() == nil)
    }
}
