import ArgumentParser
import ImageHarvest

@main
struct Harvest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "harvest",
        abstract: "The address of an electron-microscopy dataset in; descriptions, metadata, voxels out.",
        discussion: """
            An address is a portal's page, a link (s3://, gs://, https://….tif) or a path. \
            A verb runs the earlier verbs it needs. Every array argument is z,y,x; ranges are start:stop, half-open.

            EXAMPLES
              harvest collect https://www.epfl.ch/labs/cvlab/data/data-em/ --into data
              harvest probe https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2
              harvest compare a.tif b.zarr --format csv
              harvest read volume.zarr --digest --json

            EXIT STATUS
              0   done
              1   finished, but some items failed
              64  the request makes no sense
              65  the bytes break their format
              66  nothing is there
              69  no portal, format, codec or type here knows it
              70  a bug; please report
              73  the local disk refused
              74  the source changed, or a checksum differs
              75  the far side failed after all retries
              77  not permitted
              130 interrupted; run the same command again to go on
            """,
        version: "harvest 0.1.0",
        subcommands: [
            CollectCommand.self, DescribeCommand.self, ProbeCommand.self, FetchCommand.self, CompareCommand.self,
            ReadCommand.self, ValidateCommand.self, VerifyCommand.self, ListCommand.self, DoctorCommand.self,
        ])

    static func main() async {
        // The Swift runtime reads the command line from /proc/self/maps; without it this would look like no arguments
        // at all, which is a success.
        guard CommandLine.argc > 0 else {
            Terminal.say("harvest: the command line cannot be read: /proc/self/maps does not open")
            exit(withError: ExitCode(HarvestError.Kind.storage.exitCode))
        }
        prepare(CommandLine.arguments)
        Signals.watch()
        await main(nil)
    }

    /// Begins, while the command line is read, what its first request will wait for: some 10 ms, or a round trip.
    private static func prepare(_ arguments: [String]) {
        guard arguments.count > 2, let url = arguments[2...].first(where: { $0.contains("://") }) else { return }
        var environment = TransportOptions.processEnvironment
        if let flag = arguments.first(where: { $0.hasPrefix("--connect-to") }) {
            environment["HARVEST_CONNECT_TO"] = flag
        }
        // Of a file, its beginning and its end are asked for at once.
        HTTPClient.prepare(for: url, connections: arguments[1] == "probe" ? 2 : 1, environment: environment)
    }
}
