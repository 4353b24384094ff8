import HarvestCore

/// Users and passwords by host, as curl's `.netrc` has them (curl manual, "The .netrc file"; netrc(5)).
struct Netrc: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        /// Lower case; `nil` is `default`.
        var host: String?
        var login: String?
        var password: Secret?
    }

    private var entries: [Entry] = []

    /// The file that `NETRC` names, else `~/.netrc`; nothing where there is none.
    ///
    /// - Throws: ``HarvestError`` of a file that was named and cannot be read.
    init(_ options: AccessOptions) throws(HarvestError) {
        var text = ""
        if !options.isAnonymous, let path = options.path("NETRC", usual: ".netrc") {
            do { text = try AccessOptions.text(at: path) } catch {
                if options.variable("NETRC") != nil { throw error }
            }
        }
        self.init(text)
    }

    /// What is not understood is left out, as curl leaves it.
    init(_ text: String) {
        var words = Words(text)
        while let word = words.next() {
            switch word {
            case "machine": entries.append(Entry(host: words.next()?.lowercased()))
            case "default": entries.append(Entry())
            case "login": if let login = words.next(), !entries.isEmpty { entries[entries.count - 1].login = login }
            case "password":
                if let password = words.next(), !entries.isEmpty {
                    entries[entries.count - 1].password = Secret(password)
                }
            case "account": _ = words.next()
            case "macdef": words.skipMacro()
            default: continue
            }
        }
    }

    /// The address with the user and password of its host; with its own where it has both.
    ///
    /// A `default` is for FTP servers alone: it would else be shown to every web server there is.
    func completing(_ address: WebAddress) -> WebAddress {
        let own = address.credentials
        if let own, own.contains(":") { return address }
        let entry = entries.first { entry in
            let isHost = entry.host.map { $0 == address.origin.host } ?? address.origin.isFTP
            return isHost && entry.login != nil && (own == nil || entry.login == own?.percentDecoded)
        }
        guard let login = entry?.login else { return address }
        let parts = [login, entry?.password?.value].compactMap(\.self).map { WebAddress.percentEncoded($0) }
        return address.with(credentials: parts.joined(separator: ":"))
    }

    /// The words of a file, without comments.
    private struct Words {
        private var rest: Substring

        init(_ text: String) { rest = text[...] }

        /// The next word; one in quotes may hold spaces, and `\n`, `\r`, `\t`, `\"`, `\\`.
        mutating func next() -> String? {
            rest = rest.drop(while: \.isWhitespace)
            while rest.first == "#" { rest = rest.drop { !$0.isNewline }.drop(while: \.isWhitespace) }
            guard let first = rest.first else { return nil }
            if first == "\"" { return quoted() }
            let word = rest.prefix { !$0.isWhitespace }
            rest = rest[word.endIndex...]
            return String(word)
        }

        private mutating func quoted() -> String {
            var word = ""
            rest.removeFirst()
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\", let escaped = rest.popFirst() else {
                    word.append(character)
                    continue
                }
                word.append(["n": "\n", "r": "\r", "t": "\t"][escaped] ?? escaped)
            }
            return word
        }

        /// A macro ends at an empty line.
        mutating func skipMacro() {
            var isFirst = true
            while !rest.isEmpty {
                let line = rest.prefix { !$0.isNewline }
                rest = rest[line.endIndex...].dropFirst()
                if line.isEmpty, !isFirst { return }
                isFirst = false
            }
        }
    }
}
