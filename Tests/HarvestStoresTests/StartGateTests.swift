@testable import HarvestStores
import Testing

/// The planner against FTP servers that count: connections, and transfers that start in a second. Expected times are
/// arithmetic: connection k may start at max(0, (k − burst + 1) / rate), and those that are used end together.
@Suite struct StartGateTests {
    private struct Server {
        var perSecond = 4.0, burst = 4.0
        /// Whether what is too much is refused (450); else it is held back.
        var refuses = false
        /// More are refused (421).
        var connections = 1000
    }

    private struct Outcome {
        var seconds = 0.0
        var opened = 1, refused = 0
        var isComplete = false
        var learned: TransportOptions.HostLimits?
    }

    private let size = 150_000_000, speed = 2e6, roundTrip = 0.03

    /// Logging in takes nine round trips, another try on the same connection four. A connection ends with its transfer.
    private func simulate(_ server: Server, _ options: DownloadPlanner.Options) -> Outcome {
        struct Lane {
            var range: Range<Int>
            var firstByteAt: Double
            var owed = 0.0
            var sent = 0
            var refusedAt: Double?
            var cause = RefusalCause.any
        }
        var now = 0.0, free = 0, tokens = server.burst, tokensAt = 0.0
        var lanes: [Int: Lane] = [:], outcome = Outcome()
        func lane(_ range: Range<Int>) -> Lane {
            let isNew = free == 0
            if !isNew { free -= 1 }
            var lane = Lane(range: range, firstByteAt: now + (isNew ? 9 : 4) * roundTrip)
            if isNew, lanes.count >= server.connections {
                (lane.refusedAt, lane.cause) = (now + 3 * roundTrip, .connections)
                return lane
            }
            let arrival = max(lane.firstByteAt, tokensAt)
            tokens = min(server.burst, tokens + (arrival - tokensAt) * server.perSecond)
            tokensAt = arrival
            if server.refuses, tokens < 1 {
                (lane.refusedAt, lane.cause) = (arrival, .starts)
                return lane
            }
            tokens -= 1
            if tokens < 0 { lane.firstByteAt = arrival - tokens / server.perSecond }
            return lane
        }
        let first = lane(0..<size)
        now = first.firstByteAt
        var planner = DownloadPlanner(total: size, options: options, now: now)
        lanes[planner.adopt(0..<size, openedAt: 0, now: now)] = first
        while now < 100, !planner.isComplete {
            for (id, var lane) in lanes.sorted(by: { $0.key < $1.key }) {
                if let refusedAt = lane.refusedAt {
                    guard now >= refusedAt else { continue }
                    lanes[id] = nil
                    outcome.refused += 1
                    if lane.cause == .starts { free += 1 }
                    planner.ended(id, .refused(after: nil, lane.cause), now: now)
                    continue
                }
                guard now >= lane.firstByteAt else { continue }
                lane.owed += speed * 0.005
                let count = min(Int(lane.owed), lane.range.count - lane.sent)
                lane.owed -= Double(count)
                lane.sent += count
                lanes[id] = lane
                guard count > 0 else { continue }
                let isOver = planner.received(id, count, now: now) < count || lane.sent == lane.range.count
                if isOver || planner.parts[id].map({ $0.position >= $0.end }) ?? true {
                    lanes[id] = nil  // and its connection
                    planner.ended(id, .complete, now: now)
                }
            }
            for command in planner.plan(now: now) {
                switch command {
                case .open(let id, let range, _):
                    lanes[id] = lane(range)
                    outcome.opened += 1
                case .close(let id): lanes[id] = nil
                }
            }
            now += 0.005
        }
        (outcome.seconds, outcome.isComplete, outcome.learned) = (now, planner.isComplete, planner.learned)
        return outcome
    }

    private func options(_ starts: StartGate.Limit?, window: Int) -> DownloadPlanner.Options {
        var options = DownloadPlanner.Options()
        (options.isBounded, options.starts, options.window) = (false, starts, window)
        return options
    }

    /// The shortest time that so many connections can take.
    private func floor(_ server: Server, connections: Int) -> Double {
        let starts = (0..<connections).map { max(0, (Double($0) - server.burst + 1) / server.perSecond) }
        let times = (1...connections).compactMap { count -> Double? in
            let time = (Double(size) / speed + starts.prefix(count).reduce(0, +)) / Double(count)
            return starts[count - 1] < time ? time : nil
        }
        return (times.min() ?? 0) + 9 * roundTrip
    }

    @Test func `known limits are planned by`() {
        let found = simulate(Server(), options(StartGate.Limit(perSecond: 4, burst: 4), window: 32))
        #expect(found.isComplete && found.seconds < 1.03 * floor(Server(), connections: 64), "\(found)")
        #expect(found.opened <= 26 && found.learned == nil)
    }

    @Test func `what an earlier run brought is not brought again, though no request has an end`() throws {
        let done = IntervalSet([20_000_000..<50_000_000, 70_000_000..<100_000_000])
        let limit = StartGate.Limit(perSecond: 4, burst: 3)
        var planner = DownloadPlanner(total: size, done: done, options: options(limit, window: 16), now: 0.3)
        let first = planner.adopt(0..<Int.max, openedAt: 0, now: 0.3)
        #expect(planner.parts[first]?.position == 0 && planner.parts[first]?.end == 20_000_000)
        var taken = [0..<20_000_000]
        _ = planner.received(first, 1 << 20, now: 0.5)
        for case .open(let id, _, _) in planner.plan(now: 0.5) {
            let part = try #require(planner.parts[id])
            taken.append(part.position..<part.end)
        }
        #expect(IntervalSet(taken).ranges == [0..<20_000_000, 50_000_000..<70_000_000, 100_000_000..<150_000_000])
        // A connection that comes to what is here has brought enough.
        #expect(planner.received(first, 19 << 20, now: 9) == 20_000_000 - 1 << 20)
    }

