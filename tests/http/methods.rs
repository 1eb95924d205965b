//! Methods (RFC 9110 section 9).

use super::start;

const ALLOW: &str = "GET, HEAD, OPTIONS";

#[test]
fn other_methods_are_405_and_named() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW", "get"] {
        for target in ["/media/a.txt", "/media/", "/media/missing", "/", "/elsewhere"] {
            let answer = server.request(method, target, &[("Content-Length", "0")]);
            assert_eq!((answer.status, answer.field("allow")), (405, ALLOW), "{method} {target}");
        }
    }
    let answer = server.request("CONNECT", "localhost:80", &[]);
    assert_eq!((answer.status, answer.field("allow")), (405, ALLOW));
    assert_eq!(server.get("/media/a.txt").text(), "hello", "nothing was written or removed");
}

#[test]
fn a_refused_upload_gets_a_response_before_its_body_is_read() {
    let server = start(&[]);
    let fields = [("Content-Length", "5"), ("Content-Type", "text/plain")];
    assert_eq!(server.request("POST", "/media/a.txt", &fields).status, 405, "the body never comes");
}

#[test]
fn head_is_get_without_the_body() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    server.put("page.html", "<p>");
    server.put("empty", "");
    server.put("dir/b.txt", "below");
    server.settled("/media/dir/b.txt");
    for target in [
        "/media/a.txt",
        "/media/page.html",
        "/media/empty",
        "/media/",
        "/media/dir/",
        "/media/dir/?format=json",
        "/media/dir",
        "/media/missing.txt",
        "/media/.env",
        "/media/../x",
        "/elsewhere",
        "/",
    ] {
        let mut get = server.get(target);
        let mut head = server.request("HEAD", target, &[]);
        for fields in [&mut get.fields, &mut head.fields] {
            fields.remove("date");
            // RFC 9110 section 9.3.2: headers that require generating the content may be omitted
            fields.remove("transfer-encoding");
        }
        assert_eq!((head.status, &head.fields), (get.status, &get.fields), "{target}");
    }
}

#[test]
fn options_lists_the_allowed_methods() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    for target in ["/media/a.txt", "/media/", "/media/missing", "/", "*", "/media/.env", "/elsewhere"] {
        let answer = server.request("OPTIONS", target, &[]);
        assert_eq!((answer.status, answer.field("allow")), (204, ALLOW), "{target}");
        assert!(answer.body.is_empty());
    }
}

#[test]
fn an_asterisk_target_is_valid_for_options_only() {
    // RFC 9112 section 3.2.4
    let answer = start(&[]).get("*");
    assert!((400..500).contains(&answer.status), "{answer:?}");
}
