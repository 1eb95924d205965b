mod reading;

use hyper::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::request::path::encode_segment;
use crate::signature::digest::{hex, mac};
use crate::signature::secret::Secret;

/// 2026-11-23T04:00:00Z
const NOW: i64 = 1_795_406_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn secret(text: &str) -> Secret {
    Secret::new(text).expect("not empty")
}

fn secure_link(expression: &str, link: &str) -> Signed {
    Signed::SecureLink(SecureLink::new(secret("secret"), Some(expression), Some(link)).expect("an expression"))
}

fn hmac(key: &str) -> Signed {
    Signed::Hmac(Hmac::new(secret(key)))
}

fn s3(region: Option<&str>) -> Signed {
    Signed::S3(S3::new("AKIDEXAMPLE", secret("secret"), region.map(str::to_owned)))
}

/// Every scheme with its default configuration.
fn all() -> [Signed; 3] {
    [secure_link("$secure_link_expires$uri $secret", "$arg_md5,$arg_expires"), hmac("secret"), s3(None)]
}

/// A request, by default from 127.0.0.1.
struct Request {
    method: Method,
    uri: Uri,
    path: MediaPath,
    headers: HeaderMap,
    remote: Option<IpAddr>,
}

/// A request for a URL as a browser sends it, with the host in the Host header.
fn request(method: Method, url: &str) -> Request {
    let url: Uri = url.parse().expect("a URL");
    let host = url.authority().map_or("localhost:8001", |authority| authority.as_str());
    let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a host"))]);
    let uri: Uri = url.path_and_query().expect("a path").as_str().parse().expect("a target");
    let path = MediaPath::parse(uri.path().as_bytes()).expect("a path");
    Request { method, uri, path, headers, remote: Some([127, 0, 0, 1].into()) }
}

impl Request {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("a value"));
        self
    }

    fn from(mut self, remote: &str) -> Self {
        self.remote = Some(remote.parse().expect("an address"));
        self
    }

    fn check(&self, signed: &Signed, now: i64) -> Result<Option<i64>, BadSignature> {
        let Self { method, uri, path, headers, remote } = self;
        let asked = Asked { method, uri, path, headers, remote: *remote };
        signed.check(&asked, at(now)).map(|until| until.map(Timestamp::as_second))
    }

    /// The status, and the sentence that explains a refusal.
    fn answer(&self, signed: &Signed) -> (u16, String) {
        match self.check(signed, NOW) {
            Ok(_) => (200, String::new()),
            Err(bad) => (bad.status().as_u16(), bad.to_string()),
        }
    }
}

/// `url` signed for an hour.
fn sign(signed: &Signed, method: &Method, url: &str) -> String {
    signed.sign(method, &url.parse().expect("a URL"), at(NOW), at(NOW + 3600)).expect("signed")
}

/// The example in nginx's documentation of `secure_link_md5`, with the hash that its `openssl` command prints.
#[test]
fn the_example_in_nginxs_documentation_is_valid() {
    let signed = secure_link("$secure_link_expires$uri$remote_addr $secret", "$arg_md5,$arg_expires");
    let url = "/s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647";
    assert_eq!(request(Method::GET, url).check(&signed, NOW), Ok(Some(2_147_483_647)));
    let other = request(Method::GET, url).from("10.0.0.1").check(&signed, NOW);
    let expected = BadSignature::SignedFor {
        part: Part::Address,
        signed: "127.0.0.1".to_owned(),
        requested: "10.0.0.1".to_owned(),
    };
    assert_eq!(other, Err(expected));
}

/// The example in "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" in the S3 API reference.
#[test]
fn the_example_in_awss_documentation_is_valid() {
    let key = secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let signed = Signed::S3(S3::new("AKIAIOSFODNN7EXAMPLE", key, Some("us-east-1".to_owned())));
    let made = at(1_369_353_600);
    let url = "https://examplebucket.s3.amazonaws.com/test.txt".parse().expect("a URL");
    let presigned = signed.sign(&Method::GET, &url, made, at(made.as_second() + 86400)).expect("presigned");
    let documented = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
        &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert_eq!(presigned, documented);
    let asked = request(Method::GET, documented);
    assert_eq!(asked.check(&signed, made.as_second() + 86400), Ok(Some(made.as_second() + 86400)));
    let late = asked.check(&signed, made.as_second() + 86401).expect_err("a second late");
    assert_eq!((late.status(), late.to_string().as_str()), (StatusCode::FORBIDDEN, "The link expired 1s ago."));
}

