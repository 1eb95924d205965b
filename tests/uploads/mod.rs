//! Uploads over a real socket to the real binary.

mod form;
mod put;
mod tus;
mod whole;

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::client::{Fields, answer, head, send};
use crate::support::{Answer, PATIENCE, Server, Way, command, python, skip, skip_on_windows};

/// A server that accepts uploads.
fn server(args: &[&str]) -> Server {
    Server::start(Way::Fast, &[&["--upload"], args].concat())
}

/// All files below a folder, whatever their names.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A form with these parts: header lines and content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        body.extend_from_slice(b"--frontier\r\nContent-Disposition: ");
        body.extend_from_slice(disposition.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    body
}

const FORM: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=frontier");

/// Reads the `100 Continue` of a server that wants the body.
fn go_ahead(stream: &mut TcpStream) {
    let mut line = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut line).expect("a go-ahead");
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// Waits until a condition is true.
fn until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain");
        std::thread::yield_now();
    }
}

/// True if a process has a file open whose path contains this text.
fn holds(pid: u32, text: &str) -> bool {
    let handles = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
    let paths = handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok());
    paths.into_iter().any(|path| path.to_string_lossy().contains(text))
}
