//! Uploads over a real socket to the real binary.

mod form;
mod put;
mod tus;
mod whole;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::support::client::{Fields, answer, head, send};
use crate::support::{Answer, Server, Way, command, python, skip};

/// A server that takes uploads.
fn server(args: &[&str]) -> Server {
    Server::start(Way::Fast, &[&["--upload"], args].concat())
}

/// All files below a folder, whatever their names are.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A part of a form: its header lines after the first, and its content.
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
