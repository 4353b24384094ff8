import HarvestCore
import Synchronization

/// Who one client is to others: keys are read once, when a store first wants them, and what a bucket made of them is kept.
final class Access: Sendable {
    private let settings: Late<AWSSettings>
    private let tokens: Late<GoogleTokens?>
    private let netrc: Late<Netrc>
    private let standings = Mutex<[String: Standing]>([:])

    /// How a bucket is asked, once that is known.
    private enum Standing { case authorized, anonymous }

    init(_ options: AccessOptions) {
        settings = Late { () throws(HarvestError) in try AWSSettings(options) }
        tokens = Late { () throws(HarvestError) in try GoogleKeys.find(options).map(GoogleTokens.init) }
        netrc = Late { () throws(HarvestError) in try Netrc(options) }
    }

    /// - Throws: As ``AWSSettings/init(_:)``.
    func aws() throws(HarvestError) -> AWSSettings { try settings.value() }

    /// - Returns: `nil` for nobody.
    /// - Throws: As ``GoogleKeys/find(_:)``.
    func google() throws(HarvestError) -> GoogleTokens? { try tokens.value() }

    /// A web or FTP server's address, with the user that `.netrc` has for it unless it names one.
    ///
    /// - Throws: `.invalid` for what is no address, and as ``Netrc/init(_:)-(AccessOptions)``.
    func address(_ url: String) throws(HarvestError) -> WebAddress {
        try netrc.value().completing(try WebAddress(url))
    }

    /// Runs `body` with `authorize`, and once more as nobody where a bucket refuses: public ones refuse strangers' keys,
    /// and keys of long ago. What worked is how that bucket is asked from then on.
    ///
    /// - Throws: What `body` throws; where both ways are refused, what the first one said.
    func ask<R: Sendable>(
        _ bucket: String, _ authorize: Authorize?, _ body: (Authorize?) async throws -> R
    ) async throws -> R {
        guard let authorize, standing(of: bucket) != .anonymous else { return try await body(nil) }
        do {
            let result = try await body(authorize)
            settle(bucket, .authorized)
            return result
        } catch let refusal as HarvestError where Self.isRefusal(refusal) && standing(of: bucket) != .authorized {
            do {
                let result = try await body(nil)
                settle(bucket, .anonymous)
                return result
            } catch let error as HarvestError {
                if Self.isRefusal(error) {
                    settle(bucket, .authorized)
                    throw refusal
                }
                if error.underlying is UnexpectedStatus { settle(bucket, .anonymous) }
                throw error
            }
        }
    }

    private func standing(of bucket: String) -> Standing? { standings.withLock { $0[bucket] } }
    private func settle(_ bucket: String, _ standing: Standing) { standings.withLock { $0[bucket] = standing } }

    private static func isRefusal(_ error: HarvestError) -> Bool {
        if error.underlying is GoogleTokens.Missing { return true }
        guard let status = error.underlying as? UnexpectedStatus else { return false }
        return [401, 403].contains(status.head.status)
            || status.head.status == 400 && S3Error(status, at: error.place).isOfToken
    }
}

/// A value that is made when it is first wanted, once.
private final class Late<Value: Sendable>: Sendable {
    private let make: @Sendable () throws(HarvestError) -> Value
    private let made = Mutex<Result<Value, HarvestError>?>(nil)

    init(_ make: @escaping @Sendable () throws(HarvestError) -> Value) { self.make = make }

    func value() throws(HarvestError) -> Value {
        try made.withLock { made in
            let result = made ?? Result { () throws(HarvestError) in try make() }
            made = result
            return result
        }.get()
    }
}
