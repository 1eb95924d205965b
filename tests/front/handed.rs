//! `X-Accel-Redirect`, beside a real nginx in front of the same app; `X-Sendfile`.

use std::fs;
use std::path::Path;

use super::app::{App, field};
use super::ask;
use super::nginx::Nginx;
use crate::support::{Answer, Server, Way};

/// An app whose answer is what the request wants: its status, and its fields, joined by `|`.
fn obedient() -> App {
    App::start(|exchange| {
        while let Some(head) = exchange.head() {
            exchange.body(&head);
            let status = field(&head, "x-status").unwrap_or("200");
            let fields = field(&head, "x-fields").unwrap_or("X-None: 1").replace('|', "\r\n");
            let body = if head.starts_with("HEAD ") { "" } else { "body" };
            exchange.write(format!("HTTP/1.1 {status} X\r\n{fields}\r\nContent-Length: 4\r\n\r\n{body}").as_bytes());
        }
    })
}

/// A server in front of it, with an internal mount at `/protected/` and a public one at `/media/`.
fn before(app: &App, more: &str) -> Server {
    Server::prepared(Way::Fast, &["--app", &app.url()], |folder| {
        files(&folder.join("files"));
        let text = format!(
            "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n\n\
             [[mount]]\nurl = \"/protected/\"\nroot = \"files\"\ninternal = true\n{more}"
        );
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    })
}

fn files(folder: &Path) {
    fs::create_dir_all(folder.join("deep")).expect("the folder");
    for name in ["a.pdf", "a b%ü.pdf", "page.html", "deep/#1.png"] {
        fs::write(folder.join(name), "hello world").expect("the file");
    }
}

/// Fields that nginx and this server are to send alike. The validators differ in form, so only their presence counts.
fn of_interest(answer: &Answer) -> Vec<(String, String)> {
    let all = answer.fields.iter().filter(|(name, _)| {
        !["server", "date", "connection", "accept-ranges", "etag", "last-modified"].contains(&name.as_str())
    });
    let mut fields: Vec<_> = all.map(|(name, value)| (name.clone(), value.clone())).collect();
    for validator in ["etag", "last-modified"] {
        fields.push((validator.to_owned(), answer.fields.contains_key(validator).to_string()));
    }
    fields
}

/// Method, status of the app, its fields, and the fields of the request.
type Row<'a> = (&'a str, &'a str, String, &'a [(&'a str, &'a str)]);

