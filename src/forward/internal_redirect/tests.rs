use super::*;

fn headers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in rows {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn destination(name: &'static str, value: &[u8]) -> Destination {
    let value = HeaderValue::from_bytes(value).expect("a value");
    let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
    read(StatusCode::OK, &headers).expect("it is an internal redirect").file
}

/// nginx 1.22.1, `ngx_http_parse_unsafe_uri`.
#[test]
fn a_url_may_be_escaped_or_not() {
    for (value, path) in [
        (&b"/protected/a.txt"[..], "/protected/a.txt"),
        (b"/protected/a%20b%25%C3%BC.txt", "/protected/a%20b%25%C3%BC.txt"),
        ("/protected/a b%25ü.txt".as_bytes(), "/protected/a%20b%25%C3%BC.txt"),
        (b"/protected/a.txt?x=1", "/protected/a.txt"),
        (b"/protected/a#1.txt", "/protected/a%231.txt"),
        (b"/protected/%2561.txt", "/protected/%2561.txt"),
    ] {
        let expected = Destination::Url(MediaPath::parse(path.as_bytes()).expect("a path"));
        assert_eq!(destination("x-accel-redirect", value), expected, "{path}");
    }
    for (value, mistake) in [
        (&b"@backend"[..], Mistake::Named),
        (b"protected/a.txt", Mistake::Relative),
        (b"", Mistake::Relative),
        (b"http://localhost/protected/a.txt", Mistake::Relative),
        (b"/protected/../a.txt", Mistake::Unsafe),
        (b"/protected/%2e%2e/a.txt", Mistake::Unsafe),
        (b"/protected/a%00", Mistake::Unsafe),
    ] {
        assert_eq!(destination("x-accel-redirect", value), Destination::Invalid(mistake), "{value:?}");
    }
}

#[test]
fn a_path_of_the_disk_is_absolute() {
    let both = |path: &str, decoded: &str| Destination::Disk { path: path.into(), decoded: decoded.into() };
    for (value, expected) in [
        ("/srv/media/a b.txt", both("/srv/media/a b.txt", "/srv/media/a b.txt")),
        ("/srv/media/a%20b.txt", both("/srv/media/a%20b.txt", "/srv/media/a b.txt")),
        ("media/a.txt", Destination::Invalid(Mistake::Relative)),
        ("/srv/media/../secret.txt", Destination::Invalid(Mistake::Unsafe)),
        ("/srv/media/%2e%2e/secret.txt", Destination::Invalid(Mistake::Unsafe)),
    ] {
        assert_eq!(destination("x-sendfile", value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn parts_of_the_apps_response_are_kept() {
    let rows = [
        ("content-type", "text/x"),
        ("content-disposition", "attachment"),
        ("cache-control", "private"),
        ("expires", "0"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("etag", "\"app\""),
        ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("vary", "Cookie"),
        ("content-encoding", "gzip"),
        ("content-length", "4"),
        ("location", "/x"),
        ("x-custom", "1"),
        ("connection", "close"),
    ];
    let accel = [&[("x-accel-redirect", "/p/a"), ("x-accel-limit-rate", "1000")], &rows[..]].concat();
    let redirect = read(StatusCode::NOT_FOUND, &headers(&accel)).expect("it is an internal redirect");
    assert_eq!((redirect.fields, redirect.status, redirect.rate), (headers(&rows[..6]), None, Some(1000)));
    assert_eq!(redirect.shown, "X-Accel-Redirect: /p/a");

    let sendfile = [&[("x-sendfile", "/srv/a")], &rows[..]].concat();
    let redirect = read(StatusCode::CREATED, &headers(&sendfile)).expect("it is an internal redirect");
    let kept: Vec<_> = rows
        .iter()
        .filter(|(name, _)| !["content-encoding", "content-length", "connection"].contains(name))
        .copied()
        .collect();
    assert_eq!((redirect.fields, redirect.status), (headers(&kept), Some(StatusCode::CREATED)));

    for (app, expected) in [(404, 404), (304, 304), (204, 200), (205, 200), (206, 200)] {
        let status = StatusCode::from_u16(app).expect("a status");
        let handed = read(status, &headers(&sendfile)).expect("it is handed over");
        assert_eq!(handed.status.map(|status| status.as_u16()), Some(expected), "{app}: no body, or a part of one");
    }

    assert_eq!(read(StatusCode::OK, &headers(&rows)), None, "an ordinary answer");
}
