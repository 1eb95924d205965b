//! Uploads over a real socket to the real binary.

mod form;
mod put;
mod tus;
mod whole;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::support::{Answer, PATIENCE, Server, Way, command, python};

/// Header fields of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// A server that takes uploads.
fn server(args: &[&str]) -> Server {
    Server::start(Way::Fast, &[&["--upload"], args].concat())
}

/// One request with a body, on a connection of its own.
fn send(address: SocketAddr, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let _ = stream.write_all(&head(address, method, target, fields, body.len()));
    // a refusal may come before all is sent
    let _ = stream.write_all(body);
    answer(&mut stream, method)
}

/// The head of a request that announces a body of this length.
fn head(address: SocketAddr, method: &str, target: &str, fields: Fields<'_>, length: usize) -> Vec<u8> {
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

/// The answer to a request of this method; reads until the server closes.
fn answer(stream: &mut TcpStream, method: &str) -> Answer {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        result => drop(result.expect("the server answers or closes")),
    }
    Answer::take(&mut bytes.as_slice(), method)
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
