/// The tree of files that ftp.ebi.ac.uk serves, over HTTPS and FTP alike.
struct Archive: Sendable {
    struct File: Sendable {
        let object: any VirtualObject
        let type: String
        /// Seconds since 1970.
        let modified: Int64
    }

    /// Absolute paths.
    let files: [String: File]

    static let shared = Archive()

    static let study =
        "/pub/databases/IDR/idr0086-miron-micrographs/20200610-ftp/experimentD/Miron_FIB-SEM/"
        + "Miron_FIB-SEM_processed/"
    static let entry = "/empiar/world_availability/11759/"

    /// U2OS nucleus, 20 nm, cut along z.
    static let xy = ImageJTIFF(pages: 184, height: 775, width: 1121, origin: (z: 1500, y: 200, x: 400))
    /// The same voxels, cut along y.
    static let xz = ImageJTIFF(pages: 775, height: 184, width: 1121, origin: (z: 1500, y: 200, x: 400), isTurned: true)

    private init() {
        let june2020: Int64 = 1_591_779_600, november2023: Int64 = 1_698_935_400, january2024: Int64 = 1_705_313_520
        var files: [String: File] = [
            "\(Self.study)Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif": File(
                object: Self.xy, type: "image/tiff", modified: june2020),
            "\(Self.study)Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xz.tif": File(
                object: Self.xz, type: "image/tiff", modified: june2020),
            "\(Self.entry)11759.xml": File(
                object: StoredObject(ElectronArchive.header), type: "text/xml", modified: january2024),
            "\(Self.entry)data/trakem2_project.xml": File(
                object: PatternObject(size: 2_650_000), type: "text/xml", modified: november2023),
            "\(Self.entry)data/trakem2.features/features.ser": File(
                object: PatternObject(size: 4096), type: "application/octet-stream", modified: november2023),
        ]
        for number in 0..<SliceFile.count {
            files["\(Self.entry)data/\(SliceFile.name(number))"] = File(
                object: SliceFile(number: number), type: "application/octet-stream", modified: november2023)
        }
        self.files = files
    }

    /// What lies directly in a folder, by name; `nil` where no file lies below it. Folders have no file.
    func list(_ folder: String) -> [(name: String, file: File?)]? {
        let prefix = folder.hasSuffix("/") ? folder : folder + "/"
        var found: [String: File?] = [:]
        for (path, file) in files where path.hasPrefix(prefix) {
            let rest = path.dropFirst(prefix.count)
            if let slash = rest.firstIndex(of: "/") {
                found[String(rest[..<slash])] = .some(nil)
            } else {
                found[String(rest)] = file
            }
        }
        return found.isEmpty ? nil : found.map { ($0.key, $0.value) }.sorted { $0.name < $1.name }
    }
}
