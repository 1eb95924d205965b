//! `access = { ask = ... }`.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use super::app::App;
use crate::support::{Answer, PATIENCE, Server, Way, skip_on_windows};

const YES: &str = "HTTP/1.1 204 No Content\r\nX-User: ada\r\nSet-Cookie: mine=1\r\n\r\n";
const NO: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nMembers only";

/// `/media/` is public, `/members/` requires the app's approval.
fn guarded(app: &App, options: &str) -> Server {
    let ask = app.url();
    Server::prepared(Way::Fast, &["--upload"], |folder| {
        fs::create_dir_all(folder.join("members/deep")).expect("the folder");
        fs::write(folder.join("members/a b.txt"), "for members").expect("the file");
        fs::write(folder.join("members/deep/c.txt"), "for members").expect("the file");
        let text = format!(
            "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n\n[[mount]]\nurl = \"/members/\"\nroot = \"members\"\n\
             access = {{ ask = \"{ask}\"{options} }}\n"
        );
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    })
}

#[test]
fn an_approval_is_honoured_and_logged() {
    let app = App::saying(YES);
    let server = guarded(&app, ", copy = [\"X-User\"]");
    let fields = [("Cookie", "sessionid=1"), ("Range", "bytes=0-2"), ("X-Forwarded-For", "6.6.6.6")];
    let answer = server.request("GET", "/members//a%20b%2Etxt?x=1", &fields);
    assert_eq!((answer.status, answer.text().as_str(), answer.field("x-user")), (206, "for", "ada"));
    assert_eq!(answer.field("set-cookie"), "", "only the headers in copy");
    let question = app.question();
    assert!(question.starts_with("GET /media-auth/ HTTP/1.1\r\n"), "{question}");
    for field in [
        "cookie: sessionid=1",
        "x-original-uri: /members/a%20b.txt?x=1",
        "x-original-method: GET",
        &format!("x-original-url: http://{}/members/a%20b.txt?x=1", server.address),
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        &format!("x-forwarded-host: {}", server.address),
        &format!("host: {}", app.url().split('/').nth(2).expect("an authority")),
    ] {
        assert!(question.lines().any(|line| line.eq_ignore_ascii_case(field)), "{field} in {question}");
    }
    assert!(!question.to_lowercase().contains("range:"), "{question}");
    assert!(server.logged("/members//a").contains(r#""access":"ask: approved (204)""#));

    assert_eq!(server.request("HEAD", "/members/a%20b.txt", &[]).field("content-length"), "11");
    assert!(app.question().contains("x-original-method: HEAD"));
    assert_eq!(server.get("/members/none.txt").status, 404, "an approval does not make a missing file exist");
    assert_eq!(server.get("/members/").status, 200);
    assert_eq!(app.connections(), 1, "the connection to the app is reused");
}

#[test]
fn the_apps_refusal_is_passed_on() {
    for (no, status, field, body) in [
        (NO, 403, ("cache-control", "no-store"), "Members only"),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"m\"\r\nContent-Length: 12\r\n\r\nWho are you?",
            401,
            ("www-authenticate", "Basic realm=\"m\""),
            "Who are you?",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://sso.example/?next=a\r\nContent-Length: 0\r\n\r\n",
            302,
            ("location", "https://sso.example/?next=a"),
            "",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nNo such user",
            404,
            ("cache-control", "no-store"),
            "No such user",
        ),
        (
            "HTTP/1.1 410 Gone\r\nContent-Length: 12\r\n\r\nIt was here.",
            410,
            ("cache-control", "no-store"),
            "It was here.",
        ),
        (
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 12\r\n\r\nSlow down :)",
            429,
            ("retry-after", "30"),
            "Slow down :)",
        ),
        (
            "HTTP/1.1 451 No\r\nContent-Length: 12\r\n\r\nA judge did.",
            451,
            ("cache-control", "no-store"),
            "A judge did.",
        ),
    ] {
        let server = guarded(&App::saying(no), "");
        let answer = server.get("/members/a%20b.txt");
        assert_eq!((answer.status, answer.field(field.0), answer.text().as_str()), (status, field.1, body));
        assert_eq!(server.request("HEAD", "/members/a%20b.txt", &[]).status, status);
        assert!(server.logged("/members/a b.txt").contains("The app refused the request with"));
    }
}

