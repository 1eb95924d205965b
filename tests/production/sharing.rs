//! A single fetch, and all requests that share it while it runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::*;

const MIB: usize = 1024 * 1024;

/// The headers with which an upstream identifies the state of its file.
const VALIDATORS: &str = "ETag: \"one\"\r\nLast-Modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n";

/// An upstream that sends as much of its only file as it is told to, and answers ranges at once.
fn gated(file: Vec<u8>) -> (Upstream, Sender<usize>) {
    gated_as(VALIDATORS, "ETag: \"one\"\r\n", 0, file)
}

/// The same with these headers. A range is answered with `part`, of a file that is `longer`.
fn gated_as(whole: &'static str, part: &'static str, longer: usize, file: Vec<u8>) -> (Upstream, Sender<usize>) {
    let (sender, gate) = channel::<usize>();
    let gate: Arc<Mutex<Receiver<usize>>> = Arc::new(Mutex::new(gate));
    let upstream = Upstream::start(move |asked, stream| {
        let len = file.len();
        if let Some(range) = asked.field("range").strip_prefix("bytes=") {
            let (first, last) = range.split_once('-').expect("a range");
            let first: usize = first.parse().expect("a number");
            let last = last.parse().unwrap_or(len - 1);
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{}\r\nContent-Length: {}\r\n\
                 {part}Connection: close\r\n\r\n",
                len + longer,
                last + 1 - first
            );
            let _ = stream.write_all(head.as_bytes());
            // other bytes if this is a part of another state
            let turned = if whole.contains(part) { 0 } else { 0xff };
            let _ = stream.write_all(&file[first..=last].iter().map(|byte| byte ^ turned).collect::<Vec<_>>());
            return;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n{whole}Connection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        let gate = gate.lock().expect("one fetch at a time");
        let mut sent = 0;
        while let Ok(until) = gate.recv_timeout(PATIENCE) {
            let _ = stream.write_all(&file[sent..until]);
            sent = until;
            if sent == len {
                return;
            }
        }
    });
    (upstream, sender)
}

/// Sends a request on its own connection and reads the head.
fn ask(server: &Server, target: &str, fields: &str) -> (String, TcpStream) {
    let mut stream = server.connect();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n", server.address);
    stream.write_all(request.as_bytes()).expect("open");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    (String::from_utf8(head).expect("text"), stream)
}

fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).expect("the bytes arrive");
    bytes
}

#[test]
fn all_waiting_clients_share_one_fetch() {
    for way in [Way::Fast, Way::Reading, Way::NoSendfile, Way::HandWalk] {
        clients_share_a_fetch(way);
    }
}

fn clients_share_a_fetch(way: Way) {
    let file = content(3 * MIB);
    let (upstream, gate) = gated(file.clone());
    let server = Server::start(way, &["--fallback", &upstream.url()]);
    let mut clients: Vec<TcpStream> = Vec::new();
    for until in [1, MIB, 2 * MIB] {
        gate.send(until).expect("the upstream waits");
        let (head, stream) = ask(&server, "/media/video.mp4", "");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", file.len())), "{head}");
        assert!(head.contains("last-modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n"), "{head}");
        assert!(head.contains("content-type: video/mp4\r\n"), "{head}");
        clients.push(stream);
    }
    for client in &mut clients {
        assert!(read(client, 2 * MIB) == file[..2 * MIB]);
    }
    assert_eq!(files(&server.root).len(), 0, "an incomplete file is not visible");
    gate.send(file.len()).expect("the upstream waits");
    for client in &mut clients {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("the rest");
        assert!(rest == file[2 * MIB..]);
    }
    let local = server.until("/media/video.mp4", |answer| !answer.field("etag").is_empty());
    assert!(local.body == file);
    assert_eq!(local.field("last-modified"), "Tue, 01 Feb 2022 10:00:00 GMT", "the upstream's");
    assert_eq!(upstream.count(), 1);
    let line = server.logged("/media/video.mp4");
    assert!(line.contains(r#""source":"fetched""#), "{line}");
}

#[test]
fn ranges_are_answered_while_the_file_is_fetched() {
    let file = content(8 * MIB);
    let (upstream, gate) = gated(file.clone());
    let server = server(&upstream.url(), &[]);
    gate.send(MIB).expect("the upstream waits");
    let (_, mut whole) = ask(&server, "/media/video.mp4", "");
    assert!(read(&mut whole, MIB) == file[..MIB]);

    // bytes that have already arrived
    let near = server.request("GET", "/media/video.mp4", &[("Range", "bytes=100-199")]);
    assert_eq!((near.status, near.field("content-range")), (206, "bytes 100-199/8388608"));
    assert!(near.body == file[100..200]);
    // bytes that will arrive soon
    let (head, mut soon) = ask(&server, "/media/video.mp4", "Range: bytes=1048570-1048585\r\n");
    assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("bytes 1048570-1048585/8388608"), "{head}");
    assert!(read(&mut soon, 6) == file[1_048_570..1_048_576]);
    assert_eq!(upstream.count(), 1, "all from one fetch");
    // distant bytes are requested separately, on condition that the file is unchanged
    let far = server.request("GET", "/media/video.mp4", &[("Range", "bytes=-1000"), ("Cookie", "a=b")]);
    assert_eq!((far.status, far.field("content-range")), (206, "bytes 8387608-8388607/8388608"));
    assert!(far.body == file[8_387_608..]);
    let asked = upstream.asked();
    assert_eq!((asked[1].field("if-range"), asked[1].field("cookie")), ("\"one\"", ""));
    // beyond the end, and with the validator that the client received
    let beyond = server.request("GET", "/media/video.mp4", &[("Range", "bytes=8388608-")]);
    assert_eq!((beyond.status, beyond.field("content-range")), (416, "bytes */8388608"));
    let unchanged = [("If-Modified-Since", "Tue, 01 Feb 2022 10:00:00 GMT")];
    assert_eq!(server.request("GET", "/media/video.mp4", &unchanged).status, 304);
    assert_eq!(server.request("HEAD", "/media/video.mp4", &[]).field("content-length"), "8388608");

    gate.send(file.len()).expect("the upstream waits");
    assert!(read(&mut soon, 10) == file[1_048_576..1_048_586]);
    assert!(read(&mut whole, 7 * MIB) == file[MIB..]);
    assert_eq!(upstream.count(), 2);
}

/// RFC 9110 section 15.3.7.3: parts may be combined only if they have the same strong validator.
#[test]
fn a_part_of_another_state_is_not_mixed_into_the_file() {
    let other = "ETag: \"two\"\r\n";
    for (what, whole, part, longer) in [
        ("another length", VALIDATORS, "", 1),
        ("another ETag", VALIDATORS, other, 0),
        (
            "another date",
            "Last-Modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n",
            "Last-Modified: Wed, 02 Feb 2022 10:00:00 GMT\r\n",
            0,
        ),
    ] {
        let file = content(8 * MIB);
        let (upstream, gate) = gated_as(whole, part, longer, file.clone());
        let server = server(&upstream.url(), &[]);
        gate.send(1).expect("the upstream waits");
        let (_, mut rest) = ask(&server, "/media/video.mp4", "");
        let (head, mut far) = ask(&server, "/media/video.mp4", "Range: bytes=-1000\r\n");
        assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("bytes 8387608-8388607/8388608"), "{what}: {head}");
        upstream.is_asked(2);
        gate.send(file.len()).expect("the upstream waits");
        assert!(read(&mut rest, file.len()) == file, "{what}");
        assert!(read(&mut far, 1000) == file[8_387_608..], "{what}");
    }
}

