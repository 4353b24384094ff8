import ArgumentParser
import ImageHarvest

/// Flags that every verb has.
struct CommonFlags: ParsableArguments {
    @Flag(help: "Print the result as JSON, one line per address.") var json = false
    @Flag(name: [.short, .long], help: "No progress.") var quiet = false
    @Flag(name: [.short, .long], help: "Say more about errors.") var verbose = false
    @Option(help: ArgumentHelp("Progress as JSON lines into this file (- is stderr).", valueName: "file"))
    var events: String?
    @Option(
        help: ArgumentHelp("Connect elsewhere for a host, as curl does (repeatable).", valueName: "host:port:host:port")
    )
    var connectTo: [String] = []
    @Option(
        help: ArgumentHelp("A file of certificate authorities to trust instead of the system's.", valueName: "file"))
    var ca: String?
    @Option(help: "No more bytes a second than this, over all connections (HARVEST_LIMIT_RATE).")
    var limitRate: ByteCount?
    @Flag(help: "Use and keep nothing of what runs may remember in HARVEST_CACHE.") var noCache = false

    /// The process's environment with these flags over it.
    var environment: [String: String] {
        var environment = TransportOptions.processEnvironment
        if !connectTo.isEmpty { environment["HARVEST_CONNECT_TO"] = connectTo.joined(separator: ",") }
        if let ca { environment["HARVEST_CA"] = ca }
        if let limitRate { environment["HARVEST_LIMIT_RATE"] = "\(limitRate.value)" }
        if noCache { environment["HARVEST_CACHE"] = "none" }
        return environment
    }

    /// The context these flags and the environment make.
    ///
    /// - Throws: The exit status 64, once the reason was said.
    var context: Context {
        get throws {
            do { return try Context(environment: environment) } catch {
                report(HarvestError.wrapping(error), address: "settings")
                throw ExitCode(HarvestError.wrapping(error).kind.exitCode)
            }
        }
    }

    /// What shows progress, as these flags say.
    var progress: ProgressLine {
        get throws {
            do { return try ProgressLine(isQuiet: quiet, events: events) } catch {
                report(HarvestError.wrapping(error), address: events ?? "")
                throw ExitCode(HarvestError.wrapping(error).kind.exitCode)
            }
        }
    }

    /// Says an error: a JSON line on stdout where asked for, the sentence on stderr always.
    func report(_ error: HarvestError, address: String) {
        if json { Terminal.print(error.json(address: address).compact) }
        say(error, address: address)
    }

    /// Says an error as one sentence on stderr.
    func say(_ error: HarvestError, address: String) {
        Terminal.clearLine()
        let text = error.description.withoutCredentials, shown = address.withoutCredentials
        let at = text.contains(shown) ? "" : "\(shown.displayed(limit: 300)): "
        Terminal.say("harvest: \(at)\(text)")
        if verbose, let underlying = error.underlying { Terminal.say("  because: \(underlying)") }
    }

    /// Prints findings, the gravest first, each under its dataset's name.
    func show(_ findings: [(id: String, finding: Finding)]) {
        if findings.isEmpty { return }
        Terminal.print("")
        for (id, finding) in findings.sorted(by: { $0.finding.severity > $1.finding.severity }) {
            Terminal.print("\(finding.severity.rawValue): \(id): \(finding.message.displayed()) [\(finding.rule)]")
        }
    }

    /// The addresses; `-` stands for those that stdin holds, one a line.
    func expand(_ addresses: [String]) -> [String] {
        addresses.flatMap { address -> [String] in
            guard address == "-" else { return [address] }
            var lines: [String] = []
            while let line = readLine() { if !line.trimmingSpaces().isEmpty { lines.append(line.trimmingSpaces()) } }
            return lines
        }
    }

    /// Runs `body` for each address in turn; `-` reads addresses from stdin, one a line.
    ///
    /// - Throws: The exit status: of one address its own, of several 1 where any failed.
    func forEach(_ addresses: [String], _ body: (String) async throws -> Bool) async throws {
        let all = expand(addresses)
        var code: Int32 = 0
        for address in all {
            do { if !(try await body(address)) { code = 1 } } catch let exit as ExitCode { throw exit } catch {
                let known = HarvestError.wrapping(error)
                report(known, address: address)
                code = all.count == 1 ? known.kind.exitCode : 1
            }
        }
        if code != 0 { throw ExitCode(code) }
    }
}

/// A number of bytes on the command line: `500MB`, `1GiB`.
struct ByteCount: ExpressibleByArgument {
    var value: Int
    init(_ value: Int) { self.value = value }
    init?(argument: String) {
        guard let value = Size.parse(argument) else { return nil }
        self.value = value
    }
    var defaultValueDescription: String { Size.text(value) }
}

/// Three numbers of z, y, x on the command line, none negative: `50,8,8`; one alone stands for all three.
struct Triple: ExpressibleByArgument {
    var values: [Double]
    init?(argument: String) {
        let values = argument.split(separator: ",").compactMap { Double($0.trimmingSpaces()) }
        guard values.count == argument.split(separator: ",").count, values.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            return nil
        }
        guard values.count == 3 || values.count == 1 else { return nil }
        self.values = values.count == 1 ? [values[0], values[0], values[0]] : values
    }
}

/// Three lengths in nm on the command line.
struct VoxelSize: ExpressibleByArgument {
    var values: [Double]
    init?(argument: String) {
        guard let triple = Triple(argument: argument), triple.values.allSatisfy({ $0 > 0 }) else { return nil }
        values = triple.values
    }
}
