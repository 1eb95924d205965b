use super::*;

/// A request's head as one line: method, then `Name: value` fields separated by `|`.
fn admit(guard: &Guard, head: &str) -> Result<Row, u16> {
    admit_by(guard, ListenerKind::Loopback, head).map_err(|error| Refusal::from(error).status.as_u16())
}

fn admit_by(guard: &Guard, listener: ListenerKind, head: &str) -> Result<Row, GuardError> {
    let mut parts = head.split('|').map(str::trim);
    let method = parts.next().expect("a method");
    let mut request = Request::builder().method(method).uri("/media/a.jpg");
    for field in parts {
        let (name, value) = field.split_once(':').expect("a field");
        request = request.header(name, value.trim());
    }
    if !head.contains("Host:") {
        request = request.header("Host", "localhost:8001");
    }
    let request = request.body(()).expect("a request");
    guard.admit(&request, listener).map(|admission| admission.row)
}

#[test]
fn the_first_matching_row_decides() {
    let guard = Guard {
        hosts: vec![HostPattern::parse("media.dev.example").unwrap()],
        origins: vec![
            OriginPattern::parse("https://app.example:3000").unwrap(),
            OriginPattern::parse("http://any.example:*").unwrap(),
        ],
    };
    for (head, expected) in [
        // (a) an Origin field decides, regardless of the other fields
        ("GET|Origin: http://localhost:3000", Ok(Row::Origin)),
        ("GET|Origin: http://127.0.0.1:5173|CROSS", Ok(Row::Origin)),
        ("GET|Origin: http://127.1.2.3", Ok(Row::Origin)),
        ("GET|Origin: http://[::1]:5173", Ok(Row::Origin)),
        ("GET|Origin: http://[::ffff:127.0.0.1]:5173", Ok(Row::Origin)),
        ("GET|Origin: https://shop.localhost", Ok(Row::Origin)),
        ("GET|Origin: https://shop.test", Ok(Row::Origin)),
        ("GET|Origin: https://app.example:3000", Ok(Row::Origin)),
        ("GET|Origin: https://app.example", Err(403)),
        ("GET|Origin: http://app.example:3000", Err(403)),
        ("GET|Origin: http://any.example:9999", Ok(Row::Origin)),
        ("GET|Origin: http://any.example", Ok(Row::Origin)),
        ("GET|Origin: http://192.168.1.5:3000|Host: 192.168.1.5:8001", Ok(Row::Origin)), // a phone
        ("GET|Origin: http://media.dev.example:3000|Host: media.dev.example", Ok(Row::Origin)),
        ("GET|Origin: http://LOCALHOST:3000", Ok(Row::Origin)),
        ("GET|Origin: http://localhost.:3000", Ok(Row::Origin)),
        ("GET|Origin: https://app.example:03000", Ok(Row::Origin)),
        ("GET|Origin: http://evil.example\\@localhost", Err(403)),
        ("GET|Origin: http://evil.example#@localhost", Err(403)),
        ("GET|Origin: http://evil@localhost", Err(403)),
        ("GET|Origin: http:localhost", Err(403)),
        ("GET|Origin: http://localhost:99999", Err(403)),
        ("GET|Origin: http://127.0.0.1.evil.example", Err(403)),
        ("GET|Origin: http://192.168.1.6:3000|Host: 192.168.1.5:8001", Err(403)), // CVE-2025-30360
        ("GET|Origin: https://evil.example", Err(403)),
        ("GET|Origin: https://evil.example|Sec-Fetch-Site: same-origin", Err(403)),
        ("GET|Origin: https://localhost.evil.example", Err(403)),
        ("GET|Origin: https://evil-localhost", Err(403)),
        ("GET|Origin: https://notlocalhost", Err(403)),
        ("GET|Origin: http://localhost@evil.example", Err(403)),
        ("GET|Origin: file://localhost", Err(403)),
        ("GET|Origin: chrome-extension://localhost", Err(403)),
        ("GET|Origin: garbage", Err(403)), // CVE-2026-14631
        ("GET|Origin:", Err(403)),
        ("GET|Origin: http://localhost:3000|Origin: https://evil.example", Err(403)),
        ("POST|Origin: http://localhost:3000", Ok(Row::Origin)),
        ("POST|Origin: https://evil.example", Err(403)),
        // (b) the browser says same site
        ("GET|Sec-Fetch-Site: same-origin", Ok(Row::SameSite)),
        ("GET|Sec-Fetch-Site: same-site|Referer: https://evil.example/", Ok(Row::SameSite)),
        ("GET|Sec-Fetch-Site: none|Sec-Fetch-Mode: navigate", Ok(Row::SameSite)),
        ("GET|Sec-Fetch-Site: same-site|Origin: null", Ok(Row::SameSite)),
        ("POST|Sec-Fetch-Site: same-site|Origin: null", Ok(Row::SameSite)),
        // (c) a link was followed
        ("GET|CROSS|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", Ok(Row::Navigation)),
        ("HEAD|CROSS|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", Ok(Row::Navigation)),
        (
            "GET|CROSS|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|Referer: https://evil.example/",
            Ok(Row::Navigation),
        ),
        ("GET|CROSS|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe", Err(403)),
        ("POST|CROSS|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", Err(403)),
        // (d) the Referer names the page
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Referer: http://localhost:3000/a", Ok(Row::Referer)),
        ("GET|Referer: http://localhost:3000/", Ok(Row::Referer)),
        ("GET|Referer: https://evil.example/", Err(403)),
        ("GET|Referer: https://evil.example/?http://localhost/", Err(403)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Referer: https://evil.example/", Err(403)),
        ("POST|Referer: http://localhost:3000/", Err(403)),
        // (e) embedded in a page that cannot read it
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image", Ok(Row::Opaque)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: video", Ok(Row::Opaque)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: audio", Ok(Row::Opaque)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: track", Ok(Row::Opaque)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: script", Err(403)), // CVE-2025-30359
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: style", Err(403)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: empty", Err(403)),
        ("GET|CROSS|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: image", Err(403)),
        ("POST|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image", Err(403)),
        ("GET|CROSS|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Origin: null", Err(403)),
        // (f) all other requests from pages
        ("GET|CROSS", Err(403)),
        ("GET|Origin: null", Err(403)), // CVE-2026-27977
        ("GET|Sec-Fetch-Site: whatever", Err(403)),
        ("POST|CROSS|Origin: null", Err(403)),
        // (g) not from a page
        ("GET", Ok(Row::Tool)),
        ("POST", Ok(Row::Tool)),
        ("DELETE", Ok(Row::Tool)),
    ] {
        assert_eq!(admit(&guard, &head.replace("CROSS", "Sec-Fetch-Site: cross-site")), expected, "{head}");
    }
}

