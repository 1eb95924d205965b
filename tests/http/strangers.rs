//! Access by web pages: the Host rule, pages of other sites, CORS and CORP (design section 4).

use super::start;
use crate::support::client::send;
use crate::support::{Answer, Server, skip_on_windows};

/// The headers of an image on a page, as browsers request it without `crossorigin`.
const IMAGE: [(&str, &str); 3] =
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")];

const EVIL: &str = "https://evil.com";
const APP: &str = "http://localhost:3000";

fn server(args: &[&str]) -> Server {
    let server = start(args);
    server.put("a.txt", "hello");
    server
}

/// What a page may do with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access<'a> {
    /// Allowed and named in the CORS headers, so the page can read it.
    Reads(&'a str),
    /// Allowed; a page can display the response, but not read it.
    Shows,
    /// A tool, not a page: CORP blocks it for pages of other sites.
    Tool,
    /// 403.
    Refused,
}

fn access(answer: &Answer) -> Access<'_> {
    let origin = answer.field("access-control-allow-origin");
    let refused = answer.status == 403;
    let access = match answer.field("cross-origin-resource-policy") {
        "same-site" => Access::Tool,
        _ if refused => Access::Refused,
        _ if origin.is_empty() => Access::Shows,
        _ => Access::Reads(origin),
    };
    let named = matches!(access, Access::Reads(_));
    assert_eq!(!origin.is_empty(), named, "{answer:?}");
    assert_eq!(answer.field("access-control-allow-credentials"), if named { "true" } else { "" }, "{answer:?}");
    let exposed = if named { "Content-Range, Content-Length, Accept-Ranges, ETag" } else { "" };
    assert_eq!(answer.field("access-control-expose-headers"), exposed, "{answer:?}");
    assert_ne!(origin, "*", "Vite CVE-2025-24010, esbuild GHSA-67mh-4wv8-2f99");
    access
}

/// The headers of a request, and the access that they get: for reading, and for writing.
type Row<'a> = (&'a [(&'a str, &'a str)], Access<'a>, Access<'a>);