#[test]
fn a_signed_url_is_valid_until_it_expires() {
    for signed in all() {
        for path in ["/private/a.jpg", "/private/a%20b.jpg", "/private/%C3%A9t%C3%A9+1.jpg?size=2&x", "/private/a%2Fb/"]
        {
            let url = sign(&signed, &Method::GET, &format!("http://localhost:8001{path}"));
            assert_eq!(request(Method::GET, &url).check(&signed, NOW + 3600), Ok(Some(NOW + 3600)), "{url}");
            let late = request(Method::GET, &url).check(&signed, NOW + 3601).expect_err("late");
            assert_eq!(late.to_string(), "The link expired 1s ago.", "{url}");
            let status = if matches!(signed, Signed::S3(_)) { 403 } else { 410 };
            assert_eq!(late.status().as_u16(), status, "{url}");
            // the hash covers the expiry, so it cannot be changed
            let longer = url.replace(&(NOW + 3600).to_string(), &(NOW + 9999).to_string());
            let longer = longer.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999");
            let bad = request(Method::GET, &longer).check(&signed, NOW + 3601);
            assert!(matches!(bad, Err(BadSignature::Mismatch { .. })), "{longer}: {bad:?}");
        }
    }
}

#[test]
fn a_url_is_valid_only_for_its_methods() {
    let with_method = secure_link("$request_method$secure_link_expires$uri $secret", "$arg_md5,$arg_expires");
    let without_expiry = secure_link("$uri$secret", "$arg_md5");
    let [plain, hmac, s3] = all();
    for (signed, signed_method, request_method, expected) in [
        (&plain, Method::GET, Method::GET, ""),
        (&plain, Method::GET, Method::HEAD, ""),
        (&plain, Method::GET, Method::PUT, "Signed URLs of this mount are valid for GET and HEAD, not for PUT."),
        (&without_expiry, Method::GET, Method::HEAD, ""),
        (
            &without_expiry,
            Method::GET,
            Method::DELETE,
            "Signed URLs of this mount are valid for GET and HEAD, not for DELETE.",
        ),
        (&with_method, Method::PUT, Method::PUT, ""),
        (&with_method, Method::GET, Method::HEAD, "The URL is signed for the method GET, not for HEAD."),
        (&with_method, Method::GET, Method::DELETE, "The URL is signed for the method GET, not for DELETE."),
        (&hmac, Method::GET, Method::HEAD, ""),
        (&hmac, Method::HEAD, Method::GET, ""),
        (&hmac, Method::DELETE, Method::DELETE, ""),
        (&hmac, Method::GET, Method::PUT, "The URL is signed for the method GET, not for PUT."),
        (&hmac, Method::PUT, Method::GET, "The URL is signed for the method PUT, not for GET."),
        (&s3, Method::PUT, Method::PUT, ""),
        (&s3, Method::GET, Method::HEAD, "The URL is signed for the method GET, not for HEAD."),
        (&s3, Method::HEAD, Method::HEAD, ""),
        (&s3, Method::GET, Method::PUT, "The URL is signed for the method GET, not for PUT."),
        (
            &s3,
            Method::GET,
            Method::DELETE,
            "Signed URLs of this mount are valid for GET, HEAD and PUT, not for DELETE.",
        ),
    ] {
        let url = sign(signed, &signed_method, "http://localhost:8001/private/a.jpg");
        let answer = request(request_method.clone(), &url).answer(signed);
        assert_eq!(answer.1, expected, "{} {signed_method} {request_method}", signed.name());
        assert_eq!(answer.0 == 200, expected.is_empty());
    }
}

