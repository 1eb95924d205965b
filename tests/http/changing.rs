//! Files that change while they are being sent (design section 4, "Changing files").
//!
//! The client reads the head, the test changes the file, and the client reads the rest. The sockets' buffers limit the
//! bytes in flight, so the server is still sending at that time.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::{pattern, start};
use crate::support::{Server, skip, wait_until};

/// Much more than the socket buffers of both sides: `tcp_wmem` allows the server 4 MiB, and the client's is small.
const LEN: usize = 24 << 20;

/// The size of the client's socket buffer; the system's default may be as large as the file.
const RECEIVE_BUFFER: usize = 256 << 10;

/// A transfer of `big.bin` whose head has been read.
struct Transfer {
    stream: TcpStream,
    /// The bytes that arrived together with the head.
    body: Vec<u8>,
}

impl Transfer {
    fn start(server: &Server, fields: &str) -> Self {
        let mut stream = server.connect();
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, RECEIVE_BUFFER).expect("a small buffer");
        let request = format!("GET /media/big.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ASCII");
        assert!(head.contains("\r\ncontent-length: "), "{head}");
        Self { stream, body: Vec::new() }
    }

    /// Reads the rest until the server closes or resets the connection.
    fn finish(mut self) -> Vec<u8> {
        if let Err(error) = self.stream.read_to_end(&mut self.body) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "closed, not left hanging");
        }
        self.body
    }
}

fn server() -> (Server, PathBuf) {
    let server = start(&[]);
    let path = server.put("big.bin", pattern(LEN));
    (server, path)
}

/// Like `assert_eq!`, but does not print megabytes.
fn assert_same(got: &[u8], expected: &[u8]) {
    assert_eq!(got.len(), expected.len());
    let differing = || got.iter().zip(expected).position(|(got, expected)| got != expected);
    assert!(got == expected, "byte {:?} differs", differing());
}

#[test]
fn if_a_file_shrinks_the_connection_is_closed_without_padding() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    File::options().write(true).open(path).expect("our file").set_len(LEN as u64 - 1).expect("a cut");
    let body = transfer.finish();
    assert_same(&body, &pattern(LEN)[..body.len()]);
    assert!(body.len() < LEN, "fewer bytes than announced were sent");
    let line = server.logged("big.bin");
    assert!(line.contains("shrank"), "the log says why: {line}");
    assert_eq!(server.request("HEAD", "/media/big.bin", &[]).field("content-length"), (LEN - 1).to_string());
}

#[test]
fn if_a_file_is_truncated_to_zero_the_connection_is_closed() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "Range: bytes=1-\r\n");
    std::fs::write(path, "").expect("our file");
    let body = transfer.finish();
    assert!(body.len() < LEN - 1);
    assert_same(&body, &pattern(LEN)[1..=body.len()]);
}

#[test]
fn if_a_file_grows_only_the_announced_bytes_are_sent() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    let mut file = File::options().append(true).open(path).expect("our file");
    file.write_all(&vec![0; 100_000]).expect("room");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_replaced_file_is_sent_completely_in_its_old_version() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    let other = server.put("other", "new");
    std::fs::rename(other, path).expect("a replacement");
    assert_eq!(server.get("/media/big.bin").text(), "new", "for the next one it is new");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_deleted_file_is_sent_completely() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    std::fs::remove_file(path).expect("our file");
    assert_eq!(server.get("/media/big.bin").status, 404, "the next request does not find it");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn removing_the_root_does_not_abort_a_transfer() {
    let (server, _) = server();
    let transfer = Transfer::start(&server, "");
    std::fs::remove_dir_all(&server.root).expect("our folder");
    server.until("/media/big.bin", |answer| answer.status == 404);
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_client_that_disconnects_leaks_nothing() {
    let (mut server, _) = server();
    for _ in 0..20 {
        drop(Transfer::start(&server, ""));
    }
    for _ in 0..20 {
        server.logged("hung up");
    }
    assert!(server.is_alive());
    if !Path::new("/proc/self/fd").exists() {
        skip("this system does not tell which files a process has open");
        return;
    }
    let open = || {
        let handles = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("our child");
        let files = handles.filter_map(|handle| std::fs::read_link(handle.ok()?.path()).ok());
        files.filter(|file| file.ends_with("big.bin")).count()
    };
    // a read that is running ends first
    wait_until("the end of the last handle", || open() == 0);
}