/// The rules of the design, in order. The second access is for an unsafe method: only (a), (b) and (g) allow it.
#[test]
fn each_rule_admits_the_right_requests() {
    use Access::{Reads, Refused, Shows, Tool};
    const SITE: &str = "Sec-Fetch-Site";
    const MODE: &str = "Sec-Fetch-Mode";
    const DEST: &str = "Sec-Fetch-Dest";
    const NAVIGATE: [(&str, &str); 2] = [(MODE, "navigate"), (DEST, "document")];

    let server = server(&["--allow-origin", "https://app.example:8443", "--allow-origin", "http://any.example:*"]);
    let rows: &[Row<'_>] = &[
        // (a) an Origin decides alone
        (&[("Origin", APP)], Reads(APP), Reads(APP)),
        (&[("Origin", "https://localhost")], Reads("https://localhost"), Reads("https://localhost")),
        (&[("Origin", "http://127.0.0.1:5173")], Reads("http://127.0.0.1:5173"), Reads("http://127.0.0.1:5173")),
        (&[("Origin", "http://[::1]:8000")], Reads("http://[::1]:8000"), Reads("http://[::1]:8000")),
        (&[("Origin", "http://app.localhost")], Reads("http://app.localhost"), Reads("http://app.localhost")),
        (&[("Origin", "https://my.app.test")], Reads("https://my.app.test"), Reads("https://my.app.test")),
        (
            &[("Origin", "https://app.example:8443")],
            Reads("https://app.example:8443"),
            Reads("https://app.example:8443"),
        ),
        (&[("Origin", "http://any.example:1")], Reads("http://any.example:1"), Reads("http://any.example:1")),
        (&[("Origin", APP), (SITE, "cross-site")], Reads(APP), Reads(APP)),
        (&[("Origin", APP), ("Referer", EVIL)], Reads(APP), Reads(APP)),
        (&[("Origin", EVIL)], Refused, Refused),
        (&[("Origin", EVIL), (SITE, "same-origin")], Refused, Refused),
        (&[("Origin", EVIL), ("Referer", APP)], Refused, Refused),
        (&[("Origin", EVIL), (SITE, "cross-site"), NAVIGATE[0], NAVIGATE[1]], Refused, Refused),
        (&[("Origin", "https://app.example")], Refused, Refused), // another port
        (&[("Origin", "http://app.example:8443")], Refused, Refused), // another scheme
        (&[("Origin", "https://any.example:1")], Refused, Refused),
        (&[("Origin", "https://sub.app.example:8443")], Refused, Refused),
        (&[("Origin", "http://localhost.evil.com")], Refused, Refused),
        (&[("Origin", "http://evil-localhost")], Refused, Refused),
        (&[("Origin", "http://127.0.0.1.evil.com")], Refused, Refused),
        (&[("Origin", "http://localhost@evil.com")], Refused, Refused),
        (&[("Origin", "http://evil.com#localhost")], Refused, Refused),
        (&[("Origin", "http://evil.com\\@localhost")], Refused, Refused),
        (&[("Origin", "http://192.168.1.5:3000")], Refused, Refused), // webpack-dev-server CVE-2025-30360: any address
        (&[("Origin", "http://8.8.8.8")], Refused, Refused),
        (&[("Origin", "file://")], Refused, Refused),
        (&[("Origin", "chrome-extension://localhost")], Refused, Refused),
        (&[("Origin", "localhost")], Refused, Refused),
        (&[("Origin", "")], Refused, Refused),
        (&[("Origin", "NULL")], Refused, Refused),
        (&[("Origin", "http://localhost, http://evil.com")], Refused, Refused),
        (&[("Origin", APP), ("Origin", APP)], Refused, Refused),
        (&[("Origin", APP), ("Origin", EVIL)], Refused, Refused),
        (&[("Origin", "null"), ("Origin", APP)], Refused, Refused),
        (&[("Origin", "\u{1f600}")], Refused, Refused),
        // (b) according to the browser, it is the same site, or not a page at all
        (&[(SITE, "same-origin")], Shows, Shows),
        (&[(SITE, "same-site")], Shows, Shows),
        (&[(SITE, "none")], Shows, Shows),
        (&[(SITE, "same-site"), ("Origin", "null")], Shows, Shows),
        (&[(SITE, "same-site"), ("Referer", EVIL)], Shows, Shows),
        // (c) a user follows a link from any page
        (&[(SITE, "cross-site"), NAVIGATE[0], NAVIGATE[1]], Shows, Refused),
        (&[(SITE, "cross-site"), NAVIGATE[0], NAVIGATE[1], ("Referer", EVIL)], Shows, Refused),
        (&[(SITE, "cross-site"), NAVIGATE[0], (DEST, "iframe")], Refused, Refused),
        (&[(SITE, "cross-site"), NAVIGATE[0], (DEST, "embed")], Refused, Refused),
        (&[(SITE, "cross-site"), NAVIGATE[0]], Refused, Refused),
        (&[(SITE, "cross-site"), NAVIGATE[1]], Refused, Refused),
        // (d) a Referer, also from browsers without Sec-Fetch (plain http on a LAN: webpack-dev-server CVE-2026-6402)
        (&[("Referer", "http://localhost:3000/page?x#y")], Shows, Refused),
        (&[("Referer", "http://127.0.0.1/")], Shows, Refused),
        (&[("Referer", "https://app.example:8443/a")], Shows, Refused),
        (&[(SITE, "cross-site"), ("Referer", "http://localhost:3000/")], Shows, Refused),
        (&[("Referer", "https://evil.com/")], Refused, Refused),
        (&[("Referer", "https://evil.com/http://localhost/")], Refused, Refused),
        (&[("Referer", "https://evil.com?http://localhost/")], Refused, Refused),
        (&[("Referer", "http://localhost@evil.com/")], Refused, Refused),
        (&[("Referer", "")], Refused, Refused),
        (&[("Referer", "/relative")], Refused, Refused),
        (&[("Referer", "about:blank")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], IMAGE[2], ("Referer", "https://evil.com/")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], IMAGE[2], ("Referer", "http://localhost/")], Shows, Refused),
        // (e) an image on a page that sends no Referer
        (&IMAGE, Shows, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "video")], Shows, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "audio")], Shows, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "track")], Shows, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "script")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "style")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "object")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], (DEST, "empty")], Refused, Refused),
        (&[IMAGE[0], (MODE, "cors"), (DEST, "image")], Refused, Refused),
        (&[IMAGE[0], IMAGE[1], IMAGE[2], ("Origin", "null")], Refused, Refused),
        // (f) all other requests of browsers
        (&[(SITE, "cross-site")], Refused, Refused),
        (&[(SITE, "cross-site"), (MODE, "cors"), (DEST, "empty")], Refused, Refused),
        (&[(SITE, "nonsense")], Refused, Refused),
        (&[("Origin", "null")], Refused, Refused), // Next CVE-2026-27977: a sandboxed frame
        (&[("Origin", "null"), (SITE, "cross-site")], Refused, Refused),
        // (g) none of these headers: curl
        (&[], Tool, Tool),
        (&[("User-Agent", "curl/8"), ("Accept", "*/*"), ("Cookie", "a=b")], Tool, Tool),
        (&[(MODE, "cors")], Tool, Tool),
    ];
    for (fields, reads, writes) in rows {
        for (method, expected, status) in [("GET", reads, 200), ("HEAD", reads, 200), ("POST", writes, 405)] {
            let mut fields = fields.to_vec();
            if method == "POST" {
                fields.push(("Content-Length", "0"));
            }
            let answer = server.request(method, "/media/a.txt", &fields);
            let status = if *expected == Refused { 403 } else { status };
            assert_eq!((answer.status, access(&answer)), (status, *expected), "{method} {fields:?}");
            assert!(answer.field("vary").contains("Origin"));
            if *expected == Refused && method == "GET" {
                assert!(!answer.text().contains("hello"));
            }
        }
    }
}

