/// A column of the table: one line adds one.
public struct Field: Sendable {
    /// The names by which statements, records and claims speak of a field.
    public enum Name {
        public static let dtype = "dtype", shape = "shape", axes = "axes", voxelSize = "voxel_size", extent = "extent"
        public static let translation = "translation", origin = "origin", channels = "channels", chunk = "chunk"
        public static let compression = "compression", bytes = "bytes", licence = "licence"
        // Told by portals and headers about the acquisition.
        public static let modality = "modality", instrument = "microscope", sample = "sample", organism = "organism"
        public static let treatment = "treatment", institution = "institution", date = "date"
        public static let beamEnergy = "beam_energy", beamCurrent = "beam_current", biasVoltage = "bias_voltage"
        public static let scanRate = "scan_rate", dwellTime = "dwell_time", duration = "imaging_duration"
        public static let contrastWindow = "contrast_window", workingDistance = "working_distance"
        public static let detector = "detector", magnification = "magnification"
        public static let sliceThickness = "slice_thickness"
        /// Where a viewer looks: z, y, x in voxels of ``viewerVoxelSize``; may have fractions.
        public static let position = "position"
        /// The viewer's own unit of length, nm along z, y, x.
        public static let viewerVoxelSize = "viewer_voxel_size"
    }

    public let name: String
    /// The heading people see.
    public let heading: String
    /// The one unit in which values are kept; `nil` for text and plain numbers.
    public let unit: String?
    /// How values are shown: in another unit, so many of which make one of ``unit``.
    public let shownFactor: Double

    public init(_ name: String, _ heading: String, unit: String? = nil, shownFactor: Double = 1) {
        self.name = name
        self.heading = heading
        self.unit = unit
        self.shownFactor = shownFactor
    }

    /// The columns of the comparison table, in order.
    public static let table: [Field] = [
        Field(Name.dtype, "dtype"), Field(Name.shape, "shape"), Field(Name.axes, "axes"),
        Field(Name.voxelSize, "voxel size (nm)"), Field(Name.extent, "extent (nm)"),
        Field(Name.translation, "translation (nm)"), Field(Name.origin, "origin"), Field(Name.channels, "channels"),
        Field(Name.chunk, "chunk"), Field(Name.compression, "compression"), Field(Name.bytes, "size (bytes)"),
        Field(Name.licence, "licence"),
    ]

    /// The rows of the acquisition table, in order, each in one unit.
    public static let acquisition: [Field] = [
        Field(Name.beamEnergy, "beam energy (keV)", unit: "keV"),
        Field(Name.beamCurrent, "beam current (nA)", unit: "nA"),
        Field(Name.biasVoltage, "bias voltage (V)", unit: "V"),
        Field(Name.dwellTime, "dwell time (µs)", unit: "s", shownFactor: 1e6),
        Field(Name.scanRate, "scan rate (MHz)", unit: "MHz"),
        Field(Name.magnification, "magnification"),
        Field(Name.workingDistance, "working distance (mm)", unit: "mm"),
        Field(Name.detector, "detector"), Field(Name.instrument, "microscope"),
        Field(Name.sliceThickness, "slice thickness (nm)", unit: "nm"),
        Field(Name.duration, "imaging duration (days)", unit: "days"), Field(Name.date, "date"),
    ]
}
