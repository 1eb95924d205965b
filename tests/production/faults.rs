//! Upstreams that fail, send wrong answers, or redirect elsewhere.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::*;

/// True if an answer is visibly incomplete: empty, shorter than announced, or without the last chunk.
fn is_cut_short(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return answer.is_empty() };
    match head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        Some(announced) => body.len() < announced.parse().expect("a number"),
        None => !body.ends_with("0\r\n\r\n"),
    }
}

#[test]
fn incomplete_and_unusable_answers_are_never_stored() {
    type Row<'a> = (&'a str, &'a [u8], u16, &'a str);
    let rows: &[Row<'_>] = &[
        ("/media/a.jpg", b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 404, "does not have it either"),
        ("/media/a.jpg", b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 404, "does not have it either"),
        ("/media/a.jpg", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 404, "answered 403 Forbidden"),
        ("/media/a.jpg", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", 404, "answered 500"),
        ("/media/a.jpg", b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", 404, "answered 206"),
        (
            "/media/a.jpg",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/a.jpg\r\n\r\n",
            404,
            "http://127.0.0.2, which",
        ),
        (
            "/media/a.jpg",
            b"HTTP/1.1 302 Found\r\nLocation: /a.jpg\r\nContent-Length: 0\r\n\r\n",
            404,
            "answered with a redirect loop",
        ),
        (
            "/media/a",
            b"HTTP/1.1 301 Moved\r\nLocation: /files/a/\r\nContent-Length: 0\r\n\r\n",
            404,
            "does not have it either",
        ),
        ("/media/a.jpg", b"HTTP/1.1 302 Found\r\n\r\n", 404, "answered with a redirect loop"),
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin",
            404,
            "a web page",
        ),
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nX-Devmedia: placeholder\r\nContent-Length: 5\r\n\r\n<svg>",
            404,
            "not have it either",
        ),
        ("/media/a.jpg", b"", 404, "could not be reached"),
        ("/media/a.jpg", b"SSH-2.0-OpenSSH_9.2\r\n", 404, "could not be reached"),
        ("/media/a.jpg", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0, "response is incomplete"),
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            0,
            "response is incomplete",
        ),
        // a length with more digits than any file has
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
            404,
            "could not be reached",
        ),
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            404,
            "could not be reached",
        ),
        ("/media/a.jpg", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 404, "an empty response"),
        (
            "/media/a.jpg",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            404,
            "sent text",
        ),
        // passed on but not stored: the end is unknown, or the bytes are encoded
        ("/media/a.jpg", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhalf", 200, "fetched"),
        ("/media/a.jpg", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole?", 200, "fetched"),
        (
            "/media/a.svg",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\ngzip!",
            200,
            "fetched",
        ),
        ("/media/a.jpg", b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", 0, "fetched"),
    ];
    for (target, bytes, status, says) in rows {
        let upstream = Upstream::saying(*bytes);
        let server = server(&upstream.url(), &["--fallback-max", "1KB"]);
        let shown = String::from_utf8_lossy(bytes);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        let answer = server.raw(request.as_bytes());
        if *status == 0 {
            let text = String::from_utf8_lossy(&answer);
            assert!(text.is_empty() || text.starts_with("HTTP/1.1 200 "), "{shown}: {text}");
            assert!(is_cut_short(&text), "{shown}: {text}");
        } else {
            let answer = Answer::take(&mut answer.as_slice(), "GET");
            assert_eq!(answer.status, *status, "{shown}: {}", answer.text());
            if *status == 404 {
                assert!(answer.text().contains(says), "{shown}: {}", answer.text());
            }
        }
        server.logged(says);
        assert_eq!(files(&server.root).len(), 0, "{shown}");
    }
}

#[test]
fn bytes_after_the_announced_end_are_not_part_of_the_file() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwhol\r\n1\r\ne\r\n0\r\n\r\n"[..], &b"whole"[..]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole, and more", b"whole"),
    ] {
        let upstream = Upstream::saying(bytes);
        let server = server(&upstream.url(), &[]);
        let answer = server.get("/media/a/b%20c/\u{e9}.jpg");
        assert_eq!((answer.status, &*answer.body), (200, expected));
        assert_eq!(answer.field("content-type"), "image/jpeg");
        server.settled("/media/a/b%20c/\u{e9}.jpg");
        assert_eq!(files(&server.root), [("a/b c/\u{e9}.jpg".to_owned(), expected.to_vec())].into());
        assert_eq!(upstream.asked()[0].target, "/files/a/b%20c/%C3%A9.jpg");
        assert_eq!(upstream.count(), 1);
    }
}

