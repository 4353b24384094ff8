/// documents.epfl.ch: the six TIFF files of EPFL's electron microscopy page, at true size.
struct EPFLDocuments: Host {
    let names = ["documents.epfl.ch"]
    let folder = "/groups/c/cv/cvlab-unit/www/data/ ElectronMicroscopy_Hippocampus/"

    var routes: [String] { Self.files.map { "\(PercentEncoding.encode(folder))\($0.name).tif  \($0.file.size) bytes" } }

    /// 22 August 2018, as Apache would date the folder.
    static let lastModified: Int64 = 1_534_928_400

    static let volume = VirtualTIFF(
        pages: 1065, height: 1536, width: 2048, rowsPerStrip: 4, content: .grey(z: 0, y: 0, x: 0))
    static let training = part(.grey(z: 0, y: 0, x: 0))
    static let testing = part(.grey(z: 900, y: 768, x: 1024))
    static let trainingTruth = part(.labels(z: 0, y: 0, x: 0, erring: false))
    static let testingTruth = part(.labels(z: 900, y: 768, x: 1024, erring: false))
    static let results = part(.labels(z: 900, y: 768, x: 1024, erring: true))

    static let files: [(name: String, file: VirtualTIFF)] = [
        ("volumedata", volume), ("training", training), ("testing", testing),
        ("training_groundtruth", trainingTruth), ("testing_groundtruth", testingTruth), ("results_test", results),
    ]

    private static func part(_ content: VirtualTIFF.Content) -> VirtualTIFF {
        VirtualTIFF(pages: 165, height: 768, width: 1024, rowsPerStrip: 8, content: content)
    }

    func respond(to request: Request) -> Response {
        guard let path = request.path, path.hasPrefix(folder), path.hasSuffix(".tif"),
            let found = Self.files.first(where: { folder + $0.name + ".tif" == path })
        else { return failure(404, request: request) }
        return Self.response(found.file)
    }

    /// Tag and date as Apache makes them: size and time in hexadecimal.
    static func response(_ file: any VirtualObject) -> Response {
        let tag = "\"\(String(file.size, radix: 16))-\(String(lastModified * 1_000_000, radix: 16))\""
        return .object(
            file, type: "image/tiff", entityTag: tag, lastModified: lastModified, headers: [("Server", "Apache")])
    }
}
