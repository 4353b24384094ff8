internal import Glibc

/// A certificate authority for one run, and one certificate that names every host.
struct Certificates {
    let authority: String
    let certificate: String
    let key: String

    struct Failed: Error {
        let reason: String
    }

    /// Makes them in `folder` with the `openssl` command (version 3); the authority's key is removed at once.
    init(folder: String, hosts: [String]) throws(Failed) {
        authority = folder + "/ca.pem"
        certificate = folder + "/leaf.pem"
        key = folder + "/leaf.key"
        let authorityKey = folder + "/ca.key", settings = folder + "/openssl.cnf"
        // The system's own settings would add extensions of their own.
        guard writeFile(settings, "[req]\ndistinguished_name = name\n[name]\n") else {
            throw Failed(reason: "cannot write into \(folder)")
        }
        defer {
            unlink(authorityKey)
            unlink(settings)
        }
        let request = [
            "openssl", "req", "-config", settings, "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "800",
        ]
        try Self.run(
            request + [
                "-subj", "/CN=Replica test CA", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-addext", "subjectKeyIdentifier=hash", "-keyout",
                authorityKey, "-out", authority,
            ], log: folder + "/openssl.log")
        let names = hosts.map { "DNS:\($0)" } + ["DNS:localhost", "IP:127.0.0.1"]
        try Self.run(
            request + [
                "-subj", "/CN=replica", "-CA", authority, "-CAkey", authorityKey, "-addext",
                "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature", "-addext",
                "extendedKeyUsage=serverAuth", "-addext", "subjectKeyIdentifier=hash", "-addext",
                "authorityKeyIdentifier=keyid", "-addext", "subjectAltName=" + names.joined(separator: ","),
                "-keyout", key, "-out", certificate,
            ], log: folder + "/openssl.log")
    }

    private static func run(_ words: [String], log: String) throws(Failed) {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var child = pid_t(), status: Int32 = 0
        guard posix_spawnp(&child, words[0], &actions, nil, &arguments, environ) == 0 else {
            throw Failed(reason: "the command openssl is not there; install it: apt install openssl")
        }
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw Failed(reason: "openssl failed; see \(log)") }
    }
}

/// Writes a whole file; readers see the old one or the new one.
func writeFile(_ path: String, _ text: String) -> Bool {
    let temporary = path + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { return false }
    let bytes = Array(text.utf8)
    let isWhole = write(file, bytes, bytes.count) == bytes.count
    close(file)
    return isWhole && rename(temporary, path) == 0
}
