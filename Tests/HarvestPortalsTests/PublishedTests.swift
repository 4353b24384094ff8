import HarvestCore
import Testing

@testable import HarvestPortals

struct PublishedTests {
    @Test(arguments: [
        ("b.tif", "https://h/a/b.tif"), ("/b.tif", "https://h/b.tif"), ("//k/b", "https://k/b"),
        ("../b", "https://h/b"),
        ("./x/../b", "https://h/a/b"), ("?q=1", "https://h/a/c?q=1"), ("HTTP://K/a b", "http://k/a%20b"),
        ("a b%20c%zz", "https://h/a/a%20b%20c%25zz"), (" \n b\t.tif ", "https://h/a/b.tif"),
        ("µ.tif", "https://h/a/%C2%B5.tif"),
        ("b.tif#top", "https://h/a/b.tif"), ("../../../b", "https://h/b"), ("http://k", "http://k/"),
        ("[1]", "https://h/a/%5B1%5D"),
        ("s3://bucket/a b/", "s3://bucket/a%20b/"),
    ])
    func `links are made absolute and encoded once`(href: String, url: String) {
        #expect(Href.resolve(href, against: "https://h/a/c?d#e") == url)
        #expect(Href.resolve(url, against: "https://other/") == url)
    }

    @Test(arguments: [
        "", "#a", "mailto:a@b", "javascript:alert(1)", "data:text/plain,a", "https:b", "file:///etc/passwd", "  ",
    ])
    func `what leads to no file is no link`(href: String) {
        #expect(Href.resolve(href, against: "https://h/") == nil)
    }

    @Test func `a port and a user stay in the address`() {
        #expect(Href.resolve("b", against: "http://u@h:8080/a") == "http://u@h:8080/b")
    }

    @Test(arguments: [
        ("https://doi.org/10.25378/janelia.24222898", "10.25378/janelia.24222898"),
        ("see doi:10.1038/s41586-021-03992-4.", "10.1038/s41586-021-03992-4"),
        ("https://ieeexplore.ieee.org/document/6619103", nil), ("", nil), ("10.1/x", nil),
    ])
    func `a DOI is found, and never made up`(text: String, doi: String?) {
        #expect(DOI.bare(in: text) == doi)
    }

    @Test(arguments: [
        ("10.25378/janelia.24222898", "24222898"), ("10.25378/janelia.24222898.v2", "24222898"),
        ("10.7554/eLife.25916", nil),
    ])
    func `figshare's number stands in Janelia's DOIs`(doi: String, number: String?) {
        #expect(DOI.figshareNumber(doi) == number)
    }

    @Test func `sizes are read as they are written`() {
        let sizes = SizeText.all(in: "a 10 × 20.5 x 3 nm voxel, about 7x8x9, 1x2, 2x2x2mmm")
        #expect(sizes.map(\.values) == [[10, 20.5, 3], [7, 8, 9], [2, 2, 2]])
        #expect(sizes.map(\.unit) == ["nm", nil, nil])
        #expect(sizes.map(\.isApproximate) == [false, true, false])
    }

    @Test func `numbers may be text, but not infinite and not nonsense`() {
        #expect(Published.numbers([1, "2.5", 3]) == [1, 2.5, 3])
        for broken: JSON in [[1, nil, 3], ["1e999", 1, 1], ["a"], [], nil, "1", ["NaN"]] {
            #expect(Published.numbers(broken) == nil)
        }
    }

    @Test func `axes are put in order by name, never by position`() {
        #expect(Published.zyx([4, 5, 2.96], axes: ["x", "y", "z"], units: ["nm", "nm", "nm"]) == [2.96, 5, 4])
        #expect(Published.zyx([1, 2, 3], axes: ["Z", "Y", "X"], units: ["µm", "nm", "nm"]) == [1000, 2, 3])
        #expect(Published.zyx([1, 2, 3], axes: ["x", "y", "y"], units: ["nm", "nm", "nm"]) == nil)
        #expect(Published.zyx([1, 2, 3], axes: ["x", "y", "z"], units: ["nm", "pixel", "nm"]) == nil)
        #expect(Published.zyx([1, 2], axes: ["x", "y"], units: ["nm", "nm"]) == nil)
    }

    @Test(arguments: [
        (" Mon Mar 09 2015", "2015-03-09"), ("2015-03-09", "2015-03-09"), ("2023-10-10T00:00:00+00:00", "2023-10-10"),
        ("March 9, 2015", "2015-03-09"), ("Foo 09 2015", nil), ("2015-13-01", nil), ("11.06.2018", nil), ("", nil),
    ])
    func `days are written as ISO 8601`(text: String, day: String?) {
        #expect(Published.day(text) == day)
    }

    @Test func `text loses its line breaks and control characters`() {
        #expect(Published.line(" a\n\tb \u{1B}[31mc\u{7} ") == "a b [31mc")
        #expect(Published.line("\u{0} \n") == nil)
    }
}
