/// openorganelle.janelia.org: a page that is empty until its script has run.
///
/// As in the true application, nothing about the data stands in the HTML; two seconds after loading, the script puts
/// the labels and values in place. A second page never does.
struct OpenOrganellePage: Host {
    let names = ["openorganelle.janelia.org"]
    let routes = [
        "/datasets/jrc_mus-nacc-2  fills itself after 2 s", "/datasets/jrc_mus-nacc-2-never  stays empty",
    ]

    func respond(to request: Request) -> Response {
        switch request.path {
        case "/datasets/jrc_mus-nacc-2", "/datasets/jrc_mus-nacc-2/": page(script: Self.script)
        case "/datasets/jrc_mus-nacc-2-never": page(script: "")
        case "/", "/datasets", "/datasets/": page(script: "")
        default: failure(404, request: request)
        }
    }

    private func page(script: String) -> Response {
        .text(
            200, "text/html; charset=utf-8",
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>OpenOrganelle</title>
            </head>
            <body>
            <noscript>You need to enable JavaScript to run this app.</noscript>
            <div id="root"></div>
            \(script)
            </body>
            </html>

            """, headers: [("Server", "GitHub.com")])
    }

    /// The block as lines of JavaScript strings, so that the static page holds none of its elements.
    private static let script: String = {
        let lines = block.split(separator: "\n").map { "  " + JSONText.quoted(String($0)).replacingSlashes() }
        return """
            <script>
            window.setTimeout(function () {
              document.getElementById("root").innerHTML = [
            \(lines.joined(separator: ",\n"))
              ].join("");
            }, 2000);
            </script>
            """
    }()

    private static let block: String = {
        let acquisition = [
            ("Imaging start date", "Mon Mar 09 2015"), ("Final voxel size (nm)", "(4, 4, 2.96) (x, y, z)"),
            ("Dimensions (nm)", "(10384, 10080, 1669.44) (x, y, z)"), ("Dataset ID", "jrc_mus-nacc-2"),
        ]
        let parameters = [
            ("Imaging duration (days) ", "1"), ("Bias (Volts)", "500"), ("Scan rate (MHz)", "0.4"),
            ("Current (nA)", "0.22"), ("Primary energy (eV)", "200"),
        ]
        let text = "<p class=\"MuiTypography-root MuiTypography-body2\">"
        func lines(_ pairs: [(String, String)]) -> String {
            pairs.map { "\(text)<strong>\($0.0):</strong> \($0.1)</p>" }.joined(separator: "\n")
        }
        func links(_ type: String) -> String {
            OpenOrganelleRecord.publications.filter { $0.type == type }.map {
                "\(text)<strong>\($0.name):</strong> "
                    + "<a class=\"MuiTypography-root MuiLink-root\" href=\"\($0.url)\" target=\"_blank\">\($0.url)</a></p>"
            }.joined(separator: "\n")
        }
        return """
            <div class="MuiGrid-root MuiGrid-container" id="metadata">
            <h5 class="MuiTypography-root MuiTypography-h5">Mouse nucleus accumbens</h5>
            <div class="MuiGrid-root MuiGrid-item MuiGrid-grid-sm-6">
            <h6 class="MuiTypography-root MuiTypography-h6">Acquisition details</h6>
            \(lines(acquisition))
            \(links("doi"))
            \(links("paper"))
            \(text)<strong>Dataset location:</strong> s3://janelia-cosem-datasets/jrc_mus-nacc-2/</p>
            </div>
            <div class="MuiGrid-root MuiGrid-item MuiGrid-grid-sm-6">
            <h6 class="MuiTypography-root MuiTypography-h6">FIB-SEM parameters</h6>
            \(lines(parameters))
            </div>
            <a class="MuiButtonBase-root MuiButton-root" href="\(neuroglancer)" target="_blank">View in Neuroglancer</a>
            </div>
            """
    }()

    private static let neuroglancer =
        "https://neuroglancer-demo.appspot.com/#!%7B%27layers%27:%5B%7B%27type%27:%27image%27_%27source%27:%27zarr://"
        + "\(OpenOrganelleRecord.image)%27_%27name%27:%27fibsem-int16%27%7D%5D%7D"
}

extension String {
    /// Inside a script element `</` would end it.
    fileprivate func replacingSlashes() -> String {
        var out = "", before: Character = " "
        for character in self {
            if character == "/", before == "<" { out.append("\\") }
            out.append(character)
            before = character
        }
        return out
    }
}