#[test]
fn x_accel_redirect_answers_match_nginx() {
    let app = obedient();
    let server = before(&app, "");
    let Some(nginx) = Nginx::before(app.address, &server.outside.join("files")) else { return };
    // old enough for a validator
    while !ask(server.address, "GET", "/x", &[("X-Fields", "X-Accel-Redirect: /protected/a.pdf")], b"")
        .fields
        .contains_key("etag")
    {}
    let modified = "Thu, 01 Jan 2026 00:00:00 GMT";
    let kept = format!(
        "|Content-Type: text/x; charset=koi8-r|Content-Disposition: attachment; filename=\"x.pdf\"|Cache-Control: \
         private|Expires: {modified}|Set-Cookie: a=1|Set-Cookie: b=2|Accept-Ranges: none|ETag: \"app\"|Last-Modified: \
         {modified}|Vary: Cookie|Content-Language: fr|Content-Encoding: gzip|Link: </x>; \
         rel=next|X-Frame-Options: DENY|Location: /x|X-Custom: 1|X-Accel-Charset: utf-8|X-Accel-Expires: \
         10|X-Accel-Buffering: no"
    );
    let cached = "|Cache-Control: private";
    let a = "X-Accel-Redirect: /protected/a.pdf";
    let rows: [Row<'_>; 21] = [
        ("GET", "200", format!("{a}{kept}"), &[]),
        ("HEAD", "200", format!("{a}{kept}"), &[]),
        ("GET", "404", format!("{a}{kept}"), &[]),
        ("GET", "302", format!("{a}{kept}"), &[]),
        ("GET", "500", format!("{a}{cached}"), &[]),
        ("POST", "200", format!("{a}{cached}"), &[]),
        ("DELETE", "200", format!("{a}{cached}"), &[]),
        ("GET", "200", format!("{a}{cached}"), &[("Range", "bytes=0-4")]),
        ("GET", "200", format!("{a}{kept}"), &[("Range", "bytes=-3")]),
        ("GET", "200", format!("{a}{cached}"), &[("If-None-Match", "\"app\"")]),
        ("GET", "200", format!("{a}{cached}"), &[("If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT")]),
        ("GET", "200", format!("X-Accel-Redirect: /protected/page.html|Content-Type: text/html{cached}"), &[]),
        ("GET", "200", format!("X-Accel-Redirect: /protected/a%20b%25%C3%BC.pdf{cached}"), &[]),
        ("GET", "200", format!("X-Accel-Redirect: /protected/a%20b%25%C3%BC.pdf?x=1{cached}"), &[]),
        ("GET", "200", format!("X-Accel-Redirect: /protected/deep/#1.png{cached}"), &[]),
        ("GET", "200", format!("X-Accel-Redirect: /protected/deep/%231.png{cached}"), &[]),
        // not handed over
        ("GET", "200", "Content-Type: text/x|X-Accel-Expires: 10|X-Accel-Buffering: no|X-Custom: 1".to_owned(), &[]),
        // errors: the status only, and the cookies
        ("GET", "200", "X-Accel-Redirect: /protected/none.pdf|Set-Cookie: a=1".to_owned(), &[]),
        ("GET", "200", "X-Accel-Redirect: /protected/../a.pdf|Set-Cookie: a=1".to_owned(), &[]),
        ("GET", "200", "X-Accel-Redirect: @named|Set-Cookie: a=1".to_owned(), &[]),
        ("GET", "200", format!("{a}|Set-Cookie: a=1"), &[("Range", "bytes=100-")]),
    ];
    for (method, status, fields, more) in rows {
        let asked = [&[("X-Status", status), ("X-Fields", &fields)], more].concat();
        let expected = ask(nginx.address, method, "/x", &asked, b"");
        let answer = ask(server.address, method, "/x", &asked, b"");
        let row = format!("{method} {status} {fields} {more:?}");
        assert_eq!(answer.status, expected.status, "{row}: {answer:?}");
        if answer.status < 400 {
            assert_eq!(of_interest(&answer), of_interest(&expected), "{row}");
            assert_eq!(answer.text(), expected.text(), "{row}");
        } else {
            assert_eq!(answer.field("set-cookie"), expected.field("set-cookie"), "{row}: {answer:?}");
            assert!(method == "HEAD" || answer.text().lines().count() == 2, "{row}: {}", answer.text());
        }
    }
    for address in [nginx.address, server.address] {
        assert_eq!(ask(address, "GET", "/protected/a.pdf", &[], b"").status, 404, "from outside");
    }
}

#[test]
fn mistakes_are_explained() {
    let app = obedient();
    let server = before(&app, "");
    for (value, status, words) in [
        (
            "/protekted/a.pdf",
            404,
            &["X-Accel-Redirect: /protekted/a.pdf", "no mount has this prefix", "/protected/"][..],
        ),
        ("@backend", 500, &["@backend", "no named locations"]),
        ("protected/a.pdf", 404, &["does not begin with a slash"]),
        ("/protected/deep/", 404, &["is a folder"]),
        ("/protected/../a", 404, &["'..'"]),
        ("/protected/none.pdf", 404, &["none.pdf"]),
    ] {
        let fields = format!("X-Accel-Redirect: {value}");
        let answer = ask(server.address, "GET", "/x", &[("X-Fields", &fields)], b"");
        assert_eq!(answer.status, status, "{value}: {answer:?}");
        for word in words {
            assert!(answer.text().contains(word), "{word} in {}", answer.text());
        }
    }
    let outside = server.get("/protected/a.pdf");
    assert!(outside.text().contains("is internal"), "{}", outside.text());
    for hidden in ["/", "/protectd/a.pdf"] {
        let answer = ask(server.address, "GET", hidden, &[], b"");
        assert!(!answer.text().contains("/protected/"), "{hidden}: {}", answer.text());
    }
}

