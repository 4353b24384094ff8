import HarvestCore
import Synchronization

/// Who one client is to others: keys are read once, when a store first wants them, and what a bucket made of them is kept.
final class Access: Sendable {
    private let options: AccessOptions
    private let settings = Mutex<Result<AWSSettings, HarvestError>?>(nil)
    private let standings = Mutex<[String: Standing]>([:])

    /// How a bucket is asked, once that is known.
    private enum Standing { case authorized, anonymous }

    init(_ options: AccessOptions) { self.options = options }

    /// - Throws: As ``AWSSettings/init(_:)``.
    func aws() throws(HarvestError) -> AWSSettings {
        try settings.withLock { settings in
            let found = settings ?? Result { () throws(HarvestError) in try AWSSettings(options) }
            settings = found
            return found
        }.get()
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
        guard let status = error.underlying as? UnexpectedStatus else { return false }
        return [401, 403].contains(status.head.status)
            || status.head.status == 400 && S3Error(status, at: error.place).isOfToken
    }
}
