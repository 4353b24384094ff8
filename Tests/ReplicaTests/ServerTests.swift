import Glibc
import Testing

@testable import HarvestReplica

@Suite struct ServerTests {
    private let folder = "documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus/"

    private func ask(_ url: String, _ headers: [String] = [], method: String = "GET") throws -> TestClient.Answer {
        let server = try startServer()
        defer { server.stop() }
        return try #require(TestClient(port: server.port).get(url, headers, method: method))
    }

    @Test func `a range is exactly what was asked for`() throws {
        let answer = try ask(folder + "volumedata.tif", ["Range: bytes=3353674342-"])
        #expect(answer.status == 206 && answer.text == "InsightToolkit\0")
        #expect(answer.header("Content-Range") == "bytes 3353674342-3353674356/3353674357")
        #expect(answer.header("Accept-Ranges") == "bytes" && answer.header("Content-Type") == "image/tiff")
    }

    @Test func `a range beyond the end is 416 and says the size`() throws {
        let answer = try ask("files.replica.test/1k.bin", ["Range: bytes=1024-"])
        #expect(answer.status == 416 && answer.header("Content-Range") == "bytes */1024")
    }

    @Test func `HEAD gives the headers of GET and no body`() throws {
        let answer = try ask(folder + "volumedata.tif", method: "HEAD")
        #expect(answer.status == 200 && answer.body.isEmpty && answer.header("Content-Length") == "3353674357")
    }

    @Test func `an empty object has no range to give`() throws {
        #expect(try ask("files.replica.test/empty.bin").header("Content-Length") == "0")
        #expect(try ask("files.replica.test/empty.bin", ["Range: bytes=0-"]).status == 416)
    }

    @Test func `If-Range gives the part to those who know the tag, and everything to others`() throws {
        let tag = try #require(try ask("files.replica.test/1k.bin").header("ETag"))
        let url = "files.replica.test/1k.bin", range = "Range: bytes=0-9"
        #expect(try ask(url, [range, "If-Range: \(tag)"]).status == 206)
        #expect(try ask(url, [range, "If-Range: \"other\""]).status == 200)
        #expect(try ask(url, [range, "If-Range: W/\(tag)"]).status == 200)
        #expect(try ask(url, [range, "If-Range: Sat, 01 Jun 2024 00:00:00 GMT"]).status == 206)
        #expect(try ask(url, [range, "If-Range: Sat, 01 Jun 2024 00:00:01 GMT"]).status == 200)
    }

    @Test func `If-Match and If-None-Match are honoured`() throws {
        let url = "files.replica.test/1k.bin"
        let tag = try #require(try ask(url).header("ETag"))
        #expect(try ask(url, ["If-Match: \"other\""]).status == 412)
        #expect(try ask(url, ["If-Match: \(tag)"]).status == 200)
        #expect(try ask(url, ["If-None-Match: \(tag)"]).status == 304)
        #expect(try ask(url, ["If-None-Match: \"other\""]).status == 200)
    }

    @Test func `pipelined requests are answered in order on one connection`() throws {
        let server = try startServer()
        defer { server.stop() }
        let client = TestClient(port: server.port)
        let request = "GET /1k.bin HTTP/1.1\r\nHost: files.replica.test\r\nRange: bytes="
        client.send("\(request)0-0\r\n\r\n\(request)1-2\r\n\r\n\(request)5-9\r\n\r\n")
        #expect((0..<3).map { _ in client.read()?.body.count } == [1, 2, 5])
        #expect(client.get("files.replica.test/1k.bin")?.body.count == 1024)
    }

    @Test func `a raw space in the request line is refused`() throws {
        let server = try startServer()
        defer { server.stop() }
        let client = TestClient(port: server.port)
        client.send("GET /data/ x.tif HTTP/1.1\r\nHost: documents.epfl.ch\r\n\r\n")
        #expect(client.read()?.status == 400)
        #expect(client.isClosed())
    }

    @Test(arguments: [
        ("nowhere.test/", 421, "no such host"), ("www.epfl.ch/x", 404, "<!DOCTYPE html>"),
        ("janelia-cosem-datasets.s3.amazonaws.com/x", 404, "<Code>NoSuchKey</Code>"),
        ("api.figshare.com/v2/articles/1", 404, "EntityNotFound"), ("www.epfl.ch/%zz", 400, "Bad Request"),
        ("storage.googleapis.com/replica-bucket/x", 404, "<Code>NoSuchKey</Code>"),
        ("storage.googleapis.com/storage/v1/b/replica-bucket/o/x", 404, "\"code\": 404"),
    ]) func `errors come in the words of their host`(url: String, status: Int, words: String) throws {
        let answer = try ask(url)
        #expect(answer.status == status && answer.text.contains(words))
    }

    @Test func `other methods are not allowed, and the connection goes on`() throws {
        let server = try startServer()
        defer { server.stop() }
        let client = TestClient(port: server.port)
        let answer = client.get("files.replica.test/1k.bin", ["Content-Length: 0"], method: "DELETE")
        #expect(answer?.status == 405 && answer?.header("Allow") == "GET, HEAD")
        #expect(client.get("files.replica.test/1k.bin")?.status == 200)
    }

    @Test func `256 connections are open at once`() throws {
        let server = try startServer()
        defer { server.stop() }
        let clients = (0..<256).map { _ in TestClient(port: server.port) }
        for client in clients { client.send("GET /1k.bin HTTP/1.1\r\nHost: files.replica.test\r\n\r\n") }
        // The first that fails, with what the system says of it.
        #expect(clients.firstIndex { $0.read()?.body.count != 1024 } == nil, "errno \(errno)")
        #expect(clients.firstIndex { $0.get("files.replica.test/1k.bin")?.status != 200 } == nil, "errno \(errno)")
    }

    @Test func `Connection close is obeyed`() throws {
        let server = try startServer()
        defer { server.stop() }
        let client = TestClient(port: server.port)
        #expect(client.get("files.replica.test/echo", ["Connection: close"])?.status == 200)
        #expect(client.isClosed())
    }
}