/// A phone on the LAN opens the app and the media at the developer's address. Only pages of that address are allowed.
#[test]
fn a_page_of_the_same_host_name_is_allowed() {
    use Access::{Reads, Refused, Shows};
    let server = server(&["--allow-host", "devbox", "--allow-host", "devbox.local"]);
    for (host, fields, expected) in [
        ("192.168.1.5:8001", &[("Origin", "http://192.168.1.5:3000")][..], Reads("http://192.168.1.5:3000")),
        ("192.168.1.5:8001", &[("Referer", "http://192.168.1.5:3000/")], Shows),
        ("192.168.1.5:8001", &[("Origin", "http://192.168.1.6:3000")], Refused),
        ("devbox:8001", &[("Origin", "http://devbox:3000")], Reads("http://devbox:3000")),
        ("devbox.local", &[("Origin", "https://DEVBOX.local")], Reads("https://DEVBOX.local")),
        ("devbox.local", &[("Origin", "http://other.local")], Refused),
        ("localhost:8001", &[("Origin", "http://devbox:3000")], Refused),
        ("[fe80::1]:8001", &[("Origin", "http://[fe80::1]:3000")], Reads("http://[fe80::1]:3000")),
    ] {
        let fields = [fields, &[("Host", host)]].concat();
        let answer = server.request("GET", "/media/a.txt", &fields);
        assert_eq!(access(&answer), expected, "{fields:?}");
    }
}

