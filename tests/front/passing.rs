//! What devmedia forwards to the app and back.

use super::app::{App, field};
use super::{ask, before, free_port};
use crate::support::{Answer, Server, Way};
use std::io::{Read as _, Write as _};

#[test]
fn every_method_is_forwarded_with_unchanged_target_headers_and_body() {
    let app = App::echo();
    let server = before(&app);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let fields = [("Cookie", "a=1"), ("X-Odd", "\u{e4} b"), ("Accept", "text/html")];
        let answer = ask(server.address, method, "/a%2Fb//c/./%7e?x=%20&y#z", &fields, b"body");
        let text = answer.text();
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        assert!(text.starts_with(&format!("{method} /a%2Fb//c/./%7e?x=%20&y HTTP/1.1\r\n")), "{text}");
        assert!(text.ends_with("\r\n\r\nbody"), "{text}");
        let host = server.address.to_string();
        for (name, value) in [
            ("host", host.as_str()),
            ("cookie", "a=1"),
            ("x-odd", "\u{e4} b"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", host.as_str()),
        ] {
            assert_eq!(field(&text, name), Some(value), "{name} in {text}");
        }
        assert_eq!(field(&text, "connection"), None, "RFC 9110 section 7.6.1: {text}");
        for ours in ["vary", "access-control-allow-origin", "cross-origin-resource-policy", "x-content-type-options"] {
            assert_eq!(answer.field(ours), "", "{ours} is the app's own affair");
        }
    }
    let head = ask(server.address, "HEAD", "/a", &[], b"");
    assert_ne!(head.field("content-length"), "0", "the length of the answer to a GET");
    assert!(server.logged("PROPFIND").contains(r#""source":"app""#));
}

#[test]
fn a_mount_takes_precedence_over_the_app() {
    let app = App::echo();
    let server = before(&app);
    server.put("a.txt", "of the mount");
    assert_eq!(server.urls, [format!("http://{}/", server.address)], "the URL to open is the app's");
    assert_eq!(server.get("/media/a.txt").text(), "of the mount");
    assert_eq!(server.get("/media/none.txt").status, 404);
    assert_eq!(server.request("OPTIONS", "/media/a.txt", &[]).status, 204);
    assert_eq!(server.request("POST", "/media/a.txt", &[]).status, 405);
    assert_eq!(app.heads(), [""; 0], "the app sees none of it");
    for target in ["/", "/mediaX/a.txt", "/medi/", "/favicon.ico"] {
        assert_eq!(ask(server.address, "GET", target, &[], b"").status, 200, "{target}");
    }
    assert_eq!(app.heads().len(), 4);
}

/// DNS rebinding reaches an app as it reaches media; who may read an answer is for the app's own fields to say.
#[test]
fn the_host_check_protects_the_app_and_cross_site_rules_are_its_own() {
    let app = App::saying("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok");
    let server = before(&app);
    let rebound = ask(server.address, "GET", "/", &[("Host", "evil.example")], b"");
    assert_eq!((rebound.status, app.heads().len()), (421, 0));
    let fields = [("Origin", "https://other.example"), ("Sec-Fetch-Site", "cross-site")];
    for method in ["GET", "POST", "OPTIONS"] {
        let answer = ask(server.address, method, "/api", &fields, b"");
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, "*"), "{method}");
    }
    assert_eq!(server.request("GET", "/media/", &fields).status, 403, "the media are guarded as before");
}

#[test]
fn the_answer_is_forwarded_unchanged() {
    let app = App::saying(
        "HTTP/1.1 418 Short And Stout\r\nSet-Cookie: a=1; Domain=localhost; Path=/\r\nSet-Cookie: b=2\r\nETag: W/\"x\"\r\n\
         Cache-Control: max-age=5\r\nVary: Cookie\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Accel-Buffering: no\r\n\
         Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
    );
    let server = before(&app);
    let mut stream = server.connect();
    write!(stream, "GET /x HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 418 Short And Stout\r\n"), "{text}");
    let mut fields: Vec<&str> = text.lines().skip(1).take_while(|line| !line.is_empty()).collect();
    fields.retain(|line| !line.starts_with("date: "));
    assert_eq!(
        fields,
        [
            "set-cookie: a=1; Domain=localhost; Path=/",
            "set-cookie: b=2",
            "etag: W/\"x\"",
            "cache-control: max-age=5",
            "vary: Cookie",
            "content-encoding: gzip",
            "content-length: 4",
            "connection: close",
        ]
    );
}