#[test]
fn redirects_are_followed_on_the_same_host() {
    let upstream = Upstream::start(|asked, stream| {
        let bytes: &[u8] = match asked.target.as_str() {
            "/files/a.jpg" => b"HTTP/1.1 301 Moved\r\nLocation: /cdn/1.jpg?v=2\r\nContent-Length: 0\r\n\r\n",
            "/cdn/1.jpg?v=2" => b"HTTP/1.1 302 Found\r\nLocation: 2.jpg\r\nContent-Length: 0\r\n\r\n",
            "/cdn/2.jpg" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
            _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(bytes);
    });
    let token = [("TOKEN", "s3cret")];
    let server =
        Server::with_variables(&["--fallback", &upstream.url(), "--fallback-header", "X-Token: env:TOKEN"], &token);
    assert_eq!(server.get("/media/a.jpg").text(), "whole");
    for asked in upstream.asked() {
        assert_eq!(asked.field("x-token"), "s3cret");
        assert_eq!(asked.field("host"), upstream.address.to_string());
        assert_eq!(asked.field("accept-encoding"), "identity");
    }
}

#[test]
fn head_is_forwarded_as_head_and_stores_nothing() {
    let upstream = Upstream::saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLast-Modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n\r\n",
    );
    let server = server(&upstream.url(), &[]);
    let answer = server.request("HEAD", "/media/a.jpg", &[]);
    assert_eq!((answer.status, answer.field("content-length")), (200, "5"));
    assert_eq!(answer.field("last-modified"), "Tue, 01 Feb 2022 10:00:00 GMT");
    assert_eq!(upstream.asked()[0].method, "HEAD");
    assert_eq!(files(&server.root).len(), 0);
}

/// WSGI apps and object stores that support only GET.
#[test]
fn a_head_that_the_upstream_rejects_is_retried_as_get() {
    for status in ["405 Method Not Allowed", "501 Not Implemented"] {
        let upstream = Upstream::start(move |asked, stream| {
            let answer = match asked.method.as_str() {
                "GET" => "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 5\r\n\r\nwhole".to_owned(),
                _ => format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
            };
            let _ = stream.write_all(answer.as_bytes());
        });
        let server = server(&upstream.url(), &[]);
        let answer = server.request("HEAD", "/media/a.jpg", &[]);
        assert_eq!((answer.status, answer.field("content-length"), answer.field("etag")), (200, "5", "\"one\""));
        let methods: Vec<String> = upstream.asked().into_iter().map(|asked| asked.method).collect();
        assert_eq!(methods, ["HEAD", "GET"]);
        assert_eq!(files(&server.root).len(), 0, "HEAD stores nothing");
        assert_eq!(server.get("/media/a.jpg").text(), "whole");
    }
    // any other refusal is final
    let upstream = Upstream::saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let server = server(&upstream.url(), &[]);
    assert_eq!((server.request("HEAD", "/media/a.jpg", &[]).status, upstream.count()), (404, 1));
}

