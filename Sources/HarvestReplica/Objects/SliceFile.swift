internal import Glibc

/// One slice of the SBF-SEM volume as a DM3 file of true size: a thumbnail, the pixels, and behind them the tags that the
/// acquisition left.
struct SliceFile: VirtualObject {
    static let width = 5496
    static let height = 5500
    static let pixels = width * height
    static let count = 16
    static let dataOffset = 152_855
    static let fileBytes = 30_396_032
    private static let thumbnailSide = 192

    let number: Int
    var generation = 0

    var size: Int64 { Int64(Self.fileBytes) }

    static func name(_ number: Int) -> String {
        let digits = String(number)
        return "F57-8_test1_3VBSED_slice_" + String(repeating: "0", count: 4 - digits.count) + digits + ".dm3"
    }

    func replaced() -> any VirtualObject {
        var next = self
        next.generation += 1
        return next
    }

    func fill(_ range: Range<Int64>, into target: UnsafeMutableRawPointer) {
        let end = Int(range.upperBound), pixelEnd = Self.dataOffset + Self.pixels
        var offset = Int(range.lowerBound)
        var rows = TissueRows(columns: Self.origin.x..<(Self.origin.x + Self.width))
        func put(_ bytes: [UInt8], _ first: Int, _ count: Int) {
            bytes.withUnsafeBytes {
                _ = memcpy(target + (offset - Int(range.lowerBound)), $0.baseAddress! + first, count)
            }
            offset += count
        }
        while offset < end {
            if offset < Self.dataOffset {
                put(Self.frame(number).head, offset, min(end, Self.dataOffset) - offset)
            } else if offset < pixelEnd {
                let at = offset - Self.dataOffset
                put(row(at / Self.width, &rows), at % Self.width, min(Self.width - at % Self.width, end - offset))
            } else {
                put(Self.frame(number).tail, offset - pixelEnd, end - offset)
            }
        }
    }

    private static let origin = (z: 4000, y: 300, x: 200)

    private func row(_ y: Int, _ rows: inout TissueRows) -> [UInt8] {
        // Slices are 50 nm apart and pixels 8: six planes of the tissue lie between two slices.
        let bytes = rows.row(z: Self.origin.z + 6 * number, y: Self.origin.y + y)
        return generation % 2 == 1 ? bytes.map { ~$0 } : bytes
    }

    /// The voxels of one row, as truth.
    static func voxels(z: Int, y: Int, x: Range<Int>) -> [UInt8] {
        var rows = TissueRows(columns: origin.x..<(origin.x + width))
        return Array(SliceFile(number: z).row(y, &rows)[x])
    }
}

// The tags.
extension SliceFile {
    struct Frame: Sendable {
        let head: [UInt8]
        let tail: [UInt8]
    }

    private static let frames = Guarded<[Int: Frame]>([:])

    /// Everything but the pixels, made once for each slice.
    static func frame(_ number: Int) -> Frame {
        if let known = frames.withLock({ $0[number] }) { return known }
        let made = makeFrame(number)
        frames.withLock { $0[number] = made }
        return made
    }

    /// A group's tags up to, and without, the pixels; then the rest of the groups that are open there.
    private static func makeFrame(_ number: Int) -> Frame {
        func head(padding: Int) -> [UInt8] {
            var bytes =
                DM3Tag.big(3, 4) + DM3Tag.big(fileBytes - 16, 4) + DM3Tag.big(1, 4) + DM3Tag.groupHeader(rootCount)
            bytes += documents(padding).bytes + DM3Tag.flag("HasWindowPosition", true).bytes
            // ImageList with two images, of which the second stays open behind its pixels.
            bytes += open("ImageList", 2)
            bytes += thumbnail(number).bytes
            bytes += open("", 4) + DM3Tag.text("Description", "pixel size :  0.0080µm x 0.0080µm ").bytes
            bytes += open("ImageData", 5) + calibrations(scale: 0.007_998_25, unit: "µm", contrast: true).bytes
            return bytes + DM3Tag.open("Data", type: 10, count: pixels).bytes
        }
        let padding = dataOffset - head(padding: 0).count
        let first = head(padding: padding)
        precondition(first.count == dataOffset, "the pixels begin elsewhere")
        func tail(padding: Int) -> [UInt8] {
            var bytes = DM3Tag.int("DataType", 6).bytes
            bytes += DM3Tag.group("Dimensions", [.word("", UInt32(width)), .word("", UInt32(height))]).bytes
            bytes += DM3Tag.word("PixelDepth", 1).bytes
            bytes += acquisition(number).bytes + DM3Tag.text("Name", "3VBSED_slice_\(digits(number))").bytes
            bytes +=
                DM3Tag.group(
                    "ImageSourceList",
                    [
                        .group(
                            "",
                            [
                                .text("ClassName", "ImageSource:Simple"), .group("Id", [.word("", 0)]),
                                .word("ImageRef", 1),
                            ])
                    ]
                ).bytes
            bytes += DM3Tag.flag("InImageMode", true).bytes
            bytes += DM3Tag.group("PageSetup", [.octets("Win32_DevModeW", [UInt8](repeating: 0, count: padding))]).bytes
            return bytes + DM3Tag.group("Thumbnails", [.group("", [.word("ImageIndex", 0)])]).bytes
                + [UInt8](repeating: 0, count: 8)
        }
        let room = fileBytes - dataOffset - pixels
        let last = tail(padding: room - tail(padding: 0).count)
        precondition(last.count == room, "the file ends elsewhere")
        return Frame(head: first, tail: last)
    }