    @Test func `a host that holds starts back is found out`() throws {
        let found = simulate(Server(), options(nil, window: 16))
        #expect(found.isComplete && found.seconds < 1.15 * floor(Server(), connections: 64), "\(found)")
        let rate = try #require(found.learned?.retrievesPerSecond)
        #expect((3.5...4.5).contains(rate))
    }

    @Test func `refusals name the limit, and are few`() throws {
        let server = Server(refuses: true, connections: 10)
        let known = simulate(server, options(StartGate.Limit(perSecond: 4, burst: 4), window: 10))
        #expect(known.isComplete && known.seconds < 1.05 * floor(server, connections: 10), "\(known)")
        #expect(known.refused == 0)
        let unknown = simulate(server, options(nil, window: 16))
        #expect(unknown.isComplete && unknown.seconds < 1.12 * floor(server, connections: 10), "\(unknown)")
        #expect(unknown.refused <= 2 && unknown.learned?.connections == 10)
    }

    @Test func `a host that counts nothing is hardly felt for`() {
        let found = simulate(Server(perSecond: 1e6, burst: 1e6), options(nil, window: 16))
        #expect(found.isComplete && found.seconds < 1.2 * (75.0 / 16 + 9 * roundTrip), "\(found)")
        #expect(found.learned == nil)
    }
}

/// Who takes how much, where starts are counted. Expected bytes are arithmetic: all end together.
@Suite struct StartSharesTests {
    private func shares(_ rests: [Double], begins: [Double], later: [Double], latency: Double = 0) -> StartShares {
        let works = rests.enumerated().map { StartShares.Work(id: $0, rest: $1 * 1e6, speed: 1e6, silence: 0, lead: 0) }
        return StartShares(works: works, own: 1e6, begins: begins, later: later, latency: latency)
    }

    private func first(_ shares: StartShares) -> (id: Int, megabytes: Double)? {
        shares.first.map { ($0.id, Double($0.bytes) / 1e6) }
    }

    @Test func `who will be done soon is counted on`() throws {
        // 12 MB on three connections: 4 s. The one with 2 MB takes 2 MB more of the one with 10.
        let first = try #require(self.first(shares([10, 2], begins: [0], later: [0, 0])))
        #expect(first.id == 0 && abs(first.megabytes - 4) < 0.1, "\(first)")
        // If it may not start before 3 s, it brings 1 MB at the most: 11 MB on two by then.
        let late = try #require(self.first(shares([10, 2], begins: [0], later: [3, 3])))
        #expect(late.id == 0 && abs(late.megabytes - 13.0 / 3) < 0.1, "\(late)")
    }

    @Test func `where connections are scarce, one takes of several in turn`() throws {
        // 15 MB on four: 3.75 s, so the fourth takes 1.25 MB of each of the others.
        let first = try #require(self.first(shares([5, 5, 5], begins: [0], later: [0, 0, 0])))
        #expect(abs(first.megabytes - 1.25) < 0.1, "\(first)")
    }

    @Test func `where starts are scarce, two end together`() throws {
        let first = try #require(self.first(shares([5, 5, 5], begins: [0, 100], later: [100, 100])))
        #expect(abs(first.megabytes - 2.5) < 0.1, "\(first)")
    }

    @Test func `nothing is taken where it would come too late`() {
        #expect(shares([1, 1], begins: [2], later: [2]).first.map { $0.bytes <= 0 } ?? true)
        #expect(shares([], begins: [0], later: []).first == nil)
        #expect(shares([1], begins: [], later: []).first == nil)
    }
}

/// What hosts turned out to bear, between runs.
@Suite struct HostProfileTests {
    private let folder = Folder()
    private let origin = WebAddress.Origin(scheme: "ftp", host: "h.org", port: 21)

    @Test func `what was learnt is there for the next run, and nothing of secrets`() throws {
        let file = folder.path + "/cache/deep/hosts.json"
        let limiter = Limiter(TransportOptions.Limits(), HostProfiles(file: file))
        limiter.learned(.init(connections: 10, retrievesPerSecond: 4.03, burst: 4), at: origin)
        let next = Limiter(TransportOptions.Limits(), HostProfiles(file: file))
        #expect(next.limits(at: origin) == .init(connections: 10, retrievesPerSecond: 4.03, burst: 4))
        var said = TransportOptions.Limits()
        said.hosts["h.org"] = .init(connections: 3)
        #expect(Limiter(said, HostProfiles(file: file)).limits(at: origin).connections == 3)
        let other = WebAddress.Origin(scheme: "ftp", host: "h.org", port: 2121)
        #expect(next.limits(at: other).connections == 16)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"schema":"harvest.hosts/1","hosts":{"ftp://h.org:21":{"connections":99999,"learnt":1}}}"#,
        #"{"schema":"harvest.hosts/9","hosts":{"ftp://h.org:21":{"connections":2,"learnt":4000000000}}}"#,
        #"{"schema":"harvest.hosts/1","hosts":{"ftp://h.org:21":{"connections":-1,"learnt":"x"},"file:///":{}}}"#,
    ])
    func `a damaged or old file says nothing`(text: String) throws {
        folder.write("hosts.json", Array(text.utf8))
        let profiles = HostProfiles(file: folder.path + "/hosts.json")
        #expect(profiles[origin] == nil)
    }
}
