//! Long, slow, unwanted and truncated bodies, and upgrades.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use rustix::process::{Pid, Signal, kill_process};

use super::app::App;
use super::{ask, before};
use crate::support::{PATIENCE, Server};

const MIB: usize = 1024 * 1024;

/// A connection with this request sent on it.
fn begin(server: &Server, request: &str) -> BufReader<TcpStream> {
    let mut stream = server.connect();
    let host = server.address;
    stream.write_all(request.replacen("\r\n", &format!("\r\nHost: {host}\r\n"), 1).as_bytes()).expect("sent");
    BufReader::new(stream)
}

/// Reads up to and with the empty line.
fn head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).expect("a line"), 0, "closed after {head:?}");
    }
    head
}

#[test]
fn events_arrive_one_by_one_and_a_disconnect_reaches_the_app() {
    let (next, go_on) = channel::<()>();
    let (closed, is_closed) = channel();
    let (go_on, closed) = (Mutex::new(go_on), Mutex::new(closed));
    let app = App::start(move |exchange| {
        let Some(_) = exchange.head() else { return };
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        exchange.write(b"9\r\ndata: 1\n\n\r\n");
        go_on.lock().expect("one client").recv_timeout(PATIENCE).expect("the test has the first event");
        exchange.write(b"9\r\ndata: 2\n\n\r\n");
        while !exchange.read().is_empty() {}
        let _ = closed.lock().expect("one client").send(());
    });
    let server = before(&app);
    let mut stream = begin(&server, "GET /events HTTP/1.1\r\n\r\n");
    head(&mut stream);
    let mut event = [0; 14];
    stream.read_exact(&mut event).expect("the first event, before there is a second");
    assert_eq!(&event, b"9\r\ndata: 1\n\n\r\n");
    next.send(()).expect("the app waits");
    stream.read_exact(&mut event).expect("the second event");
    drop(stream);
    is_closed.recv_timeout(PATIENCE).expect("the app's connection ends with the client's");
}

#[test]
fn a_truncated_answer_is_truncated_for_the_client() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let app = App::start(move |exchange| {
            if exchange.head().is_some() {
                exchange.write(answer.as_bytes());
            }
        });
        let server = before(&app);
        let mut stream = begin(&server, "GET / HTTP/1.1\r\n\r\n");
        let sent = head(&mut stream);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(String::from_utf8_lossy(&rest).contains("half"));
        if sent.contains("content-length: 100") {
            assert!(rest.len() < 100, "fewer bytes than were announced");
        } else {
            assert!(!rest.ends_with(b"0\r\n\r\n"), "no last chunk: {rest:?}");
        }
        assert!(server.logged(r#""path":"/""#).contains("reason"), "the log says that it was cut");
    }
}

/// A client that waits for `100 Continue` receives it only when the app sends it (RFC 9110 section 10.1.1).
#[test]
fn a_100_continue_comes_only_from_the_app() {
    let app = App::start(|exchange| {
        let Some(head) = exchange.head() else { return };
        assert!(head.to_lowercase().contains("expect: 100-continue"), "{head}");
        if head.starts_with("PUT /no") {
            exchange.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        } else {
            exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n");
            let body = exchange.body(&head);
            exchange.write(format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            exchange.write(&body);
        }
        exchange.head();
    });
    let server = before(&app);
    let request = |target: &str| format!("PUT {target} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");

    let mut refused = begin(&server, &request("/no"));
    let answer = head(&mut refused);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("connection: close"), "what the client sends next would be taken for the body: {answer}");

    let mut wanted = begin(&server, &request("/yes"));
    assert!(head(&mut wanted).starts_with("HTTP/1.1 100"));
    wanted.get_mut().write_all(b"bytes").expect("sent");
    assert!(head(&mut wanted).starts_with("HTTP/1.1 201"));
    let mut body = [0; 5];
    wanted.read_exact(&mut body).expect("the body");
    assert_eq!(&body, b"bytes");
}

/// Django's own HTTP/1.0 server, for example, sends nothing before it has the body.
#[test]
fn an_app_that_never_says_100_gets_the_body_after_a_moment() {
    let app = App::echo();
    let server = before(&app);
    let mut stream = begin(&server, "PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nbytes");
    assert!(head(&mut stream).starts_with("HTTP/1.1 100"));
    assert!(head(&mut stream).starts_with("HTTP/1.1 200"));
}