    /// DocumentObjectList, HasWindowPosition, ImageList, ImageSourceList, InImageMode, PageSetup, Thumbnails.
    private static let rootCount = 7

    private static func open(_ name: String, _ count: Int) -> [UInt8] {
        // A group's first bytes, without those of its tags.
        let empty = DM3Tag.group(name, []).bytes
        return empty.dropLast(4) + DM3Tag.big(count, 4)
    }

    private static func digits(_ number: Int) -> String {
        String(repeating: "0", count: 4 - String(number).count) + String(number)
    }

    private static func documents(_ padding: Int) -> DM3Tag {
        .group(
            "DocumentObjectList",
            [
                .group(
                    "",
                    [
                        .int("AnnotationType", 20),
                        .group(
                            "ImageDisplayInfo",
                            [
                                .octets("CLUT", [UInt8](repeating: 127, count: max(0, padding))),
                                .text("CLUTName", "Greyscale"),
                                .double("HighLimit", 123), .double("LowLimit", 65),
                            ]),
                        .word("UniqueID", 8),
                    ])
            ])
    }

    private static func calibrations(scale: Float, unit: String, contrast: Bool) -> DM3Tag {
        let dimension: DM3Tag = .group("", [.float("Origin", 0), .float("Scale", scale), .text("Units", unit)])
        return .group(
            "Calibrations",
            [
                .group("Brightness", [.float("Origin", 0), .float("Scale", 1), .text("Units", "")]),
                .group("Dimension", [dimension, dimension]), .flag("DisplayCalibratedUnits", true),
            ])
    }

    /// 192 × 192 pixels of four bytes.
    private static func thumbnail(_ number: Int) -> DM3Tag {
        let side = thumbnailSide
        let grey = (0..<side * side).flatMap { index -> [UInt8] in
            let value = UInt8(truncatingIfNeeded: (index / side + index % side + number) / 2)
            return [value, value, value, 255]
        }
        // Four bytes a pixel, as little-endian words.
        return .group(
            "",
            [
                .group(
                    "ImageData",
                    [
                        calibrations(scale: 1, unit: "", contrast: false), .octets("Data", grey), .int("DataType", 23),
                        .group("Dimensions", [.word("", UInt32(side)), .word("", UInt32(side))]),
                        .word("PixelDepth", 4),
                    ]),
                .group("ImageTags", [.group("GMS Version", [.text("Created", "3.21.1374.0")])]),
                .text("Name", "Image Of 3VBSED_slice_\(digits(number))"),
            ])
    }

    /// What the microscope, its scan generator and the microtome left.
    private static func acquisition(_ number: Int) -> DM3Tag {
        .group(
            "ImageTags",
            [
                .group("BSE Detector", [.double("Bright", 3.53), .double("Contrast", 9.99)]),
                .group(
                    "DataBar",
                    [
                        .text("Acquisition Date", "11.06.2018"), .text("Acquisition Time", "22:27:16"),
                        .text("Device Name", "DigiScan"), .text("Signal Name", "3VBSED"),
                    ]),
                .group(
                    "DigiScan",
                    [
                        .double("Flyback", 60), .int("Image Height", Int32(height)), .int("Image Width", Int32(width)),
                        .double("Sample Time", 0.5), .int("SessionID", 1_528_744_716),
                        .text("TimeStamp", "Mon Jun 11 22:26:45 2018 "),
                    ]),
                .group("GMS Version", [.text("Created", "3.21.1374.0"), .text("Saved", "3.21.1374.0")]),
                .group(
                    "Meta Data",
                    [
                        .group(
                            "Dimension info",
                            [.group("2", [.double("Origin", 0), .double("Scale", 50), .text("Units", "nm")])]),
                        .text("Format", "Image"), .text("Signal", "DigiScan"),
                    ]),
                .group(
                    "Microscope Info",
                    [
                        .double("Cs(mm)", 0), .double("Emission Current (µA)", 0),
                        .double("Field of View (µm)", 65.521_67),
                        .text("Formatted Voltage", "1.9kV"), .text("Illumination Mode", "SEM"),
                        .double("Indicated Magnification", 2159), .text("Name", "FEI Quanta"),
                        .text("Operation Mode", "SCANNING"), .double("Probe Current (nA)", 0),
                        .double("SEM Chamber Pressure (Torr)", 8.4e-6), .double("Voltage", 1900),
                        .double("WD (mm)", 5.5),
                    ]),
                .group(
                    "SBFSEM",
                    [
                        .group("Approach", [.double("Cut speed", 200), .double("Slice thickness", 200)]),
                        .group("Imaging", [.double("Record pixel size", 8), .double("Record pixel time", 0.5)]),
                        .group(
                            "Record",
                            [
                                .text("Base file name", "D:\\replica\\slices"), .double("Cut speed", 100),
                                .int("Slice number", 250), .double("Slice thickness", 50),
                            ]),
                    ]),
                .group(
                    "Session Info",
                    [
                        .text("Detector", "3VBSED"), .text("Microscope", ""), .text("Operator", ""),
                        .text("WD (mm)", "5591.26"),
                    ]),
            ])
    }
}
