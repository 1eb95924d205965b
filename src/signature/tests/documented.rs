//! The examples of the S3 documentation.

use super::*;

fn aws() -> Vec<Key> {
    vec![key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
}

fn v4(sent: Sent, signed: &str, signature: &str) -> Sent {
    sent.header("x-amz-date", "20130524T000000Z").header(
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders={signed},Signature={signature}"
        ),
    )
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// "Signature Calculations for the Authorization Header" in the S3 API reference.
#[test]
fn the_examples_of_version_4_in_the_header_are_valid() {
    let now = at("2013-05-24T00:00:00Z");
    let host = "examplebucket.s3.amazonaws.com";
    let put_hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    for sent in [
        v4(
            Sent::new("GET", host, "/test.txt").header("range", "bytes=0-9").header("x-amz-content-sha256", EMPTY),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        v4(
            Sent::new("PUT", host, "/test$file.text")
                .header("date", "Fri, 24 May 2013 00:00:00 GMT")
                .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
                .header("x-amz-content-sha256", put_hash),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        v4(
            Sent::new("GET", host, "/?lifecycle").header("x-amz-content-sha256", EMPTY),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        v4(
            Sent::new("GET", host, "/?max-keys=2&prefix=J").header("x-amz-content-sha256", EMPTY),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        assert_eq!(sent.verified(&aws(), now).key_id, "AKIAIOSFODNN7EXAMPLE");
        let wrong = Sent { target: sent.target.replace('/', "/x"), ..sent };
        let error = wrong.verify(&aws(), &[], now).expect_err("another path");
        assert_eq!(error.code, Code::SignatureDoesNotMatch);
    }
}

/// "Signing and authenticating REST requests" (Signature Version 2) in the S3 documentation.
#[test]
fn the_examples_of_version_2_are_valid() {
    let host = "awsexamplebucket1.us-west-1.s3.amazonaws.com";
    let bucket = "awsexamplebucket1";
    let id = "AKIAIOSFODNN7EXAMPLE";
    for (sent, signature) in [
        (
            Sent::new("GET", host, "/photos/puppy.jpg")
                .header("date", "Tue, 27 Mar 2007 19:36:42 +0000")
                .bucket(bucket),
            "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
        ),
        (
            Sent::new("PUT", host, "/photos/puppy.jpg")
                .header("content-type", "image/jpeg")
                .header("content-length", "94328")
                .header("date", "Tue, 27 Mar 2007 21:15:45 +0000")
                .bucket(bucket),
            "iqRzw+ileNPu1fhspnRs8nOjjIA=",
        ),
        (
            Sent::new("GET", host, "/?prefix=photos&max-keys=50&marker=puppy")
                .header("date", "Tue, 27 Mar 2007 19:42:41 +0000")
                .bucket(bucket),
            "m0WP8eCtspQl5Ahe6L1SozdX9YA=",
        ),
        (
            Sent::new("GET", host, "/?acl").header("date", "Tue, 27 Mar 2007 19:44:46 +0000").bucket(bucket),
            "82ZHiFIjc+WbcwFKGUVEQspPn+0=",
        ),
    ] {
        let now = time::header(sent.headers["date"].to_str().expect("text")).expect("a date");
        let signed = sent.clone().header("authorization", &format!("AWS {id}:{signature}"));
        let verified = signed.verified(&aws(), now);
        assert_eq!((verified.key_id.as_str(), verified.version), (id, Version::V2));
    }
}

/// The chunks of both examples: 65,536 and 1,024 times `a`.
fn chunks(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    let mut body = format!("10000;chunk-signature={first}\r\n").into_bytes();
    body.extend(vec![b'a'; 65536]);
    body.extend(format!("\r\n400;chunk-signature={second}\r\n").into_bytes());
    body.extend(vec![b'a'; 1024]);
    body.extend(format!("\r\n0;chunk-signature={last}\r\n{trailer}\r\n").into_bytes());
    body
}

fn chunked_upload(content: &str) -> Sent {
    Sent::new("PUT", "s3.amazonaws.com", "/examplebucket/chunkObject.txt")
        .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .header("x-amz-content-sha256", content)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "66560")
        .header("content-length", "66824")
}

/// "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" in the S3 API reference.
#[test]
fn the_example_of_a_chunked_upload_is_valid() {
    let sent = v4(
        chunked_upload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let verified = sent.verified(&aws(), at("2013-05-24T00:00:00Z"));
    let body = chunks(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "",
    );
    assert_eq!(read(&sent.headers, &verified.payload, &body, 4000), Ok(vec![b'a'; 66560]));
    for (place, code) in [
        (100, Code::SignatureDoesNotMatch),             // data
        (65900, Code::SignatureDoesNotMatch),           // the second chunk
        (30, Code::SignatureDoesNotMatch),              // a signature
        (body.len() - 10, Code::SignatureDoesNotMatch), // the last signature
        (body.len() - 1, Code::IncompleteBody),         // the end
    ] {
        let mut changed = body.clone();
        changed[place] ^= 1;
        let error = read(&sent.headers, &verified.payload, &changed, 4000).expect_err("changed");
        assert!(error.code == code || place == body.len() - 1, "{place}: {error}");
        let cut = read(&sent.headers, &verified.payload, &body[..place], 4000).expect_err("cut");
        assert_eq!(cut.code, Code::IncompleteBody, "{place}: {cut}");
    }
}

/// "Signature Calculations for the Authorization Header: Including Trailing Headers" in the S3 API reference.
#[test]
fn the_example_of_a_trailer_is_valid() {
    let sent = v4(
        chunked_upload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER").header("x-amz-trailer", "x-amz-checksum-crc32c"),
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;\
         x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let verified = sent.verified(&aws(), at("2013-05-24T00:00:00Z"));
    let body = chunks(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        "x-amz-checksum-crc32c:sOO8/Q==\r\n\
         x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
    );
    assert_eq!(read(&sent.headers, &verified.payload, &body, 1), Ok(vec![b'a'; 66560]));
}

/// "Query string request authentication alternative" of Signature Version 2.
#[test]
fn the_example_of_a_version_2_query_is_valid() {
    let target = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&\
                  Expires=1175139620";
    let sent = Sent::new("GET", "johnsmith.s3.amazonaws.com", target).bucket("johnsmith");
    let verified = sent.verified(&aws(), at("2007-03-29T03:40:20Z"));
    assert_eq!((verified.version, verified.expires), (Version::V2, Some(at("2007-03-29T03:40:20Z"))));
    let error = sent.verify(&aws(), &[], at("2007-03-29T03:40:21Z")).expect_err("expired");
    assert_eq!((error.code, error.status().as_u16()), (Code::AccessDenied, 403));
}
