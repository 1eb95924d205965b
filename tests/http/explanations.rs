//! The explanations in refusals (design section 4, "Explanations").

use std::path::Path;

use super::{prepared, start};
use crate::support::{Server, skip_on_windows};

const JSON: (&str, &str) = ("Accept", "application/json");

fn meant(server: &Server, target: &str) -> Option<String> {
    let answer = server.request("GET", target, &[JSON]);
    assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    answer.json()["meant"].as_str().map(str::to_owned)
}

fn tree(outside: &Path) {
    let write = |path: &str| {
        let path = outside.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, "x").expect("a file");
    };
    for path in [
        "media/Avatars/Photo.JPG",
        "media/song.mp3",
        "media/my cat.jpg",
        "media/caf\u{e9}.png",
        "media/e\u{301}te\u{301}.png",
        "media/docs/report.pdf",
        "media/.env",
        "media/.hidden/a.txt",
        "media/env",
        "static/app.css",
        "static/.env",
    ] {
        write(path);
    }
}

#[test]
fn a_404_suggests_the_name_that_was_probably_meant() {
    if skip_on_windows("Windows opens a file by any case of its name") {
        return;
    }
    let server = prepared(&["--mount", "/static/=static"], tree);
    for (target, expected) in [
        // case
        ("/media/avatars/photo.jpg", Some("/media/Avatars/Photo.JPG")),
        ("/media/Avatars/photo.jpg", Some("/media/Avatars/Photo.JPG")),
        ("/media/SONG.MP3", Some("/media/song.mp3")),
        // Unicode normalization form, both ways
        ("/media/cafe%CC%81.png", Some("/media/caf%C3%A9.png")),
        ("/media/%C3%A9t%C3%A9.png", Some("/media/e%CC%81te%CC%81.png")),
        // extension
        ("/media/song.wav", Some("/media/song.mp3")),
        ("/media/song", Some("/media/song.mp3")),
        ("/media/docs/report.PDF.exe", None),
        // + in place of a space, escaped twice
        ("/media/my+cat.jpg", Some("/media/my%20cat.jpg")),
        ("/media/my%2520cat.jpg", Some("/media/my%20cat.jpg")),
        // a slash at the end, a path that continues below a file
        ("/media/song.mp3/", Some("/media/song.mp3")),
        ("/media/song.mp3/cover", Some("/media/song.mp3")),
        // a folder with a similar name
        ("/media/avatars/", Some("/media/Avatars/")),
        ("/media/DOCS", Some("/media/docs/")),
        ("/media/avatars/missing.png", Some("/media/Avatars/")),
        // the same path in another mount, or without a mount
        ("/media/app.css", Some("/static/app.css")),
        ("/static/docs/report.pdf", Some("/media/docs/report.pdf")),
        ("/app.css", Some("/static/app.css")),
        ("/docs/report.pdf", Some("/media/docs/report.pdf")),
        // a prefix that almost matches
        ("/Media/song.mp3", Some("/media/song.mp3")),
        ("/medai/song.mp3", Some("/media/song.mp3")),
        ("/statics/app.css", Some("/static/app.css")),
        ("/medias/", Some("/media/")),
        // typing errors, separators, derivatives (findings 5.6)
        ("/media/sogn.mp3", Some("/media/song.mp3")),
        ("/media/songs.mp3", Some("/media/song.mp3")),
        ("/media/doc/report.pdf", Some("/media/docs/report.pdf")),
        ("/media/docs/reprot.pdf", Some("/media/docs/report.pdf")),
        ("/media/my_cat.jpg", Some("/media/my%20cat.jpg")),
        ("/media/my%E2%80%AFcat.jpg", Some("/media/my%20cat.jpg")),
        ("/media/docs/report_aFDAWZz.pdf", Some("/media/docs/report.pdf")),
        ("/media/docs/report-300x200.pdf", Some("/media/docs/report.pdf")),
        // nothing similar exists
        ("/media/nothing-like-it.png", None),
        ("/media/nowhere/x/y/z", None),
        ("/favicon.ico", None),
        // never a hidden name
        ("/media/.en", None),
        ("/media/.ENV", None),
        ("/media/hidden/a.txt", None),
        ("/.env", None),
    ] {
        assert_eq!(meant(&server, target).as_deref(), expected, "{target}");
        if let Some(url) = expected {
            assert!([200, 302].contains(&server.get(url).status), "{url} exists");
        }
    }
}