/// RFC 9110 section 13.1.5: no weak `ETag`, and no date if there is an `ETag`.
#[test]
fn if_range_contains_only_a_strong_validator() {
    let date = "Tue, 01 Feb 2022 10:00:00 GMT";
    for (whole, expected) in [
        ("ETag: \"one\"\r\n", Some("\"one\"")),
        ("Last-Modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n", Some(date)),
        ("ETag: W/\"one\"\r\n", None),
        ("ETag: W/\"one\"\r\nLast-Modified: Tue, 01 Feb 2022 10:00:00 GMT\r\n", None),
        ("", None),
    ] {
        let file = content(8 * MIB);
        let (upstream, gate) = gated_as(whole, "", 0, file.clone());
        let server = server(&upstream.url(), &[]);
        gate.send(1).expect("the upstream waits");
        let (_, mut rest) = ask(&server, "/media/video.mp4", "");
        let (_, mut far) = ask(&server, "/media/video.mp4", "Range: bytes=-1000\r\n");
        let sent: Vec<_> = upstream.asked()[1..].iter().map(|asked| asked.field("if-range").to_owned()).collect();
        assert_eq!(sent, expected.into_iter().collect::<Vec<_>>(), "{whole}");
        gate.send(file.len()).expect("the upstream waits");
        assert!(read(&mut rest, file.len()) == file);
        assert!(read(&mut far, 1000) == file[8_387_608..], "{whole}");
    }
}

#[test]
fn a_client_that_disconnects_does_not_affect_the_next() {
    let file = content(2 * MIB);
    let (upstream, gate) = gated(file.clone());
    let server = server(&upstream.url(), &[]);
    gate.send(MIB).expect("the upstream waits");
    drop(ask(&server, "/media/a/b/photo.jpg", ""));
    server.logged("hung up");
    gate.send(file.len()).expect("the upstream waits");
    let settled = server.settled("/media/a/b/photo.jpg");
    assert!(settled.body == file);
    assert_eq!(upstream.count(), 1);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn a_client_that_disconnects_leaves_no_open_files() {
    if skip_on_windows("/proc does not show what a program in Wine has open") {
        return;
    }
    let file = content(4 * MIB);
    let (upstream, gate) = gated(file.clone());
    let server = server(&upstream.url(), &[]);
    gate.send(MIB).expect("the upstream waits");
    let (_, mut whole) = ask(&server, "/media/video.mp4", "");
    assert!(read(&mut whole, MIB) == file[..MIB]);
    let open = || fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("Linux").count();
    let before = open();
    for _ in 0..40 {
        drop(ask(&server, "/media/video.mp4", "Range: bytes=3000000-\r\n"));
    }
    wait_until("the files that nobody reads to be closed", || open() <= before + 5);
    gate.send(file.len()).expect("the upstream waits");
    assert!(read(&mut whole, 3 * MIB) == file[MIB..]);
}
