//! Files that change while they are sent (design section 4, "Changing files").
//!
//! The client reads the head, the file is changed, and the client reads on: what is in flight is bounded by the
//! sockets' buffers, so the server is then still sending.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::{pattern, start};
use crate::support::{Server, skip, wait_until};

/// Far more than the sockets' buffers of both sides together: `tcp_wmem` allows the server 4 MiB, and ours is small.
const LEN: usize = 24 << 20;

/// What this client's socket holds; the system's own choice may be as large as the file.
const RECEIVE_BUFFER: usize = 256 << 10;

/// A transfer of `big.bin` of which only the head has been read.
struct Transfer {
    stream: TcpStream,
    /// What came after the head with it.
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

    /// All that still comes, until the server closes or resets.
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

/// Like `assert_eq`, without printing megabytes.
fn assert_same(got: &[u8], expected: &[u8]) {
    assert_eq!(got.len(), expected.len());
    let differing = || got.iter().zip(expected).position(|(got, expected)| got != expected);
    assert!(got == expected, "byte {:?} differs", differing());
}

#[test]
fn a_file_that_shrinks_ends_in_a_closed_connection_without_padding() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    File::options().write(true).open(path).expect("our file").set_len(LEN as u64 - 1).expect("a cut");
    let body = transfer.finish();
    assert_same(&body, &pattern(LEN)[..body.len()]);
    assert!(body.len() < LEN, "the length was announced, and cannot be kept");
    let line = server.logged("big.bin");
    assert!(line.contains("shrank"), "the log says why: {line}");
    assert_eq!(server.request("HEAD", "/media/big.bin", &[]).field("content-length"), (LEN - 1).to_string());
}

#[test]
fn a_file_that_is_emptied_ends_in_a_closed_connection() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "Range: bytes=1-\r\n");
    std::fs::write(path, "").expect("our file");
    let body = transfer.finish();
    assert!(body.len() < LEN - 1);
    assert_same(&body, &pattern(LEN)[1..=body.len()]);
}

#[test]
fn of_a_file_that_grows_exactly_the_announced_bytes_are_sent() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    let mut file = File::options().append(true).open(path).expect("our file");
    file.write_all(&vec![0; 100_000]).expect("room");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_file_that_is_replaced_is_sent_whole_as_it_was() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    let other = server.put("other", "new");
    std::fs::rename(other, path).expect("a replacement");
    assert_eq!(server.get("/media/big.bin").text(), "new", "for the next one it is new");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_file_that_is_deleted_is_sent_whole() {
    let (server, path) = server();
    let transfer = Transfer::start(&server, "");
    std::fs::remove_file(path).expect("our file");
    assert_eq!(server.get("/media/big.bin").status, 404, "for the next one it is gone");
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_root_that_is_removed_does_not_end_a_transfer() {
    let (server, _) = server();
    let transfer = Transfer::start(&server, "");
    std::fs::remove_dir_all(&server.root).expect("our folder");
    server.until("/media/big.bin", |answer| answer.status == 404);
    assert_same(&transfer.finish(), &pattern(LEN));
}

#[test]
fn a_client_that_hangs_up_costs_nothing() {
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
    // a read that is under way ends first
    wait_until("the end of the last handle", || open() == 0);
}
