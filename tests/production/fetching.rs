//! Fetching from a real nginx over TLS.

use std::io::Read as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use super::nginx::Nginx;
use super::*;
use crate::support::command;
use crate::support::process::Process;

/// A server that falls back to this nginx and trusts its certificate.
fn beside(nginx: &Nginx, args: &[&str]) -> Server {
    let trust = [("SSL_CERT_FILE", nginx.authority())];
    let trust: Vec<(&str, &str)> = trust.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::with_variables(&[&["--fallback", &nginx.url("media")], args].concat(), &trust)
}

#[test]
fn a_hundred_requests_cause_one_fetch_that_reveals_nothing_about_the_clients() {
    let Some(nginx) = Nginx::start(Some(2_000_000)) else { return };
    let file = content(1_000_000);
    nginx.put("a/b c/photo \u{e9}.jpg", &file);
    let server = beside(&nginx, &[]);
    let target = "/media/a/b%20c/photo%20%C3%A9.jpg?v=1";
    let fields = [("Cookie", "session=1"), ("Authorization", "Basic eDp5"), ("Referer", "http://localhost:3000/")];
    let all_answered = std::thread::scope(|scope| {
        let ask = || server.request("GET", target, &fields);
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().all(|thread| {
            let answer = thread.join().expect("an answer");
            answer.status == 200 && answer.body == file && answer.field("content-type") == "image/jpeg"
        })
    });
    assert!(all_answered);
    assert_eq!(server.get(target).body, file, "now it is local");
    let host = nginx.host();
    let line = format!(
        "GET /media/a/b c/photo \\xC3\\xA9.jpg 200 cookie=- authorization=- host={host} sni=localhost range=- none=-"
    );
    assert_eq!(nginx.log(), [line]);
    assert_eq!(files(&server.root), [("a/b c/photo \u{e9}.jpg".to_owned(), file)].into());
}

#[test]
fn a_copy_has_the_upstreams_modification_time() {
    let Some(nginx) = Nginx::start(None) else { return };
    let path = nginx.put("photo.jpg", b"whole");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    fs::File::open(&path).and_then(|file| file.set_modified(time)).expect("a time");
    let server = beside(&nginx, &[]);
    let fetched = server.get("/media/photo.jpg");
    let local = server.settled("/media/photo.jpg");
    assert_eq!(fetched.field("last-modified"), "Sun, 13 Sep 2020 12:26:40 GMT");
    assert_eq!(fetched.field("last-modified"), local.field("last-modified"));
    let stored = fs::metadata(server.root.join("photo.jpg")).expect("stored");
    assert_eq!(stored.modified().expect("a time"), time);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_rejected() {
    let (Some(nginx), Some(other)) = (Nginx::start(None), Nginx::start(None)) else { return };
    nginx.put("photo.jpg", b"whole");
    let trust = other.authority();
    let server = Server::with_variables(&["--fallback", &nginx.url("media")], &[("SSL_CERT_FILE", &trust)]);
    let answer = server.get("/media/photo.jpg");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("invalid peer certificate"), "{}", answer.text());
    assert!(answer.text().contains("SSL_CERT_FILE"), "{}", answer.text());
    assert_eq!(nginx.log().len(), 0);
}

#[test]
fn a_kill_during_a_fetch_leaves_no_partial_file() {
    let Some(nginx) = Nginx::start(Some(1_000_000)) else { return };
    let file = content(3_000_000);
    nginx.put("video.mp4", &file);
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("media");
    let start = || {
        let mut command = command();
        command.args(["--debug", "--listen", "127.0.0.1:0", "--fallback", &nginx.url("media"), "--root"]).arg(&root);
        command.env("SSL_CERT_FILE", nginx.authority());
        let process = Process::start(command);
        let url = process.ready();
        let address = url.trim_start_matches("http://").split('/').next().expect("an authority").to_owned();
        (process, address)
    };
    for bytes in [1, 200_000, 1_100_000] {
        let (mut process, address) = start();
        let mut stream = std::net::TcpStream::connect(&address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        write!(stream, "GET /media/video.mp4 HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("open");
        stream.read_exact(&mut vec![0; bytes]).expect("the file begins to arrive");
        process.signal(Signal::KILL);
        process.wait();
        // on a busy machine the whole file may have arrived by then
        let is_whole =
            files(&root).get("video.mp4").inspect(|left| assert!(**left == file, "a partial file")).is_some();
        if is_whole {
            fs::remove_file(root.join("video.mp4")).expect("it is there");
        }
        assert!(files(&root).keys().all(|name| name.starts_with(".devmedia-")), "{:?}", files(&root).keys());
    }
    let (_process, address) = start();
    let mut stream = std::net::TcpStream::connect(&address).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    write!(stream, "GET /media/video.mp4 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("open");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(Answer::take(&mut answer.as_slice(), "GET").body == file);
}
