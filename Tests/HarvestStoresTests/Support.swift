import HarvestCore
import HarvestStores
import Testing

/// Options for tests: short deadlines and backoffs.
func quickOptions(connectTo: [String] = []) -> TransportOptions {
    var options = TransportOptions()
    options.connectTo = connectTo
    options.deadlines.connect = 2
    options.deadlines.firstByte = 0.3
    options.deadlines.idle = 0.3
    options.retry.base = 0.002
    options.retry.cap = 0.01
    return options
}

/// A client for many MB: on a busy machine late is not gone.
func calmClient() throws -> HTTPClient {
    var options = quickOptions()
    (options.deadlines.firstByte, options.deadlines.idle) = (20, 20)
    return try HTTPClient(options: options)
}

func quickClient(connectTo: [String] = []) throws -> HTTPClient {
    try HTTPClient(options: quickOptions(connectTo: connectTo))
}

/// Expects `body` to throw an error of this kind whose sentence holds `text`.
func expectError(
    _ kind: HarvestError.Kind, saying text: String = "", _ body: () async throws -> Any,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    do {
        let value = try await body()
        Issue.record("no error but \(value)", sourceLocation: sourceLocation)
    } catch let error as HarvestError {
        #expect(
            error.kind == kind && error.description.contains(text), "\(error.kind): \(error)",
            sourceLocation: sourceLocation)
    } catch {
        Issue.record("another error: \(error)", sourceLocation: sourceLocation)
    }
}
