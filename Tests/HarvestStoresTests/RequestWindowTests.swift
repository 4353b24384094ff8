@testable import HarvestStores
import Testing

/// The window against hosts of known capacity: by Little's law n requests at a time, each `latency` long, bring n / latency
/// a second, until the link is full.
@Suite struct RequestWindowTests {
    /// Sends `count` objects of `bytes` through `window`.
    ///
    /// - Parameter capacity: Objects a second that the host brings at the most with so many at a time.
    private func simulate(
        _ window: inout RequestWindow, count: Int, bytes: Int = 65_536, latency: Double = 0.02, isAhead: Bool = false,
        capacity: (Int) -> Double
    ) -> Double {
        var now = 0.0
        var left = count, running: [Double] = []  // when each began
        while left > 0 || !running.isEmpty {
            while running.count < window.size, left > 0 {
                running.append(now)
                left -= 1
            }
            let size = running.count
            now += 1 / min(Double(size) / latency, capacity(size))
            let start = running.removeFirst()
            window.ended(bytes: bytes, seconds: max(latency, now - start), others: left > 0, isAhead: isAhead, now: now)
        }
        return now
    }

    @Test func `small objects far away find the most`() {
        var window = RequestWindow(size: 16, most: 128)
        let seconds = simulate(&window, count: 20_000) { _ in 1e6 }
        #expect(window.size == 128)
        #expect(seconds < 1.25 * 20_000 * 0.02 / 128, "\(seconds)")
    }

    @Test func `over connections that are there already the most is found in half the time`() {
        let seconds = [false, true].map { isAhead in
            var window = RequestWindow(size: 16, most: 128)
            defer { #expect(window.size == 128) }
            // Alone with 128 at a time from the start it would be this: the rest is the search.
            return simulate(&window, count: 5000, isAhead: isAhead) { _ in 1e6 } - 5000 * 0.02 / 128
        }
        #expect(seconds[1] < 0.6 * seconds[0], "\(seconds)")
    }

    @Test func `where more bring no more, the number stays what brought more`() {
        var window = RequestWindow(size: 16, most: 128)
        _ = simulate(&window, count: 20_000) { _ in 1000 }  // full with 20 at a time
        #expect((16...32).contains(window.size))
    }

    @Test func `a host that breaks down under many is left at few`() {
        var window = RequestWindow(size: 16, most: 128)
        let seconds = simulate(&window, count: 20_000) { $0 > 32 ? 300 : 2000 }
        #expect(window.size == 32)
        #expect(seconds < 1.5 * 20_000 / 1600, "\(seconds)")
    }

    @Test func `large objects do not fill the queues between`() {
        var window = RequestWindow(size: 16, most: 128)
        _ = simulate(&window, count: 5000, bytes: 1 << 20) { _ in 1e6 }
        #expect(window.size == 64)
    }

    @Test func `without others waiting nothing is learnt`() {
        var window = RequestWindow(size: 16, most: 128)
        for step in 1...1000 { window.ended(bytes: 1000, seconds: 0.02, others: false, now: Double(step) * 0.01) }
        #expect(window.size == 16)
    }

    @Test func `refusals that come together count once, later ones again, and never below one`() {
        var window = RequestWindow(size: 16, most: 128)
        for step in 0..<10 { window.refused(now: 100 + Double(step) * 0.05) }
        #expect(window.size == 11)
        for step in 0..<20 { window.refused(now: 110 + Double(step) * 2) }
        #expect(window.size == 1)
    }

    @Test func `a number that is fixed stays`() {
        var window = RequestWindow(size: 3, most: 3)
        _ = simulate(&window, count: 5000) { _ in 1e6 }
        #expect(window.size == 3)
    }
}