/// The message names the text that was signed by mistake.
#[test]
fn a_refusal_names_a_likely_mistake() {
    let asked = "/media/private/a%20b.jpg";
    let right = "/media/private/a b.jpg";
    for wrong in [
        "/media/private/a%20b.jpg",
        "media/private/a b.jpg",
        "private/a b.jpg",
        "/private/a b.jpg",
        "a b.jpg",
        "/media/private/a b.jpg/",
        "a%20b.jpg",
        "http://localhost:8001/media/private/a%20b.jpg",
        "/media/private/a%20b.jpg?size=2",
    ] {
        let expires = NOW + 60;
        let digest =
            hex(&::hmac::Mac::finalize(mac(b"secret", format!("GET\n{wrong}\n{expires}").as_bytes())).into_bytes());
        let url = format!("{asked}?size=2&expires={expires}&signature={digest}");
        let expected = format!("The URL is signed for the path {wrong}, not for {right}.");
        assert_eq!(request(Method::GET, &url).answer(&hmac("secret")), (403, expected));
    }
    for signed in all() {
        let url = sign(&signed, &Method::GET, "http://localhost:8001/private/a.jpg");
        let folder = url.replace("a.jpg?", "a.jpg/?");
        let expected = "The URL is signed for the path /private/a.jpg, not for /private/a.jpg/.";
        assert_eq!(request(Method::GET, &folder).answer(&signed), (403, expected.to_owned()));
    }
    // s3 signs the host, and secure_link may sign it
    for (signed, named) in [(s3(None), "localhost"), (secure_link("$host$uri $secret", "$arg_md5"), "localhost:8001")] {
        let url = sign(&signed, &Method::GET, "http://localhost/private/a.jpg");
        let asked = request(Method::GET, &url.replace("localhost", "127.0.0.1:8001")).answer(&signed);
        let expected = format!("The URL is signed for the host {named}, not for 127.0.0.1:8001.");
        assert_eq!(asked, (403, expected));
    }
}

#[test]
fn s3_tolerates_a_clock_difference_of_15_minutes() {
    let url = sign(&s3(None), &Method::GET, "http://localhost:8001/a.jpg");
    assert_eq!(request(Method::GET, &url).check(&s3(None), NOW - 900), Ok(Some(NOW + 3600)));
    let early = request(Method::GET, &url).check(&s3(None), NOW - 901).expect_err("early");
    assert_eq!(early.to_string(), "The link is dated 15m 1s in the future.");
}

proptest! {
    /// A signed URL is valid for any path, and it is invalid with another byte in its path, expiry or signature.
    #[test]
    fn a_signed_url_is_valid_and_a_changed_one_is_not(
        name in "[a-z %+&=~.é/-]{0,12}[a-z]",
        place in any::<prop::sample::Index>(),
        byte in "[0-9a-zA-Z_-]",
    ) {
        let path = name.split('/').map(|part| encode_segment(part.as_bytes())).collect::<Vec<_>>().join("/");
        prop_assume!(name.split('/').all(|part| part != ".."));
        for signed in all() {
            let url = sign(&signed, &Method::GET, &format!("http://localhost:8001/p/{path}"));
            prop_assert_eq!(request(Method::GET, &url).check(&signed, NOW), Ok(Some(NOW + 3600)));

            let start = "http://localhost:8001/".len();
            let at = start + place.index(url.len() - start);
            let changed = format!("{}{byte}{}", &url[..at], &url[at + 1..]);
            // escapes are case-insensitive, and so are the names of nginx's parameters
            let same = changed.eq_ignore_ascii_case(&url);
            // the last digit of an MD5 in base64url has four bits that nginx ignores
            let ignored = matches!(signed, Signed::SecureLink(_)) && url[at + 1..].starts_with("&expires=");
            if !same && !ignored && MediaPath::parse(&changed.as_bytes()[start - 1..]).is_ok() {
                prop_assert!(request(Method::GET, &changed).check(&signed, NOW).is_err(), "{} for {}", changed, url);
            }
        }
    }
}
