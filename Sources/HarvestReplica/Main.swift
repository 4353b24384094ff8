internal import Glibc

/// Parses the command line and does what it asks. Exit status: 0, 64 for a command line that cannot be read, 69 where
/// something needed is not there, 71 where the system refuses.
@main struct Main {
    static func main() {
        let invocation: Invocation
        do {
            invocation = try Invocation(Array(CommandLine.arguments.dropFirst()))
        } catch {
            fail(64, error.text)
        }
        switch invocation {
        case .help: print(HelpText.text, terminator: "")
        case .hosts:
            for host in Site().hosts {
                print(host.names.joined(separator: "\n"))
                for route in host.routes { print("  \(route)") }
            }
        case .bytes(let url, let range): Truth.writeBytes(url: url, range: range)
        case .voxels(let dataset, let level, let box): Truth.writeVoxels(dataset: dataset, level: level, box: box)
        case .serve(let folder, let port, let ftpPort, let rules, let seed):
            serve(folder: folder, port: port, ftpPort: ftpPort, plan: FaultPlan(rules: rules, seed: seed))
        }
    }

    private static func serve(folder: String, port: UInt16, ftpPort: UInt16, plan: FaultPlan) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)  // before any thread starts: only `sigwait` below takes them

        mkdir(folder, 0o755)
        guard let resolved = realpath(folder, nil) else { fail(71, "\(folder) is not a folder and cannot be made") }
        let folder = String(cString: resolved)
        free(resolved)
        unlink(folder + "/ready.json")  // nobody is to be led to a server that is gone
        let site = Site()
        let certificates: Certificates
        do {
            certificates = try Certificates(folder: folder, hosts: site.hosts.flatMap { $0.names })
        } catch {
            fail(69, error.reason)
        }
        guard let tls = TLSContext(certificate: certificates.certificate, key: certificates.key) else {
            fail(71, "OpenSSL refuses the certificate in \(folder)")
        }
        guard let log = RequestLog(path: folder + "/requests.jsonl") else {
            fail(71, "\(folder)/requests.jsonl cannot be written")
        }
        _ = NucleusAccumbens.redirected
        guard let server = Server(port: port, tls: tls, site: site, plan: plan, log: log) else {
            fail(71, "port \(port) of 127.0.0.1 cannot be had")
        }
        guard let files = FTPServer(port: ftpPort, plan: plan, log: log) else {
            fail(71, "port \(ftpPort) of 127.0.0.1 cannot be had")
        }
        let address = "127.0.0.1:\(server.port)", ftp = "127.0.0.1:\(files.port)"
        let ready =
            "{\"https\":\"\(address)\",\"ftp\":\"\(ftp)\",\"ca\":\(JSONText.quoted(certificates.authority)),"
            + "\"connect_to\":[\":443:\(address)\",\":21:\(ftp)\"],\"pid\":\(getpid())}\n"
        guard writeFile(folder + "/ready.json", ready) else { fail(71, "\(folder)/ready.json cannot be written") }
        Truth.write(Array(ready.utf8))

        var signal: Int32 = 0
        sigwait(&signals, &signal)
        server.stop()
        files.stop()
        unlink(folder + "/ready.json")
        exit(0)
    }

    static func fail(_ status: Int32, _ sentence: String) -> Never {
        let line = Array("harvest-replica: \(sentence)\n".utf8)
        _ = Glibc.write(2, line, line.count)
        exit(status)
    }
}
