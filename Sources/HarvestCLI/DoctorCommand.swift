import ArgumentParser
import ImageHarvest

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Checks this machine: libraries, network settings, browser, keys.",
        discussion: """
            EXAMPLES
              harvest doctor
              harvest doctor --json | jq '.checks[] | select(.ok == false)'
            """)

    @OptionGroup var common: CommonFlags

    func run() async throws {
        let checks = Doctor.checks(try common.context, environment: common.environment)
        if common.json {
            let json: JSON = [
                "schema": "harvest.doctor/1", "ok": .bool(checks.allSatisfy { $0.isFine || !$0.isNeeded }),
                "checks": .array(checks.map(\.json)),
            ]
            Terminal.print(json.compact)
        } else {
            for check in checks {
                Terminal.print(
                    "\(check.isFine ? "ok     " : check.isNeeded ? "MISSING" : "–      ") \(check.name): \(check.message)"
                )
            }
        }
        if checks.contains(where: { !$0.isFine && $0.isNeeded }) { throw ExitCode(1) }
    }
}