/// Drupal's `itok`, an Azure SAS token. The one in the fallback's URL is a secret.
#[test]
fn a_query_is_sent_if_configured_and_a_secret_query_is_never_shown() {
    let upstream = Upstream::start(|asked, stream| {
        let answer: &[u8] = match asked.target.split_once('?') {
            Some((_, query)) if query.contains("itok=right") || query.contains("sig=s3cret") => {
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
            }
            _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(answer);
    });
    let (plain, secret) = (upstream.url(), format!("{}?sv=2&sig=s3cret", upstream.url()));
    let last = || upstream.asked().last().expect("asked").target.clone();
    let without = server(&plain, &[]);
    assert_eq!((without.get("/media/a.jpg?itok=right").status, last()), (404, "/files/a.jpg".to_owned()));

    let with = server(&plain, &["--fallback-query"]);
    assert_eq!((with.get("/media/a.jpg?itok=wrong").status, last()), (404, "/files/a.jpg?itok=wrong".to_owned()));
    // a miss is cached for its own query
    assert_eq!(
        (with.get("/media/a.jpg?itok=right&thumbnail=zzz").status, last()),
        (400, "/files/a.jpg?itok=right".to_owned())
    );
    assert_eq!(with.settled("/media/a.jpg").text(), "whole");

    let by_token = server(&secret, &["-v"]);
    assert_eq!(
        (by_token.get("/media/a.jpg?x=1").text(), last()),
        ("whole".to_owned(), "/files/a.jpg?sv=2&sig=s3cret".to_owned())
    );
    let both = server(&secret, &["--fallback-query"]);
    assert_eq!(
        (both.request("HEAD", "/media/b.jpg?x=1", &[]).status, last()),
        (200, "/files/b.jpg?sv=2&sig=s3cret&x=1".to_owned())
    );
    let broken = server(&format!("http://{}/files/?sig=s3cret", closed()), &[]);
    let answer = broken.get("/media/a.jpg");
    assert!(answer.text().contains("could not be reached") && !answer.text().contains("s3cret"), "{}", answer.text());
    for server in [by_token, both, broken] {
        server.get("/media/.the-end");
        loop {
            let line = server.logged("");
            assert!(!line.contains("s3cret"), "{line}");
            if line.contains("the-end") {
                break;
            }
        }
    }
}

/// An address where nothing listens.
fn closed() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// An `<img referrerpolicy=no-referrer>` on another site must not start a download on this machine.
#[test]
fn a_page_that_hides_its_origin_fetches_nothing() {
    const OPAQUE: [(&str, &str); 3] =
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")];
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    for args in [&["--fallback-store=no"][..], &["--placeholder"], &["--fallback-refresh", "0s"]] {
        let server = server(&upstream.url(), args);
        let asked = upstream.count();
        for (method, destination) in
            [("GET", "image"), ("HEAD", "image"), ("GET", "video"), ("GET", "audio"), ("GET", "track")]
        {
            let fields = [OPAQUE[0], OPAQUE[1], ("Sec-Fetch-Dest", destination)];
            let answer = server.request(method, "/media/a.jpg", &fields);
            assert_eq!((answer.status, answer.field("x-devmedia")), (404, ""), "{method} {destination} {args:?}");
        }
        server.logged("hides its address");
        assert_eq!((upstream.count(), files(&server.root).len()), (asked, 0), "{args:?}");
        // the developer's own page may
        let own = [OPAQUE[0], OPAQUE[1], OPAQUE[2], ("Referer", "http://localhost:8000/")];
        assert_eq!(server.request("GET", "/media/a.jpg", &own).text(), "whole", "{args:?}");
        assert_eq!(upstream.count(), asked + 1);
    }
}

#[test]
fn misses_are_cached_and_failures_are_not() {
    for (bytes, remembered) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false),
    ] {
        for method in ["GET", "HEAD"] {
            let upstream = Upstream::saying(bytes);
            let server = server(&upstream.url(), &[]);
            for _ in 0..3 {
                assert_eq!(server.request(method, "/media/a.jpg", &[]).status, 404);
            }
            assert_eq!(upstream.count(), if remembered { 1 } else { 3 }, "{method} {bytes}");
            if remembered {
                let answer = server.get("/media/a.jpg");
                assert!(answer.text().contains("less than a minute ago"), "{}", answer.text());
                server.logged(r#""source":"remembered miss""#);
            }
            assert_eq!(server.get("/media/b.jpg").status, 404);
            assert_eq!(upstream.asked().last().expect("asked").target, "/files/b.jpg", "each file separately");
        }
    }
}

