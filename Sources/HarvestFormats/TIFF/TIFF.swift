public import HarvestCore

/// TIFF 6.0 and BigTIFF: strips and tiles, planes, pages, pyramids in SubIFDs; ImageJ and OME-XML metadata.
///
/// Specifications: TIFF Revision 6.0 (1992); BigTIFF (libtiff); OME-TIFF 2016-06; ImageJ's `ij.io.FileInfo`.
public struct TIFF: Format {
    public let name = "tiff"
    public let title = "TIFF 6.0, BigTIFF, OME-TIFF, ImageJ"
    public let fileExtensions = ["tif", "tiff", "tf8", "tf2", "btf"]

    /// More pages than this are no image.
    static let mostPages = 1 << 20
    /// Directories of a remote file that are read one after the other before giving up.
    private static let mostRemoteReads = 2048

    public init() {}

    public func open(_ store: any Store, options: OpenOptions) async throws -> Contents? {
        let window = try Window(store)
        // Only where the name promises a TIFF: the end of anything else would be 64 KiB for nothing.
        if isPromised(by: store) { try await window.prime(tail: Window.firstFlight) }
        guard let reader = try await TIFFReader(window) else { return nil }
        var contents = Contents(format: name)
        if store.isRemote, store.knowsTails { try await window.need(reader.wantsFirst, divides: true) }
        let directory = try await reader.directory(at: reader.firstDirectory)
        // What is here already is taken apart while other directories are on their way.
        async let early = heldOME(directory, reader)
        if store.isRemote {
            try await window.need(reader.wants(after: directory, isExact: options.isExact), divides: true)
        }
        let first = try await page(reader, directory)
        let description = try await text(TIFFTag.description, first, reader)
        var (pages, known) = try await self.pages(reader, first, options, &contents.findings)
        let imageJ = description.flatMap(ImageJMetadata.init)
        if pages.count == 1, let stack = try await imageJ?.contiguousPages(reader, first: first) {
            (pages, known) = (stack, "header")
        }
        let ome = await early ?? description.flatMap { OMEXML($0, at: reader.place) }
        let series = try await self.series(pages, first, description, imageJ, ome, &contents.findings)
        for (index, one) in series.enumerated() {
            let volume = try await volume(one, index: index, pages, first, isOnly: series.count == 1, known)
            contents.images.append(volume.volume)
            contents.arrays.append(volume.entry)
        }
        contents.makePages = { [pages] in (0..<pages.count).map { Self.pageEntry(pages, $0) } }
        // A file of which nothing can be read is an error as a whole, with the first array's reason.
        if contents.arrays.allSatisfy({ $0.error?.kind == .malformed }), let error = contents.arrays.first?.error {
            throw error
        }
        return contents
    }

    private func page(_ reader: TIFFReader, _ directory: TIFFDirectory) async throws -> TIFFPage {
        TIFFPage(geometry: try await TIFFGeometry(directory, reader), directory: directory)
    }

    private func text(_ tag: UInt16, _ page: TIFFPage, _ reader: TIFFReader) async throws -> String? {
        guard let entry = page.directory.entries[tag], Self.isText(entry) else { return nil }
        return try? await reader.text(entry)
    }

    /// What the first directory's description says as OME-XML, if anything, where it costs no request; else `nil`.
    private func heldOME(_ directory: TIFFDirectory, _ reader: TIFFReader) async -> OMEXML?? {
        guard let entry = directory.entries[TIFFTag.description], Self.isText(entry),
            reader.window.holds(entry.offset, count: entry.count), let text = try? await reader.text(entry)
        else { return nil }
        return .some(OMEXML(text, at: reader.place))
    }

    private static func isText(_ entry: TIFFEntry) -> Bool { [1, 2, 7].contains(entry.type) }
}

// MARK: - Pages

