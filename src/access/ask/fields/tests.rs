use hyper::Request;

use super::*;
use crate::request::path::MediaPath;

const LOCAL: Option<std::net::IpAddr> = Some(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// A request from `peer` to port 8001.
fn context(request: &Request<()>, peer: Option<std::net::IpAddr>) -> RequestContext<'_> {
    RequestContext { request, path: MediaPath::top(), peer, port: Some(8001), scheme: Scheme::Http }
}

fn app(text: &str) -> AppUrl {
    AppUrl::parse(text).expect("an address")
}

fn headers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    rows.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn request(rows: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::builder().method("PUT").uri("/members/a%20b?x=1").body(()).expect("a request");
    *request.headers_mut() = headers(rows);
    request
}

/// RFC 9110 sections 7.6.1, 13.1, 14.2: fields that would make an app answer 206, 304 or 412, or wait, are not sent.
#[test]
fn the_app_gets_the_clients_credentials_but_no_conditions_ranges_or_forged_fields() {
    let request = request(&[
        ("host", "localhost:8001"),
        ("cookie", "sessionid=1"),
        ("authorization", "Bearer t"),
        ("accept-language", "fr"),
        ("connection", "keep-alive, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("range", "bytes=0-1"),
        ("if-none-match", "\"a\""),
        ("if-modified-since", "x"),
        ("if-range", "\"a\""),
        ("expect", "100-continue"),
        ("content-length", "10"),
        ("content-type", "image/png"),
        ("transfer-encoding", "chunked"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-user", "admin"),
        ("x-original-uri", "/public/"),
        ("x-original-url", "/public/"),
        ("x_original_uri", "/public/"),
        ("x-real-ip", "1.2.3.4"),
        ("x-http-method-override", "GET"),
    ]);
    let asked = request_fields(&context(&request, LOCAL), "/members/a%20b?x=1");
    let expected = headers(&[
        ("cookie", "sessionid=1"),
        ("authorization", "Bearer t"),
        ("accept-language", "fr"),
        ("x-original-uri", "/members/a%20b?x=1"),
        ("x-original-url", "http://localhost:8001/members/a%20b?x=1"),
        ("x-original-method", "PUT"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "localhost:8001"),
        ("x-forwarded-uri", "/members/a%20b?x=1"),
        ("x-forwarded-method", "PUT"),
        ("x-forwarded-for", "127.0.0.1"),
        ("via", "1.1 devmedia-ask"),
    ]);
    assert_eq!(asked, expected);
    let by_https = request_fields(&RequestContext { scheme: Scheme::Https, ..context(&request, LOCAL) }, "/members/");
    assert_eq!(by_https["x-forwarded-proto"], "https");
    assert_eq!(by_https["x-original-url"], "https://localhost:8001/members/");
    assert!(is_own_request(&asked) && !is_own_request(request.headers()));
    assert!(
        is_own_request(&headers(&[("via", "1.1 devmedia-ask, 1.1 vite")])),
        "RFC 9110 section 7.6.3: others append"
    );
}

/// traefik#11313: behind nginx or Vite, the login page has the proxy's origin.
#[test]
fn a_relative_location_stays_a_path_behind_a_proxy_and_is_made_absolute_without_one() {
    let (tcp, socket) = ("http://127.0.0.1:8000/auth/media/", "http://unix:/run/app.sock:/auth/media/");
    for (host, location, directly, by_socket) in [
        ("localhost:8001", "/login/?next=/a", "http://127.0.0.1:8000/login/?next=/a", "/login/?next=/a"),
        ("localhost:8001", "login/", "http://127.0.0.1:8000/auth/media/login/", "/auth/media/login/"),
        ("localhost:8001", "?next=a:b", "http://127.0.0.1:8000/auth/media/?next=a:b", "/auth/media/?next=a:b"),
        ("localhost:8001", "//app.test/login", "http://app.test/login", "//app.test/login"),
        ("localhost:8001", "https://sso.example/", "https://sso.example/", "https://sso.example/"),
        ("localhost:8001", "/next:1", "http://127.0.0.1:8000/next:1", "/next:1"),
        ("[::1]:8001", "/login/", "http://127.0.0.1:8000/login/", "/login/"),
        ("localhost:5173", "/login/?next=/a#b", "/login/?next=/a#b", "/login/?next=/a#b"),
        ("localhost:5173", "login/", "/auth/media/login/", "/auth/media/login/"),
        ("localhost:5173", "../x", "/auth/x", "/auth/x"),
        ("localhost:5173", "//app.test/login", "//app.test/login", "//app.test/login"),
        ("localhost:5173", "https://sso.example/", "https://sso.example/", "https://sso.example/"),
        ("app.test", "/login/", "/login/", "/login/"), // a proxy on port 80 or 443
        ("[::1]", "/login/", "/login/", "/login/"),
    ] {
        let request = request(&[("host", host)]);
        let answer = headers(&[("location", location)]);
        for (text, expected) in [(tcp, directly), (socket, by_socket)] {
            assert_eq!(
                refusal(&answer, &app(text), &context(&request, LOCAL))["location"],
                expected,
                "{host} {location} {text}"
            );
        }
        let by_unix_listener = RequestContext { port: None, ..context(&request, None) };
        assert!(!refusal(&answer, &app(tcp), &by_unix_listener)["location"].to_str().unwrap().contains("8000"));
    }
}

/// `X-Forwarded-Proto` counts only if a proxy on this machine sends it.
#[test]
fn only_a_proxy_on_this_machine_can_claim_https() {
    for (peer, claimed, expected) in [
        (LOCAL, Some("https"), "https"),
        (LOCAL, Some("HTTPS"), "https"),
        (LOCAL, Some("https, http"), "https"), // a TLS proxy, then Vite
        (LOCAL, Some("http"), "http"),
        (LOCAL, Some("http, https"), "http"),
        (LOCAL, Some("httpsx"), "http"),
        (LOCAL, None, "http"),
        (Some([127, 9, 9, 9].into()), Some("https"), "https"),
        (Some(std::net::Ipv6Addr::LOCALHOST.into()), Some("https"), "https"),
        (Some([192, 168, 1, 5].into()), Some("https"), "http"),
        (None, Some("https"), "https"), // over a Unix socket
    ] {
        let mut rows = vec![("host", "media.test")];
        rows.extend(claimed.map(|claimed| ("x-forwarded-proto", claimed)));
        let asked = request_fields(&context(&request(&rows), peer), "/a?b");
        assert_eq!(asked["x-forwarded-proto"], expected, "{peer:?} {claimed:?}");
        // Authelia, authentik
        assert_eq!(asked["x-original-url"], format!("{expected}://media.test/a?b"), "{peer:?} {claimed:?}");
    }
    assert!(
        !request_fields(&context(&request(&[]), LOCAL), "/a").contains_key("x-original-url"),
        "HTTP/1.0 without Host"
    );
}

#[test]
fn a_refusal_keeps_the_fields_that_the_client_needs() {
    let request = request(&[("host", "localhost:8001")]);
    let answer = headers(&[
        ("www-authenticate", "Basic realm=\"a\""),
        ("retry-after", "30"),
        ("set-cookie", "a=1"),
        ("content-type", "text/html"),
        ("content-length", "3"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("access-control-allow-origin", "*"),
        ("date", "today"),
        ("cache-control", "public, max-age=999"),
        ("etag", "\"a\""),
        ("strict-transport-security", "max-age=31536000"),
        ("clear-site-data", "*"),
    ]);
    let expected = headers(&[
        ("www-authenticate", "Basic realm=\"a\""),
        ("retry-after", "30"),
        ("set-cookie", "a=1"),
        ("content-type", "text/html"),
        ("cache-control", "no-store"),
    ]);
    assert_eq!(refusal(&answer, &app("http://127.0.0.1:8000/"), &context(&request, LOCAL)), expected);
}