#[test]
fn a_request_from_a_devmedia_is_not_forwarded() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    let first = server(&upstream.url(), &[]);
    let via = first.request("GET", "/media/a.jpg", &[("Via", "1.1 devmedia-0123456789abcdef")]);
    assert_eq!(via.status, 404, "{}", via.text());
    assert!(via.text().contains("came from a devmedia"), "{}", via.text());
    // a devmedia that asks a devmedia, which has no files and must not ask further
    let second = server(&first.urls[0], &[]);
    let answer = second.get("/media/a.jpg");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("is a devmedia as well"), "{}", answer.text());
    assert_eq!(upstream.count(), 0);
    // but the files it has are served
    first.put("b.jpg", "local");
    assert_eq!(second.get("/media/b.jpg").text(), "local");
}

#[test]
fn only_a_plain_miss_is_fetched() {
    let has_links = !skip_on_windows("the rows with links: Wine follows symbolic links before the program sees them");
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    let server = server(&upstream.url(), &["--upload"]);
    server.put("folder/file.txt", "here");
    if has_links {
        std::os::unix::fs::symlink("/etc/hostname", server.root.join("link.jpg")).expect("a link");
    }
    for (method, target, status) in [
        ("GET", "/media/.hidden.jpg", 404),
        ("GET", "/media/.git/config", 404),
        ("GET", "/media/.devmedia-x", 404),
        ("GET", "/media/link.jpg", 403),
        ("GET", "/media/missing/", 404),
        ("GET", "/media/folder/file.txt/x.jpg", 404),
        ("GET", "/media/folder/file.txt/", 404),
        ("GET", "/media/folder", 302),
        ("GET", "/elsewhere/a.jpg", 404),
        ("DELETE", "/media/a.jpg", 404),
        ("OPTIONS", "/media/a.jpg", 204),
    ] {
        if target.contains("link") && !has_links {
            continue;
        }
        assert_eq!(server.request(method, target, &[]).status, status, "{method} {target}");
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn offline_the_404_says_so() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", closed.local_addr().expect("bound"));
    drop(closed);
    let server = server(&url, &[]);
    server.put("a.JPG", "here");
    let answer = server.request("GET", "/media/missing.jpg", &[("Accept", "text/plain")]);
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("could not be reached (Connection refused"), "{}", answer.text());
    assert_eq!(server.get("/media/a.JPG").text(), "here", "an existing file is served");
    let meant = server.get("/media/a.jpg");
    assert!(meant.text().contains("Did you mean /media/a.JPG"), "{}", meant.text());
}