/// Behind Vite or nginx, the login page must be on the proxy's origin. The proxy on this machine may have terminated
/// TLS.
#[test]
fn a_login_page_stays_on_the_proxys_origin() {
    let app = App::saying("HTTP/1.1 302 Found\r\nLocation: /login/?next=/a\r\nContent-Length: 0\r\n\r\n");
    let server = guarded(&app, "");
    let address = app.url().split('/').nth(2).expect("an authority").to_owned();
    let own = server.address.to_string();
    for (host, proto, location, asked) in [
        (&*own, "http", format!("http://{address}/login/?next=/a"), format!("http://{own}")),
        ("localhost:5173", "http", "/login/?next=/a".to_owned(), "http://localhost:5173".to_owned()),
        ("app.test", "https", "/login/?next=/a".to_owned(), "https://app.test".to_owned()),
    ] {
        let fields = [("Host", host), ("X-Forwarded-Proto", proto)];
        let answer = server.request("GET", "/members/a%20b.txt", &fields);
        assert_eq!((answer.status, answer.field("location")), (302, &*location), "{host}");
        let question = app.question();
        assert!(question.contains(&format!("x-original-url: {asked}/members/a%20b.txt\r\n")), "{question}");
        assert!(question.contains(&format!("x-forwarded-proto: {proto}\r\n")), "{question}");
    }
}

#[test]
fn an_app_on_a_unix_socket_is_asked() {
    if skip_on_windows("devmedia has no Unix sockets on Windows") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let (sender, questions) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let answer: &[u8] = if head.windows(10).any(|part| part == b"cookie: in") {
                b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
            } else {
                b"HTTP/1.1 302 Found\r\nLocation: /login/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            };
            let _ = stream.write_all(answer);
            let _ = sender.send(String::from_utf8_lossy(&head).into_owned());
        }
    });
    let url = format!("http://unix:{}:/media-auth/", socket.display());
    let server = Server::prepared(Way::Fast, &[], |folder| {
        fs::create_dir_all(folder.join("media")).expect("the folder");
        fs::write(folder.join("media/a.txt"), "for members").expect("the file");
        let text = format!("[[mount]]\nurl = \"/media/\"\nroot = \"media\"\naccess = {{ ask = \"{url}\" }}\n");
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    });
    assert_eq!(server.request("GET", "/media/a.txt", &[("Cookie", "in")]).text(), "for members");
    let question = questions.recv_timeout(PATIENCE).expect("a question");
    assert!(
        question.starts_with("GET /media-auth/ HTTP/1.1\r\n") && question.contains("host: localhost\r\n"),
        "{question}"
    );
    let no = server.get("/media/a.txt");
    assert_eq!((no.status, no.field("location")), (302, "/login/"), "a browser cannot reach the socket");
    fs::remove_file(&socket).expect("the socket");
    let gone = server.get("/media/a.txt");
    assert_eq!(gone.status, 502);
    assert!(gone.text().contains(&url) && gone.text().contains("cannot be reached"), "{}", gone.text());
}

#[test]
fn an_app_without_a_usable_answer_is_a_502_with_the_reason() {
    let long = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: 2000000\r\n\r\n{}", "x".repeat(2_000_000));
    let rows: [(Vec<u8>, &str); 8] = [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_vec(), "it answered 500"),
        // a browser would show its cached copy
        (b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".to_vec(), "it answered 304"),
        (b"HTTP/1.1 407 Proxy\r\nContent-Length: 0\r\n\r\n".to_vec(), "it answered 407"),
        (b"".to_vec(), "it closed the connection before it answered"),
        (b"HTTP/1.1 403 For...".to_vec(), "it closed the connection before it answered"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\nshort...".to_vec(), "its response is incomplete"),
        (b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), "its response is not HTTP"),
        (long.into_bytes(), "its response is longer than 1024 KiB"),
    ];
    for (bytes, why) in rows {
        let server = guarded(&App::start(move |_| bytes.clone()), "");
        let answer = server.get("/members/a%20b.txt");
        assert_eq!(answer.status, 502, "{why}: {answer:?}");
        assert!(answer.text().contains(why), "{why} in {}", answer.text());
        assert_eq!(server.get("/media/").status, 200);
    }
}

