import Foundation
import Testing

/// The whole job on all five addresses. Expected values: the portals' published figures, and arithmetic.
@Suite(.serialized) struct FiveTests {
    static let idr = "https://idr.openmicroscopy.org/webclient/img_detail/9846137/?dataset=10740"
    static let empiar = "https://www.ebi.ac.uk/empiar/EMPIAR-11759/"
    static let hemibrain = "https://tinyurl.com/hemibrain-ng"
    static let archive = "https://ftp.ebi.ac.uk/"
    static let tiff =
        "\(archive)pub/databases/IDR/idr0086-miron-micrographs/20200610-ftp/experimentD/Miron_FIB-SEM/Miron_FIB-SEM_processed/Figure_S3B_FIB-SEM_U2OS_20x20x20nm_xy.tif"
    static let slices = "\(archive)empiar/world_availability/11759/data/"
    static let five = [Address.epfl, idr, empiar, Address.openOrganelle, hemibrain]

    private static let key = ["HARVEST_OPENORGANELLE_KEY": "replica-anon-key"]

    @Test func `the table says of all five what portals and files say, and who disagrees`() throws {
        let run = try Replica().run(["compare", "--json"] + Self.five, Self.key)
        #expect(run.status == 0, "\(run.errors)")
        let rows = try #require(run.json["rows"] as? [[String: Any]])
        try #require(rows.count == 5)
        #expect(rows.compactMap { $0["id"] as? String } == ["epfl", "idr", "empiar", "openorganelle", "hemibrain"])
        func field(_ row: Int, _ name: String) -> [String: Any] {
            (rows[row]["fields"] as? [String: Any])?[name] as? [String: Any] ?? [:]
        }
        let shapes = [
            [1065, 1536, 2048], [184, 775, 1121], [16, 5500, 5496], [564, 2520, 2596], [41394, 39725, 34427],
        ]
        let types = ["uint8", "uint8", "uint8", "int16", "uint8"]
        let sizes: [[Double]] = [[5, 5, 5], [20, 20, 20], [50, 7.99825, 7.99825], [2.96, 4, 4], [8, 8, 8]]
        for row in 0..<5 {
            #expect(field(row, "shape")["value"] as? [Int] == shapes[row])
            #expect(field(row, "dtype")["value"] as? String == types[row])
            #expect(field(row, "voxel_size")["value"] as? [Double] == sizes[row])
        }
        #expect(rows[1]["where_from"] as? String == "header; page agrees")
        #expect(field(0, "voxel_size")["source"] as? String == "page")
        let others = (field(2, "voxel_size")["others"] as? [[String: Any]])?.first
        #expect(others?["agrees"] as? Bool == false)
        #expect((others?["value"] as? [Any])?.last as? Double == 8)
        let page = (field(2, "shape")["others"] as? [[String: Any]])?.first
        #expect(page?["value"] as? [Int] == [16, 5632, 5628] && page?["agrees"] as? Bool == false)
        let rules = (rows[2]["findings"] as? [[String: Any]] ?? []).compactMap { $0["rule"] as? String }
        #expect(rules.contains("voxel-size-contradicted") && rules.contains("shape-contradicted"))
        let acquisition = try #require(run.json["acquisition"] as? [[String: Any]])
        func acquired(_ name: String, _ id: String) -> Any? {
            let values = acquisition.first { $0["field"] as? String == name }?["values"] as? [String: Any]
            return (values?[id] as? [String: Any])?["value"]
        }
        #expect(acquired("beam_energy", "empiar") as? Double == 1.9)
        // The page's 200 pA: 0.0 in the file is no record.
        #expect(acquired("beam_current", "empiar") as? Double == 0.2)
        #expect(acquired("beam_energy", "openorganelle") as? Double == 0.2)
        #expect(acquired("slice_thickness", "empiar") as? Double == 50)
        #expect(acquired("dwell_time", "empiar") as? Double == 5e-7)
        #expect(acquired("date", "empiar") as? String == "2018-06-11")
        #expect(acquired("beam_energy", "idr") as? Double == 1.2)
        #expect(acquired("beam_energy", "epfl") == nil)
    }

