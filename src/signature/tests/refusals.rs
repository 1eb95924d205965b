//! Refusals: the code, the status, and the mistake that the message names.

use super::sign::{authorize, presign};
use super::*;

const NOW: &str = "2026-11-29T10:00:00Z";

fn keys() -> Vec<Key> {
    vec![key("devmedia", "devmedia"), key("second", "another secret")]
}

fn parts(sent: &Sent) -> (String, String) {
    let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
    (path.to_owned(), query.to_owned())
}

/// Signs in the header as a client does.
fn signed(sent: Sent) -> Sent {
    let sent = sent.header("x-amz-date", "20261129T100000Z");
    let sent = if sent.headers.contains_key("x-amz-content-sha256") {
        sent
    } else {
        sent.header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    };
    let mut headers = sent.headers.clone();
    headers.insert("host", sent.host.parse().expect("a host"));
    let (path, query) = parts(&sent);
    let (header, _) = authorize(&keys()[0], "eu-west-3", &sent.method, &path, &query, &headers).expect("dated");
    sent.header("authorization", &header)
}

fn put() -> Sent {
    signed(Sent::new("PUT", "127.0.0.1:9000", "/media/a%20b/c.txt?x-id=PutObject").header("x-amz-meta-a", "Bild"))
}

fn presigned(method: &str) -> Sent {
    let url = "http://127.0.0.1:9000/media/a%20b/c.txt".parse().expect("a URL");
    let method: Method = method.parse().expect("a method");
    let now = at(NOW);
    let url = presign(&keys()[0], "eu-west-3", &method, &url, now, now + jiff::SignedDuration::from_hours(1));
    let url = url.expect("presigned");
    Sent::new(method.as_str(), "127.0.0.1:9000", url.strip_prefix("http://127.0.0.1:9000").expect("the host"))
}

fn change(sent: Sent, change: impl FnOnce(&mut Sent)) -> Sent {
    let mut sent = sent;
    change(&mut sent);
    sent
}

fn authorization(sent: Sent, from: &str, to: &str) -> Sent {
    change(sent, |sent| {
        let value = sent.headers["authorization"].to_str().expect("text").replace(from, to);
        sent.headers.insert("authorization", value.parse().expect("a value"));
    })
}

fn target(sent: Sent, from: &str, to: &str) -> Sent {
    change(sent, |sent| sent.target = sent.target.replace(from, to))
}

#[test]
fn signed_requests_are_valid_and_others_are_anonymous() {
    for sent in [put(), presigned("GET"), presigned("PUT")] {
        assert_eq!(sent.verified(&keys(), at(NOW)).key_id, "devmedia");
    }
    let plain = Sent::new("GET", "127.0.0.1:9000", "/media/a?list-type=2&prefix=Signatures");
    assert_eq!(plain.verify(&keys(), &[], at(NOW)), Ok(Verdict::Anonymous));
}

