import Glibc
import HarvestCore
@testable import HarvestStores
import Testing

@Suite struct BrowserTests {
    /// A program that stands in for the browser.
    private func script(_ folder: Folder, _ body: String) -> Browser {
        folder.write("text", Array("#!/bin/sh\n\(body)\n".utf8))
        // Written by another process: a child that another test starts meanwhile would hold a file of ours open for
        // writing, and then it does not start ("text file busy").
        #expect(system("cp \(folder.path)/text \(folder.path)/browser && chmod 755 \(folder.path)/browser") == 0)
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

    @Test(arguments: [
        ("<p id=m>", true), ("<p class='a m b'>", true), ("<p>see m here", true),
        ("<script>'<p id=m>'</script>", false),
        ("<p class=mm title=m>", false), ("", false),
    ])
    func `a marker is an id, a class or a text that is shown`(document: String, isThere: Bool) {
        #expect(Browser.holds(Bytes(Array(document.utf8)), "m") == isThere)
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
        #expect(taken < .seconds(15))  // well before the script ends, however busy the machine is
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
