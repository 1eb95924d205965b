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
