import Testing

@testable import HarvestReplica

@Suite struct PortalTests {
    private func ask(_ url: String, _ headers: [(String, String)] = []) -> Response {
        let slash = url.firstIndex(of: "/") ?? url.endIndex
        return Site().respond(
            to: Request(
                method: "GET", target: String(url[slash...]), headers: headers.map { (name: $0.0, value: $0.1) },
                host: String(url[..<slash]))
        ).selecting(
            for: Request(
                method: "GET", target: String(url[slash...]), headers: headers.map { (name: $0.0, value: $0.1) },
                host: ""))
    }

    private func text(_ response: Response) -> String { String(decoding: response.body.bytes(), as: UTF8.self) }

    @Test func `EPFL's page links ten files, nine with a raw space`() {
        let page = text(ask("www.epfl.ch/labs/cvlab/data/data-em/"))
        let targets = page.split(separator: "href=\"").dropFirst().map { part in part.prefix { $0 != "\"" } }
        let links = targets.filter { $0.hasSuffix(".tif") }
        #expect(links.count == 10 && links.count { $0.contains("data/ Electron") } == 9)
        let names = links.map { $0.split(separator: "/").last ?? "" }
        #expect(names.prefix(3) == ["volumedata.tif", "training.tif", "testing.tif"])
        for fact in ["<h3 id=\"data\">", "5x5x5&micro;m", "1065x2048x1536", "approximately 5x5x5nm", "post-2138"] {
            #expect(page.contains(fact))
        }
    }

    @Test func `the changed page has no data block`() {
        let page = text(ask("www.epfl.ch/labs/cvlab/data/data-em-changed/"))
        #expect(!page.contains("id=\"data\"") && !page.contains("5x5x5") && page.contains("post-2138"))
    }

    @Test func `OpenOrganelle's page holds no data before its script has run`() {
        let page = text(ask("openorganelle.janelia.org/datasets/jrc_mus-nacc-2"))
        let shell = page.split(separator: "<script>")[0]
        #expect(page.contains("<div id=\"root\"></div>") && page.contains("}, 2000)"))
        #expect(!shell.contains("Bias") && page.contains("Bias (Volts):") && page.contains("<\\/strong>"))
        #expect(!text(ask("openorganelle.janelia.org/datasets/jrc_mus-nacc-2-never")).contains("<script>"))
    }

    @Test func `Supabase wants its key and knows one row`() {
        let url = "kvwjcggnkipomjlbjykf.supabase.co/rest/v1/dataset?select=name&stage=in.(prod)&name=eq."
        #expect(ask(url + "jrc_mus-nacc-2").status == 401)
        #expect(text(ask(url + "jrc_mus-nacc-2")).contains("No API key found in request"))
        #expect(text(ask(url + "jrc_mus-nacc-2", [("apikey", "x")])).contains("\"Invalid API key\""))
        let key = [("apikey", "replica-anon-key")]
        #expect(text(ask(url + "jrc_mus-nacc-2", key)).contains("\"landing_energy_eV\":200"))
        #expect(text(ask(url + "jrc_hela-2", key)) == "[]")
    }

    @Test func `figshare and the old manifests answer, and know nothing of nacc-2's manifest`() {
        #expect(text(ask("api.figshare.com/v2/articles/24222898")).contains("\"doi\": \"10.25378/janelia.24222898\""))
        #expect(text(ask("api.figshare.com/v2/articles/26513209")).contains("CC BY 4.0"))
        let root = "raw.githubusercontent.com/janelia-cosem/fibsem-metadata/stable/api/"
        #expect(text(ask(root + "jrc_hela-2/manifest.json")).contains("\"primaryEnergy\": 900.0"))
        #expect(!text(ask(root + "index.json")).contains("nacc"))
        #expect(ask(root + "jrc_mus-nacc-2/manifest.json").status == 404)
    }

    @Test func `the multiscales keep the published dust`() {
        let url = "janelia-cosem-datasets.s3.amazonaws.com/\(NucleusAccumbens.image).zattrs"
        let attributes = text(ask(url))
        #expect(attributes.contains("[11.840000000000002, 16.0, 16.0]"))
        #expect(attributes.contains("[4.4399999999999995, 6.0, 6.0]") && attributes.contains("[377.4, 510.0, 510.0]"))
        #expect(attributes.contains("\"version\": \"0.4\""))
    }

    @Test func `redirects lead where their names say`() {
        let targets = ["loop", "to-http", "to-private", "to-other"].map { path in
            ask("files.replica.test/\(path)").headers.first { $0.name == "Location" }?.value
        }
        #expect(
            targets == [
                "https://files.replica.test/loop", "http://files.replica.test/1k.bin", "https://10.0.0.1/",
                "https://other.replica.test/echo",
            ])
    }

    @Test func `the troubles are those that were promised`() {
        let range = [("Range", "bytes=0-9")]
        let gzip = ask("files.replica.test/gzip-range", range), wrong = ask("files.replica.test/wrong-range", range)
        #expect(gzip.status == 206 && gzip.body.bytes().prefix(2) == [0x1F, 0x8B])
        #expect(wrong.headers.contains { $0.name == "Content-Range" && $0.value == "bytes 16-25/4096" })
        #expect(ask("files.replica.test/no-range.tif", range).status == 200)
        #expect(ask("files.replica.test/no-range.tif").body.size == 2 << 20)
        #expect(text(ask("files.replica.test/login.tif")).contains("type=\"password\""))
        #expect(ask("files.replica.test/short").claimedLength == 1500)
        #expect(text(ask("other.replica.test/echo", [("Cookie", "a\"b")])).contains(#"["Cookie", "a\"b"]"#))
    }
}