#[test]
fn a_redirect_to_the_apps_own_address_becomes_relative() {
    let app = App::start(|exchange| {
        while let Some(head) = exchange.head() {
            let own = field(&head, "x-own").expect("the test says it").to_owned();
            exchange.write(format!("HTTP/1.1 302 Found\r\nLocation: {own}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
    });
    let server = before(&app);
    let port = app.address.port();
    for (location, expected) in [
        (format!("http://127.0.0.1:{port}/login/?next=/a#b"), "/login/?next=/a#b"),
        (format!("http://localhost:{port}/"), "/"),
        ("https://sso.example/".to_owned(), "https://sso.example/"),
        ("../up".to_owned(), "../up"),
    ] {
        let answer = ask(server.address, "GET", "/", &[("X-Own", &location)], b"");
        assert_eq!((answer.status, answer.field("location")), (302, expected));
    }
}

/// RFC 9112 section 7.1.2, RFC 9110 section 6.5.
#[test]
fn chunks_and_trailers_are_forwarded_both_ways() {
    let app = App::start(|exchange| {
        while let Some(head) = exchange.head() {
            let body = exchange.body(&head);
            let sum = String::from_utf8_lossy(&body).contains("x-sum: 7").to_string();
            exchange.write(
                format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Seen\r\n\r\n\
                     3\r\nabc\r\n0\r\nX-Seen: {sum}\r\n\r\n"
                )
                .as_bytes(),
            );
        }
    });
    let server = before(&app);
    let mut stream = server.connect();
    write!(
        stream,
        "POST /x HTTP/1.1\r\nHost: {}\r\nConnection: close, TE\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n",
        server.address
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.to_lowercase().ends_with("abc\r\n0\r\nx-seen: true\r\n\r\n"), "{text}");
    let head = &app.heads()[0];
    assert_eq!((field(head, "te"), field(head, "trailer")), (Some("trailers"), Some("X-Sum")), "{head}");
}

#[test]
fn an_informational_answer_is_not_the_final_answer() {
    let app = App::saying(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = before(&app);
    assert_eq!(ask(server.address, "GET", "/", &[], b"").text(), "ok");
}

#[test]
fn no_request_is_lost_on_a_connection_that_the_app_has_closed() {
    // answers once on each connection; the next request on it meets a closed one
    let app = App::start(|exchange| {
        if let Some(head) = exchange.head() {
            exchange.body(&head);
            exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        exchange.head();
    });
    let server = before(&app);
    for _ in 0..5 {
        assert_eq!(ask(server.address, "GET", "/", &[], b"").status, 200);
    }
    assert!(app.connections() > 1);
    let before = app.heads().iter().filter(|head| head.starts_with("POST ")).count();
    for _ in 0..5 {
        assert_eq!(ask(server.address, "POST", "/", &[], b"once").status, 200, "never on a kept connection");
    }
    assert_eq!(app.heads().iter().filter(|head| head.starts_with("POST ")).count() - before, 5, "each is sent once");
}

#[test]
fn connections_to_the_app_are_reused() {
    let app = App::echo();
    let server = before(&app);
    for _ in 0..20 {
        assert_eq!(ask(server.address, "GET", "/", &[], b"").status, 200);
    }
    assert!(app.connections() <= 4, "{} connections for 20 requests", app.connections());
}

#[test]
fn a_request_that_returns_to_devmedia_is_a_loop() {
    let address = format!("127.0.0.1:{}", free_port());
    let server = Server::start(Way::Fast, &["--listen", &address, "--app", &format!("http://{address}")]);
    let answer = server.get("/x");
    assert_eq!(answer.status, 508, "{answer:?}");
    assert!(answer.text().contains("is devmedia itself"), "{}", answer.text());
}

#[test]
fn a_target_that_is_not_a_path_is_rejected() {
    let app = App::echo();
    let server = before(&app);
    for target in ["/%2e%2e/x", "/media/%2e%2e/x", "/a%00"] {
        assert_eq!(server.get(target).status, 400, "{target}");
    }
    let bytes = server.raw(format!("CONNECT a:1 HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes());
    // its target names another host, and no dotless name passes on a loopback listener
    assert_eq!(Answer::take(&mut bytes.as_slice(), "CONNECT").status, 421);
    assert_eq!(app.heads(), [""; 0]);
}
