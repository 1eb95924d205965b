mod reading;

use hyper::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::access::secret::Secret;
use crate::request::path::encode_segment;

/// 2026-11-23T04:00:00Z
const NOW: i64 = 1_795_406_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn secret(text: &str) -> Secret {
    Secret::new(text).expect("something")
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

/// Every scheme as it is without further configuration.
fn all() -> [Signed; 3] {
    [secure_link("$secure_link_expires$uri $secret", "$arg_md5,$arg_expires"), hmac("secret"), s3(None)]
}

/// One request, from 127.0.0.1 where nothing else is said.
struct Request {
    method: Method,
    uri: Uri,
    path: MediaPath,
    headers: HeaderMap,
    remote: Option<IpAddr>,
}

/// A request for a URL, as a browser makes it: the host goes to the Host field.
fn request(method: Method, url: &str) -> Request {
    let url: Uri = url.parse().expect("a URL");
    let host = url.authority().map_or("localhost:8001", |authority| authority.as_str());
    let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a host"))]);
    let uri: Uri = url.path_and_query().expect("a path").as_str().parse().expect("a target");
    let path = MediaPath::parse(uri.path().as_bytes()).expect("a path");
    Request { method, uri, path, headers, remote: Some([127, 0, 0, 1].into()) }
}

impl Request {
    fn field(mut self, name: &'static str, value: &str) -> Self {
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

    /// The status, and the sentence that explains it.
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

/// The example of nginx's documentation of `secure_link_md5`, whose hash is what its `openssl` line prints.
#[test]
fn the_example_of_nginx() {
    let signed = secure_link("$secure_link_expires$uri$remote_addr $secret", "$arg_md5,$arg_expires");
    let url = "/s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647";
    assert_eq!(request(Method::GET, url).check(&signed, NOW), Ok(Some(2_147_483_647)));
    let other = request(Method::GET, url).from("10.0.0.1").check(&signed, NOW);
    let expected =
        BadSignature::Other { part: Part::Address, signed: "127.0.0.1".to_owned(), asked: "10.0.0.1".to_owned() };
    assert_eq!(other, Err(expected));
}

/// The example of "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" in the S3 API reference.
#[test]
fn the_example_of_aws() {
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
fn what_each_scheme_signs_it_takes_until_it_expires() {
    for signed in all() {
        for path in ["/private/a.jpg", "/private/a%20b.jpg", "/private/%C3%A9t%C3%A9+1.jpg?size=2&x", "/private/a%2Fb/"]
        {
            let url = sign(&signed, &Method::GET, &format!("http://localhost:8001{path}"));
            assert_eq!(request(Method::GET, &url).check(&signed, NOW + 3600), Ok(Some(NOW + 3600)), "{url}");
            let late = request(Method::GET, &url).check(&signed, NOW + 3601).expect_err("late");
            assert_eq!(late.to_string(), "The link expired 1s ago.", "{url}");
            let status = if matches!(signed, Signed::S3(_)) { 403 } else { 410 };
            assert_eq!(late.status().as_u16(), status, "{url}");
            // an expiry that was changed is no expiry: the hash covers it
            let longer = url.replace(&(NOW + 3600).to_string(), &(NOW + 9999).to_string());
            let longer = longer.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999");
            let bad = request(Method::GET, &longer).check(&signed, NOW + 3601);
            assert!(matches!(bad, Err(BadSignature::Wrong { .. })), "{longer}: {bad:?}");
        }
    }
}

#[test]
fn a_link_is_good_for_its_method() {
    let with_method = secure_link("$request_method$secure_link_expires$uri $secret", "$arg_md5,$arg_expires");
    let for_ever = secure_link("$uri$secret", "$arg_md5");
    let [plain, hmac, s3] = all();
    for (signed, made_for, asked_with, expected) in [
        (&plain, Method::GET, Method::GET, ""),
        (&plain, Method::GET, Method::HEAD, ""),
        (&plain, Method::GET, Method::PUT, "A signed URL is good for GET and HEAD here, not for PUT."),
        (&for_ever, Method::GET, Method::HEAD, ""),
        (&for_ever, Method::GET, Method::DELETE, "A signed URL is good for GET and HEAD here, not for DELETE."),
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
        (&s3, Method::GET, Method::DELETE, "A signed URL is good for GET, HEAD and PUT here, not for DELETE."),
    ] {
        let url = sign(signed, &made_for, "http://localhost:8001/private/a.jpg");
        let answer = request(asked_with.clone(), &url).answer(signed);
        assert_eq!(answer.1, expected, "{} {made_for} {asked_with}", signed.name());
        assert_eq!(answer.0 == 200, expected.is_empty());
    }
}

/// A path that is signed otherwise is named; these are what apps sign by mistake.
#[test]
fn a_likely_mistake_is_named() {
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
            hex(&::hmac::Mac::finalize(hmac::mac(b"secret", format!("GET\n{wrong}\n{expires}").as_bytes()))
                .into_bytes());
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
    // the host is part of what s3 signs, and of what secure_link may sign
    for (signed, named) in [(s3(None), "localhost"), (secure_link("$host$uri $secret", "$arg_md5"), "localhost:8001")] {
        let url = sign(&signed, &Method::GET, "http://localhost/private/a.jpg");
        let asked = request(Method::GET, &url.replace("localhost", "127.0.0.1:8001")).answer(&signed);
        let expected = format!("The URL is signed for the host {named}, not for 127.0.0.1:8001.");
        assert_eq!(asked, (403, expected));
    }
}

#[test]
fn a_clock_may_be_off_as_far_as_s3_has_it() {
    let url = sign(&s3(None), &Method::GET, "http://localhost:8001/a.jpg");
    assert_eq!(request(Method::GET, &url).check(&s3(None), NOW - 900), Ok(Some(NOW + 3600)));
    let early = request(Method::GET, &url).check(&s3(None), NOW - 901).expect_err("early");
    assert_eq!(early.to_string(), "The link is dated 15m 1s in the future.");
}

proptest! {
    /// Whatever a path holds, a signed URL is good, and with another byte in its path, expiry or signature it is not.
    #[test]
    fn signed_is_good_and_changed_is_not(
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
            // escapes have no case, and neither have the names of nginx's parameters
            let same = changed.eq_ignore_ascii_case(&url);
            // the last digit of an MD5 in base64url has four bits that nginx does not look at
            let unread = matches!(signed, Signed::SecureLink(_)) && url[at + 1..].starts_with("&expires=");
            if !same && !unread && MediaPath::parse(&changed.as_bytes()[start - 1..]).is_ok() {
                prop_assert!(request(Method::GET, &changed).check(&signed, NOW).is_err(), "{} for {}", changed, url);
            }
        }
    }
}
