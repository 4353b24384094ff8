internal import HarvestCore
internal import HarvestMarkup

/// An entry in one form, whether the interface or the header file said it.
struct EMPIAREntry {
    /// One image set: a folder, and what its images are.
    struct ImageSet {
        var name: String?
        /// Below the entry's folder, without slashes around it; empty for the folder itself.
        var directory = ""
        var format: String?
        var voxelType: String?
        var images: Double?
        /// Pixels.
        var width: Double?
        var height: Double?
        /// Ångström per pixel.
        var pixelWidth: Double?
        var pixelHeight: Double?
        var details: String?
        /// Where in the source it stands.
        var place = ""
    }

    var title: String?
    var authors: [String] = []
    var dois: [String] = []
    var experimentType: String?
    var status: String?
    var releaseDate: String?
    var size: String?
    var sets: [ImageSet] = []
    var place: String

    private static let mostSets = 64

    // MARK: The interface

    /// - Throws: ``HarvestError`` `.malformed` where the entry is missing.
    init(json: JSON, number: Int, at place: String) throws(HarvestError) {
        self.place = place
        guard let entry = json["EMPIAR-\(number)"] ?? json.object?.first(where: { _ in true })?.value,
            entry.object != nil
        else {
            throw .malformed("the interface changed: expected the member EMPIAR-\(number)", at: place)
        }
        title = Published.text(entry["title"])
        authors = (entry["authors"]?.array ?? []).compactMap { Published.text($0["author"]?["name"]) }
        dois = [Published.text(entry["entry_doi"])].compactMap { $0.flatMap(DOI.bare) }
        for citation in entry["citation"]?.array ?? [] {
            if let doi = Published.text(citation["doi"]).flatMap(DOI.bare) { dois.append(doi) }
        }
        experimentType = Published.text(entry["experiment_type"])
        status = Published.text(entry["status"])
        releaseDate = Published.text(entry["release_date"])
        size = Published.text(entry["dataset_size"])
        sets = (entry["imagesets"]?.array ?? []).prefix(Self.mostSets).enumerated().map { index, item in
            ImageSet(
                name: Published.text(item["name"]), directory: Self.directory(Published.text(item["directory"])),
                format: Published.text(item["data_format"]), voxelType: Published.text(item["voxel_type"]),
                images: Published.number(item["num_images_or_tilt_series"]),
                width: Published.number(item["image_width"]),
                height: Published.number(item["image_height"]), pixelWidth: Published.number(item["pixel_width"]),
                pixelHeight: Published.number(item["pixel_height"]), details: item["details"]?.string,
                place: "\(place)#imagesets[\(index)]")
        }
    }

    // MARK: The header file

    /// - Throws: ``HarvestError`` `.malformed` where the root is no entry.
    init(xml root: MarkupNode, at place: String) throws(HarvestError) {
        self.place = place
        guard root.name == "entry" else {
            throw .malformed("the header file changed: expected the element entry", at: place)
        }
        func text(_ node: MarkupNode?, _ name: String) -> String? {
            // Some texts are escaped twice.
            node?.child(name).flatMap {
                Published.line($0.text.replacing("&amp;", with: "&").replacing("&lt;", with: "<"))
            }
        }
        let admin = root.child("admin")
        title = text(admin, "title")
        authors = (admin?.child("authorsList")?.children("author") ?? []).compactMap { Published.line($0.text) }
        dois = [text(admin, "entryDOI")].compactMap { $0.flatMap(DOI.bare) }
        experimentType = text(admin, "experimentType")
        status = text(admin, "currentStatus")
        releaseDate = text(admin?.child("keyDates"), "releaseDate")
        size = text(admin, "datasetSize").map { size in
            "\(size) \(admin?.child("datasetSize")?.attributes["units"] ?? "")"
        }
        sets = root.children("imageSet").prefix(Self.mostSets).enumerated().map { index, set in
            func number(_ node: MarkupNode?, _ name: String) -> Double? {
                // May be "variable".
                text(node, name).flatMap { Published.number(.string($0)) }
            }
            let dimensions = set.child("dimensions")
            return ImageSet(
                name: text(set, "name"), directory: Self.directory(text(set, "directory")),
                format: text(set, "dataFormat"),
                voxelType: text(set, "voxelType"), images: number(set, "numImagesOrTiltSeries"),
                width: number(dimensions, "imageWidth"), height: number(dimensions, "imageHeight"),
                pixelWidth: number(dimensions, "pixelWidth"), pixelHeight: number(dimensions, "pixelHeight"),
                details: set.child("details")?.text, place: "\(place)#imageSet[\(index)]")
        }
    }

    /// `/data`, `data/`: the folder below the entry's; one that would leave it is the entry's own.
    private static func directory(_ text: String?) -> String {
        let parts = (text ?? "").split(separator: "/").map(String.init)
        return (try? Key.components(of: parts.joined(separator: "/"))) == nil ? "" : parts.joined(separator: "/")
    }
}