#[test]
fn an_answer_before_the_end_of_the_body_arrives() {
    let app = App::start(|exchange| {
        if exchange.head().is_some() {
            exchange.write(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
            // closed with bytes unread, the connection would be reset, and the answer could be lost
            while !exchange.read().is_empty() {}
        }
    });
    let server = before(&app);
    let answer = ask(server.address, "POST", "/x", &[], &vec![b'x'; 8 * MIB]);
    assert_eq!((answer.status, answer.text().as_str(), answer.field("connection")), (403, "no", "close"));
}

#[cfg(target_os = "linux")]
fn peak(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("kilobytes") * 1024
}

/// 100 MiB each way, with a slow client and a slow app.
#[cfg(target_os = "linux")]
#[test]
fn large_bodies_do_not_use_memory() {
    const LONG: usize = 100 * MIB;
    let app = App::start(|exchange| {
        while let Some(head) = exchange.head() {
            if head.starts_with("POST") {
                let mut left = LONG;
                while left > 0 {
                    let read = exchange.read().len();
                    assert_ne!(read, 0, "{left} bytes did not come");
                    left -= read;
                }
                exchange.write(b"HTTP/1.1 204 No Content\r\n\r\n");
            } else {
                exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").as_bytes());
                let piece = vec![b'x'; MIB];
                while exchange.write(&piece) {}
            }
        }
    });
    let server = before(&app);
    server.get("/media/");
    let before = peak(&server);

    let mut upload = begin(&server, &format!("POST /x HTTP/1.1\r\nContent-Length: {LONG}\r\n\r\n"));
    let piece = vec![b'x'; MIB];
    for _ in 0..LONG / MIB {
        upload.get_mut().write_all(&piece).expect("sent");
    }
    assert!(head(&mut upload).starts_with("HTTP/1.1 204"));

    let mut download = begin(&server, "GET /x HTTP/1.1\r\n\r\n");
    head(&mut download);
    let mut left = LONG;
    let mut bytes = vec![0; 16 * 1024];
    while left > 0 {
        let read = download.read(&mut bytes).expect("bytes");
        assert_ne!(read, 0, "{left} bytes did not come");
        left -= read;
    }
    let more = peak(&server) - before;
    assert!(more < 16 * MIB, "{} MiB more", more / MIB);
}

/// RFC 9110 section 7.8: WebSocket, Vite's and Next's hot reloading.
#[test]
fn an_upgraded_connection_carries_bytes_both_ways_and_does_not_hold_the_server() {
    let app = App::start(|exchange| {
        let Some(head) = exchange.head() else { return };
        assert!(head.to_lowercase().contains("connection: upgrade\r\n"), "{head}");
        assert!(head.to_lowercase().contains("upgrade: echo\r\n"), "{head}");
        exchange.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ");
        loop {
            let bytes = exchange.read();
            if bytes.is_empty() {
                return;
            }
            exchange.write(&bytes);
        }
    });
    let mut server = before(&app);
    let mut stream =
        begin(&server, "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nearly ");
    let switched = head(&mut stream);
    assert!(switched.starts_with("HTTP/1.1 101") && switched.contains("upgrade: echo"), "{switched}");
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).expect("what was sent at once, from both sides");
    assert_eq!(&bytes, b"hello early ");
    for _ in 0..100 {
        stream.get_mut().write_all(b"again and a").expect("sent");
        stream.read_exact(&mut bytes[..11]).expect("the echo");
    }
    assert!(server.logged("/ws").contains(r#""status":101"#));

    let pid = Pid::from_raw(server.pid().try_into().expect("a number")).expect("a process");
    kill_process(pid, Signal::TERM).expect("a child of this process");
    assert_eq!(stream.read(&mut bytes).unwrap_or_default(), 0, "it ends with the server");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_unrequested_101_is_a_502() {
    let app = App::saying("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let server = before(&app);
    assert_eq!(ask(server.address, "GET", "/", &[], b"").status, 502);
}