#[test]
fn a_refusal_has_the_code_of_s3() {
    let get = || Sent::new("GET", "127.0.0.1:9000", "/media/a");
    let v4 = "AWS4-HMAC-SHA256 Credential=devmedia/20261129/r/s3/aws4_request, SignedHeaders=host, Signature=";
    for (sent, code, part) in [
        (get().header("authorization", "Bearer x"), Code::InvalidArgument, "Unsupported Authorization Type \"Bearer\""),
        (get().header("authorization", "AWS4-ECDSA-P256-SHA256 x"), Code::NotImplemented, "AWS4-ECDSA"),
        (get().header("authorization", "AWS devmedia"), Code::InvalidArgument, "AwsAccessKeyId:signature"),
        (get().header("authorization", "AWS4-HMAC-SHA256 "), Code::AuthorizationHeaderMalformed, "lacks Credential="),
        (get().header("authorization", v4), Code::AuthorizationHeaderMalformed, "the Signature should be 64"),
        (authorization(put(), "s3/aws4", "ec2/aws4"), Code::AuthorizationHeaderMalformed, "incorrect service \"ec2\""),
        (authorization(put(), "/20261129/", "/20261128/"), Code::AuthorizationHeaderMalformed, "20261128"),
        (authorization(put(), "Credential=devmedia/", "Credential="), Code::AuthorizationHeaderMalformed, "expecting"),
        (authorization(put(), "devmedia/", "nobody/"), Code::InvalidAccessKeyId, "does not exist"),
        (put().header("authorization", "AWS a:b"), Code::InvalidArgument, "Only one auth mechanism"),
        (target(put(), "x-id", "X-Amz-Signature=a&x-id"), Code::InvalidArgument, "Only one auth mechanism"),
        (put().header("x-amz-acl", "private"), Code::AccessDenied, "not signed: x-amz-acl"),
        (
            change(put(), |it| drop(it.headers.remove("x-amz-meta-a"))),
            Code::SignatureDoesNotMatch,
            "headers that were not sent: x-amz-meta-a",
        ),
        (
            change(put(), |it| drop(it.headers.remove("x-amz-content-sha256"))),
            Code::MissingSecurityHeader,
            "x-amz-content-sha256",
        ),
        (change(put(), |it| drop(it.headers.remove("x-amz-date"))), Code::AccessDenied, "valid Date or x-amz-date"),
        (signed(get().header("x-amz-content-sha256", "nonsense")), Code::InvalidArgument, "must be UNSIGNED-PAYLOAD"),
        (
            signed(get().header("x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")),
            Code::NotImplemented,
            "4A",
        ),
        (authorization(put(), "host;", "host;host;"), Code::AuthorizationHeaderMalformed, "each header only once"),
        (authorization(put(), "host;", ";host;"), Code::AuthorizationHeaderMalformed, "each header only once"),
        (
            target(presigned("GET"), "SignedHeaders=host", "SignedHeaders=host%3Bhost"),
            Code::AuthorizationQueryParametersError,
            "X-Amz-SignedHeaders",
        ),
        (
            target(presigned("GET"), "X-Amz-Date", "date"),
            Code::AuthorizationQueryParametersError,
            "Missing: X-Amz-Date",
        ),
        (
            target(presigned("GET"), "Expires=3600", "Expires=604801"),
            Code::AuthorizationQueryParametersError,
            "X-Amz-Expires should be",
        ),
        (
            target(presigned("GET"), "%2Fs3%2F", "%2Fec2%2F"),
            Code::AuthorizationQueryParametersError,
            "X-Amz-Credential",
        ),
        (
            target(presigned("GET"), "&X-Amz-Expires", "&X-Amz-Date=1&X-Amz-Expires"),
            Code::AuthorizationQueryParametersError,
            "only once",
        ),
        (get().header("authorization", "AWS devmedia:x").header("date", "soon"), Code::AccessDenied, "valid Date"),
        (Sent::new("GET", "h", "/a?Signature=x"), Code::AccessDenied, "requires the Signature, Expires"),
        (
            Sent::new("GET", "h", "/a?Signature=x&AWSAccessKeyId=devmedia&Expires=-1"),
            Code::AccessDenied,
            "seconds since epoch",
        ),
        (
            Sent::new("GET", "h", "/a?Signature=x&AWSAccessKeyId=devmedia&Expires=1&Expires=9999999999"),
            Code::InvalidArgument,
            "only once",
        ),
        (
            Sent::new("GET", "h", "/a?Signature=&AWSAccessKeyId=devmedia&Expires=9999999999"),
            Code::SignatureDoesNotMatch,
            "does not match",
        ),
    ] {
        let error = sent.verify(&keys(), &[], at(NOW)).expect_err(part);
        assert_eq!(error.code, code, "{error} for {sent:#?}");
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

#[test]
fn clocks_may_differ_by_15_minutes_and_urls_expire() {
    for (sent, now, code) in [
        (put(), "2026-11-29T10:15:00Z", None),
        (put(), "2026-11-29T10:15:01Z", Some(Code::RequestTimeTooSkewed)),
        (put(), "2026-11-29T09:45:00Z", None),
        (put(), "2026-11-29T09:44:59Z", Some(Code::RequestTimeTooSkewed)),
        (presigned("GET"), "2026-11-29T11:00:00Z", None),
        (presigned("GET"), "2026-11-29T11:00:01Z", Some(Code::AccessDenied)),
        (presigned("GET"), "2026-11-29T09:45:00Z", None),
        (presigned("GET"), "2026-11-29T09:44:59Z", Some(Code::AccessDenied)),
    ] {
        let code_of = |error: SignatureError| error.code;
        assert_eq!(sent.verify(&keys(), &[], at(now)).map_err(code_of).err(), code, "{now}");
    }
}

#[test]
fn the_message_names_a_likely_mistake() {
    let by_hand = |path: &[u8]| {
        let sent = put();
        let mut headers = sent.headers.clone();
        headers.insert("host", sent.host.parse().expect("a host"));
        let signed = "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a";
        let query = "x-id=PutObject".to_owned();
        let canonical =
            canonical::Canonical::new(&sent.method, path.to_vec(), query, &headers, signed, "UNSIGNED-PAYLOAD");
        let scope = "20261129/eu-west-3/s3/aws4_request";
        let text = v4::string_to_sign("20261129T100000Z", scope, &canonical.to_bytes());
        let signature = v4::signature(&v4::signing_key(&keys()[0].secret, scope), &text);
        let old =
            sent.headers["authorization"].to_str().expect("text").rsplit_once('=').expect("a signature").1.to_owned();
        authorization(sent, &old, &signature)
    };
    for (sent, part) in [
        (change(put(), |it| it.method = Method::POST), "made for the method PUT, but the request has the method POST"),
        (change(presigned("GET"), |it| it.method = Method::HEAD), "made for the method GET"),
        (
            change(put(), |it| it.host = "elsewhere:9000".into()),
            "made for the host 127.0.0.1:9000, but the request came to",
        ),
        (target(put(), "PutObject", "PutObject&a=1"), "without the parameter a"),
        (target(put(), "c.txt", "c.txt/"), "a path that differs in its last slash: /media/a%20b/c.txt"),
        (target(put(), "/media", "/api/media"), "the path without its first segments: /media/a%20b/c.txt"),
        (target(put(), "a%20b/", "a%20b//"), "the path without its empty segments: /media/a%20b/c.txt"),
        (
            authorization(put(), "devmedia/2026", "second/2026"),
            "the secret of the key devmedia, but names the key second",
        ),
        (
            change(put(), |it| drop(it.headers.insert("x-amz-content-sha256", EMPTY.parse().expect("a value")))),
            "made with the text UNSIGNED-PAYLOAD",
        ),
        (by_hand(b"/media/a%2520b/c.txt"), "the path encoded twice"),
        (by_hand(b"/media/a b/c.txt"), "the path without its escapes"),
        (target(put(), "c.txt", "d.txt"), "Check the secret of your key"),
    ] {
        let error = sent.verify(&keys(), &[], at(NOW)).expect_err(part);
        assert_eq!(error.code, Code::SignatureDoesNotMatch, "{part}");
        assert!(error.message.contains(part), "{part}: {error}");
        let canonical = error.detail("CanonicalRequest").expect("our canonical request");
        assert!(canonical.starts_with(sent.method.as_str()), "{canonical}");
        assert!(error.detail("StringToSign").expect("our text").starts_with("AWS4-HMAC-SHA256\n20261129T100000Z\n"));
    }
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The search for a mistake does not take long for a request that is made to be long.
#[test]
fn long_requests_are_refused_at_once() {
    let query: String = (0..6000).map(|index| format!("&x-amz-{index}=")).collect();
    let v2 = "?AWSAccessKeyId=devmedia&Signature=x&Expires=9999999999";
    let started = std::time::Instant::now();
    for sent in [
        target(put(), "x-id", &format!("{query}&x-id")),
        Sent::new("GET", "127.0.0.1:9000", &format!("/media/a{v2}{query}")),
        target(put(), "c.txt", &"/a".repeat(30_000)),
    ] {
        let error = sent.verify(&keys(), &[], at(NOW)).expect_err("long");
        assert_eq!(error.code, Code::SignatureDoesNotMatch);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
