/// `harvest-replica --help`.
enum HelpText {
    static let text = """
        The data portals of image-harvest on this machine: their host names over TLS on 127.0.0.1, their pages and
        interfaces in their true shape, their files at true size, computed and not stored.

        USAGE
          harvest-replica --state DIR [--https-port 0] [--ftp-port 0] [--fault 'HOST/PATH=FAULT[,FAULT…]' …] [--seed 1]
          harvest-replica bytes URL [A-B | A- | -N]     the true bytes of an object, to stdout
          harvest-replica voxels DATASET [--level N] [--box z0:z1,y0:y1,x0:x1]
                                                        the true voxels, C order, little-endian, to stdout
          harvest-replica hosts                         what is served

        When it listens, it prints one line of JSON, also in DIR/ready.json:
          {"https":"127.0.0.1:N","ftp":"127.0.0.1:M","ca":"DIR/ca.pem","connect_to":[":443:127.0.0.1:N",":21:127.0.0.1:M"],
           "pid":123}
        Every request is a line of DIR/requests.jsonl, which a later run goes on with. SIGTERM and SIGINT end it with
        status 0 and remove DIR/ready.json.
        FTP serves the files of ftp.ebi.ac.uk. Its faults are for the host ftp.ebi.ac.uk:21; a status is the reply's code,
        rate answers 450, range-ignored refuses REST, and PATH?MLSD is a listing by MLSD.

        DATASETS of `voxels`
        \(Volume.all.map { "  \($0.name)  \($0.dataType), levels: \($0.shapes.count), level 0: \($0.shapes[0])" }
            .joined(separator: "\n"))

        FAULTS. HOST may be *, PATH may end in *; a PATH with ? is compared with path and query.
          latency:MS                    answers so much later
          bandwidth:BYTES               of each connection, per second
          rate:REQUESTS                 per second; beyond it 429 with Retry-After: 1
          cut:BYTES[:P]                 the connection ends after so many bytes of body
          stall:P                       nothing ever comes
          stall-after:BYTES[:P]         headers and so many bytes come, then nothing
          status:CODE[:P[:RETRY]]       an error instead, with Retry-After: RETRY (seconds or a date)
          status-first:CODE:N[:RETRY]   for the first N requests that meet this rule
          status-each:CODE:N[:RETRY]    for the first N requests of every address
          range-ignored                 200 and everything, whatever was asked
          changed:N                     after N requests of an address, another ETag, date and other bytes there
          etag-none, etag-weak          no entity tag; a weak one
        P is a probability; the dice are seeded (--seed): the n-th request that meets a rule always falls the same way.

        EXAMPLES
          harvest-replica --state /tmp/replica
          harvest-replica --state /tmp/replica --fault 'documents.epfl.ch/*=stall:0.03' --fault '*/*=latency:80'
          harvest-replica --state /tmp/replica --fault 'files.replica.test/testing.tif=changed:3,bandwidth:2000000'
          harvest-replica --state /tmp/replica --fault 'janelia-cosem-datasets.s3.amazonaws.com/*=status-each:503:1:1'
          curl --cacert /tmp/replica/ca.pem --connect-to :443:127.0.0.1:PORT https://files.replica.test/echo
          harvest-replica bytes https://files.replica.test/testing.tif 0-7 | xxd
          harvest-replica voxels openorganelle --level 3 --box 0:1,0:64,0:64 > plane.i16

        """
}