/// Apache's `mod_xsendfile`, lighttpd, and Rails' `x_sendfile_header`.
#[test]
fn x_sendfile_paths_are_served_from_their_mount() {
    let app = obedient();
    let server = before(&app, "");
    server.put("public.txt", "hello world");
    let files = server.outside.join("files").canonicalize().expect("the folder");
    let fields =
        format!("X-Sendfile: {}|ETag: \"app\"|X-Custom: 1|Content-Type: text/x", files.join("a.pdf").display());
    let answer = ask(server.address, "GET", "/x", &[("X-Fields", &fields)], b"");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello world"));
    assert_eq!((answer.field("etag"), answer.field("x-custom")), ("\"app\"", "1"), "the app's fields are kept");
    assert_eq!((answer.field("content-type"), answer.field("x-sendfile")), ("text/x", ""));
    let part = [("X-Fields", fields.as_str()), ("Range", "bytes=0-4")];
    let answer = ask(server.address, "GET", "/x", &part, b"");
    assert_eq!((answer.status, answer.text().as_str()), (206, "hello"));
    let fresh = [("X-Fields", fields.as_str()), ("If-None-Match", "\"app\"")];
    assert_eq!(ask(server.address, "GET", "/x", &fresh, b"").status, 304);
    let odd = [("X-Fields", fields.as_str()), ("X-Status", "203"), ("Range", "bytes=0-4")];
    let answer = ask(server.address, "GET", "/x", &odd, b"");
    assert_eq!((answer.status, answer.text().as_str()), (203, "hello world"), "the app's status is kept");

    for (path, status) in [
        (files.join("a b%ü.pdf").display().to_string(), 200),
        (files.join("a%20b%25%C3%BC.pdf").display().to_string(), 200),
        (server.root.join("public.txt").display().to_string(), 200),
        (server.outside.join("secret.txt").display().to_string(), 404),
        (files.join("../secret.txt").display().to_string(), 404),
        ("/etc/passwd".to_owned(), 404),
        ("files/a.pdf".to_owned(), 404),
    ] {
        let answer = ask(server.address, "GET", "/x", &[("X-Fields", &format!("X-Sendfile: {path}"))], b"");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("a secret"), "{path}");
    }
}

#[test]
fn an_access_answer_may_redirect_to_a_file_and_a_loop_ends() {
    let app = App::start(|exchange| {
        while let Some(head) = exchange.head() {
            let target = if head.contains("/members/loop") { "/members/loop.pdf" } else { "/protected/a.pdf" };
            exchange.write(
                format!("HTTP/1.1 200 OK\r\nX-Accel-Redirect: {target}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
            );
        }
    });
    let members =
        format!("\n[[mount]]\nurl = \"/members/\"\nroot = \"media\"\naccess = {{ ask = \"{}/may\" }}\n", app.url());
    let server = before(&app, &members);
    let answer = server.get("/members/whatever.pdf");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello world"));
    assert_eq!(answer.field("x-content-type-options"), "nosniff", "the URL is ours");
    let answer = server.get("/members/loop.pdf");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("redirect loop"), "{}", answer.text());
    let asked = app.heads().iter().filter(|head| head.contains("/members/loop")).count();
    assert!(asked <= 11, "{asked} questions");
}

#[test]
fn a_rate_limit_is_applied() {
    let app = obedient();
    let server = before(&app, "");
    let fields = "X-Accel-Redirect: /protected/a.pdf|X-Accel-Limit-Rate: 6";
    let began = std::time::Instant::now();
    let answer = ask(server.address, "GET", "/x", &[("X-Fields", fields)], b"");
    assert_eq!((answer.text().as_str(), answer.field("content-length")), ("hello world", "11"));
    assert!(began.elapsed().as_millis() >= 900, "the second half waits for the second second");
}