extension TIFF {
    /// Walks the chain of directories; on a remote store, predicts it where the first ones repeat at a stride.
    ///
    /// - Returns: The pages, and how their number is known: `header`, `stride`, or `at least` where the budget was spent
    ///   before the chain ended.
    private func pages(
        _ reader: TIFFReader, _ first: TIFFPage, _ options: OpenOptions, _ findings: inout [Finding]
    ) async throws -> (pages: TIFFPages, known: String) {
        var pages = [first]
        var visited: Set = [first.directory.offset]
        var reads = 0
        var next = first.directory.next
        while next != 0 {
            guard visited.insert(next).inserted else {
                findings.append(
                    Finding(
                        .warning, rule: "tiff-directory-loop", field: "pages",
                        "the chain of directories turns back to byte \(next); the \(pages.count) pages before it are read"
                    ))
                break
            }
            if reader.window.store.isRemote, !reader.window.holds(next, count: reader.dialect.countSize) { reads += 1 }
            guard pages.count < Self.mostPages, reads < Self.mostRemoteReads else {
                throw HarvestError(
                    .unsupported, "more than \(pages.count) directories, one after the other", at: reader.place,
                    next: "fetch the file whole first")
            }
            do {
                let directory = try await reader.directory(at: next)
                if pages.count == 1, reader.window.store.isRemote {
                    let predicted = try await reader.predictedPages(
                        first: first, second: directory, isExact: options.isExact)
                    if let predicted { return (predicted, try await Self.prove(predicted, options, &findings)) }
                    let block = reader.block(after: first.directory) ?? reader.block(after: directory)
                    if let block { try await reader.window.need([block], divides: true) }
                }
                pages.append(try await page(reader, directory))
                next = directory.next
            } catch let error as HarvestError where error.isBudgetSpent {
                findings.append(
                    Finding(
                        .warning, rule: "pages-at-least", field: "pages",
                        "\(error.message) after \(pages.count) pages; the file holds more"))
                return (TIFFPages(reader, pages), "at least")
            }
        }
        return (TIFFPages(reader, pages), "header")
    }

    /// Proves what was predicted, where that is wanted; returns how it is known then.
    private static func prove(
        _ pages: TIFFPages, _ options: OpenOptions, _ findings: inout [Finding]
    ) async throws -> String {
        var why = "--exact proves all"
        if options.isExact {
            do {
                _ = try await (1..<pages.count).concurrently(atMost: 16) { try await pages.prove($0) }
                return "header"
            } catch let error as HarvestError where error.isBudgetSpent {
                why = "\(error.message) before all were proven"
            }
        }
        findings.append(
            Finding(
                .note, rule: "pages-by-stride", field: "pages",
                "\(pages.count) pages predicted by a stride of \(pages.stride?.directories ?? 0) bytes; the first, second and last "
                    + "directory were compared; \(why)"))
        return "stride"
    }

    private static func pageEntry(_ pages: TIFFPages, _ index: Int) -> ArrayEntry {
        let geometry = pages[index].geometry
        return entry("\(index)", geometry) { try TIFFArray(pages, geometry, leadingShape: [], pageOf: [index]) }
    }

    /// An entry for an array that may turn out unreadable.
    private static func entry(
        _ path: String, _ geometry: TIFFGeometry, leadingShape: [Int] = [], _ make: () throws -> TIFFArray
    ) -> ArrayEntry {
        var entry: ArrayEntry
        do { entry = ArrayEntry(path: path, array: try make()) } catch {
            entry = ArrayEntry(path: path, error: HarvestError.wrapping(error))
            entry.shape = leadingShape + geometry.shape
            entry.chunk = leadingShape.map { _ in 1 } + geometry.chunk
            entry.dtype = geometry.dataType.rawValue
        }
        entry.codecs = geometry.compression == 1 ? [] : [TIFFCompression.name(geometry.compression)]
        if geometry.predictor != 1 { entry.codecs.insert("predictor-\(geometry.predictor)", at: 0) }
        return entry
    }
}

// MARK: - Images