#[test]
fn a_host_that_nobody_else_can_claim_is_accepted() {
    let guard = Guard {
        hosts: ["App.Example", "*.dev.example", "b\u{fc}cher.example", "mac.local", "devbox", "*.corp.internal"]
            .map(|name| HostPattern::parse(name).unwrap())
            .into(),
        origins: Vec::new(),
    };
    for (host, expected) in [
        ("localhost", Ok(())),
        ("LOCALHOST:8001", Ok(())),
        ("localhost.", Ok(())),
        ("localhost.:8001", Ok(())),
        ("LocalHost.:8001", Ok(())),
        ("127.0.0.1:8001", Ok(())),
        ("127.1", Ok(())), // as curl sends it; an address in another spelling
        ("192.168.1.5", Ok(())),
        ("[::1]:8001", Ok(())),
        ("[fe80::1]", Ok(())),
        ("[::FFFF:127.0.0.1]", Ok(())),
        ("shop.localhost:8001", Ok(())),
        ("SHOP.LOCALHOST.:8001", Ok(())),
        ("shop.test", Ok(())),
        ("xn--bcher-kva.test", Ok(())),
        ("app.example:8001", Ok(())),
        ("app.example.", Ok(())),
        ("a.dev.example", Ok(())),
        ("a.b.dev.example", Ok(())),
        ("xn--bcher-kva.example", Ok(())),
        ("XN--BCHER-KVA.example:8001", Ok(())),
        // allowed by --allow-host
        ("mac.local", Ok(())),
        ("MAC.local.:8001", Ok(())),
        ("devbox:8001", Ok(())),
        ("a.corp.internal", Ok(())),
        ("dev.example", Err(421)),
        ("evil.example", Err(421)),
        ("localhost.evil.example", Err(421)),
        ("127.0.0.1.nip.io", Err(421)),
        ("nothome.arpa", Err(421)),
        ("xn--lcalhost-cf7c", Err(421)),
        ("corp.internal", Err(421)),
        ("", Err(400)),
        (":8001", Err(400)),
        ("a b", Err(400)),
        ("localhost:http", Err(400)),
        ("localhost:99999", Err(400)),
        ("user@localhost", Err(400)),
        ("[::1", Err(400)),
        ("::1", Err(400)),
        ("a..b", Err(400)),
        (".", Err(400)),
        ("localhost..", Err(400)),
        ("localhost/..", Err(400)),
        ("%6cocalhost", Err(400)),
        ("b\u{fc}cher.test", Err(400)),
        ("300.1.1.1", Err(400)),
    ] {
        let found = admit(&guard, &format!("GET|Host: {host}")).map(|_| ());
        assert_eq!(found, expected, "{host:?}");
    }
}

