//! The pure parts of a request: `cargo bench --bench pure`. `benches/peers/run` compares the whole server with others.

use std::time::SystemTime;

use devmedia::access::signed::{Asked, Hmac, S3, SecureLink, Signed};
use devmedia::answer::decide::{Decision, decide};
use devmedia::answer::head::head;
use devmedia::answer::range::requested;
use devmedia::connection::ListenerKind;
use devmedia::guard::Guard;
use devmedia::request::path::MediaPath;
use devmedia::signature::secret::Secret;
use devmedia::storage::byte_range::ByteRange;
use devmedia::storage::entity::Entity;
use devmedia::storage::media_type::{MediaType, MediaTypes};
use divan::{Bencher, black_box};
use httpdate::HttpDate;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use jiff::{SignedDuration, Timestamp};

fn main() {
    divan::main();
}

fn entity() -> Entity {
    Entity {
        device: 1,
        len: 4096,
        etag: Some(HeaderValue::from_static("\"51006a-1000-6b038e32.2c2889cd-6b038e35.1399eaff\"")),
        last_modified: Some(HttpDate::from(SystemTime::now()).into()),
        media_type: MediaType::parse("image/jpeg").expect("a type"),
    }
}

fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::try_from(*value).expect("a value"))
    };
    fields.iter().map(field).collect()
}

#[divan::bench(args = ["/media/photos/a.jpg", "/media/photos/%C3%89t%C3%A9%20%C3%A0%20la%20plage.jpg", "//media/./a//b/c/d.jpg"])]
fn path(target: &str) -> MediaPath {
    MediaPath::parse(black_box(target).as_bytes()).expect("a path")
}

#[divan::bench(args = ["bytes=0-", "bytes=100-199", "bytes=0-9,100-109,200-209", "bytes=9-0"])]
fn range(bencher: Bencher, field: &str) {
    bencher.bench(|| requested(black_box(field).as_bytes(), 1 << 20));
}

#[divan::bench]
fn ten_thousand_ranges(bencher: Bencher) {
    let members: Vec<String> = (0..10_000).map(|part| format!("{0}-{0}", part * 1000)).collect();
    let field = format!("bytes={}", members.join(","));
    bencher.bench(|| requested(black_box(&field).as_bytes(), 1 << 30));
}

#[divan::bench]
fn decide_plain(bencher: Bencher) {
    let (headers, entity) = (HeaderMap::new(), entity());
    bencher.bench(|| decide(&Method::GET, black_box(&headers), &entity));
}

#[divan::bench]
fn decide_not_modified(bencher: Bencher) {
    let headers = fields(&[("if-none-match", "\"51006a-1000-6b038e32.2c2889cd-6b038e35.1399eaff\"")]);
    let entity = entity();
    bencher.bench(|| decide(&Method::GET, black_box(&headers), &entity));
}

#[divan::bench]
fn decide_part(bencher: Bencher) {
    let headers = fields(&[("range", "bytes=100-199"), ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    let entity = entity();
    bencher.bench(|| decide(&Method::GET, black_box(&headers), &entity));
}

#[divan::bench]
fn head_whole(bencher: Bencher) {
    let (entity, cache_control) = (entity(), HeaderValue::from_static("no-cache"));
    bencher.bench(|| head(Decision::Whole, black_box(&entity), &cache_control, String::new));
}

#[divan::bench]
fn head_part(bencher: Bencher) {
    let (entity, cache_control) = (entity(), HeaderValue::from_static("no-cache"));
    let part = ByteRange { start: 100, end: 200 };
    bencher.bench(|| head(Decision::Part(part), black_box(&entity), &cache_control, String::new));
}

#[divan::bench]
fn admit_curl(bencher: Bencher) {
    let request = Request::builder().uri("/media/a.jpg").header("host", "localhost:8001").body(()).expect("a request");
    let guard = Guard::default();
    bencher.bench(|| guard.admit(black_box(&request), ListenerKind::Loopback));
}

#[divan::bench]
fn admit_page(bencher: Bencher) {
    let request = Request::builder()
        .uri("/media/a.jpg")
        .header("host", "localhost:8001")
        .header("origin", "http://localhost:5173")
        .header("sec-fetch-site", "same-site")
        .body(())
        .expect("a request");
    let guard = Guard::default();
    bencher.bench(|| guard.admit(black_box(&request), ListenerKind::Loopback));
}

#[divan::bench(args = ["a.jpg", "a.txt", "a.mp4", "A.JPG", "a.heic", "noextension"])]
fn media_type(name: &str) -> Option<MediaType> {
    MediaTypes::default().by_name(black_box(name).as_bytes())
}

/// The cost of checking a valid URL, for each scheme.
#[divan::bench(args = ["secure_link", "hmac", "s3"])]
fn signature(bencher: Bencher, scheme: &str) {
    signed(bencher, scheme, "http://localhost:8001/private/photos/a%20b.jpg", true);
}

/// The worst case: the signature is for another URL, and none of the likely mistakes explains it.
#[divan::bench(args = ["secure_link", "hmac", "s3"])]
fn signature_refused(bencher: Bencher, scheme: &str) {
    signed(bencher, scheme, "http://localhost:8001/private/photos/another.jpg", false);
}

fn signed(bencher: Bencher, scheme: &str, signed_url: &str, valid: bool) {
    let secret = Secret::new("a secret of some length").expect("not empty");
    let signed = match scheme {
        "secure_link" => Signed::SecureLink(SecureLink::new(secret, None, None).expect("an expression")),
        "hmac" => Signed::Hmac(Hmac::new(secret)),
        _ => Signed::S3(S3::new("AKIDEXAMPLE", secret, None)),
    };
    let now = Timestamp::now();
    let signed_url = signed_url.parse().expect("a URL");
    let url = signed.sign(&Method::GET, &signed_url, now, now + SignedDuration::from_hours(1)).expect("signed");
    let (_, query) = url.split_once('?').expect("a query");
    let uri: Uri = format!("/private/photos/a%20b.jpg?{query}").parse().expect("a URL");
    let path = MediaPath::parse(uri.path().as_bytes()).expect("a path");
    let headers = fields(&[("host", "localhost:8001"), ("user-agent", "curl/8.5.0"), ("accept", "*/*")]);
    let asked = Asked { method: &Method::GET, uri: &uri, path: &path, headers: &headers, remote: None };
    assert_eq!(signed.check(&asked, now).is_ok(), valid);
    bencher.bench(|| signed.check(black_box(&asked), now).is_ok());
}