/// While the app delays its answer, nothing is served, stored or removed by any method. The other mounts still work.
#[test]
fn nothing_happens_before_the_app_approves() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let app = App::start(move |_| {
        // until the test releases it, or ends
        let _ = held.lock().expect("one at a time").recv();
        NO.as_bytes().to_vec()
    });
    let server = guarded(&app, ", timeout = \"60s\"");
    let members = server.outside.join("members");
    for (method, target, fields) in [
        ("GET", "/members/a%20b.txt", ""),
        ("HEAD", "/members/a%20b.txt", ""),
        ("GET", "/members/a%20b.txt", "If-None-Match: *\r\n"),
        ("GET", "/members/a%20b.txt?thumbnail=64", ""),
        ("GET", "/members/none.txt", ""),
        ("GET", "/members/deep", ""),
        ("GET", "/members/", ""),
        ("GET", "/members/?format=json", ""),
        ("GET", "/members/?events", ""),
        ("PUT", "/members/new.txt", "Content-Length: 0\r\n"),
        ("DELETE", "/members/a%20b.txt", ""),
        ("POST", "/members/", "Content-Length: 0\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 3\r\n"),
    ] {
        let mut stream = server.connect();
        let host = server.address;
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n")
            .expect("sent");
        app.question();
        assert_eq!(server.get("/media/").status, 200, "the other mount still works");
        stream.set_nonblocking(true).expect("a socket");
        let early = stream.read(&mut [0; 1]);
        assert!(early.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{method} {target} {fields}");
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        release.send(()).expect("the app waits");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let answer = Answer::take(&mut bytes.as_slice(), method);
        assert_eq!(answer.status, 403, "{method} {target} {fields}: {answer:?}");
        let mut names: Vec<_> =
            fs::read_dir(&members).expect("the folder").map(|e| e.expect("one").file_name()).collect();
        names.sort();
        assert_eq!(names, ["a b.txt", "deep"], "{method} {target}");
    }
}

#[test]
fn an_app_that_hangs_times_out() {
    let (keep, hung) = channel::<()>();
    let hung = Mutex::new(hung);
    let app = App::start(move |_| {
        let _ = hung.lock().expect("one at a time").recv();
        Vec::new()
    });
    let server = guarded(&app, ", timeout = \"50ms\"");
    let answer = server.get("/members/a%20b.txt");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("did not answer within 0.05 s"), "{}", answer.text());
    drop(keep);
}

#[test]
fn only_approvals_are_cached_and_only_for_the_same_request() {
    let app = App::start(|head| if head.contains("cookie: in") { YES.into() } else { NO.into() });
    let server = guarded(&app, ", cache = \"10s\", copy = \"X-User\"");
    let get = |target: &str, fields: &[(&str, &str)]| {
        let answer = server.request("GET", target, fields);
        (answer.status, app.unread())
    };
    let (inside, outside) = ([("Cookie", "in")], [("Cookie", "out")]);
    assert_eq!(get("/members/a%20b.txt", &inside), (200, 1));
    assert_eq!(get("/members/a%20b.txt", &inside), (200, 0), "cached");
    assert_eq!(server.request("GET", "/members/a%20b.txt", &inside).field("x-user"), "ada");
    assert_eq!(get("/members/deep/c.txt", &inside), (200, 1), "another file");
    assert_eq!(get("/members/a%20b.txt?x", &inside), (200, 1), "another query");
    assert_eq!(get("/members/a%20b.txt", &[("Cookie", "in"), ("Authorization", "x")]), (200, 1), "another user");
    assert_eq!(get("/members/a%20b.txt", &[("Cookie", "in"), ("X-Api-Key", "x")]), (200, 1), "any header may decide");
    assert_eq!(get("/members/a%20b.txt", &outside), (403, 1));
    assert_eq!(get("/members/a%20b.txt", &outside), (403, 1), "a refusal is not cached");
}

#[test]
fn an_access_request_that_loops_is_rejected() {
    let app = App::saying(YES);
    let server = guarded(&app, "");
    let answer = server.request("GET", "/members/a%20b.txt", &[("Via", "1.1 devmedia-ask")]);
    assert_eq!((answer.status, app.unread()), (502, 0));
    assert!(answer.text().contains("it is devmedia itself"), "{}", answer.text());
}

/// The Fetch standard's preflight carries no cookies, so an app could only reject it.
#[test]
fn a_preflight_is_answered_without_the_app_and_reveals_nothing() {
    let app = App::saying(NO);
    let server = guarded(&app, "");
    let origin = [("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", "PUT")];
    for target in ["/members/a%20b.txt", "/members/none.txt"] {
        let answer = server.request("OPTIONS", target, &origin);
        assert_eq!((answer.status, answer.body.len(), app.unread()), (204, 0, 0));
    }
    let answer = server.request("GET", "/members/a%20b.txt", &origin[..1]);
    assert_eq!(answer.field("access-control-allow-origin"), "http://localhost:3000", "the page may read the refusal");
}