extension TIFF {
    private func series(
        _ pages: TIFFPages, _ first: TIFFPage, _ description: String?, _ imageJ: ImageJMetadata?, _ ome: OMEXML?,
        _ findings: inout [Finding]
    ) async throws -> [TIFFSeries] {
        let reader = pages.reader
        if let imageJ {
            func resolution(_ tag: UInt16) async throws -> Double? {
                guard let entry = first.directory.entries[tag], let value = try await reader.rational(entry), value > 0
                else { return nil }
                return 1 / value
            }
            let size = (x: try await resolution(TIFFTag.xResolution), y: try await resolution(TIFFTag.yResolution))
            let isUniform =
                pages.stride != nil
                || (0..<pages.count).allSatisfy { pages[$0].geometry.shape == first.geometry.shape }
            if isUniform, let series = imageJ.series(pages, resolution: size) { return [series] }
        }
        if let ome {
            do {
                let found = try ome.series(pages)
                if !found.isEmpty { return found }
            } catch let error as HarvestError {
                findings.append(
                    Finding(
                        .warning, rule: "ome-xml-unusable", field: "axes",
                        "\(error.message); pages are grouped by size instead, and no voxel size is taken from it"))
            }
        }
        if let description, description.hasPrefix("{\"shape\"") {
            // Of predicted pages only the first can begin a series: of all.
            var descriptions = [0: description]
            for index in 1..<max(1, pages.stride == nil ? pages.count : 1) {
                descriptions[index] = try await text(TIFFTag.description, pages[index], reader)
            }
            if let found = TIFFSeries.shaped(pages, descriptions) { return found }
        }
        return TIFFSeries.byGeometry(pages)
    }

    private func volume(
        _ series: TIFFSeries, index: Int, _ pages: TIFFPages, _ first: TIFFPage, isOnly: Bool, _ known: String
    ) async throws -> (volume: Volume, entry: ArrayEntry) {
        let reader = pages.reader
        var metadata = Metadata(source: .header, place: reader.place)
        metadata.name = series.name
        metadata.shape = series.shape
        metadata.axes = series.axes
        metadata.dtype = series.geometry.dataType.rawValue
        metadata.channels =
            series.axes.firstIndex(of: "c").map { series.shape[$0] }
            ?? (series.geometry.samples > 1 ? series.geometry.samples : 1)
        metadata.byteOrder = reader.dialect.byteOrder
        metadata.isLossy = [6, 7, 33003, 33005, 34712, 50001].contains(series.geometry.compression)
        metadata.pages = pages.count
        metadata.origin = series.shape.map { _ in 0 }
        metadata.bytes = isOnly ? reader.window.total : nil
        metadata.known = ["shape": known]
        metadata.known["axes"] = series.axesSource
        let page = (series.pageOf.first ?? nil).map { pages[$0] } ?? first
        try await describe(&metadata, series, page, reader)
        metadata.raw = try await raw(first, reader)

        let leading = series.leadingShape
        var entry = Self.entry(isOnly ? "" : "\(index)", series.geometry, leadingShape: leading) {
            try TIFFArray(pages, series.geometry, leadingShape: leading, pageOf: series.pageOf)
        }
        entry.order = "C"
        metadata.chunk = entry.chunk
        metadata.compression = entry.codecs
        let whole = entry
        var levels = [
            Level(
                index: 0, path: entry.path, shape: series.shape, voxelSize: metadata.voxelSize,
                translation: metadata.translation
            ) { try whole.array ?? { throw whole.error ?? .unsupported("an array that cannot be read") }() }
        ]
        levels += try await pyramid(series, pages, metadata, first: page)
        return (Volume(metadata: metadata, levels: levels, path: entry.path), entry)
    }

    /// Enters the voxel size: ImageJ's or OME's, else what the microscope's maker wrote into a private tag.
    private func describe(
        _ metadata: inout Metadata, _ series: TIFFSeries, _ page: TIFFPage, _ reader: TIFFReader
    ) async throws {
        var (size, units) = (series.voxelSize, series.units)
        var tags: InstrumentTags?
        if let text = try await text(TIFFTag.fei, page, reader) { tags = InstrumentTags(fei: text) }
        if let text = try await text(TIFFTag.zeiss, page, reader) {
            tags = InstrumentTags(zeiss: text, width: series.geometry.width)
        }
        if let x = page.directory.entries[TIFFTag.dmScaleX], let y = page.directory.entries[TIFFTag.dmScaleY] {
            tags = InstrumentTags(
                digitalMicrograph: (try await reader.double(x), try await reader.double(y)),
                units: (try await text(TIFFTag.dmUnitX, page, reader), try await text(TIFFTag.dmUnitY, page, reader)))
        }
        if let tags {
            metadata.instrument = tags.values
            if size.isEmpty {
                (size["x"], size["y"]) = (tags.pixelSize.x, tags.pixelSize.y)
                (units["x"], units["y"]) = (tags.units.x, tags.units.y)
            }
        }
        guard !size.isEmpty else { return }
        metadata.published = Metadata.Published(
            voxelSize: series.axes.map { $0.flatMap { size[$0] } }, unit: series.axes.map { $0.flatMap { units[$0] } })
        metadata.voxelSize = series.axes.map { axis in
            axis.flatMap { name in size[name].flatMap { LengthUnit.nanometres($0, units[name]) } }
        }
        metadata.known["voxel_size"] = "header"
    }