#[test]
fn a_404_reveals_nothing_outside_the_root() {
    let has_links = !skip_on_windows("the rows with links: Wine follows symbolic links before the program sees them");
    let server = prepared(&[], |outside| {
        tree(outside);
        std::fs::create_dir(outside.join("elsewhere")).expect("a folder");
        std::fs::write(outside.join("elsewhere/Secret-Plan.txt"), "x").expect("a file");
        if has_links {
            std::os::unix::fs::symlink("../elsewhere", outside.join("media/out")).expect("a link");
            std::os::unix::fs::symlink("../elsewhere/Secret-Plan.txt", outside.join("media/Leaving.txt"))
                .expect("a link");
        }
    });
    for target in [
        "/media/out/secret-plan.txt",
        "/media/OUT/secret-plan.txt",
        "/media/leaving.txt",
        "/media/Secret.TXT",
        "/Secret.TXT",
        "/media-private/Secret.txt",
        "/media/elsewhere/secret-plan.txt",
        "/media/media-private/secret.txt",
    ] {
        for accept in ["text/html", "text/plain", "application/json"] {
            let answer = server.request("GET", target, &[("Accept", accept)]);
            assert!([403, 404].contains(&answer.status), "{target}");
            assert!(!answer.text().contains("Secret-Plan"), "{target}: {}", answer.text());
            assert!(!answer.text().contains(server.outside.to_str().expect("UTF-8")), "{target}: {}", answer.text());
        }
    }
    assert_eq!(meant(&server, "/media/leaving.txt"), None, "a link that leads out is no suggestion");
}

#[test]
fn a_refusal_has_the_requested_format() {
    if skip_on_windows("Windows opens a file by any case of its name") {
        return;
    }
    let server = start(&[]);
    server.put("Photo.JPG", "x");
    let url = "/media/Photo.JPG";
    for (accept, content_type, holds) in [
        (None, "text/plain; charset=utf-8", format!("Did you mean {url} ?\n")),
        (Some("*/*"), "text/plain; charset=utf-8", format!("Did you mean {url} ?\n")), // curl
        (
            Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            "text/html; charset=utf-8",
            format!("href=\"{url}\""),
        ),
        (Some("image/avif,image/webp,*/*;q=0.8"), "text/plain; charset=utf-8", url.to_owned()), // <img>
        (Some("application/json"), "application/json", format!("\"meant\":\"{url}\"")),
    ] {
        let fields: Vec<(&str, &str)> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        let answer = server.request("GET", "/media/photo.jpg", &fields);
        assert_eq!((answer.status, answer.field("content-type")), (404, content_type), "{accept:?}");
        assert!(answer.text().contains("photo.jpg"), "it names what it looked for: {}", answer.text());
        assert!(answer.text().contains(&holds), "{accept:?}: {}", answer.text());
        assert!(answer.field("vary").split(", ").any(|name| name == "Accept"), "{}", answer.field("vary"));
        if content_type.starts_with("text/plain") {
            assert!((1..=2).contains(&answer.text().lines().count()), "a line or two: {}", answer.text());
        }
    }
    let json = server.request("GET", "/media/photo.jpg", &[JSON]).json();
    assert_eq!(json["status"].as_u64(), Some(404));
}

#[test]
fn the_log_has_the_same_reason() {
    if skip_on_windows("Windows opens a file by any case of its name") {
        return;
    }
    let server = start(&[]);
    server.put("Photo.JPG", "x");
    server.get("/media/photo.jpg");
    let line = server.logged("\"status\":404");
    assert!(line.contains("There is no photo.jpg") && line.contains("/media/Photo.JPG"), "{line}");
}

#[test]
fn each_refusal_has_advice() {
    let server = start(&["--no-index"]);
    server.put("a.txt", "hello");
    for (method, target, field, status, told) in [
        ("GET", "/media/", JSON, 404, "--no-index"),
        ("GET", "/media/.env", JSON, 404, "--hidden"),
        ("GET", "/media/../x", JSON, 400, ".."),
        ("GET", "/media/%00", JSON, 400, "NUL"),
        ("GET", "/media/a.txt", ("Host", "app.example.com"), 421, "--allow-host app.example.com"),
        ("GET", "/media/a.txt", ("Origin", "https://evil.com"), 403, "--allow-origin"),
        ("GET", "/media/a.txt", ("Range", "bytes=100-"), 416, "5 bytes"),
        ("GET", "/media/a.txt", ("If-Match", "\"x\""), 412, "If-Match"),
        ("POST", "/media/a.txt", ("Content-Length", "0"), 405, "GET, HEAD, OPTIONS"),
        ("GET", "/elsewhere", JSON, 404, "mount"),
    ] {
        let answer = server.request(method, target, &[field]);
        assert_eq!(answer.status, status, "{method} {target} {field:?}");
        assert!(answer.text().contains(told), "{method} {target} {field:?}: {}", answer.text());
    }
}
