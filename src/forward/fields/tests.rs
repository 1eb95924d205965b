use super::*;

fn headers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    rows.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn app() -> Address {
    Address::of(&"http://127.0.0.1:8000".parse().expect("a URL")).expect("an address")
}

fn sent(rows: &[(&'static str, &'static str)], peer: [u8; 4]) -> HeaderMap {
    let mut asked = Request::builder().uri("/a?x=1").body(()).expect("a request");
    *asked.headers_mut() = headers(rows);
    let mut fields = request(&asked, Some(peer.into()), Scheme::Http, &app());
    assert!(came_back(&fields), "it is recognised when it comes back");
    fields.remove(header::VIA);
    fields
}

/// RFC 9110 section 7.6.1.
#[test]
fn hop_by_hop_fields_are_not_forwarded() {
    let fields = sent(
        &[
            ("host", "localhost:8001"),
            ("cookie", "sessionid=1"),
            ("connection", "keep-alive, X-Hop, close, Host"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
            ("x-custom", "1"),
        ],
        [127, 0, 0, 1],
    );
    let expected = headers(&[
        ("host", "localhost:8001"),
        ("cookie", "sessionid=1"),
        ("trailer", "x-sum"),
        ("x-custom", "1"),
        ("x-forwarded-host", "localhost:8001"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "127.0.0.1"),
    ]);
    assert_eq!(fields, expected);
}

#[test]
fn only_a_proxy_on_this_machine_is_trusted() {
    let claims = [
        ("host", "a.test"),
        ("x-forwarded-for", "10.0.0.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.test"),
        ("x_forwarded_for", "1.2.3.4"),
        ("x_forwarded-for", "1.2.3.4"),
        ("x-forwarded_proto", "ftp"),
        ("forwarded", "for=10.0.0.7"), // RFC 7239; Rack prefers it
    ];
    let local = sent(&claims, [127, 0, 0, 1]);
    let expected = [
        ("host", "a.test"),
        ("x-forwarded-for", "10.0.0.7, 127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.test"),
        ("forwarded", "for=10.0.0.7"),
    ];
    assert_eq!(local, headers(&expected));
    let other = sent(&claims, [192, 168, 1, 5]);
    let expected = [
        ("host", "a.test"),
        ("x-forwarded-for", "192.168.1.5"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a.test"),
    ];
    assert_eq!(other, headers(&expected));
}

#[test]
fn upgrades_and_trailers_are_requested_from_the_app() {
    for (rows, connection, protocol) in [
        (&[("connection", "Upgrade"), ("upgrade", "websocket")][..], "upgrade", "websocket"),
        (&[("connection", "keep-alive, upgrade"), ("upgrade", "websocket")], "upgrade", "websocket"),
        (&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "x")], "", ""), // curl --http2
        (&[("connection", "upgrade"), ("upgrade", "websocket, H2C")], "", ""),
        (&[("upgrade", "websocket")], "", ""), // RFC 9110 section 7.8: Connection must name it
        (&[("connection", "TE"), ("te", "trailers")], "te", ""),
        (&[("te", "trailers")], "", ""),
    ] {
        let fields = sent(&[&[("host", "a.test")], rows].concat(), [127, 0, 0, 1]);
        let text = |name| fields.get(name).map_or("", |value: &HeaderValue| value.to_str().expect("text"));
        assert_eq!((text(header::CONNECTION), text(header::UPGRADE)), (connection, protocol), "{rows:?}");
        assert!(!fields.contains_key("http2-settings"), "{rows:?}");
    }
}

#[test]
fn redirects_to_the_apps_own_address_become_relative() {
    for (location, expected) in [
        ("http://127.0.0.1:8000/login/?next=/a%20b#top", "/login/?next=/a%20b#top"),
        ("http://localhost:8000", "/"),
        ("//localhost:8000/x", "/x"),
        ("http://127.0.0.1:8000//evil.example/", "/.//evil.example/"),
        ("/login/", "/login/"),
        ("next", "next"),
        ("http://localhost:8001/login/", "http://localhost:8001/login/"), // built from the forwarded Host
        ("https://sso.example/?next=http://127.0.0.1:8000/", "https://sso.example/?next=http://127.0.0.1:8000/"),
    ] {
        let fields = answer(&headers(&[("location", location)]), &app());
        assert_eq!(fields[header::LOCATION], expected, "{location}");
    }
}

#[test]
fn a_response_keeps_all_but_hop_by_hop_and_proxy_fields() {
    let rows = [
        ("content-type", "text/html"),
        ("set-cookie", "a=1; Domain=localhost"),
        ("set-cookie", "b=2"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("content-length", "2"),
        ("x-accel-buffering", "no"),
        ("access-control-allow-origin", "*"),
        ("trailer", "x-sum"),
    ];
    let mut given = HeaderMap::new();
    for (name, value) in rows {
        given.append(name, HeaderValue::from_static(value));
    }
    let fields = answer(&given, &app());
    let got: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    assert_eq!(
        got,
        [
            ("content-type", "text/html"),
            ("set-cookie", "a=1; Domain=localhost"),
            ("set-cookie", "b=2"),
            ("access-control-allow-origin", "*"),
            ("trailer", "x-sum"),
        ]
    );
}
