//! Several requests on one connection (RFC 9112 section 9).

use std::io::{Read as _, Write as _};

use super::start;
use crate::support::{Answer, Server};

fn server() -> Server {
    let server = start(&[]);
    for number in 0..10 {
        server.put(format!("{number}.txt"), number.to_string().repeat(1000));
    }
    server
}

/// Parses the responses to requests with these methods, and checks that nothing follows.
fn answers(bytes: &[u8], methods: &[&str]) -> Vec<Answer> {
    let mut rest = bytes;
    let answers = methods.iter().map(|method| Answer::take(&mut rest, method)).collect();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(rest));
    answers
}

#[test]
fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let server = server();
    let requests: String =
        (0..100).map(|at| format!("GET /media/{}.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", at % 10)).collect();
    let answers = answers(&server.raw(requests.as_bytes()), &["GET"; 100]);
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status, answer.text()), (200, (at % 10).to_string().repeat(1000)), "{at}");
    }
}

#[test]
fn responses_of_every_kind_can_follow_each_other() {
    let server = server();
    let tag = server.settled("/media/0.txt").field("etag").to_owned();
    let requests = [
        ("GET", "/media/0.txt", String::new(), 200),
        ("HEAD", "/media/1.txt", String::new(), 200),
        ("GET", "/media/0.txt", format!("If-None-Match: {tag}\r\n"), 304),
        ("GET", "/media/2.txt", "Range: bytes=0-9\r\n".to_owned(), 206),
        ("GET", "/media/2.txt", "Range: bytes=0-9,900-909\r\n".to_owned(), 206),
        ("GET", "/media/2.txt", "Range: bytes=5000-\r\n".to_owned(), 416),
        ("HEAD", "/media/missing", String::new(), 404),
        ("GET", "/media/missing", String::new(), 404),
        ("GET", "/media/", String::new(), 200),
        ("HEAD", "/media/", String::new(), 200),
        ("GET", "/media/../x", String::new(), 400),
        ("OPTIONS", "*", String::new(), 204),
        ("POST", "/media/0.txt", "Content-Length: 4\r\n\r\nbody".to_owned(), 405),
        ("GET", "/media/3.txt", String::new(), 200),
    ];
    let text: String = requests
        .iter()
        .map(|(method, target, rest, _)| {
            let end = if rest.contains("\r\n\r\n") { "" } else { "\r\n" };
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{rest}{end}")
        })
        .collect();
    let methods: Vec<&str> = requests.iter().map(|(method, ..)| *method).collect();
    let answers = answers(&server.raw(text.as_bytes()), &methods);
    for ((method, target, _, status), answer) in requests.iter().zip(&answers) {
        assert_eq!(answer.status, *status, "{method} {target}");
    }
    assert_eq!(answers.last().map(Answer::text), Some("3".repeat(1000)));
}

#[test]
fn a_connection_stays_open_until_the_client_closes_it() {
    let server = server();
    let mut stream = server.connect();
    for number in 0..10 {
        write!(stream, "GET /media/{number}.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("kept open");
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while !bytes.ends_with(number.to_string().repeat(1000).as_bytes()) {
            let got = stream.read(&mut buffer).expect("an answer");
            assert_ne!(got, 0, "the server closed");
            bytes.extend_from_slice(&buffer[..got]);
        }
        assert_eq!(answers(&bytes, &["GET"])[0].status, 200);
    }
}

#[test]
fn an_unexpected_request_body_is_ignored() {
    let server = server();
    let next = "GET /media/1.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        // request smuggling: this is the body, not a request
        "Content-Length: 49\r\n\r\nGET /media/2.txt HTTP/1.1\r\nHost: localhost:8001\r\n\r\n",
    ] {
        let request = format!("GET /media/0.txt HTTP/1.1\r\nHost: localhost\r\n{body}{next}");
        let answers = answers(&server.raw(request.as_bytes()), &["GET", "GET"]);
        let first: Vec<char> = answers.iter().filter_map(|answer| answer.text().chars().next()).collect();
        assert_eq!(first, ['0', '1'], "{body}");
    }
}

#[test]
fn an_http_1_0_connection_is_closed_after_one_response() {
    let server = server();
    for target in ["/media/0.txt", "/media/", "/media/?format=json", "/media/missing"] {
        let bytes = server.raw(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes());
        let answer = &answers(&bytes, &["GET"])[0];
        assert!([200, 404].contains(&answer.status), "{target}");
        assert_eq!(answer.field("transfer-encoding"), "", "RFC 9112 section 6.1: {target}");
    }
    assert_eq!(server.get("/media/?format=json").json().as_array().map(Vec::len), Some(10));
}

#[test]
fn many_simultaneous_connections_are_all_answered() {
    let server = server();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let server = &server;
            scope.spawn(move || {
                for at in 0..20 {
                    let number = (client + at) % 10;
                    assert_eq!(server.get(format!("/media/{number}.txt")).text(), number.to_string().repeat(1000));
                }
            });
        }
    });
}
