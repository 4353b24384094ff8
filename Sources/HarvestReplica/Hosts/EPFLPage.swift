/// www.epfl.ch: the page of the data set, written here in the shape of the true one.
///
/// The identifiers, the links with their raw spaces and repetitions, and the paragraph that states size and resolution
/// are facts; all other words are the replica's.
struct EPFLPage: Host {
    let names = ["www.epfl.ch"]
    let routes = [
        "/labs/cvlab/data/data-em/  the page", "/labs/cvlab/data/data-em-changed/  the page without its data block",
    ]

    func respond(to request: Request) -> Response {
        switch request.path {
        case "/labs/cvlab/data/data-em/": page(hasData: true)
        case "/labs/cvlab/data/data-em-changed/": page(hasData: false)
        case "/labs/cvlab/data/data-em", "/labs/cvlab/data/data-em-changed":
            .redirect(to: "https://www.epfl.ch\(request.rawPath)/", status: 301)
        default: failure(404, request: request)
        }
    }

    private func page(hasData: Bool) -> Response {
        .text(
            200, "text/html; charset=UTF-8", Self.opening + (hasData ? Self.data : Self.elsewhere) + Self.closing,
            headers: [("Server", "Apache"), ("Vary", "Accept-Encoding")])
    }

    private static let archive = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/"
    private static let raw = archive + " ElectronMicroscopy_Hippocampus/"
    private static let encoded = archive + "%20ElectronMicroscopy_Hippocampus/"

    private static let opening = """
        <!DOCTYPE html>
        <html lang="en-US">
        <head>
        <meta charset="UTF-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Electron Microscopy Dataset &#8211; CVLAB &#8211; EPFL</title>
        <link rel="canonical" href="https://www.epfl.ch/labs/cvlab/data/data-em/">
        </head>
        <body class="page-template-default page page-id-2138">
        <header role="banner"><nav><a href="/labs/cvlab/">CVLAB</a> <a href="/labs/cvlab/data/">Data</a></nav></header>
        <main id="content" role="main" class="content">
        <article id="post-2138" class="post-2138 page type-page status-publish hentry">
        <h1 class="entry-title">Electron Microscopy Dataset</h1>
        <div class="entry-content">
        <p>This page stands in for the laboratory's own. The pictures show one slice and its mask.</p>
        <p><a href="/labs/cvlab/wp-content/uploads/2018/08/FIBSLICE0035_left_top.png">slice 35</a>
        <a href="/labs/cvlab/wp-content/uploads/2018/08/masks_FIBSLICE0035_left_top.png">mask of slice 35</a></p>

        """

    private static let data = """
        <h3 id="data">Data</h3>
        <p>The dataset available for download on this webpage represents a 5x5x5&micro;m section taken from the CA1 \
        hippocampus region of the brain, corresponding to a 1065x2048x1536 volume. The resolution of each voxel is \
        approximately 5x5x5nm. The data is provided as multipage TIF files that can be loaded in Fiji.</p>
        <ul>
        <li><a href="\(raw)volumedata.tif">The whole stack</a></li>
        <li>Two parts of it, for <a href="\(raw)training.tif">training</a> and <a href="\(raw)testing.tif">testing</a></li>
        <li>By name: <a href="\(raw)training.tif">training.tif</a>, <a href="\(raw)testing.tif">testing.tif</a></li>
        <li>Once more, beside their masks: <a href="\(raw)training.tif">training.tif</a> \
        <a href="\(raw)testing.tif">testing.tif</a></li>
        <li>Masks of the mitochondria: <a href="\(raw)training_groundtruth.tif">training_groundtruth.tif</a> \
        <a href="\(raw)testing_groundtruth.tif">testing_groundtruth.tif</a></li>
        </ul>
        <h3 id="results">Results</h3>
        <p>A segmentation of the second part: <a href="\(encoded)results_test.tif">results_test.tif</a></p>

        """

    private static let elsewhere = """
        <h2 id="download">Download</h2>
        <p>The files of this page have moved to a new archive.</p>

        """

    private static let closing = """
        <h3 id="references">References</h3>
        <p>Lucchi, Li and Fua, CVPR 2013. <a href="https://ieeexplore.ieee.org/document/6619103">IEEE</a></p>
        </div>
        </article>
        </main>
        </body>
        </html>

        """
}
