//! Signed URLs: what was signed is accepted until it expires, and for no other path, method or secret.
#![no_main]

use devmedia_fuzz::{Asked, Hmac, MediaPath, S3, Secret, SecureLink, Signed, literal_path};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Uri};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    scheme: u8,
    name: &'a [u8],
    other: &'a [u8],
    /// Any target, with any signature in it.
    forged: &'a str,
    minutes: u16,
}

fn scheme(index: u8, secret: &'static str) -> Signed {
    let secret = Secret::new(secret).expect("not empty");
    match index % 3 {
        0 => Signed::Hmac(Hmac::new(secret)),
        1 => Signed::S3(S3::new("devmedia", secret, None)),
        _ => Signed::SecureLink(SecureLink::new(secret, None, None).expect("the default expression")),
    }
}

fn is_accepted(scheme: &Signed, method: &Method, url: &str, now: Timestamp) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Ok(path) = MediaPath::parse(uri.path().as_bytes()) else { return false };
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost:8001"));
    scheme.check(&Asked { method, uri: &uri, path: &path, headers: &headers, remote: None }, now).is_ok()
}

fuzz_target!(|input: Input<'_>| {
    let now: Timestamp = "2026-11-29T10:00:00Z".parse().expect("a time");
    let ours = scheme(input.scheme, "a secret");
    // nobody who does not know the secret finds a URL by chance
    assert!(!is_accepted(&ours, &Method::GET, input.forged, now));

    let Some(path) = literal_path(input.name) else { return };
    let lifetime = SignedDuration::from_mins(i64::from(input.minutes % 10_000) + 1);
    let url: Uri = format!("http://localhost:8001/{}", path.to_url()).parse().expect("a URL");
    let Ok(signed) = ours.sign(&Method::GET, &url, now, now + lifetime) else { return };
    assert!(is_accepted(&ours, &Method::GET, &signed, now), "{signed}");
    assert!(!is_accepted(&ours, &Method::GET, &signed, now + lifetime + SignedDuration::from_secs(1)), "{signed}");
    assert!(!is_accepted(&scheme(input.scheme, "another secret"), &Method::GET, &signed, now), "{signed}");

    let query = signed.split_once('?').expect("a signature").1;
    let Some(other) = literal_path(input.other).filter(|other| *other != path) else { return };
    let moved = format!("http://localhost:8001/{}?{query}", other.to_url());
    assert!(!is_accepted(&ours, &Method::GET, &moved, now), "{moved}");
});
