//! Invalid HTTP (design section 4, "Limits"): the client gets a 4xx or a closed connection, and the server keeps
//! running.

use super::start;
use crate::support::{Answer, SECRET, Server};

/// The status of a raw exchange, or 0 for a closed connection. Checks that a response is HTTP/1 and does not contain
/// the secret.
fn status(server: &Server, bytes: &[u8]) -> u16 {
    let answer = server.raw(bytes);
    let shown = bytes[..bytes.len().min(80)].escape_ascii();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{shown}: {}", String::from_utf8_lossy(&answer));
    assert!(!String::from_utf8_lossy(&answer).contains(SECRET), "{shown}");
    if answer.is_empty() { 0 } else { Answer::take(&mut answer.as_slice(), "HEAD").status }
}

fn server() -> Server {
    let server = start(&[]);
    server.put("a.txt", "hello");
    server
}

fn assert_serves(server: &mut Server) {
    assert!(server.is_alive());
    assert_eq!(server.get("/media/a.txt").text(), "hello");
}

#[test]
fn malformed_requests_get_a_4xx_or_a_closed_connection() {
    let mut server = server();
    let host = "Host: localhost\r\nConnection: close\r\n";
    for request in [
        // request lines (RFC 9112 section 3)
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"hello\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /media/a.txt\r\n\r\n".to_vec(), // HTTP/0.9
        format!("GET  /media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a b.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET\t/media/a.txt\tHTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("G\0T /media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a\0.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /media/\x1b[2J HTTP/1.1\r\n{host}\r\n").into_bytes(),
        [b"GET /media/\xff\xfe HTTP/1.1\r\n", host.as_bytes(), b"\r\n"].concat(), // raw bytes that are not UTF-8
        format!("GET media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET \\media\\a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET ../secret.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET http:///media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET http:media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET file:///etc/passwd HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/2.0\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/9.9\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a.txt http/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /media/a.txt FTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("{} /media/a.txt HTTP/1.1\r\n{host}\r\n", "A".repeat(70_000)).into_bytes(),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(70_000)).into_bytes(),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(1_000_000)).into_bytes(),
        format!("CONNECT /media/a.txt HTTP/1.1\r\n{host}\r\n").into_bytes(),
        // headers (RFC 9112 section 5)
        format!("GET /media/a.txt HTTP/1.1\r\n{host}No colon\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}: no name\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}Space : x\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host} Folded: x\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}Nul: a\0b\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}Return: a\rb\r\n\r\n").into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(1000)).into_bytes(),
        format!("GET /media/a.txt HTTP/1.1\r\n{host}X: {}\r\n\r\n", "y".repeat(200_000)).into_bytes(),
        // lengths (RFC 9112 section 6.3)
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n").into_bytes(),
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n").into_bytes(),
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Content-Length: 99999999999999999999999\r\n\r\n").into_bytes(),
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").into_bytes(),
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
        format!("POST /media/a.txt HTTP/1.1\r\n{host}Transfer-Encoding: nonsense\r\n\r\n").into_bytes(),
        // other protocols
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), // RFC 9113 section 3.4
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),             // a TLS hello
        b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        b"EHLO localhost\r\n".to_vec(),
        b"\x04\x01\0\x50\x7f\0\0\x01\0".to_vec(), // SOCKS 4
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        b"\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let status = status(&server, &request);
        let shown = request[..request.len().min(80)].escape_ascii();
        assert!(status == 0 || (400..500).contains(&status), "{status}: {shown}");
    }
    assert_serves(&mut server);
}

/// RFC 9112 section 2.2 allows a server to parse these. In any case, it responds or closes the connection.
#[test]
fn almost_valid_http_gets_a_response_or_a_closed_connection() {
    let mut server = server();
    for request in [
        &b"GET /media/a.txt HTTP/1.1\nHost: localhost\n\n"[..], // bare LF
        b"\r\n\r\nGET /media/a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\n\nGET /media/a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\rHost: localhost\r\r",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nX:\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nExpect: nonsense\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"",
        b"\r\n",
        b"G",
        b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\n", // no end
        b"POST /media/a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nfew",
    ] {
        let status = status(&server, request);
        assert!([0, 200, 400, 404, 405, 417, 421].contains(&status), "{status}: {}", request.escape_ascii());
        assert_ne!(status, 101, "no upgrade");
    }
    assert_serves(&mut server);
}

/// A generator with a fixed seed (xorshift64), so that failures can be reproduced.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

#[test]
fn random_bytes_do_not_stop_the_server() {
    let mut server = server();
    let mut random = Random(0x5eed);
    for _ in 0..200 {
        let len = random.next() % 300;
        let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        let status = status(&server, &bytes);
        assert!(status == 0 || (400..500).contains(&status), "{status}: {}", bytes.escape_ascii());
    }
    assert_serves(&mut server);
}

#[test]
fn corrupted_requests_do_not_stop_the_server() {
    let mut server = server();
    let mut random = Random(0xb0b);
    let whole = b"GET /media/%2e/a.txt?q=1 HTTP/1.1\r\nHost: localhost:8001\r\nRange: bytes=0-1,3-4\r\n\
        If-None-Match: \"x\", W/\"y\"\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n\
        Accept: text/html;q=0.5, */*\r\nOrigin: http://localhost:3000\r\nConnection: close\r\n\r\n";
    for _ in 0..400 {
        let mut bytes = whole.to_vec();
        for _ in 0..=random.next() % 4 {
            let at = random.next() % bytes.len();
            match random.next() % 4 {
                0 => bytes[at] = random.byte(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, random.byte()),
                _ => {
                    let from = random.next() % bytes.len();
                    let piece: Vec<u8> = bytes[from..].iter().take(random.next() % 20).copied().collect();
                    bytes.splice(at..at, piece);
                }
            }
        }
        let status = status(&server, &bytes);
        assert!(status < 500, "{status}: {}", bytes.escape_ascii());
    }
    assert_serves(&mut server);
}

#[test]
fn an_https_client_is_explained_in_the_log() {
    let server = server();
    server.raw(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0\0\0\0\0\0\0");
    let line = server.logged("https");
    assert!(line.contains("speaks http, not https"), "{line}");
}

#[test]
fn the_log_has_the_cause_of_a_malformed_request() {
    let server = server();
    server.raw(b"GET / nonsense\r\n\r\n");
    let line = server.logged("malformed");
    assert!(line.contains("WARN"), "{line}");
}