    /// Coarser levels in SubIFDs, where every page of the series has as many (OME-TIFF "Sub-resolutions").
    private func pyramid(
        _ series: TIFFSeries, _ pages: TIFFPages, _ metadata: Metadata, first: TIFFPage
    ) async throws -> [Level] {
        let reader = pages.reader
        guard pages.stride == nil, let entry = first.directory.entries[TIFFTag.subIFDs],
            let count = try? await reader.integers(entry, limit: 32).count, series.pageOf.count <= 4096
        else { return [] }
        var levels: [Level] = []
        for level in 0..<count {
            var reduced: [TIFFPage] = []
            for index in series.pageOf {
                guard let index, let entry = pages[index].directory.entries[TIFFTag.subIFDs],
                    let offsets = try? await reader.integers(entry, limit: 32), offsets.indices.contains(level),
                    let directory = try? await reader.directory(at: offsets[level]),
                    let page = try? await page(reader, directory), page.geometry.dataType == series.geometry.dataType,
                    page.geometry.shape.count == series.geometry.shape.count,
                    reduced.first.map({ $0.geometry == page.geometry }) ?? true
                else { return levels }
                reduced.append(page)
            }
            guard let geometry = reduced.first?.geometry, geometry.width < series.geometry.width else { return levels }
            let table = TIFFPages(reader, reduced), leading = series.leadingShape
            let shape = leading + geometry.shape
            let size = metadata.voxelSize.map { sizes in
                sizes.indices.map { axis in
                    sizes[axis].map {
                        ($0 * Double(series.shape[axis]) / Double(shape[axis])).rounded(significantDigits: 12)
                    }
                }
            }
            let order = reduced.indices.map(Optional.some)
            levels.append(
                Level(index: level + 1, path: "SubIFD \(level)", shape: shape, voxelSize: size) {
                    try TIFFArray(table, geometry, leadingShape: leading, pageOf: order)
                })
        }
        return levels
    }
}

// MARK: - The untouched source

extension TIFF {
    /// The first directory's tags as JSON; long values are cut to 4,096 items, which is said.
    private func raw(_ page: TIFFPage, _ reader: TIFFReader) async throws -> JSON {
        var members = JSON.Members()
        for (tag, entry) in page.directory.entries.sorted(by: { $0.key < $1.key }) {
            let name = TIFFTag.names[tag] ?? "\(tag)"
            members[name] =
                (try? await value(entry, reader)) ?? ["type": .int(Int(entry.type)), "count": .int(entry.count)]
        }
        return .object(members)
    }

    private func value(_ entry: TIFFEntry, _ reader: TIFFReader) async throws -> JSON {
        // What lies far from the directory in a remote file is not worth a request of its own.
        guard entry.count * entry.valueSize <= 64 << 10 else {
            return ["type": .int(Int(entry.type)), "count": .int(entry.count), "offset": .int(entry.offset)]
        }
        switch entry.type {
        case 2: return .string(try await reader.text(entry))
        case 5: return JSON(try await reader.rational(entry))
        case 1, 3, 4, 13, 16, 18:
            let values = try await reader.integers(entry, limit: 4096)
            return values.count == 1 ? .int(values[0]) : JSON(values)
        default: return ["type": .int(Int(entry.type)), "count": .int(entry.count), "offset": .int(entry.offset)]
        }
    }
}