#[test]
fn streamed_files_are_passed_on_with_their_range() {
    let upstream = Upstream::start(|asked, stream| {
        let bytes: &[u8] = match (asked.field("range"), asked.field("if-none-match")) {
            ("bytes=1-2", _) => {
                b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nho"
            }
            ("bytes=9-", _) => b"HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n",
            (_, "\"one\"") => b"HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\nETag: \"one\"\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nwhole",
        };
        let _ = stream.write_all(bytes);
    });
    let server = server(&upstream.url(), &["--fallback-store=no"]);
    let whole = server.request("GET", "/media/a.svg", &[("Cookie", "a=b"), ("Authorization", "Basic x")]);
    assert_eq!((whole.status, &*whole.text(), whole.field("etag")), (200, "whole", "\"one\""));
    assert_eq!(whole.field("content-security-policy"), "sandbox");
    assert_eq!(whole.field("set-cookie"), "");
    let part = server.request("GET", "/media/a.svg", &[("Range", "bytes=1-2")]);
    assert_eq!((part.status, &*part.text(), part.field("content-range")), (206, "ho", "bytes 1-2/5"));
    let beyond = server.request("GET", "/media/a.svg", &[("Range", "bytes=9-")]);
    assert_eq!((beyond.status, beyond.field("content-range")), (416, "bytes */5"));
    assert_eq!(server.request("GET", "/media/a.svg", &[("If-None-Match", "\"one\"")]).status, 304);
    for asked in upstream.asked() {
        assert_eq!((asked.field("cookie"), asked.field("authorization")), ("", ""));
    }
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn a_file_that_cannot_be_stored_is_served_anyway() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwhole");
    let Some(server) = Server::unprivileged(Way::Fast, &["--fallback", &upstream.url()], |_| {}) else { return };
    assert_eq!(server.get("/media/a.jpg").text(), "whole");
    server.logged("cannot be stored: devmedia has no permission to write there");
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn a_file_created_during_the_fetch_is_not_overwritten() {
    let (sender, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let upstream = Upstream::start(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nthe");
        let _ = gate.lock().expect("one request").recv_timeout(PATIENCE);
        let _ = stream.write_all(b"irs");
    });
    let server = server(&upstream.url(), &[]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.get("/media/a/b.jpg"));
        upstream.is_asked(1);
        server.put("a/b.jpg", "mine");
        sender.send(()).expect("the upstream waits");
        assert_eq!(asked.join().expect("an answer").text(), "theirs");
    });
    server.logged("a file with this name has been created in the meantime");
    assert_eq!(server.get("/media/a/b.jpg").text(), "mine");
}

#[test]
fn an_upstream_that_never_answers_times_out() {
    let upstream = Upstream::start(|_, stream| {
        // until devmedia disconnects
        let _ = stream.read(&mut [0]);
    });
    let server = server(&upstream.url(), &[]);
    let answer = server.get("/media/a.jpg");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("did not answer in time"), "{}", answer.text());
    assert_eq!(files(&server.root).len(), 0);
}

/// An upstream that answers only for /files/ok.jpg. It begins other answers with these bytes and stalls until devmedia
/// disconnects.
fn slow_but_for_one(bytes: &'static [u8]) -> Upstream {
    Upstream::start(move |asked, stream| {
        if asked.target == "/files/ok.jpg" {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
        } else {
            let _ = stream.write_all(bytes);
            let _ = stream.read(&mut [0]);
        }
    })
}