/// Anybody on the local network can make such a name resolve to 127.0.0.1: DNS rebinding with reads and, worse, writes.
#[test]
fn a_network_name_is_accepted_for_reading_on_a_network_listener() {
    let names = [
        "evil.local",
        "EVIL.Local.:8001",
        "a.b.local",
        "x.internal",
        "host.docker.internal:8001",
        "x.home.arpa",
        "x.home.arpa.",
        "media:8001", // a compose service
        "MEDIA.",
        "my_service",
        "local",
        "internal",
        "xn--mdia-bpa",
    ];
    for host in names {
        for (listener, reads, writes) in [
            (ListenerKind::Loopback, "network-host", "network-host"),
            (ListenerKind::Network, "", "network-host-write"),
            (ListenerKind::Unix, "", "network-host-write"),
        ] {
            for (method, expected) in [
                ("GET", reads),
                ("HEAD", reads),
                ("OPTIONS", reads),
                ("PUT", writes),
                ("POST", writes),
                ("DELETE", writes),
            ] {
                let refusal = admit_by(&Guard::default(), listener, &format!("{method}|Host: {host}")).err();
                let refusal = refusal.map(Refusal::from);
                let code = refusal.as_ref().map_or("", |refusal| refusal.code);
                assert_eq!(code, expected, "{method} {host} {listener:?}");
                if let Some(refusal) = refusal {
                    let name = host.to_ascii_lowercase().replace(":8001", "");
                    let name = name.strip_suffix('.').unwrap_or(&name);
                    assert_eq!(refusal.status, 421);
                    assert!(refusal.advice.ends_with(&format!("--allow-host {name}")), "{}", refusal.advice);
                }
            }
            let named =
                Guard { hosts: vec![HostPattern::parse(host.trim_end_matches(":8001")).unwrap()], ..Guard::default() };
            for method in ["GET", "PUT", "DELETE"] {
                assert!(
                    admit_by(&named, listener, &format!("{method}|Host: {host}")).is_ok(),
                    "{method} {host} is named"
                );
            }
        }
    }
    for host in ["localhost", "a.localhost", "a.test", "127.0.0.1", "10.0.0.1", "[::1]"] {
        for listener in [ListenerKind::Loopback, ListenerKind::Network, ListenerKind::Unix] {
            for method in ["GET", "PUT", "DELETE"] {
                assert!(
                    admit_by(&Guard::default(), listener, &format!("{method}|Host: {host}")).is_ok(),
                    "{method} {host}"
                );
            }
        }
    }
}

