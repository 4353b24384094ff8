import Glibc
import Testing

@testable import HarvestReplica

/// The program itself, over TLS.
@Suite struct ProgramTests {
    private static let program: String? = {
        let words = CommandLine.arguments
        let bundle = words.firstIndex(of: "--test-bundle-path").map { words[$0 + 1] } ?? words[0]
        let path = bundle.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/harvest-replica"
        return access(path, X_OK) == 0 ? path : nil
    }()

    /// Runs the program to its end: status and stdout.
    private func run(_ words: [String]) throws -> (status: Int32, output: [UInt8]) {
        let child = try start(words)
        var output: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = read(child.output, &buffer, buffer.count), count > 0 { output += buffer[..<count] }
        close(child.output)
        return (wait(child.process), output)
    }

    private func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }

    private func start(_ words: [String]) throws -> (process: pid_t, output: Int32) {
        let program = try #require(Self.program)
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addclose(&actions, ends[1])
        var arguments = ([program] + words).map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        try #require(posix_spawn(&process, program, &actions, nil, &arguments, environ) == 0)
        close(ends[1])
        return (process, ends[0])
    }

    private func temporaryFolder() -> String {
        var template = Array("/tmp/replica-XXXXXX".utf8CString)
        return String(cString: mkdtemp(&template))
    }

    private func readFile(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test func `it serves over TLS, logs each request and ends on SIGTERM`() throws {
        let folder = temporaryFolder()
        let child = try start(["--state", folder])
        var line = [UInt8](repeating: 0, count: 4096)
        let count = read(child.output, &line, line.count)
        let ready = String(decoding: line[..<max(0, count)], as: UTF8.self)
        #expect(readFile(folder + "/ready.json") == ready)
        let ports = ready.split(separator: "127.0.0.1:").dropFirst().compactMap { UInt16($0.prefix { $0.isNumber }) }
        try #require(ports.count == 4)
        let (port, filePort) = (ports[0], ports[1])
        #expect(
            ready == "{\"https\":\"127.0.0.1:\(port)\",\"ftp\":\"127.0.0.1:\(filePort)\",\"ca\":\"\(folder)/ca.pem\","
                + "\"connect_to\":[\":443:127.0.0.1:\(port)\",\":21:127.0.0.1:\(filePort)\"],\"pid\":\(child.process)}\n"
        )

        let client = TestClient(port: port)
        client.startTLS(authority: folder + "/ca.pem", host: "files.replica.test")
        #expect(client.isVerified)
        #expect(client.get("files.replica.test/1k.bin", ["Range: bytes=1-4"])?.body.count == 4)
        let stranger = TestClient(port: port)
        stranger.startTLS(authority: folder + "/ca.pem", host: "elsewhere.test")
        #expect(!stranger.isVerified)

        let log = readFile(folder + "/requests.jsonl")
        let request = #"{"host":"files.replica.test","method":"GET","path":"/1k.bin","range":"bytes=1-4","#
        #expect(log.hasPrefix(request + #""status":206,"bytes":4,"seconds":"#))
        kill(child.process, SIGTERM)
        #expect(wait(child.process) == 0)
        close(child.output)
    }

    @Test func `bytes prints the part of an object that was asked for`() throws {
        let url = "https://files.replica.test/testing.tif"
        #expect(try run(["bytes", url, "0-7"]).output == [0x49, 0x49, 42, 0, 0x08, 0x00, 0x0C, 0x00])
        #expect(try run(["bytes", url, "-15"]).output == Array("InsightToolkit\0".utf8))
        #expect(try run(["bytes", "https://files.replica.test/1k.bin"]).output.count == 1024)
    }

    @Test func `voxels prints a box, little-endian`() throws {
        let run = try run(["voxels", "openorganelle", "--level", "8", "--box", "0:2,0:9,0:10"])
        #expect(run.status == 0 && run.output.count == 2 * 9 * 10 * 2)
    }

    @Test(arguments: [
        ["--state"], ["--fault", "x"], [], ["--state", "/tmp", "--fault", "a/b=c"], ["voxels", "nothing"],
        ["voxels", "epfl", "--box", "0:1,0:1,0:9999"], ["bytes"],
    ]) func `a wrong command line ends with 64`(words: [String]) throws {
        #expect(try run(words).status == 64)
    }

    @Test func `help and hosts explain themselves`() throws {
        let help = try run(["--help"])
        #expect(help.status == 0 && String(decoding: help.output, as: UTF8.self).contains("stall-after:BYTES"))
        let hosts = try run(["hosts"])
        #expect(hosts.status == 0 && String(decoding: hosts.output, as: UTF8.self).contains("api.figshare.com"))
    }
}
