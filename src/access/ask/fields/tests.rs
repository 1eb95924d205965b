use super::*;

fn headers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    rows.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn request(rows: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::builder().method("PUT").uri("/members/a%20b?x=1").body(()).expect("a request");
    *request.headers_mut() = headers(rows);
    request
}

/// RFC 9110 sections 7.6.1, 13.1, 14.2: what an app would answer with 206, 304, 412 or a wait is not asked.
#[test]
fn a_question_is_of_the_client_and_not_of_its_request() {
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
    let asked = question(&request, "/members/a%20b?x=1", Some([127, 0, 0, 1].into()), Scheme::Https);
    let expected = headers(&[
        ("cookie", "sessionid=1"),
        ("authorization", "Bearer t"),
        ("accept-language", "fr"),
        ("x-original-uri", "/members/a%20b?x=1"),
        ("x-original-method", "PUT"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "localhost:8001"),
        ("x-forwarded-uri", "/members/a%20b?x=1"),
        ("x-forwarded-method", "PUT"),
        ("x-forwarded-for", "127.0.0.1"),
        ("via", "1.1 devmedia-ask"),
    ]);
    assert_eq!(asked, expected);
    assert!(is_question(&asked) && !is_question(request.headers()));
    assert!(is_question(&headers(&[("via", "1.1 devmedia-ask, 1.1 vite")])), "RFC 9110 section 7.6.3: others append");
}

/// RFC 3986 section 5.2: the login page is the app's, which does not live where the media do.
#[test]
fn a_location_is_made_whole() {
    let app: Uri = "http://127.0.0.1:8000/auth/media/".parse().expect("an address");
    for (location, expected) in [
        ("/login/?next=/a", "http://127.0.0.1:8000/login/?next=/a"),
        ("login/", "http://127.0.0.1:8000/auth/media/login/"),
        ("?next=a:b", "http://127.0.0.1:8000/auth/media/?next=a:b"),
        ("//app.test/login", "http://app.test/login"),
        ("https://sso.example/", "https://sso.example/"),
        ("/next:1", "http://127.0.0.1:8000/next:1"),
    ] {
        let mut answer = HeaderMap::new();
        answer.insert(header::LOCATION, HeaderValue::from_static(location));
        assert_eq!(no(&answer, &app)["location"], expected);
    }
}

#[test]
fn a_no_keeps_what_its_client_needs() {
    let app: Uri = "http://127.0.0.1:8000/".parse().expect("an address");
    let answer = headers(&[
        ("www-authenticate", "Basic realm=\"a\""),
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
        ("set-cookie", "a=1"),
        ("content-type", "text/html"),
        ("cache-control", "no-store"),
    ]);
    assert_eq!(no(&answer, &app), expected);
}
