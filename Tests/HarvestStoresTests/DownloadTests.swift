import Glibc
import HarvestCore
@testable import HarvestStores
import Synchronization
import Testing

@Suite struct DownloadTests {
    private let bytes = sample(1_000_000)
    private let folder = Folder()
    private let download = Download(connections: 4, segment: 64 << 10)

    private func fetch(_ server: FaultServer) async throws -> Int {
        try await download.fetch(
            "", of: HTTPStore(server.url + "/v.tif", client: quickClient()), to: folder.path + "/v.tif")
    }

    @Test func `an object comes in ranges, whole and in order of progress`() async throws {
        let server = FaultServer.serving(["v.tif": bytes])
        let told = Mutex<[Int]>([])
        let store = try HTTPStore(server.url + "/v.tif", client: quickClient())
        let count = try await download.fetch("", of: store, to: folder.path + "/v.tif") { done, total in
            #expect(total == 1_000_000)
            told.withLock { $0.append(done) }
        }
        #expect(try count == 1_000_000 && folder.read("v.tif") == bytes)
        #expect(server.requests.count == 16 && server.mostConcurrent <= 4)
        #expect(told.withLock { $0 == $0.sorted() && $0.last == 1_000_000 && $0.count == 16 })
        #expect(access(folder.path + "/v.tif.part", F_OK) != 0)
    }

    @Test(arguments: [0, 1, 64 << 10, 100_000]) func `lengths around a segment`(count: Int) async throws {
        #expect(try await fetch(.serving(["v.tif": Array(bytes.prefix(count))])) == count)
        #expect(try folder.read("v.tif") == Array(bytes.prefix(count)))
    }

    @Test func `cut and failing answers end in the same bytes`() async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index % 5 == 1 { answer.fault = .cut(after: index * 1000) }
            if index % 7 == 3 { return .init(status: 503) }
            return answer
        }
        _ = try await fetch(server)
        #expect(try folder.read("v.tif") == bytes)
    }

    @Test func `a server that ignores ranges is read as one stream`() async throws {
        let bytes = sample(20 << 20)
        for isUnsized in [false, true] {
            let isFirst = Mutex(!isUnsized)
            let server = FaultServer { request, _ in
                let isCut =
                    request.range == nil
                    && isFirst.withLock { first in
                        defer { first = false }
                        return first
                    }
                return .init(body: bytes, fault: isCut ? .cut(after: 15 << 20) : nil, isUnsized: isUnsized)
            }
            #expect(try await fetch(server) == bytes.count)
            #expect(try folder.read("v.tif") == bytes)
            #expect(server.requests.count { $0.range == nil } == (isUnsized ? 1 : 2))
        }
    }

    @Test func `an object that changes meanwhile never gets its name`() async throws {
        let server = FaultServer { [bytes] request, index in
            FaultServer.ranged(bytes, request, tag: index < 6 ? "\"a\"" : "\"b\"")
        }
        await expectError(.changed) { try await fetch(server) }
        #expect(access(folder.path + "/v.tif", F_OK) != 0)
    }

    @Test func `a cancelled download leaves no file under the name`() async throws {
        let server = FaultServer { [bytes] request, index in
            var answer = FaultServer.ranged(bytes, request)
            if index > 5 { answer.fault = .stall(after: 10) }
            return answer
        }
        var options = quickOptions()
        options.deadlines.idle = 30
        let store = try HTTPStore(server.url + "/v.tif", client: HTTPClient(options: options))
        let task = Task { [download, folder] in try await download.fetch("", of: store, to: folder.path + "/v.tif") }
        while server.requests.count < 8 { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(access(folder.path + "/v.tif", F_OK) != 0 && access(folder.path + "/v.tif.part", F_OK) == 0)
    }

    @Test func `what does not fit is refused before it starts`() async throws {
        let huge = 1 << 60
        let server = FaultServer { _, _ in
            .init(status: 206, headers: ["Content-Range": "bytes 0-65535/\(huge)"], body: sample(65536))
        }
        await expectError(.storage, saying: "do not fit") { try await fetch(server) }
        #expect(server.requests.count == 1)
    }

    @Test func `a full disk is said in a sentence`() async throws {
        let store = MemoryStore(["a": bytes])
        // /dev/full takes nothing: the kernel's own full disk.
        symlink("/dev/full", folder.path + "/full.part")
        await expectError(.storage, saying: "the disk is full") {
            try await download.fetch("a", of: store, to: folder.path + "/full")
        }
        await expectError(.notFound) { try await download.fetch("a", of: store, to: folder.path + "/none/a") }
    }

    @Test func `what is missing costs no file`() async throws {
        await expectError(.notFound) { try await fetch(.serving([:])) }
        #expect(access(folder.path + "/v.tif", F_OK) != 0)
    }
}

