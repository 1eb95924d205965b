//! Placeholders for files that neither the root nor the upstream has.

use super::*;

#[test]
fn a_missing_image_is_drawn_in_the_requested_size() {
    let server = Server::start(Way::Fast, &["--placeholder"]);
    server.put("here.jpg", "here");
    assert_eq!(server.get("/media/here.jpg").text(), "here", "an existing file is served");
    for (target, size) in [
        ("/media/photo.jpg", r#"width="1200" height="800""#),
        ("/media/photo.jpg?w=300&h=100", r#"width="300" height="100""#),
        ("/media/a/photo.640x480.webp", r#"width="640" height="480""#),
        ("/media/a/photo-150x150.PNG", r#"width="150" height="150""#),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.field("content-type")), (200, "image/svg+xml"), "{target}");
        assert!(answer.text().contains(size), "{target}: {}", answer.text());
        assert_eq!(answer.field("x-devmedia"), "placeholder");
        assert_eq!(answer.field("cache-control"), "no-store");
        assert_eq!(answer.field("content-security-policy"), "sandbox");
        assert_eq!(server.get(target).body, answer.body, "the same name has the same placeholder");
        let line = server.logged("placeholder");
        assert!(line.contains("There is no "), "the log says why: {line}");
    }
    let whole = server.get("/media/photo.jpg");
    let head = server.request("HEAD", "/media/photo.jpg", &[]);
    assert_eq!(head.field("content-length"), whole.body.len().to_string());
    let part = server.request("GET", "/media/photo.jpg", &[("Range", "bytes=5-9")]);
    assert_eq!((part.status, &*part.body), (206, &whole.body[5..10]));
    let other = server.request("GET", "/media/photo.jpg", &[("If-None-Match", "*"), ("If-Match", "\"one\"")]);
    assert_eq!((other.status, &other.body), (200, &whole.body), "conditions apply only to files");
    let parts = server.request("GET", "/media/photo.jpg", &[("Range", "bytes=0-4,200-204")]);
    assert!(parts.field("content-type").starts_with("multipart/byteranges"), "{parts:?}");
}

#[test]
fn video_and_audio_placeholders_are_silent_and_other_types_are_404() {
    let server = Server::start(Way::Fast, &["--placeholder"]);
    for (target, media_type) in [
        ("/media/a.mp4", "video/mp4"),
        ("/media/a.webm", "video/webm"),
        ("/media/a.ogv", "video/ogg"),
        ("/media/a.mov", "video/mp4"),
        ("/media/a.mp3", "audio/mpeg"),
        ("/media/a.ogg", "audio/ogg"),
        ("/media/a.wav", "audio/wav"),
        ("/media/a.m4a", "audio/mp4"),
        ("/media/a.flac", "audio/flac"),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.field("content-type")), (200, media_type), "{target}");
        let part = server.request("GET", target, &[("Range", "bytes=1-2")]);
        assert_eq!((part.status, &*part.body), (206, &answer.body[1..3]));
    }
    for target in ["/media/a.pdf", "/media/a.html", "/media/a.js", "/media/a", "/media/photo.jpg/", "/media/.a.jpg"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    assert_eq!(
        server.request("GET", "/media/a.jpg", &[("Via", "1.1 devmedia-1")]).status,
        404,
        "the other devmedia would store it"
    );
}

#[test]
fn with_status_the_placeholder_is_a_404() {
    let server = Server::start(Way::Fast, &["--placeholder=status"]);
    let answer = server.request("GET", "/media/photo.jpg", &[("Range", "bytes=0-0")]);
    assert_eq!((answer.status, answer.field("content-type")), (404, "image/svg+xml"));
    assert!(answer.text().starts_with("<svg "), "{}", answer.text());
}

#[test]
fn a_placeholder_is_drawn_only_if_production_has_no_file() {
    let upstream = Upstream::start(|asked, stream| {
        use std::io::Write as _;
        let bytes: &[u8] = match asked.target.as_str() {
            "/files/there.jpg" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
            _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(bytes);
    });
    let server = server(&upstream.url(), &["--placeholder"]);
    assert_eq!(server.get("/media/there.jpg").text(), "whole");
    for _ in 0..2 {
        assert_eq!(server.get("/media/nowhere.jpg").field("x-devmedia"), "placeholder");
    }
    assert_eq!(upstream.count(), 2, "a miss is cached");
    assert_eq!(files(&server.root).len(), 1, "a placeholder is not stored");
}

/// A placeholder instead of a refusal would hide a misconfigured fallback.
#[test]
fn placeholders_replace_only_missing_files() {
    for (bytes, is_drawn) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], true),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", true),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 302 Found\r\nLocation: /files/a.jpg\r\nContent-Length: 0\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin", false),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (b"SSH-2.0-OpenSSH_9.2\r\n", false),
    ] {
        let upstream = Upstream::saying(bytes);
        for store in ["--fallback-store=yes", "--fallback-store=no"] {
            let server = server(&upstream.url(), &["--placeholder", store]);
            let answer = server.get("/media/a.jpg");
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(answer.field("x-devmedia") == "placeholder", is_drawn, "{shown}: {answer:?}");
            assert_eq!(answer.status, if is_drawn { 200 } else { 404 }, "{shown}");
        }
    }
}

#[test]
fn guarded_files_are_fetched_or_drawn_only_if_their_mount_says_so() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    let app = Upstream::saying("HTTP/1.1 204 No Content\r\n\r\n");
    let url = upstream.url();
    for (says, flags, fetched) in [
        (String::new(), vec!["--placeholder", "--fallback", &url], false),
        (format!("fallback = {url:?}"), vec![], true),
        ("placeholder = true".to_owned(), vec![], true),
    ] {
        let file = format!(
            "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n{says}\n[[mount.rule]]\nmatch = \"private/**\"\n\
             access = {{ ask = \"http://{}/\" }}\n",
            app.address
        );
        let prepare = |folder: &Path| {
            fs::write(folder.join("devmedia.toml"), &file).expect("a file");
            fs::create_dir_all(folder.join("media/private")).expect("a folder");
            std::os::unix::fs::symlink("private", folder.join("media/pub")).expect("a link");
        };
        let server = Server::prepared(Way::Fast, &flags, prepare);
        let answer = server.get("/media/private/a.jpg");
        assert_eq!(answer.status, if fetched { 200 } else { 404 }, "{says}: {}", answer.text());
        let through_link = server.get("/media/pub/b.jpg");
        assert_eq!(through_link.status, if fetched { 200 } else { 404 }, "{says}: {}", through_link.text());
        assert_eq!(server.get("/media/public/a.jpg").status, 200, "{says}");
    }
    assert!(app.count() > 0);
}
