internal import HarvestCore
internal import HarvestMarkup

/// Links on a page that lead to data files: the general rule for pages without an interface of their own.
struct DataLinks {
    var url: String
    /// A format's name; `nil` for archives and tables.
    var format: String?
    /// What the page calls it, else the file's name.
    var name: String

    private static let formats = [
        "tif": "tiff", "tiff": "tiff", "btf": "tiff", "tf8": "tiff", "h5": "hdf5", "hdf5": "hdf5", "hdf": "hdf5",
        "mrc": "mrc", "map": "mrc", "rec": "mrc", "st": "mrc", "dm3": "dm3", "dm4": "dm4", "zarr": "zarr", "n5": "n5",
        "emd": "emd", "ser": "ser", "nii": "nifti",
    ]
    private static let archives: Set = ["zip", "gz", "bz2", "xz", "tar", "tgz", "7z", "mat", "raw", "nrrd", "npy"]

    /// Extensions of files that a format here or elsewhere reads.
    static func isData(_ url: String) -> Bool { formats[Address(url).fileExtension] != nil }

    /// Every such link below `node`, each file once, in the page's order.
    static func all(in node: MarkupNode, base: String) -> [DataLinks] {
        var links: [DataLinks] = []
        var known: [String: Int] = [:]
        for anchor in node.all("a") {
            guard let url = anchor.attributes["href"].flatMap({ Href.resolve($0, against: base) }) else { continue }
            let address = Address(url)
            guard formats[address.fileExtension] != nil || archives.contains(address.fileExtension) else { continue }
            let text = Published.line(anchor.text)
            if let index = known[url] {
                // One file is linked by its title and by its file name: the title says more.
                if let text, links[index].name == address.name { links[index].name = text }
            } else {
                known[url] = links.count
                links.append(DataLinks(url: url, format: formats[address.fileExtension], name: text ?? address.name))
            }
        }
        return links
    }
}
