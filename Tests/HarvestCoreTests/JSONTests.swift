import Foundation
import HarvestCore
import HarvestTesting
import Testing

private func message(_ text: String) -> String? {
    do throws(HarvestError) { _ = try JSON(parsing: text) } catch { return error.message }
    return nil
}

struct JSONParserTests {
    @Test(
        arguments: [
            ("0", JSON.int(0)), ("-0", .int(0)), ("9223372036854775807", .int(.max)),
            ("-9223372036854775808", .int(.min)),
            ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
            ("18446744073709551616", .double(0x1p64)), ("1.5", .double(1.5)), ("1e3", .double(1000)),
            ("-2.5E-2", .double(-0.025)), ("1e999", .double(.infinity)), ("Infinity", .double(.infinity)),
            ("-Infinity", .double(-.infinity)), ("true", true), ("false", false), ("null", nil), ("[]", []),
            ("{}", [:]),
            (" [ 1 , 2 ] ", [1, 2]), (#"{"a":{"b":[null]}}"#, ["a": ["b": [nil]]]), ("\u{FEFF}1", .int(1)),
        ] as [(String, JSON)])
    func `a text reads as the value that RFC 8259 or Python's writer means`(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test func `a bare NaN reads as not a number`() throws {
        #expect(try JSON(parsing: "[NaN]")[0]?.double?.isNaN == true)
    }

    @Test(arguments: [
        (#""\u00e9\n\t\/\\\"""#, "é\n\t/\\\""), (#""\ud83d\ude00""#, "😀"), (#""\ud800""#, "\u{FFFD}"),
        (#""\udc00x""#, "\u{FFFD}x"), (#""\ud800\u0041""#, "\u{FFFD}A"), (#""\ud800\ud83d\ude00""#, "\u{FFFD}😀"),
        (#""\u0000""#, "\0"), (#""é😀""#, "é😀"),
    ])
    func `an escape reads as its character, a lone surrogate as a replacement`(_ text: String, _ value: String) throws {
        #expect(try JSON(parsing: text) == .string(value))
    }

    @Test func `the last of equal keys wins and keeps the place of the first`() throws {
        let value = try JSON(parsing: #"{"a":1,"b":2,"a":3}"#)
        #expect(value["a"] == 3)
        #expect(value.compact == #"{"a":3,"b":2}"#)
    }

    @Test(arguments: [
        "", " ", "[", "[1", "[1,", "[1,]", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "tru", "nul", "+1", "-",
        "01", "-01", "1.", ".5", "1e", "1e+", "1.5.5", "1-2", "0x10", "--1", "1 2", #"""#, #""\x""#, #""\u12"#,
        #""\u12g4""#,
        "\"\n\"", "'a'", "NaN1", "[1}", "Inf", "]",
    ])
    func `what is no JSON is malformed`(_ text: String) {
        #expect(throws: HarvestError.self) { try JSON(parsing: text) }
    }

    @Test(arguments: [("[1,x]", 3), ("{\"a\" 1}", 5), ("[1] 2", 4), ("", 0)])
    func `an error names the byte at which it stands`(_ text: String, _ byte: Int) {
        #expect(message(text)?.hasSuffix("byte \(byte)") == true)
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
    func `nesting without end is refused, not followed`(_ opening: String) {
        #expect(message(String(repeating: opening, count: 1_000_000))?.contains("256 levels") == true)
    }

    @Test func `nesting of 256 levels is read`() throws {
        let text = String(repeating: "[", count: 256) + String(repeating: "]", count: 256)
        #expect(try JSON(parsing: text).compact == text)
        #expect(message("[" + text + "]") != nil)
    }

    @Test func `every cut of a text is malformed, none a trap`() {
        let text = Array(#"{"a":[1,-2.5e3,"\ud83d\ude00é",true,null,{"b":[]}]}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: HarvestError.self) { try JSON(parsing: text[..<length]) }
        }
    }

    @Test func `a text over 64 MiB is refused before it is read`() {
        #expect(throws: HarvestError.self) { try JSON(parsing: repeatElement(0x20, count: 64 << 20 | 1)) }
    }

    @Test func `bytes that are no UTF-8 become replacement characters`() throws {
        #expect(try JSON(parsing: [0x22, 0xFF, 0x41, 0x22]) == "\u{FFFD}A")
    }
}

struct JSONWriterTests {
    @Test(
        arguments: [
            (20.0, "20"), (0.1, "0.1"), (-0.0, "-0.0"), (1e15, "1000000000000000"), (1e17, "1e+17"),
            (.leastNonzeroMagnitude, "5e-324"), (0.1 + 0.2, "0.30000000000000004"),
            (-3.0, "-3"), (.nan, #""NaN""#), (.infinity, #""Infinity""#), (-.infinity, #""-Infinity""#),
        ] as [(Double, String)])
    func `a number is written as the shortest text that reads back`(_ value: Double, _ text: String) {
        #expect(JSON.double(value).compact == text)
    }

    @Test func `random doubles read back as they were`() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            #expect(try JSON(parsing: JSON.double(value).compact).double == value)
        }
    }

    @Test(
        arguments: [
            (JSON.unsigned(.max), "18446744073709551615"), (.int(.min), "-9223372036854775808"),
            (["a": nil], #"{"a":null}"#), (["b": 1, "a": [1, "x"]], #"{"b":1,"a":[1,"x"]}"#),
            ("\u{1B}\"\\\n\r\t\u{9B}é", #""\u001b\"\\\n\r\t\u009bé""#),
        ] as [(JSON, String)])
    func `a value is written on one line, keys in order, null kept`(_ value: JSON, _ text: String) throws {
        #expect(value.compact == text)
        #expect(try JSON(parsing: text) == value)
    }

    @Test func `the text for people keeps plain lists on one line`() throws {
        let value: JSON = ["shape": [1, 2], "levels": [["a": 1]], "none": [:]]
        #expect(value.pretty.contains(#"  "shape": [1,"#))
        #expect(value.pretty.split(separator: "\n").count > 4)
        #expect(try JSON(parsing: value.pretty) == value)
    }

    @Test func `a member that is taken out is not written`() {
        var members: JSON.Members = ["a": 1, "b": 2, "c": 3]
        members["b"] = nil
        members["c"] = .null
        #expect(JSON.object(members).compact == #"{"a":1,"c":null}"#)
    }
}

struct JSONAccessTests {
    @Test func `integers are exact or not given`() {
        #expect(JSON.double(3).int == 3)
        #expect(JSON.double(3.5).int == nil)
        #expect(JSON.double(1e300).int == nil)
        #expect(JSON.unsigned(.max).int == nil)
        #expect(JSON.string("3").int == nil)
        #expect((["a", 1] as JSON).ints == nil)
    }

    @Test func `what is not there is nil, whatever it is asked of`() {
        #expect(JSON.null["a"] == nil)
        #expect(([1] as JSON)[1] == nil)
        #expect(([1] as JSON)[-1] == nil)
        #expect((["a": 1] as JSON)["b"] == nil)
    }

    @Test func `the words for non-finite numbers are numbers`() {
        #expect(JSON.string("NaN").double?.isNaN == true)
        #expect(JSON.string("-Infinity").double == -.infinity)
        #expect(JSON.string("five").double == nil)
    }
}

struct JSONCodableTests {
    private static let value: JSON = [
        "null": nil, "yes": true, "low": .int(.min), "high": .unsigned(.max), "half": 0.5, "text": "µ",
        "list": [1, [2], ["a": nil]], "empty": [:],
    ]

    @Test func `Foundation's encoders write the same value as ours`() throws {
        let data = try JSONEncoder().encode(Self.value)
        #expect(try JSON(parsing: data).sorted == Self.value.sorted)
        #expect(try JSONDecoder().decode(JSON.self, from: data).sorted == Self.value.sorted)
    }

    @Test func `non-finite numbers pass through Foundation as words`() throws {
        let data = try JSONEncoder().encode(JSON.array([.double(.nan), .double(-.infinity)]))
        #expect(String(decoding: data, as: UTF8.self) == #"["NaN","-Infinity"]"#)
    }

    @Test func `a dataset survives JSON`() throws {
        var dataset = Dataset(address: "https://example.org/a", id: "a", portal: "epfl")
        dataset.title = "A title"
        dataset.links = [Link(url: "s3://bucket/key", format: "n5", isPrimary: true, bytes: 12, checksum: "md5:00")]
        dataset.claims = [
            Claim("voxel_size", [5.5, 5, nil], unit: "nm", at: "page#x", published: "5", isApproximate: true)
        ]
        dataset.findings = [Finding(.warning, rule: "a-rule", field: "bytes", "a sentence")]
        let text = try JSON(parsing: dataset.json.compact)
        #expect(try Dataset(json: text) == dataset)
        #expect(try JSONDecoder().decode(Dataset.self, from: JSONEncoder().encode(dataset)) == dataset)
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"address":"a"}"#, #"{"address":"a","id":"b","claims":[{}]}"#,
        #"{"address":"a","id":"b","links":[1]}"#, #"{"address":"a","id":"b","findings":[{"rule":"x"}]}"#,
    ])
    func `a dataset that lacks what it needs is malformed`(_ text: String) throws {
        let json = try JSON(parsing: text)
        #expect(throws: HarvestError.self) { try Dataset(json: json) }
    }
}

extension JSON {
    /// With members in alphabetical order at every depth: Foundation does not keep the order.
    fileprivate var sorted: JSON {
        switch self {
        case .array(let items): .array(items.map(\.sorted))
        case .object(let members):
            .object(members.sorted { $0.key < $1.key }.reduce(into: JSON.Members()) { $0[$1.key] = $1.value.sorted })
        default: self
        }
    }
}