    @Test(arguments: [
        (tiff, "ftp.ebi.ac.uk", 3, 64 << 10),
        (slices + "F57-8_test1_3VBSED_slice_0000.dm3", "ftp.ebi.ac.uk", 3, 256 << 10),
        (hemibrain, "storage.googleapis.com", 2, 128 << 10),
    ])
    func `a probe costs a few requests and bytes, counted by the far side`(
        address: String, host: String, requests: Int, bytes: Int
    ) throws {
        let replica = try Replica()
        let run = try replica.run(["probe", address, "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let log = replica.requests(to: host)
        #expect(log.count <= requests)
        #expect(log.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) } <= bytes)
        #expect((run.json["cost"] as? [String: Any])?["requests"] as? Int == log.count)
    }

    @Test func `boxes of the new three equal the replica's own voxels`() throws {
        let replica = try Replica()
        let folder = try Folder()
        for (address, name, box) in [
            (Self.idr, "idr", "90:93,700:775,1000:1121"), (Self.empiar, "empiar", "3:9,5400:5500,5300:5496"),
            (Self.hemibrain, "hemibrain", "41380:41394,39700:39725,34400:34427"),
            (Self.hemibrain, "hemibrain", "12030:12070,11000:11040,10040:10080"),
            (Self.slices.replacingOccurrences(of: "https", with: "ftp") + "|slices:", "empiar", "0:2,10:20,30:50"),
        ] {
            let out = "\(folder.path)/box"
            let run = try replica.run(["read", address, "--box", box, "--out", out, "--force"])
            #expect(run.status == 0, "\(run.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == Replica.truth(["voxels", name, "--box", box]))
        }
    }

    @Test func `collect from a list brings what it asks for and draws a report of all five`() throws {
        let folder = try Folder()
        let list = """
            [{"address": "\(Address.epfl)", "id": "epfl", "fetch": "testing.tif"}, {"address": "\(Self.idr)", "fetch": false},
             {"address": "\(Self.slices)F57-8_test1_3VBSED_slice_0001.dm3", "id": "one slice"},
             {"address": "\(Address.openOrganelle)", "level": 4},
             {"address": "\(Self.hemibrain)", "box": "12000:12064,11008:11072,9984:10048"}]
            """
        try Data(list.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/list.json"))
        let run = try Replica().run(
            ["collect", "--from", "\(folder.path)/list.json", "--into", "\(folder.path)/data", "-q", "--json"], Self.key
        )
        #expect(run.status == 0, "\(run.errors)")
        let datasets = try #require(run.json["datasets"] as? [[String: Any]])
        #expect(
            datasets.compactMap { $0["id"] as? String } == ["epfl", "idr", "one_slice", "openorganelle", "hemibrain"])
        let fetched = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/data/epfl/testing.tif"))
        #expect(fetched == (try Replica.truth(["bytes", Address.files + "testing.tif"])))
        let report = try String(contentsOfFile: "\(folder.path)/data/report.html", encoding: .utf8)
        for dataset in datasets {
            let pictures = dataset["pictures"] as? [String: Any] ?? [:]
            #expect(pictures["count"] as? Int == (dataset["id"] as? String == "one_slice" ? 1 : 3), "\(dataset)")
            #expect(pictures["bytes"] as? Int ?? .max <= 64 << 20)
            #expect(report.contains("id=\"dataset-\(dataset["id"] as? String ?? "")\""))
        }
        #expect(!report.contains("src=\"http") && report.contains("Content-Security-Policy"))
        #expect(
            try String(contentsOfFile: "\(folder.path)/data/acquisition.md", encoding: .utf8).contains(
                "beam energy (keV)"))
    }

    @Test func `a list with a misspelt key is refused before anything starts`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/list.json"
        for text in [
            #"[{"address":"x","bix":"0:1"}]"#, "{}", "[]", #"[{"level":2}]"#, #"[{"address":"x","level":-1}]"#,
        ] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            #expect(try Command.run(["collect", "--from", path, "--into", "\(folder.path)/d"]).status == 64, "\(text)")
        }
        try Data("[".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try Command.run(["collect", "--from", path, "--into", "\(folder.path)/d"]).status == 65)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/d"))
    }

    @Test(arguments: ["status:503", "status:404", "cut:10"])
    func `one dataset's host in trouble leaves the other four whole, and the report says why`(fault: String) throws {
        let folder = try Folder()
        let replica = try Replica(faults: ["www.ebi.ac.uk/*=\(fault)", "ftp.ebi.ac.uk/empiar/*=\(fault)"])
        let run = try replica.run(
            ["collect", "--into", folder.path, "--probe-only", "--no-pictures", "-q", "--json"] + Self.five, Self.key)
        #expect(run.status == 1)
        let datasets = run.json["datasets"] as? [[String: Any]] ?? []
        #expect(datasets.map { $0["ok"] as? Bool ?? false } == [true, true, false, true, true])
        #expect((run.json["rows"] as? [Any])?.count == 4)
        let report = try String(contentsOfFile: "\(folder.path)/report.html", encoding: .utf8)
        #expect(report.contains("1 of them is incomplete: empiar") && report.contains("Failed: "))
    }

    @Test func `a login page in place of an interface is named, and the header file takes its place`() throws {
        let replica = try Replica(faults: ["www.ebi.ac.uk/empiar/api/*=status:500"])
        let run = try replica.run(["describe", Self.empiar, "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let claims = run.json["claims"] as? [[String: Any]] ?? []
        #expect(claims.first { $0["field"] as? String == "shape" }?["value"] as? [Int] == [16, 5632, 5628])
        let findings = run.json["findings"] as? [[String: Any]] ?? []
        #expect(findings.contains { $0["rule"] as? String == "source-failed" })
    }

    @Test func `a crop of the sharded volume is a plain volume at its own place`() throws {
        let folder = try Folder()
        let run = try Replica().run([
            "fetch", Self.hemibrain, "--box", "12030:12070,11010:11050,10050:10100", "--into", folder.path, "--json",
            "-q",
        ])
        #expect(run.status == 0, "\(run.errors)")
        let copy = try #require(run.json["folder"] as? String)
        let image = try #require(
            (try Command.run(["probe", copy, "--json"]).json["images"] as? [[String: Any]])?.first)
        #expect(image["origin"] as? [Int] == [12032 - 64, 11008, 10048])
        #expect(image["shape"] as? [Int] == [128, 64, 64])
        let out = "\(folder.path)/box"
        #expect(try Command.run(["read", copy, "--box", "0:128,0:64,0:64", "--out", out]).status == 0)
        let truth = try Replica.truth(["voxels", "hemibrain", "--box", "11968:12096,11008:11072,10048:10112"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == truth)
    }

    @Test func `a size alone lies around the position that the link shows`() throws {
        let folder = try Folder()
        let replica = try Replica()
        // The link's position is 10100.5, 11200, 12300 in x, y, z and voxels of 8 nm; level 3 has 64 nm.
        for (level, box) in [("0", "12268:12332,11168:11232,10068:10132"), ("3", "1505:1569,1368:1432,1230:1294")] {
            let run = try replica.run([
                "fetch", Self.hemibrain, "--size", "64", "--level", level, "--into", folder.path, "--dry-run", "--json",
            ])
            #expect(run.status == 0, "\(run.errors)")
            #expect((run.json["crop"] as? [String: Any])?["asked"] as? String == box)
        }
        let edge = try replica.run([
            "fetch", Self.tiff, "--size", "9,9,9", "--centre", "183,0,1120", "--into", folder.path, "--json",
        ])
        #expect(edge.status == 0, "\(edge.errors)")
        let name = (edge.json["files"] as? [[String: Any]])?.first?["path"] as? String
        #expect(name?.hasSuffix("_L0_z175-184_y0-9_x1112-1121.npy") == true)
        for arguments in [["--size", "9", "--centre", "184,0,0"], ["--size", "9"]] {
            let run = try replica.run(["fetch", Self.tiff, "--into", folder.path] + arguments)
            #expect(run.status == 64 && run.errors.contains("--centre") || run.errors.contains("outside"))
        }
    }

    @Test func `every alias and form of an address leads to its dataset`() throws {
        let replica = try Replica()
        for address in [
            "https://tinyurl.com/hemibrain-ng-v1", "https://tinyurl.com/hemibrain-over",
            "https://neuroglancer-demo.appspot.com/#!gs://neuroglancer-janelia-flyem-hemibrain/v1.0/neuroglancer_demo_states/base.json",
            "precomputed://gs://neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg",
            "gs://neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg|neuroglancer-precomputed:",
            "EMPIAR-11759", "https://www.ebi.ac.uk/empiar/entry/11759/", "10.6019/EMPIAR-11759", Self.slices,
            "https://idr.openmicroscopy.org/iviewer/?images=9846137", "https://idr.openmicroscopy.org/image/9846137/",
            "https://idr.openmicroscopy.org/webclient/?show=image-9846137",
            "https://idr.openmicroscopy.org/webclient/?show=dataset-10740",
            "https://idr.openmicroscopy.org/webclient/?show=project-1161",
        ] {
            let run = try replica.run(["probe", address, "--json"])
            #expect(run.status == 0, "\(address): \(run.errors)")
        }
    }
}