#[test]
fn only_host_names_that_others_cannot_register_are_accepted() {
    let server = server(&["--allow-host", "media.example.com", "--allow-host", "*.example.dev"]);
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:8001", 200),
        ("localhost.", 200),
        ("localhost:", 200), // RFC 3986 section 3.2.3: an empty port
        ("127.0.0.1:8001", 200),
        ("10.0.0.1", 200),
        ("8.8.8.8", 200), // DNS rebinding is impossible for addresses
        ("[::1]:8001", 200),
        ("[2001:db8::1]", 200),
        ("127.1", 200),
        ("app.localhost", 200),
        ("APP.localhost.:80", 200),
        ("a.b.test", 200),
        ("xn--bcher-kva.test", 200),
        // whoever is on the local network can claim these
        ("media", 421),
        ("my_service:80", 421),
        ("devbox.local", 421),
        ("DEVBOX.local.:8001", 421),
        ("db.corp.internal", 421),
        ("host.docker.internal", 421),
        ("nas.home.arpa", 421),
        ("media.example.com", 200),
        ("MEDIA.Example.COM.:8001", 200),
        ("a.example.dev", 200),
        ("a.b.example.dev", 200),
        // DNS rebinding: another site's name that resolves to this machine (Vite CVE-2025-24010)
        ("evil.com", 421),
        ("evil.com:8001", 421),
        ("localhost.evil.com", 421),
        ("127.0.0.1.evil.com", 421),
        ("127.0.0.1.nip.io", 421),
        ("localtest.me", 421),
        ("app.lvh.me:8001", 421),
        ("127-0-0-1.sslip.io", 421),
        ("evillocalhost.com", 421),
        ("xlocal.example", 421),
        ("evil.com.", 421),
        ("example.com", 421),
        ("x.media.example.com", 421),
        ("example.dev", 421),
        ("evilexample.dev", 421),
        ("notlocal", 421),
        // malformed (webpack-dev-server CVE-2026-14631 crashed, Starlette CVE-2026-48710 misparsed it)
        ("", 400),
        (" ", 400),
        (":8001", 400),
        ("localhost:99999", 400),
        ("localhost:80x", 400),
        ("localhost:-1", 400),
        ("local host", 400),
        ("localhost/evil", 400),
        ("localhost?x", 400),
        ("localhost#x", 400),
        ("user@localhost", 400),
        ("evil.com@localhost", 400),
        ("localhost,evil.com", 400),
        ("http://localhost", 400),
        ("::1", 400),
        ("[::1", 400),
        ("[::1]x", 400),
        ("[::1%25eth0]", 400),
        ("a..b", 400),
        (".localhost", 400),
        ("%6cocalhost", 400),
        ("\u{e9}.test", 400),
        ("*.example.dev", 400),
    ] {
        let answer = server.request("GET", "/media/a.txt", &[("Host", host)]);
        assert_eq!(answer.status, status, "{host:?}: {}", answer.text());
        if status == 421 {
            assert!(answer.text().contains("--allow-host"), "{}", answer.text());
            // a page that uses DNS rebinding cannot even read the refusal
            let page = [("Host", host), ("Origin", "http://evil.com")];
            assert_eq!(server.request("GET", "/media/a.txt", &page).field("access-control-allow-origin"), "");
        }
    }
}

/// Shown in Chromium: with devmedia on 127.0.0.1 a page of evil.local could PUT and DELETE. On the LAN and in containers such
/// names are how devmedia is reached, so there they may read.
#[test]
fn a_name_of_the_local_network_reads_on_its_listener_and_never_writes_unless_allowed() {
    if skip_on_windows("devmedia has no Unix sockets on Windows") {
        return;
    }
    let socket = tempfile::tempdir().expect("a folder");
    let socket = socket.path().join("media.sock");
    let unix = format!("unix:{}", socket.display());
    let server = start(&["--upload", "--listen", "0.0.0.0:0", "--listen", &unix, "--allow-host", "named.local"]);
    server.put("a.txt", "hello");
    let network = server.urls[1].split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address");
    let by_socket = |method: &str, host: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("the server accepts");
        let head =
            format!("{method} /media/a.txt HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).expect("sent");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).expect("an answer");
        Answer::take(&mut bytes.as_slice(), method).status
    };
    for (host, on_loopback, reads, writes) in [
        ("evil.local", 421, 200, 421),
        ("media:8001", 421, 200, 421), // a compose service
        ("host.docker.internal", 421, 200, 421),
        ("x.home.arpa.", 421, 200, 421),
        ("named.local", 200, 200, 204),
        ("localhost", 200, 200, 204),
        ("10.0.0.1:8001", 200, 200, 204),
        ("evil.example", 421, 421, 421),
    ] {
        let loopback = server.request("GET", "/media/a.txt", &[("Host", host)]);
        assert_eq!(loopback.status, on_loopback, "{host}: {}", loopback.text());
        let loopback_write = send(server.address, "PUT", "/media/a.txt", &[("Host", host)], b"hello");
        assert_eq!(loopback_write.status, if on_loopback == 200 { 204 } else { 421 }, "{host}");
        let read = send(network, "GET", "/media/a.txt", &[("Host", host)], b"");
        assert_eq!((read.status, by_socket("GET", host)), (reads, reads), "{host}: {}", read.text());
        for method in ["PUT", "DELETE", "POST"] {
            let write = send(network, method, "/media/a.txt", &[("Host", host)], b"hello");
            match method {
                _ if writes == 421 => {
                    assert_eq!((write.status, by_socket(method, host)), (421, 421), "{method} {host}");
                    assert!(write.text().contains("--allow-host"), "{}", write.text());
                }
                "PUT" | "DELETE" => assert_eq!(write.status, 204, "{host}: {}", write.text()),
                _ => assert!(write.status != 421, "{host}: {}", write.text()),
            }
        }
        server.put("a.txt", "hello");
    }
}