#[test]
fn slow_files_do_not_block_other_fetches() {
    let upstream = slow_but_for_one(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nw");
    let server = server(&upstream.url(), &[]);
    let slow: Vec<_> = (0..40)
        .map(|index| {
            let mut stream = server.connect();
            write!(stream, "GET /media/{index}.jpg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).expect("open");
            stream.read_exact(&mut [0]).expect("it begins");
            stream
        })
        .collect();
    assert_eq!(server.get("/media/ok.jpg").text(), "whole");
    drop(slow);
}

#[test]
fn a_client_that_waits_too_long_for_a_fetch_gets_the_reason() {
    let upstream = slow_but_for_one(b"");
    let server = server(&upstream.url(), &[]);
    let waiting: Vec<_> = (0..80)
        .map(|index| {
            let mut stream = server.connect();
            write!(stream, "GET /media/{index}.jpg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).expect("open");
            stream
        })
        .collect();
    upstream.is_asked(32);
    let answer = server.get("/media/last.jpg");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("too many fetches are under way"), "{}", answer.text());
    drop(waiting);
}

#[test]
fn a_file_without_a_length_that_is_too_large_is_streamed_next_time() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n".to_vec();
    bytes.extend([b'x'; 2000]);
    bytes.extend(b"\r\n0\r\n\r\n");
    let upstream = Upstream::saying(bytes);
    let server = server(&upstream.url(), &["--fallback-max", "1KB"]);
    let request = format!("GET /media/a.jpg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    assert!(is_cut_short(&String::from_utf8_lossy(&server.raw(request.as_bytes()))));
    assert_eq!(server.get("/media/a.jpg").body.len(), 2000);
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn an_answer_to_another_question_is_rejected() {
    for (bytes, fields, says) in [
        ("HTTP/1.1 304 Not Modified\r\n\r\n", &[][..], "answered 304"),
        ("HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n", &[], "answered 416"),
        (
            "HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nabcde",
            &[("Range", "bytes=0-1")],
            "not requested",
        ),
    ] {
        let upstream = Upstream::saying(bytes);
        let server = server(&upstream.url(), &["--fallback-store=no"]);
        let answer = server.request("GET", "/media/a.jpg", fields);
        assert_eq!(answer.status, 404, "{bytes}: {}", answer.text());
        assert!(answer.text().contains(says), "{bytes}: {}", answer.text());
        server.request("HEAD", "/media/a.jpg", &[("Range", "bytes=0-1")]);
        assert_eq!(upstream.asked().last().expect("asked").field("range"), "", "a range applies only to GET");
    }
}

#[test]
fn a_path_that_cannot_be_stored_is_not_fetched() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    let server = server(&upstream.url(), &[]);
    let answer = server.get(format!("/media/{}x.jpg", "a/".repeat(600)));
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("too long to be stored"), "{}", answer.text());
    assert_eq!(upstream.count(), 0);
    assert_eq!(fs::read_dir(&server.root).expect("a folder").count(), 0);
}

#[test]
fn only_a_connection_closed_without_an_answer_is_retried() {
    for (bytes, times) in [("", 2), ("SSH-2.0-OpenSSH_9.2\r\n", 1)] {
        let upstream = Upstream::saying(bytes);
        let server = server(&upstream.url(), &[]);
        assert_eq!(server.get("/media/a.jpg").status, 404);
        assert_eq!(upstream.count(), times, "{bytes}");
    }
}

/// An upstream that answers the first request of each connection and resets the connection at the next request, like a
/// load balancer that has dropped it. `0.jpg` and `1.jpg` are answered together. Counts the resets.
fn resetting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (resets, together) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let counted = Arc::clone(&resets);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (counted, together) = (Arc::clone(&counted), Arc::clone(&together));
            std::thread::spawn(move || {
                let mut stream = stream;
                let asked = read_head(&mut stream);
                if asked.contains("/0.jpg") || asked.contains("/1.jpg") {
                    together.wait();
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
                if !read_head(&mut stream).is_empty() {
                    set_socket_linger(&stream, Some(Duration::ZERO)).expect("our own socket");
                    counted.fetch_add(1, SeqCst);
                }
            });
        }
    });
    (address, resets)
}

/// A request's head, or an empty text at the end of the connection.
fn read_head(stream: &mut TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// Nothing shows that an idle connection is gone. If several are idle, the retry must not use another of them.
#[test]
fn an_idle_connection_that_is_reset_is_replaced_by_a_new_one() {
    let (address, resets) = resetting();
    let server = server(&format!("http://{address}/"), &[]);
    let get = |name: &str| assert_eq!(server.get(format!("/media/{name}.jpg")).text(), "whole", "{name}");
    std::thread::scope(|scope| {
        for name in ["0", "1"] {
            scope.spawn(move || get(name));
        }
    });
    let mut next = 2;
    wait_until("ten resets", || {
        get(&next.to_string());
        next += 1;
        resets.load(SeqCst) >= 10
    });
}

/// Only a connection that has been established can have been idle.
#[test]
fn a_failed_tls_handshake_is_not_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, SeqCst);
            // reads the client's hello; closing the connection ends the handshake
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    nginx::certify(folder.path());
    let authority = folder.path().join("authority.pem").display().to_string();
    let server =
        Server::with_variables(&["--fallback", &format!("https://{address}/")], &[("SSL_CERT_FILE", &authority)]);
    let answer = server.get("/media/a.jpg");
    assert!(answer.text().contains("could not be reached"), "{}", answer.text());
    assert_eq!(connections.load(SeqCst), 1);
}
