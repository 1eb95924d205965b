//! Copies are kept up to date, and the developer's own files are left alone.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use super::*;

/// An upstream whose only file has versions, and whose conditional answers can be disabled.
fn versioned() -> (Upstream, Arc<AtomicUsize>) {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let upstream = Upstream::start(move |asked, stream| {
        let version = current.load(SeqCst);
        let tag = format!("\"v{version}\"");
        let answer = if asked.field("if-none-match") == tag {
            format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nConnection: close\r\n\r\n")
        } else {
            let body = format!("version {version}");
            let len = body.len();
            format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}")
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    (upstream, version)
}

#[test]
fn a_copy_is_updated_and_an_unchanged_copy_keeps_its_validator() {
    let (upstream, version) = versioned();
    let server = server(&upstream.url(), &["--fallback-refresh", "0s"]);
    assert_eq!(server.get("/media/a.jpg").text(), "version 1");
    let etag = server.settled("/media/a.jpg").field("etag").to_owned();
    server.logged("is up to date");
    assert!(upstream.asked()[1..].iter().all(|asked| asked.field("if-none-match") == "\"v1\""));
    assert_eq!(server.get("/media/a.jpg").field("etag"), etag);

    version.store(2, SeqCst);
    server.until("/media/a.jpg", |answer| answer.text() == "version 2");
    version.store(3, SeqCst);
    server.until("/media/a.jpg", |answer| answer.text() == "version 3");
    assert_eq!(files(&server.root).len(), 1);
}

#[test]
fn a_recent_copy_is_not_refreshed() {
    let (upstream, _) = versioned();
    let server = server(&upstream.url(), &["--fallback-refresh", "1d"]);
    for _ in 0..3 {
        assert_eq!(server.get("/media/a.jpg").text(), "version 1");
    }
    server.settled("/media/a.jpg");
    assert_eq!(upstream.count(), 1);
}

#[test]
fn the_developers_own_files_are_never_touched() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let (upstream, version) = versioned();
    let server = server(&upstream.url(), &["--fallback-refresh", "0s"]);
    let old = SystemTime::now() - Duration::from_secs(3600);
    // one of the developer's own files from the start; one that replaced a copy; a copy that was edited or moved; a
    // link to a copy
    server.put("own.jpg", "mine");
    for name in ["replaced.jpg", "edited.jpg", "before.jpg", "copy.jpg"] {
        assert_eq!(server.get(format!("/media/{name}")).text(), "version 1");
        server.settled(&format!("/media/{name}"));
    }
    fs::remove_file(server.root.join("replaced.jpg")).expect("a copy");
    fs::File::open(server.put("replaced.jpg", "mine")).and_then(|file| file.set_modified(old)).expect("a file");
    server.put("edited.jpg", "mine too!");
    fs::rename(server.root.join("before.jpg"), server.root.join("moved.jpg")).expect("a copy");
    std::os::unix::fs::symlink("copy.jpg", server.root.join("link.jpg")).expect("a link");

    version.store(2, SeqCst);
    let before = upstream.count();
    let own = [
        ("/media/own.jpg", "mine"),
        ("/media/replaced.jpg", "mine"),
        ("/media/edited.jpg", "mine too!"),
        ("/media/moved.jpg", "version 1"),
    ];
    for (target, content) in own {
        assert_eq!(server.get(target).text(), content);
    }
    server.get("/media/link.jpg");
    // this copy is checked last and updated, so the others have been checked
    server.until("/media/copy.jpg", |answer| answer.text() == "version 2");
    for (target, content) in own {
        assert_eq!(server.get(target).text(), content);
    }
    assert!(fs::symlink_metadata(server.root.join("link.jpg")).expect("a link").is_symlink());
    for asked in &upstream.asked()[before..] {
        assert_eq!(asked.target, "/files/copy.jpg");
    }
}

/// The developer replaces the copy before the answer about it arrives.
#[test]
fn a_file_that_replaces_a_copy_while_it_is_refreshed_stays() {
    let replace: [fn(&Server); 3] = [
        |server| drop(server.put("a.jpg", "mine")),
        |server| {
            fs::remove_file(server.root.join("a.jpg")).expect("a copy");
            server.put("a.jpg", "mine");
        },
        |server| {
            let new = server.put("new.jpg", "mine");
            fs::rename(new, server.root.join("a.jpg")).expect("a file");
        },
    ];
    for replace in replace {
        let (sender, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let upstream = Upstream::start(move |asked, stream| {
            if asked.field("if-none-match").is_empty() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\nversion 1");
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 9\r\n\r\nversi");
            let _ = gate.lock().expect("one request").recv_timeout(PATIENCE);
            let _ = stream.write_all(b"on 2");
        });
        let server = server(&upstream.url(), &["--fallback-refresh", "0s"]);
        assert_eq!(server.get("/media/a.jpg").text(), "version 1");
        server.settled("/media/a.jpg");
        upstream.is_asked(2);
        replace(&server);
        sender.send(()).expect("the upstream waits");
        server.logged("a.jpg was modified locally");
        assert_eq!(files(&server.root), [("a.jpg".to_owned(), b"mine".to_vec())].into());
    }
}

#[test]
fn a_copy_outlives_production() {
    let (upstream, _) = versioned();
    let url = upstream.url();
    let server = server(&url, &["--fallback-refresh", "0s"]);
    assert_eq!(server.get("/media/a.jpg").text(), "version 1");
    // stored under its name, a moment after it was sent
    server.settled("/media/a.jpg");
    let failing = Upstream::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let again = Server::prepared(Way::Fast, &["--fallback", &failing.url(), "--fallback-refresh", "0s"], |folder| {
        let copied = std::process::Command::new("cp").arg("-a").arg(&server.root).arg(folder).status();
        assert!(copied.expect("cp").success());
    });
    assert_eq!(again.get("/media/a.jpg").text(), "version 1");
    again.logged("does not have it either");
    assert_eq!(again.get("/media/a.jpg").text(), "version 1");
}
