import HarvestTesting

/// A page in the shape of EPFL's: its ids, classes, file addresses and data paragraph; all other words are ours.
enum EPFLFixture {
    static let url = "https://www.epfl.ch/labs/cvlab/data/data-em/"
    static let files = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"

    static let paragraph = """
        The dataset available for download on this webpage represents a 5x5x5&micro;m section taken from the CA1 \
        hippocampus region of the brain, corresponding to a 1065x2048x1536 volume. The resolution of each voxel is \
        approximately 5x5x5nm. The data is provided as multipage TIF files that can be loaded in Fiji.
        """

    static let page = """
        <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Our page &#8211; CVLAB</title></head><body>
        <nav><a href="/labs/cvlab/other.tif">not in the article</a></nav>
        <article id="post-2138" class="post-2138 page"><h1>Electron
           Microscopy</h1><div>
        <img src="/labs/cvlab/wp-content/uploads/2018/08/FIBSLICE0035_left_top.png">
        <h3 id="data">Data</h3>
        <p>\(paragraph)</p>
        <p><a href="\(raw)volumedata.tif">volumedata.tif</a> <a href="\(raw)volumedata.tif"> Image
          stack </a>
        <a href="\(raw)training.tif">Training</a> <a href="\(raw)testing.tif">Testing</a>
        <a href="\(raw)training.tif">training.tif</a> <a href="\(files)testing.tif">testing.tif</a>
        <a href="\(raw)training_groundtruth.tif">training_groundtruth.tif</a>
        <a href="\(raw)testing_groundtruth.tif">testing_groundtruth.tif</a>
        <a href="\(files)results_test.tif#top">results_test.tif</a> <a href="mailto:a@b.tif">mail</a> <a>none</a></p>
        <p>Lucchi et al., CVPR 2013 <a href="https://ieeexplore.ieee.org/document/6619103">doi</a></p>
        </div></article></body></html>
        """

    private static var raw: String { files.replacing("%20", with: " ") }

    static func web(_ page: String = page) -> RecordedWeb {
        let web = RecordedWeb()
        web.set(url, .init(page, contentType: "text/html"))
        return web
    }
}