#[test]
fn the_host_rule_holds_for_every_kind_of_request() {
    let server = server(&[]);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/media/"),
        ("GET", "/media/missing"),
        ("HEAD", "/media/a.txt"),
        ("OPTIONS", "/media/a.txt"),
        ("OPTIONS", "*"),
        ("POST", "/media/a.txt"),
        ("GET", "/media/../x"),
    ] {
        let answer = server.request(method, target, &[("Host", "evil.com"), ("Content-Length", "0")]);
        assert_eq!(answer.status, 421, "{method} {target}");
    }
    for (target, host, status) in [
        // RFC 9112 section 3.2.2: the host in the target counts, not the header
        ("http://evil.com/media/a.txt", "localhost", 421),
        ("http://localhost/media/a.txt", "evil.com", 200),
        ("http://localhost@evil.com/media/a.txt", "localhost", 400),
        ("http://evil.com@localhost/media/a.txt", "localhost", 400),
    ] {
        let answer = server.request("GET", target, &[("Host", host)]);
        assert_eq!(answer.status, status, "{target} {host}");
    }
}

#[test]
fn a_request_must_have_exactly_one_host() {
    let server = server(&[]);
    let get = |head: &str| {
        let bytes = server.raw(format!("GET /media/a.txt HTTP/1.1\r\n{head}Connection: close\r\n\r\n").as_bytes());
        Answer::take(&mut bytes.as_slice(), "GET").status
    };
    for (head, status) in [
        ("", 400), // RFC 9112 section 3.2
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\nHost: evil.com\r\n", 400),
        ("Host: evil.com\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\n", 200),
        ("HOST: localhost\r\n", 200),
        ("Host:localhost\r\n", 200),
        ("Host: \t localhost \t\r\n", 200),
    ] {
        assert_eq!(get(head), status, "{head:?}");
    }
    // HTTP/1.0 does not require Host, and browsers do not use it
    let old = server.raw(b"GET /media/a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(Answer::take(&mut old.as_slice(), "GET").text(), "hello");
    let old = server.raw(b"GET /media/a.txt HTTP/1.0\r\nHost: evil.com\r\n\r\n");
    assert_eq!(Answer::take(&mut old.as_slice(), "GET").status, 421);
}

#[test]
fn a_preflight_of_an_allowed_page_lists_methods_and_headers() {
    let server = server(&[]);
    for target in ["/media/a.txt", "/media/missing", "/media/.env", "/", "/elsewhere"] {
        let preflight = [
            ("Origin", APP),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "range,if-none-match"),
            ("Access-Control-Request-Private-Network", "true"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "cors"),
        ];
        let answer = server.request("OPTIONS", target, &preflight);
        assert_eq!((answer.status, access(&answer)), (204, Access::Reads(APP)), "{target}");
        assert_eq!(answer.field("access-control-allow-methods"), "GET, HEAD, OPTIONS");
        assert_eq!(answer.field("access-control-allow-private-network"), "true");
        assert!(answer.field("access-control-max-age").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        let allowed = answer.field("access-control-allow-headers").to_ascii_lowercase();
        let allowed: Vec<&str> = allowed.split(", ").collect();
        for name in ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
            assert!(allowed.contains(&name), "{name} is not in {allowed:?}");
        }
    }
    let plain = server.request("OPTIONS", "/media/a.txt", &[("Origin", APP)]);
    assert_eq!(plain.field("access-control-allow-methods"), "", "no preflight without the method it asks about");
}

