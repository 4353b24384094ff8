import HarvestCore

/// Keys to Amazon S3, or to a server that speaks like it.
struct AWSKeys: Sendable, Equatable {
    var id: String
    var secret: Secret
    /// What temporary keys bring along.
    var session: Secret?
}

/// Who we are to Amazon S3, and where it is: from variables, else from a profile of the shared files (AWS SDKs and Tools
/// Reference Guide, "Settings reference").
struct AWSSettings: Sendable, Equatable {
    /// `nil` asks as nobody.
    var keys: AWSKeys?
    var region: String?
    /// The server that a profile names instead of Amazon's.
    var endpoint: String?

    /// What stands in a profile whose keys have to be asked for.
    private static let indirections = [
        "sso_session", "sso_start_url", "role_arn", "credential_process", "login_session", "web_identity_token_file",
    ]

    /// - Throws: ``HarvestError`` `.invalid` for half a pair of keys, or where `AWS_PROFILE` names no profile;
    ///   `.unsupported` where it names one without keys of its own.
    init(_ options: AccessOptions) throws(HarvestError) {
        let named = options.variable("AWS_PROFILE")
        let profile = named ?? "default"
        let shared = Self.profile(
            profile, options.path("AWS_SHARED_CREDENTIALS_FILE", usual: ".aws/credentials"), isConfig: false)
        let config = Self.profile(profile, options.path("AWS_CONFIG_FILE", usual: ".aws/config"), isConfig: true)
        let settings = (config ?? [:]).merging(shared ?? [:]) { $1 }.filter { !$0.value.isEmpty }
        region =
            options.variable("AWS_REGION") ?? options.variable("AWS_DEFAULT_REGION") ?? settings["region"]
        // It becomes part of a host's name; other servers than Amazon's have regions like `RegionOne`.
        if let region, region.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) == nil {
            throw .invalid("\"\(region.displayed(limit: 60))\" is no region of S3", next: "check AWS_REGION")
        }
        endpoint = settings["endpoint_url"]
        if options.isAnonymous { return }
        keys = try Self.pair(
            options.variable("AWS_ACCESS_KEY_ID"), options.variable("AWS_SECRET_ACCESS_KEY"),
            options.variable("AWS_SESSION_TOKEN"), in: "the environment")
        if keys != nil { return }
        let place = "profile \(profile.displayed(limit: 60))"
        if named != nil, shared == nil, config == nil {
            throw .invalid("there is no such profile of keys", at: place, next: "check AWS_PROFILE and ~/.aws/config")
        }
        do {
            keys = try Self.pair(
                settings["aws_access_key_id"], settings["aws_secret_access_key"], settings["aws_session_token"],
                in: place)
        } catch {
            if named != nil { throw error }  // else it stops no anonymous read
        }
        if keys == nil, named != nil, let how = Self.indirections.first(where: { settings[$0] != nil }) {
            throw .unsupported(
                "keys that have to be asked for (\(how)) are not supported", at: place,
                next: "export the keys: aws configure export-credentials --profile \(profile.displayed(limit: 60)) "
                    + "--format env")
        }
    }

    /// A profile of a file; `nil` where there is no such file or profile.
    private static func profile(_ name: String, _ path: String?, isConfig: Bool) -> [String: String]? {
        guard let path, let text = try? AccessOptions.text(at: path) else { return nil }
        return ProfileFile.profiles(text, isConfig: isConfig)[name]
    }

    private static func pair(
        _ id: String?, _ secret: String?, _ session: String?, in place: String
    ) throws(HarvestError) -> AWSKeys? {
        guard let id, let secret else {
            if id == nil, secret == nil { return nil }
            throw .invalid("a key's \(id == nil ? "name" : "secret") is missing", at: place, next: "set both of them")
        }
        // They become part of header lines.
        guard [id, secret, session ?? ""].allSatisfy({ $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) else {
            throw .invalid("keys with a space or a control character in them", at: place, next: "copy them again")
        }
        return AWSKeys(id: id, secret: Secret(secret), session: session.map { Secret($0) })
    }
}