/// Public names that lead to loopback are refused as any other, but the answer says what to type.
#[test]
fn a_public_name_of_loopback_is_refused_with_what_to_type() {
    for (host, says) in [
        ("lvh.me", "lvh.me is a public name"),
        ("shop.lvh.me", "lvh.me is a public name"),
        ("a.b.localtest.me", "localtest.me is a public name"),
        ("127.0.0.1.nip.io", "nip.io is a public name"),
        ("127-0-0-1.sslip.io", "sslip.io is a public name"),
        ("evillvh.me", "DNS rebinding"),
        ("lvh.me.evil.example", "DNS rebinding"),
    ] {
        let refusal = Refusal::from(
            admit_by(&Guard::default(), ListenerKind::Network, &format!("GET|Host: {host}")).unwrap_err(),
        );
        assert!(refusal.advice.contains(says), "{host}: {}", refusal.advice);
        assert!(refusal.advice.ends_with(&format!("--allow-host {host}")), "{host}: {}", refusal.advice);
    }
}

#[test]
fn an_absolute_target_overrides_the_host_field_which_must_be_unique() {
    let request = |version, uri: &str, hosts: &[&str]| {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header("Host", *host);
        }
        let request = request.body(()).expect("a request");
        Guard::default()
            .admit(&request, ListenerKind::Loopback)
            .map(|_| ())
            .map_err(|error| Refusal::from(error).status.as_u16())
    };
    for (version, uri, hosts, expected) in [
        (Version::HTTP_11, "/a", &["localhost"][..], Ok(())),
        (Version::HTTP_11, "/a", &[], Err(400)),
        (Version::HTTP_11, "/a", &["localhost", "localhost"], Err(400)),
        (Version::HTTP_10, "/a", &[], Ok(())),
        (Version::HTTP_10, "/a", &["evil.example"], Err(421)),
        (Version::HTTP_11, "http://localhost/a", &["evil.example"], Ok(())), // RFC 9112 section 3.2.2
        (Version::HTTP_2, "https://localhost/a", &[], Ok(())),               // RFC 9113 section 8.3.1
        (Version::HTTP_2, "https://evil.example/a", &[], Err(421)),
        (Version::HTTP_2, "https://localhost/a", &["localhost"], Ok(())),
        (Version::HTTP_2, "https://localhost/a", &["evil.example"], Err(400)),
        (Version::HTTP_2, "https://evil.example/a", &["localhost"], Err(400)),
        (Version::HTTP_2, "/a", &[], Err(400)),
        (Version::HTTP_11, "http://evil.example/a", &["localhost"], Err(421)),
    ] {
        assert_eq!(request(version, uri, hosts), expected, "{version:?} {uri} {hosts:?}");
    }
}

#[test]
fn host_and_origin_patterns_are_parsed() {
    for (text, valid) in [
        ("app.example", true),
        ("*.example", true),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("*", false),
        ("app.example:80", false),
        ("http://app.example", false),
        ("a*.example", false),
        ("", false),
    ] {
        assert_eq!(HostPattern::parse(text).is_some(), valid, "--allow-host {text}");
    }
    for (text, valid) in [
        ("http://app.example", true),
        ("https://app.example:3000", true),
        ("https://app.example:3000/", true),
        ("http://app.example:*", true),
        ("http://[::1]:*", true),
        ("tauri://localhost", true),
        ("app.example", false),
        ("*", false),
        ("http://*", false),
        ("http://*.example", false),
        ("http://app.example/path", false),
        ("http://app.example:80:*", false),
        ("http://me@app.example", false),
        ("http://b\u{fc}cher.example", true),
        ("http://app.example:99999", false),
        ("http://app example", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(OriginPattern::parse(text).is_some(), valid, "--allow-origin {text}");
    }
}
