extension Response {
    /// Conditions first, then the range: RFC 9110 §13.2.2, for a representation with status 200.
    func selecting(for request: Request) -> Response {
        guard status == 200 else { return self }
        var selected = self
        if let wanted = request.header("If-Match"), !matches(wanted, weakly: false) {
            return bare(412, "Precondition Failed\n")
        }
        if let known = request.header("If-None-Match"), matches(known, weakly: true) { return bare(304, "") }
        guard servesRanges, request.method == "GET", let header = request.header("Range"),
            let range = ByteRange(header: header), isUnchanged(since: request.header("If-Range"))
        else { return selected }
        guard let part = range.resolve(size: body.size) else {
            selected = bare(416, "Range Not Satisfiable\n")
            selected.setHeader("Content-Range", "bytes */\(body.size)")
            return selected
        }
        selected.status = 206
        selected.part = part
        selected.setHeader("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(body.size)")
        return selected
    }

    /// If-Range wants a strong entity tag or the exact date (RFC 9110 §13.1.5).
    private func isUnchanged(since validator: String?) -> Bool {
        guard let validator else { return true }
        if validator.hasPrefix("\"") { return validator == entityTag }
        return lastModified.map(HTTPDate.format) == validator
    }

    private func matches(_ list: String, weakly: Bool) -> Bool {
        if list == "*" { return true }
        guard let entityTag else { return false }
        let strip: (String) -> String = { $0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0 }
        return list.split(separator: ",").contains { item in
            let tag = String(item.drop { $0 == " " })
            return weakly ? strip(tag) == strip(entityTag) : tag == entityTag
        }
    }

    private func bare(_ status: Int, _ text: String) -> Response {
        var answer = Response.text(status, "text/plain", text)
        answer.entityTag = entityTag
        answer.lastModified = lastModified
        return answer
    }
}