@Suite struct BrowserTests {
    /// A program that stands in for the browser.
    private func script(_ folder: Folder, _ body: String) -> Browser {
        folder.write("browser", Array("#!/bin/sh\n\(body)\n".utf8))
        chmod(folder.path + "/browser", 0o755)
        return Browser(path: folder.path + "/browser")
    }

    private func render(_ browser: Browser, _ marker: String) async throws -> Page? {
        try await HTTPWeb(client: quickClient(), browser: browser).renderedPage(at: "http://a.test/", until: marker)
    }

    @Test func `the page's clock runs further until the marker is there`() async throws {
        let folder = Folder()
        let browser = script(folder, "case \"$*\" in *budget=8000*) echo '<p id=ready>';; *) echo '<p>';; esac")
        let page = try await render(browser, "ready")
        #expect(page?.body.text == "<p id=ready>\n" && page?.isRendered == true)
        #expect(try await render(browser, "never") == nil)
    }

    @Test func `a browser that hangs is ended with all its children`() async throws {
        let folder = Folder()
        var browser = script(folder, "sleep 77 & echo $! > \(folder.path)/child; sleep 77")
        browser.deadline = 0.3
        #expect(try await render(browser, "x") == nil)
        let child = try #require(folder.read("child").flatMap { Int32(String(decoding: $0, as: UTF8.self).trimmed) })
        // Gone, or a zombie that nobody has waited for.
        let status = try await FileStore("/proc/\(child)/stat").readIfPresent("")?.text
        #expect(kill(child, 0) != 0 || status.map { $0.isEmpty || $0.contains(") Z") } ?? true)
    }

    @Test func `cancelling ends the browser`() async throws {
        let browser = script(Folder(), "sleep 77")
        let task = Task { try await render(browser, "x") }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        let clock = ContinuousClock()
        let taken = await clock.measure { _ = await task.result }
        #expect(taken < .milliseconds(500))
    }

    @Test func `no browser, no page`() async throws {
        #expect(try await HTTPWeb(client: quickClient()).renderedPage(at: "http://a.test/", until: "x") == nil)
        #expect(Browser.installed(environment: ["PATH": "/nowhere"]) == nil)
        #expect(Browser.installed(environment: ["HARVEST_CHROMIUM": "/bin/sh"])?.path == "/bin/sh")
    }

    @Test func `certificates go unchecked only where both an authority and the host are the user's`() async throws {
        let browser = Browser(path: "/b")
        func line(_ host: String, _ authority: String?) throws -> [String] {
            var options = quickOptions(connectTo: ["a.test:443:127.0.0.1:9"])
            options.certificateAuthority = authority
            let client = try HTTPClient(options: options)
            return browser.arguments(try WebAddress("https://\(host)/"), budget: 1, profile: "/p", for: client)
        }
        let loose = "--ignore-certificate-errors"
        #expect(try line("a.test", "/ca.pem").contains(loose))
        #expect(try !line("b.test", "/ca.pem").contains(loose) && !line("a.test", nil).contains(loose))
        #expect(try line("a.test", nil).contains("--host-resolver-rules=MAP a.test:443 127.0.0.1:9"))
    }
}