/// dropzone#354, sentry-javascript#7358: pages of allowed origins send fields of their own.
#[test]
fn a_preflight_is_granted_the_fields_that_it_asks_for() {
    let server = server(&["--upload"]);
    for names in ["x-requested-with", "baggage,sentry-trace,traceparent", "x-csrf-token, content-md5", "x-amz-acl"] {
        let preflight =
            [("Origin", APP), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", names)];
        let answer = server.request("OPTIONS", "/media/a.txt", &preflight);
        assert_eq!(answer.status, 204);
        let allowed = answer.field("access-control-allow-headers").to_ascii_lowercase();
        let allowed: Vec<&str> = allowed.split(", ").collect();
        for name in names.split(',').map(str::trim) {
            assert!(allowed.contains(&name), "{name} is not in {allowed:?}");
        }
        assert!(allowed.contains(&"range"), "{allowed:?}");
        let vary = answer.field("vary").to_ascii_lowercase();
        assert!(
            vary.contains("access-control-request-headers") && vary.contains("access-control-request-method"),
            "{vary}"
        );
    }
    // what the browser will refuse is logged with the reason
    for (method, names, says) in [
        ("PATCH", "x-a", "refuses PATCH to the page: only GET, HEAD, POST, PUT, DELETE, OPTIONS are allowed here"),
        ("PUT", "x a", "Access-Control-Request-Headers holds something that is not the name of a field"),
        ("PUT", &"x-a,".repeat(2000), "longer than 4096 bytes"),
    ] {
        let preflight =
            [("Origin", APP), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", names)];
        let answer = server.request("OPTIONS", "/media/a.txt", &preflight);
        let is_granted = answer.field("access-control-allow-headers").contains("x-a");
        assert_eq!(is_granted, method == "PATCH", "{names:.20}");
        server.logged(says);
    }
    let stranger =
        [("Origin", EVIL), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a")];
    let answer = server.request("OPTIONS", "/media/a.txt", &stranger);
    assert_eq!((answer.status, answer.field("access-control-allow-headers")), (403, ""));
    server.logged("may not read the media");
}

#[test]
fn a_preflight_of_another_site_is_refused() {
    let server = server(&[]);
    for origin in [EVIL, "null", "http://localhost.evil.com"] {
        let preflight =
            [("Origin", origin), ("Access-Control-Request-Method", "GET"), ("Sec-Fetch-Site", "cross-site")];
        let answer = server.request("OPTIONS", "/media/a.txt", &preflight);
        assert_eq!((answer.status, access(&answer)), (403, Access::Refused), "{origin}");
        for name in ["access-control-allow-methods", "access-control-allow-headers"] {
            assert_eq!(answer.field(name), "", "{origin}");
        }
    }
}

#[test]
fn every_kind_of_response_names_the_allowed_origin() {
    let server = server(&[]);
    server.put("dir/a.txt", "x");
    let tag = server.settled("/media/a.txt").field("etag").to_owned();
    for (method, target, field, status) in [
        ("GET", "/media/a.txt", ("Range", ""), 200),
        ("GET", "/media/a.txt", ("Range", "bytes=0-0"), 206),
        ("GET", "/media/", ("Range", ""), 200),
        ("GET", "/", ("Range", ""), 200),
        ("GET", "/media/dir", ("Range", ""), 302),
        ("GET", "/media/a.txt", ("If-None-Match", tag.as_str()), 304),
        ("GET", "/media/../x", ("Range", ""), 400),
        ("GET", "/media/missing", ("Range", ""), 404),
        ("POST", "/media/a.txt", ("Content-Length", "0"), 405),
        ("GET", "/media/a.txt", ("If-Match", "\"x\""), 412),
        ("GET", "/media/a.txt", ("Range", "bytes=9-"), 416),
    ] {
        let answer = server.request(method, target, &[("Origin", APP), field]);
        assert_eq!((answer.status, access(&answer)), (status, Access::Reads(APP)), "{method} {target}");
        let answer = server.request(method, target, &[field]);
        assert_eq!((answer.status, access(&answer)), (status, Access::Tool), "{method} {target}");
    }
}

#[test]
fn a_page_that_hides_its_origin_is_logged_once() {
    let server = server(&[]);
    for _ in 0..3 {
        assert_eq!(server.request("GET", "/media/a.txt", &IMAGE).status, 200);
    }
    server.get("/media/the-end");
    let mut notes = 0;
    loop {
        let line = server.logged("");
        notes += usize::from(line.contains("does not name itself"));
        if line.contains("the-end") {
            break;
        }
    }
    assert_eq!(notes, 1);
}
